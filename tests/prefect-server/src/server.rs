//! A server: shared by many tests, or one's own.

use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::environment::{self, Python, VERSION};
use crate::http::{Answer, Peer};
use crate::options::Options;
use crate::port::Port;
use crate::process::{Process, Signal};
use crate::template;

/// A Prefect server that runs, with a database of its own.
#[derive(Debug)]
pub struct PrefectServer {
    api_url: String,
    peer: Peer,
    own: Option<Own>,
}

/// What there is of a server that we have started.
#[derive(Debug)]
struct Own {
    // Dropped before its home.
    process: Option<Process>,
    home: TempDir,
    port: Port,
    options: Options,
    python: &'static Python,
}

impl PrefectServer {
    /// The server that tests share. It is the one that `CONTEXT_TEST_PREFECT_API_URL` names, or else one that is started
    /// for this process when it is first asked for, with [`Options::new`], and ends with it.
    ///
    /// `None` if `CONTEXT_TEST_PYTHON` is not set either: then the test is to be left out, which a notice on standard
    /// error says once.
    ///
    /// # Panics
    ///
    /// If there is no server in CI, if it does not start, or if it is not of [`VERSION`].
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PrefectServer>> = OnceLock::new();
        let start = || match environment::api_url() {
            Some(url) => Some(Self::running(&url)),
            None => environment::python().map(|_| Self::start(Options::new())),
        };
        SHARED.get_or_init(start).as_ref()
    }

    /// Whether servers can be [started](Self::start). If not, the test is to be left out, which a notice on standard
    /// error says once.
    ///
    /// # Panics
    ///
    /// If not in CI.
    pub fn can_start() -> bool {
        environment::python().is_some()
    }

    /// Starts a server of one's own and waits until it answers. It ends when it is dropped, or with this process.
    ///
    /// # Panics
    ///
    /// If it does not start, with the end of its log; also if [`can_start`](Self::can_start) is false.
    #[must_use = "the server ends when it is dropped"]
    pub fn start(options: Options) -> Self {
        let mut server = Self::not_started(options);
        server.restart();
        server
    }

    /// A server that does not run yet: it has an address at which nobody listens. [`restart`](Self::restart) starts it.
    ///
    /// # Panics
    ///
    /// If its database cannot be made; also if [`can_start`](Self::can_start) is false.
    #[must_use = "the address is given back when the server is dropped"]
    pub fn not_started(options: Options) -> Self {
        let python = environment::python().expect("CONTEXT_TEST_PYTHON is set");
        let home = tempfile::tempdir().expect("a directory for temporary files");
        template::copy_to(home.path(), python);
        let port = options.port.map_or_else(Port::free, Port::given);
        let address = format!("127.0.0.1:{}", port.number);
        Self {
            api_url: format!("http://{address}/api"),
            peer: Peer { address, auth: options.auth.clone() },
            own: Some(Own { process: None, home, port, options, python }),
        }
    }

    /// A server that somebody else has started.
    fn running(api_url: &str) -> Self {
        let rest = api_url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/api"));
        let address = rest.unwrap_or_else(|| {
            panic!(
                "CONTEXT_TEST_PREFECT_API_URL is {api_url}, but must be http://<host>:<port>/api"
            )
        });
        let peer = Peer { address: address.to_owned(), auth: None };
        let server = Self { api_url: api_url.to_owned(), peer, own: None };
        let version = server.get("/admin/version");
        assert_eq!(version, VERSION, "the version of the server at {api_url}");
        server
    }

    /// What clients are told, such as `http://127.0.0.1:24000/api`.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.peer.address
    }

    /// The port it listens on.
    ///
    /// # Panics
    ///
    /// If the address of the server that the suite was given has none.
    pub fn port(&self) -> u16 {
        let (_, port) = self.peer.address.rsplit_once(':').expect("the address has a port");
        port.parse().expect("the port is a number")
    }

    /// Its `PREFECT_HOME`, with `prefect.db` and `server.log`.
    ///
    /// # Panics
    ///
    /// If somebody else has started the server.
    pub fn home(&self) -> &Path {
        self.own.as_ref().expect("the home of a server of one's own").home.path()
    }

    /// The last lines of its log. Empty if somebody else has started it, or it does not run.
    pub fn log_tail(&self) -> String {
        let process = self.own.as_ref().and_then(|own| own.process.as_ref());
        process.map(Process::tail).unwrap_or_default()
    }

    /// The id of its process. `None` if somebody else has started it, or it does not run.
    pub fn process_id(&self) -> Option<u32> {
        let process = self.own.as_ref().and_then(|own| own.process.as_ref());
        process.map(Process::id)
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        match &mut self.own {
            Some(own) => own.process.as_mut().is_some_and(|process| process.ended().is_none()),
            None => true,
        }
    }

    /// Kills it at once (SIGKILL). What it has not written is lost; clients see their connections end.
    pub fn kill(&mut self) {
        drop(self.own().process.take());
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) {
        if let Some(process) = self.own().process.take() {
            process.stop();
        }
    }

    /// Starts it on the same port, with the same database, after it was stopped if it runs.
    ///
    /// # Panics
    ///
    /// If it does not start, with the end of its log.
    pub fn restart(&mut self) {
        self.stop();
        let own = self.own();
        let (home, port) = (own.home.path(), own.port.number);
        own.process = Some(Process::start(own.python, home, port, &own.options));
    }

    /// Stops its process without ending it (SIGSTOP): connections are accepted, and nothing is answered.
    pub fn pause(&mut self) {
        self.process().signal(Signal::Stop);
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.process().signal(Signal::Continue);
    }

    /// Sends a request, with the password and the CSRF token if the server wants them. `path` is below `/api`.
    ///
    /// # Panics
    ///
    /// If there is no answer within a minute.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let is_csrf = self.own.as_ref().is_some_and(|own| own.options.csrf);
        let token = (is_csrf && method != "GET").then(|| {
            let answer = self.send("GET", "/csrf-token?client=prefect-server", &[], None);
            let token = answer.body["token"].as_str();
            token.unwrap_or_else(|| panic!("no CSRF token: {answer:?}")).to_owned()
        });
        match &token {
            Some(token) => {
                let client = ("Prefect-Csrf-Client", "prefect-server");
                self.send(method, path, &[client, ("Prefect-Csrf-Token", token)], body)
            }
            None => self.send(method, path, &[], body),
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let timeout = Duration::from_secs(60);
        let answer = self.peer.request(method, &format!("/api{path}"), headers, body, timeout);
        answer.unwrap_or_else(|error| panic!("{method} {path} was not answered: {error}"))
    }

    /// As `request`, again and again for a while if the server is busy: with SQLite it is whenever two write.
    fn request_patiently(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.request(method, path, body);
            if answer.status != 503 || began.elapsed() > Duration::from_secs(30) {
                return answer;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What `GET` of a path below `/api` answers. A busy server is asked again.
    ///
    /// # Panics
    ///
    /// If the status is not one of success.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.request_patiently("GET", path, None);
        assert!((200..300).contains(&answer.status), "GET {path}: {answer:?}");
        answer.body
    }

    /// What `POST` of `body` to a path below `/api` answers. A busy server is asked again.
    ///
    /// # Panics
    ///
    /// If the status is not one of success.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.request_patiently("POST", path, Some(body));
        assert!((200..300).contains(&answer.status), "POST {path} of {body}: {answer:?}");
        answer.body
    }

    fn own(&mut self) -> &mut Own {
        self.own.as_mut().expect("a shared server is never touched")
    }

    fn process(&mut self) -> &Process {
        self.own().process.as_ref().expect("the server runs")
    }
}
