//! What a process and its child say to each other: JSON, each message after its length.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::log::LogRecord;
use crate::id::TaskRunId;
use crate::record::RelayedEvent;

/// An attempt that a child is to make.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job<'a> {
    pub(super) task_run_id: TaskRunId,
    pub(super) task_key: Cow<'a, str>,
    pub(super) module: Cow<'a, str>,
    pub(super) parameters: Box<RawValue>,
    pub(super) context: Box<RawValue>,
    /// What the recorders of the parent want to be told.
    pub(super) every_state: bool,
    pub(super) wants_parameters: bool,
}

/// What a child tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    Log(LogRecord),
    Event(RelayedEvent),
    Done(Outcome),
}

/// What came of an attempt.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    Value { value: Box<RawValue>, asset_metadata: Map<String, Value> },
    Failed { type_name: String, message: String, causes: Vec<String> },
    Panicked { message: String },
    Refused { message: String },
}

/// The length of a message, before it.
const PREFIX: usize = size_of::<u32>();

/// A message with its length.
///
/// # Errors
///
/// If it cannot be written as JSON, or is too long.
pub(super) fn encoded(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; PREFIX];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - PREFIX).map_err(|_| {
        let reason = "a message to another process may have at most 4 GiB";
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    bytes[..PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// The next message; `None` if there will be none.
///
/// # Errors
///
/// If the other side has gone in the middle of one, or what it says is no message.
pub(super) fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<Option<T>> {
    let mut prefix = [0; PREFIX];
    match stream.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u64::from(u32::from_le_bytes(prefix));
    // Read as it comes: a length is not believed before what it is of is there.
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Writes a message.
///
/// # Errors
///
/// If the other side is gone, or the message cannot be written as JSON.
pub(super) fn send(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    stream.write_all(&encoded(message)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_one_after_the_other_and_end() {
        let mut bytes = Vec::new();
        for message in ["one", "", "three \u{4e2d}"] {
            send(&mut bytes, &message).unwrap();
        }
        let mut stream = &*bytes;
        let mut next = || receive::<String>(&mut stream).unwrap();
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().as_deref(), Some("three \u{4e2d}"));
        assert_eq!(next(), None);
    }

    #[test]
    fn what_is_cut_off_or_no_message_is_an_error() {
        let whole = encoded(&"some text").unwrap();
        for end in PREFIX..whole.len() {
            assert!(receive::<String>(&mut &whole[..end]).is_err(), "{end}");
        }
        assert!(receive::<u32>(&mut &*whole).is_err());
        let huge = [0xff, 0xff, 0xff, 0xff, b'"'];
        assert!(receive::<String>(&mut &huge[..]).is_err());
    }

    #[test]
    fn an_attempt_and_its_outcome_come_through() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let job = Job {
            task_run_id: TaskRunId::from(uuid::Uuid::from_u128(7)),
            task_key: "fetch-1".into(),
            module: "m".into(),
            parameters: raw(r#"{"n": 1e400}"#),
            context: raw(r#"{"version":1}"#),
            every_state: true,
            wants_parameters: false,
        };
        let read: Job<'_> = receive(&mut &*encoded(&job).unwrap()).unwrap().unwrap();
        assert_eq!(read.parameters.get(), r#"{"n": 1e400}"#);
        let value = raw("[1.0,null]");
        let told = Told::Done(Outcome::Value { value, asset_metadata: Map::new() });
        let read: Told = receive(&mut &*encoded(&told).unwrap()).unwrap().unwrap();
        assert!(
            matches!(read, Told::Done(Outcome::Value { value, .. }) if value.get() == "[1.0,null]")
        );
    }
}
