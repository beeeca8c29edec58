//! One connection of a client: requests one after another, and then perhaps a websocket.

use std::io::{self, BufRead, BufReader, ErrorKind, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;

use serde_json::json;

use super::Shared;
use super::message::Message;
use super::record::{Direction, Frame, Record, Request};
use super::websocket::Frames;
use crate::http;

const UNAVAILABLE: u16 = 503;
const SWITCHING_PROTOCOLS: u16 = 101;

/// Serves until either side ends the connection. What cannot be forwarded ends it.
pub(super) fn serve(shared: &Shared, id: u64, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    while let Some(mut request) = Message::read_head(&mut from_client)? {
        if request.header("expect").is_some() {
            (&client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.read_request_body(&mut from_client)?;
        let (method, path) = request.target()?;
        let unanswered = shared.log.add(Record::Request(Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: request.headers.clone(),
            body: http::json(&request.body),
            status: None,
            answer: serde_json::Value::Null,
        }));
        shared.delay();
        if shared.is_unavailable() {
            let body = json!({"exception_message": "Service Unavailable"});
            shared.log.answer(unanswered, UNAVAILABLE, body.clone());
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {UNAVAILABLE} Service Unavailable\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            (&client).write_all(answer.as_bytes())?;
            continue;
        }
        let server = TcpStream::connect(&shared.server)?;
        server.set_nodelay(true)?;
        shared.attach(id, Some(&server))?;
        (&server).write_all(&request.bytes())?;
        let mut from_server = BufReader::new(server.try_clone()?);
        let answer = loop {
            let answer = Message::read_answer(&mut from_server, method)?;
            // What is said before the answer proper is not for the client, who has been told to go on.
            if answer.status()? >= 200 || answer.status()? == SWITCHING_PROTOCOLS {
                break answer;
            }
        };
        let status = answer.status()?;
        shared.log.answer(unanswered, status, http::json(&answer.body));
        if status == SWITCHING_PROTOCOLS {
            shared.is_websocket(id);
            (&client).write_all(&answer.bytes())?;
            return websocket(shared, id, path, (from_client, &client), (from_server, &server));
        }
        end(&server)?;
        shared.attach(id, None)?;
        (&client).write_all(&answer.bytes())?;
        if !request.keeps_alive() || !answer.keeps_alive() {
            break;
        }
    }
    end(&client)
}

/// A copy of a socket may still be held, to cut it, so that dropping ours would not end the connection.
fn end(socket: &TcpStream) -> io::Result<()> {
    match socket.shutdown(Shutdown::Both) {
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
        ended => ended,
    }
}

/// One side of a websocket: where to read, with what was read too far already, and where to write.
type Side<'a> = (BufReader<TcpStream>, &'a TcpStream);

fn websocket(
    shared: &Shared,
    id: u64,
    path: &str,
    (from_client, client): Side<'_>,
    (from_server, server): Side<'_>,
) -> io::Result<()> {
    let frame = |direction, text| {
        Record::Frame(Frame { connection: id, path: path.to_owned(), direction, text })
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(shared, from_server, client, |text| frame(Direction::ToClient, text)));
        pump(shared, from_client, server, |text| frame(Direction::ToServer, text));
    });
    Ok(())
}

/// Forwards and records one direction. When it ends, the other side is told that nothing more comes.
fn pump(
    shared: &Shared,
    mut from: BufReader<TcpStream>,
    mut to: &TcpStream,
    record: impl Fn(String) -> Record,
) {
    let mut frames = Frames::default();
    while let Ok(bytes @ [_, ..]) = from.fill_buf() {
        for text in frames.take(bytes) {
            shared.log.add(record(text));
        }
        shared.delay();
        if to.write_all(bytes).is_err() {
            break;
        }
        let read = bytes.len();
        from.consume(read);
    }
    // It may have been cut already.
    drop(to.shutdown(Shutdown::Write));
}
