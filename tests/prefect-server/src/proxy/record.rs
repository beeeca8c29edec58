//! What a proxy has recorded.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lock;
use crate::http;

/// A request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `POST`
    pub method: String,
    /// With `/api`, and with the query.
    pub path: String,
    /// In order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// JSON, or the text if it is none, or null if it is empty.
    pub body: Value,
    /// `None` if there was no answer yet, or the connection ended before it came.
    pub status: Option<u16>,
    /// As `body`.
    pub answer: Value,
}

impl Request {
    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Who has sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client.
    ToServer,
    /// The server.
    ToClient,
}

/// A text frame of a websocket, put together if it came in pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Which websocket: different for each that was opened.
    pub connection: u64,
    /// The path at which it was opened, with `/api`.
    pub path: String,
    /// Who has sent it.
    pub direction: Direction,
    /// What it says.
    pub text: String,
}

impl Frame {
    /// What it says: JSON, or the text if it is none.
    pub fn json(&self) -> Value {
        http::json(self.text.as_bytes())
    }
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A request, perhaps with its answer.
    Request(Request),
    /// A frame of a websocket.
    Frame(Frame),
}

impl Record {
    /// The request, if it is one.
    pub fn as_request(&self) -> Option<&Request> {
        match self {
            Self::Request(request) => Some(request),
            Self::Frame(_) => None,
        }
    }

    /// The frame, if it is one.
    pub fn as_frame(&self) -> Option<&Frame> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Request(_) => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Mutex<Entries>,
    added: Condvar,
}

#[derive(Debug, Default)]
struct Entries {
    records: Vec<Record>,
    /// How many were forgotten.
    cleared: usize,
}

/// The place of a request whose answer is still to come.
pub(super) struct Unanswered(usize);

impl Log {
    pub(super) fn add(&self, record: Record) -> Unanswered {
        let mut entries = lock(&self.entries);
        entries.records.push(record);
        let place = entries.cleared + entries.records.len() - 1;
        drop(entries);
        self.added.notify_all();
        Unanswered(place)
    }

    /// Does nothing if the request was forgotten meanwhile.
    pub(super) fn answer(&self, Unanswered(place): Unanswered, status: u16, answer: Value) {
        let mut entries = lock(&self.entries);
        let index = place.checked_sub(entries.cleared);
        if let Some(Record::Request(request)) = index.and_then(|at| entries.records.get_mut(at)) {
            request.status = Some(status);
            request.answer = answer;
        }
        drop(entries);
        self.added.notify_all();
    }

    pub(super) fn clear(&self) {
        let mut entries = lock(&self.entries);
        entries.cleared += entries.records.len();
        entries.records.clear();
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&[Record]) -> T) -> T {
        read(&lock(&self.entries).records)
    }

    pub(super) fn wait_for<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&[Record]) -> Option<T>,
    ) -> T {
        let end = Instant::now() + Duration::from_secs(60);
        let mut entries = lock(&self.entries);
        loop {
            if let Some(found) = find(&entries.records) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last = entries.records.len().saturating_sub(5);
                panic!(
                    "waited a minute for {what}; the last records: {:#?}",
                    &entries.records[last..]
                );
            }
            let woken = self.added.wait_timeout(entries, left);
            entries = woken.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Record {
        Record::Request(Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Value::Null,
            status: None,
            answer: Value::Null,
        })
    }

    #[test]
    fn an_answer_finds_its_request_or_nothing() {
        let log = Log::default();
        let forgotten = log.add(request("/one"));
        log.clear();
        let two = log.add(request("/two"));
        log.answer(forgotten, 200, Value::Null);
        log.answer(two, 404, Value::Bool(true));
        let seen = log.with(<[Record]>::to_vec);
        let [Record::Request(request)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((request.path.as_str(), request.status), ("/two", Some(404)));
        assert_eq!(request.answer, Value::Bool(true));
    }
}
