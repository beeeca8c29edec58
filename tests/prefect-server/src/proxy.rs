//! A proxy in front of a server that records what is said, and makes the faults a real server does not make on demand.
//!
//! It forwards the bytes as they are, save for three request headers: without `Accept-Encoding` and
//! `Sec-WebSocket-Extensions` nothing is compressed, so that it can be read, and `Expect` is answered here. Each request
//! goes to the server on a connection of its own. While the server is away, connections are accepted and then end
//! without an answer; [`refuse`](RecordingProxy::refuse) makes an address at which nobody listens.
//!
//! A record is there before anybody has got what it tells: after a call has returned, its answer is recorded.

mod connection;
mod message;
mod record;
mod websocket;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use record::Log;
pub use record::{Direction, Frame, Record, Request};

use crate::port::Port;
use crate::server::PrefectServer;

/// Stands between a client and a server, on an address of its own.
///
/// ```no_run
/// use prefect_server::{PrefectServer, RecordingProxy};
///
/// let Some(server) = PrefectServer::shared() else { return };
/// let proxy = RecordingProxy::start(server);
/// // A client is given `proxy.api_url()`, and then:
/// let created = proxy.requests().into_iter().find(|request| request.path == "/api/flows/").unwrap();
/// assert_eq!((created.method.as_str(), created.status), ("POST", Some(201)));
/// ```
#[derive(Debug)]
pub struct RecordingProxy {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What the threads of a proxy share.
#[derive(Debug)]
struct Shared {
    /// `host:port` of the server.
    server: String,
    port: Port,
    log: Log,
    doors: Mutex<Doors>,
    moved: Condvar,
    connections: Mutex<HashMap<u64, Connection>>,
    next_connection: AtomicU64,
    faults: Mutex<Faults>,
}

/// Whether connections are accepted: as it is wanted, and as it is.
#[derive(Debug)]
struct Doors {
    wanted: Door,
    actual: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Open,
    /// Nobody listens.
    Refusing,
    /// For good.
    Closed,
}

/// A connection that is open, by its sockets on both sides.
#[derive(Debug)]
struct Connection {
    client: TcpStream,
    /// While a request or a websocket is forwarded.
    server: Option<TcpStream>,
    is_websocket: bool,
}

#[derive(Debug, Default)]
struct Faults {
    unavailable_until: Option<Instant>,
    delay: Duration,
}

impl RecordingProxy {
    /// Starts a proxy in front of `server`, which may be stopped and started meanwhile.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use = "the proxy ends when it is dropped"]
    pub fn start(server: &PrefectServer) -> Self {
        Self::to(server.address())
    }

    /// Starts a proxy in front of whoever listens on `address`, such as `127.0.0.1:4200`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use = "the proxy ends when it is dropped"]
    pub fn to(address: impl Into<String>) -> Self {
        let shared = Arc::new(Shared {
            server: address.into(),
            port: Port::free(),
            log: Log::default(),
            doors: Mutex::new(Doors { wanted: Door::Open, actual: Door::Open }),
            moved: Condvar::new(),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(1),
            faults: Mutex::default(),
        });
        let listener = shared.listen();
        let accepting = Arc::clone(&shared);
        let accepting = thread::spawn(move || accepting.accept(listener));
        Self { shared, accepting: Some(accepting) }
    }

