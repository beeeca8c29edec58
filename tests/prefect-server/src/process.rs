//! The process of a server, which does not outlive the test that has started it.
//!
//! A test may be killed before it can stop anything. So each server has a guardian: a shell that reads a pipe nobody
//! writes to, and kills the server when the pipe is closed, which the system does whatever ends the test. Both are in
//! process groups of their own, so that Ctrl-C in a terminal ends the test and not the server under it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use crate::environment::{self, Python};
use crate::http::Peer;
use crate::options::Options;

/// A loaded machine needs half a minute, or a minute if the database is to be migrated.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often something that does not tell us is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Also removes the server's home, which the test would have removed. Zombies that nobody collects are not waited for.
const GUARDIAN: &str = r#"
cat >/dev/null
kill -s KILL -- "-$1"
looks=0
while kill -s 0 "$1" && [ "$looks" -lt 50 ]; do sleep 0.1; looks=$((looks + 1)); done
rm -rf -- "$2"
"#;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Terminate,
    Stop,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Process {
    server: Child,
    guardian: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a server in `home` and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it ends or does not answer, with the end of its log.
    pub(crate) fn start(python: &Python, home: &Path, port: u16, options: &Options) -> Self {
        let mut process = Self::spawn(python, home, port, options);
        let peer = Peer { address: format!("127.0.0.1:{port}"), auth: None };
        let begun = Instant::now();
        loop {
            let health = peer.request("GET", "/api/health", &[], None, Duration::from_secs(5));
            let answers = health.is_ok_and(|answer| answer.body == Value::Bool(true));
            if let Some(status) = process.ended() {
                panic!(
                    "the Prefect server on port {port} ended with {status}:\n{}",
                    process.tail()
                );
            }
            if answers {
                return process;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the Prefect server on port {port} did not answer in {PATIENCE:?}:\n{}",
                process.tail()
            );
            thread::sleep(GLANCE);
        }
    }

    fn spawn(python: &Python, home: &Path, port: u16, options: &Options) -> Self {
        let log = home.join("server.log");
        let open = || {
            let file: File = OpenOptions::new().create(true).append(true).open(&log)?;
            Ok::<_, std::io::Error>(Stdio::from(file))
        };
        let logs = open().and_then(|out| Ok((out, open()?)));
        let (out, err) =
            logs.unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let mut server = Command::new(&python.path);
        server.args(["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port"]);
        for name in environment::variables_of_prefect() {
            server.env_remove(name);
        }
        // In its home it finds no settings of a project.
        server.arg(port.to_string()).current_dir(home).env("PREFECT_HOME", home);
        server.envs(options.variables()).stdin(Stdio::null()).stdout(out).stderr(err);
        let server = spawn(&mut server);
        let mut guardian = Command::new("sh");
        guardian.args(["-c", GUARDIAN, "guardian", &server.id().to_string()]).arg(home);
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { server, guardian: spawn(&mut guardian), log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.server.try_wait().expect("we have started it")
    }

    /// The last lines of the server's log.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill -s "$1" "$2""#, "kill", name, &self.id().to_string()]);
        let status = kill.status().expect("there is a shell");
        assert!(status.success(), "the server {} is not there", self.id());
    }

    /// Asks the server to end, and kills it if it does not within ten seconds.
    pub(crate) fn stop(mut self) {
        if self.ended().is_none() {
            self.signal(Signal::Continue);
            self.signal(Signal::Terminate);
        }
        let begun = Instant::now();
        while self.ended().is_none() && begun.elapsed() < Duration::from_secs(10) {
            thread::sleep(GLANCE);
        }
    }
}

/// Kills the server, and then the guardian. As long as the server is not waited for, its id belongs to nobody else.
impl Drop for Process {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.guardian.kill());
        drop(self.guardian.wait());
        drop(self.server.wait());
    }
}

/// Starts it in a process group of its own.
fn spawn(command: &mut Command) -> Child {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}
