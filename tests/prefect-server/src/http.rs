//! The least of an HTTP client: one request, one connection. It depends on nothing that is tested with it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The body: JSON, or the text if it is none, or null if it is empty.
    pub body: Value,
}

/// Somebody to send requests to.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// `host:port`
    pub(crate) address: String,
    /// `user:password`
    pub(crate) auth: Option<String>,
}

impl Peer {
    /// Sends one request. In HTTP 1.0, in which an answer ends with its connection and is never in chunks.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        timeout: Duration,
    ) -> io::Result<Answer> {
        let Self { address, auth } = self;
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
        if let Some(auth) = auth {
            head += &format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(auth));
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        head +=
            &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all((head + &body).as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parse(&answer)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"))
    }
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: json(&answer[end + 4..]) })
}

/// A body: JSON, or else its text.
pub(crate) fn json(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_with_and_without_json() {
        let parsed = |text: &str| parse(text.as_bytes());
        let answer = parsed("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\": 1}");
        assert_eq!(answer, Some(Answer { status: 200, body: json!({"a": 1}) }));
        let answer = parsed("HTTP/1.1 502 Bad Gateway\r\n\r\n<html>");
        assert_eq!(answer, Some(Answer { status: 502, body: json!("<html>") }));
        let answer = parsed("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(answer, Some(Answer { status: 204, body: Value::Null }));
        assert_eq!(parsed("HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parsed("SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}
