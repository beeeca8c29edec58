//! HTTP messages, as far as it takes to know where each ends and what it says.

use std::io::{self, BufRead, ErrorKind, Read as _};

/// What is forwarded of a request is without these.
const NOT_FORWARDED: [&str; 3] = ["accept-encoding", "sec-websocket-extensions", "expect"];

/// A head and a body, as bytes to forward and as something to read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Message {
    /// The first line.
    pub(super) start: String,
    /// In order, with names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// As it came, if that was in chunks.
    transferred: Option<Vec<u8>>,
}

impl Message {
    /// The next request, without its body. `None` if the connection has ended.
    pub(super) fn read_head(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(start) = line(from)? else { return Ok(None) };
        let mut headers = Vec::new();
        loop {
            let line = line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(Some(Self { start, headers, ..Self::default() }));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads the body of a request. Without a length there is none.
    pub(super) fn read_request_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        self.read_body(from, 0)
    }

    /// The answer to a request of this method. Without a length it goes to the end of the connection.
    pub(super) fn read_answer(from: &mut impl BufRead, method: &str) -> io::Result<Self> {
        let mut answer = Self::read_head(from)?.ok_or(ErrorKind::UnexpectedEof)?;
        let status = answer.status()?;
        if method != "HEAD" && status >= 200 && status != 204 && status != 304 {
            answer.read_body(from, u64::MAX)?;
        }
        Ok(answer)
    }

    fn read_body(&mut self, from: &mut impl BufRead, without_length: u64) -> io::Result<()> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            let mut transferred = Vec::new();
            read_chunks(from, &mut transferred, &mut self.body)?;
            self.transferred = Some(transferred);
            return Ok(());
        }
        let length = self.header("content-length").map(str::parse).transpose();
        let length = length.map_err(|_| invalid("a content length"))?;
        from.take(length.unwrap_or(without_length)).read_to_end(&mut self.body)?;
        match length {
            Some(length) if (self.body.len() as u64) < length => {
                Err(ErrorKind::UnexpectedEof.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Method and path of a request.
    pub(super) fn target(&self) -> io::Result<(&str, &str)> {
        let mut words = self.start.split(' ');
        words.next().zip(words.next()).ok_or_else(|| invalid("a request line"))
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> io::Result<u16> {
        let status = self.start.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| invalid("a status line"))
    }

    /// Whether the connection goes on after it.
    pub(super) fn keeps_alive(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        let has_length = ["content-length", "transfer-encoding"].map(|name| self.header(name));
        let is_answer = self.start.starts_with("HTTP/");
        let ends_by_length = !is_answer
            || has_length.iter().any(Option::is_some)
            || matches!(self.status(), Ok(0..200 | 204 | 304));
        // Of a request the version is at the end, of an answer at the beginning.
        let is_old = self.start.ends_with("HTTP/1.0") || self.start.starts_with("HTTP/1.0");
        ends_by_length && !is_old && !connection.contains("close")
    }

    /// The bytes to forward.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            if !NOT_FORWARDED.contains(&name.as_str()) {
                bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.transferred.as_ref().unwrap_or(&self.body));
        bytes
    }
}

/// A line without its end. `None` if there is no more.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    from.take(1 << 16).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => {
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            // Headers may have any bytes above ASCII.
            Ok(Some(String::from_utf8_lossy(line).into_owned()))
        }
        Some(_) => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// All chunks and what follows the last, as they came and put together.
fn read_chunks(
    from: &mut impl BufRead,
    transferred: &mut Vec<u8>,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    let keep_line = |from: &mut _, transferred: &mut Vec<u8>| {
        let line = line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
        transferred.extend_from_slice(line.as_bytes());
        transferred.extend_from_slice(b"\r\n");
        Ok::<_, io::Error>(line)
    };
    loop {
        let line = keep_line(from, transferred)?;
        let length = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(length, 16).map_err(|_| invalid("a chunk"))?;
        if length == 0 {
            while !keep_line(from, transferred)?.is_empty() {}
            return Ok(());
        }
        let start = transferred.len();
        from.take(length).read_to_end(transferred)?;
        if ((transferred.len() - start) as u64) < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        body.extend_from_slice(&transferred[start..]);
        keep_line(from, transferred)?;
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{what} is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> io::Result<(Message, String)> {
        let mut bytes = text.as_bytes();
        let mut message = Message::read_head(&mut bytes)?.unwrap();
        message.read_request_body(&mut bytes)?;
        Ok((message, String::from_utf8(bytes.to_vec()).unwrap()))
    }

    #[test]
    fn a_request_ends_where_its_length_says() {
        let text = "POST /api/flows/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /next";
        let (message, rest) = request(text).unwrap();
        assert_eq!(message.target().unwrap(), ("POST", "/api/flows/"));
        assert_eq!((message.body.as_slice(), rest.as_str()), (&b"abc"[..], "GET /next"));
        let forwarded = "POST /api/flows/ HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(message.bytes(), forwarded.as_bytes());
        assert!(message.keeps_alive());
    }

    #[test]
    fn chunks_are_put_together_and_forwarded_as_they_came() {
        let body = "4\r\n{\"a\"\r\n3;x=y\r\n: 1\r\n1\r\n}\r\n0\r\ntrailer: 1\r\n\r\n";
        let text = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{body}rest");
        let (message, rest) = request(&text).unwrap();
        assert_eq!(message.body, b"{\"a\": 1}");
        assert_eq!(rest, "rest");
        assert!(message.bytes().ends_with(body.as_bytes()));
    }

    #[test]
    fn what_would_be_compressed_is_asked_for_plainly() {
        let text = "GET /api/events/in HTTP/1.1\r\nUpgrade: websocket\r\nAccept-Encoding: gzip\r\n\
                    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        let (message, _) = request(text).unwrap();
        let expected = b"GET /api/events/in HTTP/1.1\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(message.bytes(), expected);
    }

    #[test]
    fn an_answer_without_a_length_ends_with_its_connection() {
        let answer = |text: &str, method| {
            let mut bytes = text.as_bytes();
            let answer = Message::read_answer(&mut bytes, method).unwrap();
            (String::from_utf8(answer.body.clone()).unwrap(), answer.keeps_alive(), bytes.len())
        };
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\nall", "GET"), ("all".to_owned(), false, 0));
        let none = "HTTP/1.1 204 No Content\r\n\r\nnext";
        assert_eq!(answer(none, "GET"), (String::new(), true, 4));
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnext";
        assert_eq!(answer(head, "HEAD"), (String::new(), true, 4));
        let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na";
        assert_eq!(answer(close, "GET"), ("a".to_owned(), false, 0));
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for text in [
            "GET / HTTP/1.1\r\nhost",
            "GET / HTTP/1.1\r\nhost: a\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        ] {
            assert!(request(text).is_err(), "{text:?}");
        }
        assert!(Message::read_head(&mut &b""[..]).unwrap().is_none());
    }
}
