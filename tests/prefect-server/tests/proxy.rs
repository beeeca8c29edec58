//! The proxy records what is said, in order and whole, and makes faults on demand. Small servers and clients stand on
//! both sides of it; `prefect.rs` puts Prefect there.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{self, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use prefect_server::{Direction, Record, RecordingProxy};
use serde_json::{Value, json};

/// A server that tells each request's line and body, in chunks, and keeps the connection. Who asks for a websocket gets
/// back every byte that follows.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            thread::spawn(move || drop(serve(client.unwrap())));
        }
    });
    address
}

fn serve(client: TcpStream) -> io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    loop {
        let (head, body) = read(&mut from)?;
        let line = head.lines().next().unwrap();
        if head.contains("upgrade: websocket") {
            (&client)
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n")?;
            io::copy(&mut from, &mut &client)?;
            return client.shutdown(std::net::Shutdown::Both);
        }
        let answer = json!({"line": line, "body": body}).to_string();
        let (one, two) = answer.split_at(5);
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = format!("{head}{}{}0\r\n\r\n", chunk(one), chunk(two));
        (&client).write_all(answer.as_bytes())?;
    }
}

/// The head and the body of a message, whichever way it is delimited.
fn read(from: &mut impl io::BufRead) -> io::Result<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let mut body = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).unwrap();
            from.take(length).read_to_end(&mut body)?;
            from.read_line(&mut line)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some((_, rest)) = head.split_once("content-length: ") {
        let length = rest.lines().next().unwrap().parse().unwrap();
        from.take(length).read_to_end(&mut body)?;
    }
    Ok((head, String::from_utf8(body).unwrap()))
}

/// A client that keeps its connection.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(proxy: &RecordingProxy) -> io::Result<Self> {
        TcpStream::connect(proxy.address()).map(BufReader::new).map(Self)
    }

    fn send(&mut self, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
        let body = body.to_string();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\ncontent-length: ");
        let request = format!("{head}{}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(request.as_bytes())?;
        let (head, body) = read(&mut self.0)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }

    fn open_websocket(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nupgrade: websocket\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        assert!(read(&mut self.0).unwrap().0.starts_with("HTTP/1.1 101"));
    }

    /// Sends a short text unmasked, so that what comes back is a frame of a server's.
    fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
        frame.extend_from_slice(text.as_bytes());
        self.0.get_mut().write_all(&frame).unwrap();
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let mut text = vec![0; head[1].into()];
        self.0.read_exact(&mut text)?;
        Ok(String::from_utf8(text).unwrap())
    }
}

#[test]
fn requests_are_recorded_with_their_answers() {
    let proxy = RecordingProxy::to(server());
    let mut client = Client::connect(&proxy).unwrap();
    for number in 0..3 {
        let path = format!("/api/flows/{number}?a=b");
        let (status, answer) = client.send("POST", &path, &json!({"n": number})).unwrap();
        assert_eq!(status, 200);
        assert_eq!(answer["body"], json!({"n": number}).to_string());
        let requests = proxy.requests();
        let request = requests.last().unwrap();
        assert_eq!((request.method.as_str(), &request.path), ("POST", &path));
        assert_eq!((request.status, &request.body), (Some(200), &json!({"n": number})));
        assert_eq!((&request.answer, request.header("host")), (&answer, Some("a")));
    }
    assert_eq!(proxy.requests().len(), 3);
    proxy.clear();
    assert!(proxy.records().is_empty());
}

#[test]
fn frames_are_recorded_in_order_until_the_websocket_is_cut() {
    let proxy = RecordingProxy::to(server());
    let mut client = Client::connect(&proxy).unwrap();
    client.open_websocket("/api/events/in");
    for text in ["one", r#"{"two": 2}"#] {
        client.say(text);
        assert_eq!(client.hear().unwrap(), text);
    }
    let frames = proxy.frames();
    let said: Vec<_> = frames.iter().map(|frame| (frame.direction, frame.json())).collect();
    let (to_server, to_client) = (Direction::ToServer, Direction::ToClient);
    let (one, two) = (json!("one"), json!({"two": 2}));
    let expected =
        [(to_server, one.clone()), (to_client, one), (to_server, two.clone()), (to_client, two)];
    assert_eq!(said, expected);
    assert!(frames.iter().all(|frame| frame.path == "/api/events/in"));
    assert_eq!(proxy.requests()[0].status, Some(101));

    let mut other = Client::connect(&proxy).unwrap();
    assert_eq!(proxy.drop_websockets(), 1);
    assert_eq!(client.hear().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(other.send("GET", "/", &Value::Null).unwrap().0, 200);
}

#[test]
fn a_server_that_is_gone_comes_back_at_the_same_address() {
    let proxy = RecordingProxy::to(server());
    let mut client = Client::connect(&proxy).unwrap();
    let mut websocket = Client::connect(&proxy).unwrap();
    websocket.open_websocket("/api/events/in");
    for _ in 0..3 {
        proxy.refuse(true);
        proxy.refuse(true);
        assert!(websocket.hear().is_err());
        assert!(client.send("GET", "/", &Value::Null).is_err());
        let refused = Client::connect(&proxy).map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.refuse(false);
        client = Client::connect(&proxy).unwrap();
        assert_eq!(client.send("GET", "/", &Value::Null).unwrap().0, 200);
    }
    proxy.refuse(true);
    drop(proxy);
}

#[test]
fn a_server_that_is_busy_answers_503_for_a_while() {
    let proxy = RecordingProxy::to(server());
    let mut client = Client::connect(&proxy).unwrap();
    proxy.answer_503_for(Duration::from_secs(3600));
    let (status, answer) = client.send("POST", "/api/flows/", &json!({})).unwrap();
    assert_eq!((status, &answer["exception_message"]), (503, &json!("Service Unavailable")));
    proxy.answer_503_for(Duration::ZERO);
    assert_eq!(client.send("POST", "/api/flows/", &json!({})).unwrap().0, 200);
    let statuses: Vec<_> = proxy.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(200)]);
}

#[test]
fn a_slow_server_answers_late() {
    let proxy = RecordingProxy::to(server());
    let mut client = Client::connect(&proxy).unwrap();
    proxy.delay(Duration::from_millis(150));
    let begun = Instant::now();
    assert_eq!(client.send("GET", "/", &Value::Null).unwrap().0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[test]
fn a_server_that_is_away_ends_connections_without_an_answer() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = RecordingProxy::to(address.to_string());
    let mut client = Client::connect(&proxy).unwrap();
    assert!(client.send("GET", "/api/health", &Value::Null).is_err());
    assert_eq!(proxy.requests()[0].status, None);
}

#[test]
fn who_waits_is_told_as_soon_as_it_is_there() {
    let proxy = RecordingProxy::to(server());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            proxy.wait_for("an answer of the second", |records| {
                let request = records.get(1).and_then(Record::as_request)?;
                request.status.map(|_| request.path.clone())
            })
        });
        let mut client = Client::connect(&proxy).unwrap();
        client.send("GET", "/one", &Value::Null).unwrap();
        client.send("GET", "/two", &Value::Null).unwrap();
        assert_eq!(waiting.join().unwrap(), "/two");
    });
}