    /// What clients are told, such as `http://127.0.0.1:24001/api`.
    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.address())
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.shared.port.number)
    }

    /// All that was recorded, in order. A request stands where it was made, not where it was answered.
    pub fn records(&self) -> Vec<Record> {
        self.shared.log.with(<[Record]>::to_vec)
    }

    /// All requests, those included that open a websocket (status 101).
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .log
            .with(|records| records.iter().filter_map(Record::as_request).cloned().collect())
    }

    /// All text frames of websockets, both ways.
    pub fn frames(&self) -> Vec<Frame> {
        self.shared
            .log
            .with(|records| records.iter().filter_map(Record::as_frame).cloned().collect())
    }

    /// Forgets what was recorded. Requests that are not answered yet are forgotten too.
    pub fn clear(&self) {
        self.shared.log.clear();
    }

    /// Waits until `find` finds something in the records, and returns it.
    ///
    /// # Panics
    ///
    /// If it finds nothing within a minute. `what` is then in the message, with the last records.
    pub fn wait_for<T>(&self, what: &str, find: impl FnMut(&[Record]) -> Option<T>) -> T {
        self.shared.log.wait_for(what, find)
    }

    /// With `true`, the server is gone: what is open is cut, and whoever connects is refused. With `false`, it is back.
    pub fn refuse(&self, refuse: bool) {
        self.shared.go_to(if refuse { Door::Refusing } else { Door::Open });
        if refuse {
            self.shared.cut(|_| true);
        }
    }

    /// For so long, requests are answered with 503 and do not reach the server. This includes those that would open a
    /// websocket; open websockets stay.
    pub fn answer_503_for(&self, duration: Duration) {
        lock(&self.shared.faults).unavailable_until = Some(Instant::now() + duration);
    }

    /// Cuts all open websockets without saying goodbye, and returns how many there were.
    pub fn drop_websockets(&self) -> usize {
        self.shared.cut(|connection| connection.is_websocket)
    }

    /// From now on, each request waits for so long before it is forwarded, and so does each piece that is read from a
    /// websocket.
    pub fn delay(&self, delay: Duration) {
        lock(&self.shared.faults).delay = delay;
    }
}

impl Drop for RecordingProxy {
    fn drop(&mut self) {
        self.shared.go_to(Door::Closed);
        self.shared.cut(|_| true);
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

impl Shared {
    fn listen(&self) -> TcpListener {
        let port = self.port.number;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .unwrap_or_else(|error| panic!("cannot listen on port {port}: {error}"))
    }

    /// Accepts until the door is closed for good. The listener lives as long as the door is open.
    fn accept(self: Arc<Self>, mut listener: TcpListener) {
        loop {
            let accepted = listener.accept();
            let mut doors = lock(&self.doors);
            if doors.wanted == Door::Open {
                drop(doors);
                if let Ok((client, _)) = accepted {
                    self.serve(client);
                }
                continue;
            }
            drop((accepted, listener));
            doors.actual = doors.wanted;
            self.moved.notify_all();
            while doors.wanted == Door::Refusing {
                doors = self.moved.wait(doors).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
            doors.actual = doors.wanted;
            if doors.actual == Door::Closed {
                self.moved.notify_all();
                return;
            }
            listener = self.listen();
            self.moved.notify_all();
        }
    }

    /// Opens or closes the door and returns when it is so.
    fn go_to(&self, door: Door) {
        let mut doors = lock(&self.doors);
        if doors.wanted != door {
            doors.wanted = door;
            self.moved.notify_all();
            if doors.actual == Door::Open {
                // It waits for a connection, so it gets one.
                drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number)));
            }
        }
        while doors.actual != doors.wanted {
            doors = self.moved.wait(doors).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Serves a client on a thread of its own. From here on the connection can be cut.
    fn serve(self: &Arc<Self>, client: TcpStream) {
        let Ok(copy) = client.try_clone() else { return };
        let id = self.next_connection.fetch_add(1, Relaxed);
        let connection = Connection { client: copy, server: None, is_websocket: false };
        lock(&self.connections).insert(id, connection);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            // An error is the end of a connection. Both peers see that it ends, and nobody else is to be told.
            drop(connection::serve(&shared, id, client));
            lock(&shared.connections).remove(&id);
        });
    }

    /// Lets the server's side be cut with the connection.
    fn attach(&self, id: u64, server: Option<&TcpStream>) -> io::Result<()> {
        let server = server.map(TcpStream::try_clone).transpose()?;
        if let Some(connection) = lock(&self.connections).get_mut(&id) {
            connection.server = server;
        }
        Ok(())
    }

    fn is_websocket(&self, id: u64) {
        if let Some(connection) = lock(&self.connections).get_mut(&id) {
            connection.is_websocket = true;
        }
    }

    fn cut(&self, which: impl Fn(&Connection) -> bool) -> usize {
        let connections = lock(&self.connections);
        let chosen = connections.values().filter(|connection| which(connection));
        let end = |connection: &Connection| {
            // A socket that has ended already is cut.
            let sockets = connection.server.iter().chain([&connection.client]);
            sockets.for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        };
        chosen.inspect(|connection| end(connection)).count()
    }

    fn delay(&self) {
        let delay = lock(&self.faults).delay;
        if !delay.is_zero() {
            thread::sleep(delay);
        }
    }

    fn is_unavailable(&self) -> bool {
        lock(&self.faults).unavailable_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A thread that has panicked has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
