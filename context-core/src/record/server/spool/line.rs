//! The lines of a segment.

use std::borrow::Cow;
use std::io::{self, Write as _};

use context_client::schema::{StateCreate, StateDetails, StateType as ApiStateType};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Entry;
use crate::clock::Timestamp;
use crate::id::FlowRunId;
use crate::record::server::event::{Event, Subject};
use crate::record::server::logs::LogRow;

/// The version of the lines that are written. Others are not read.
const VERSION: u32 = 1;

/// Something that was kept.
#[derive(Debug)]
pub(in crate::record::server) enum Kept {
    Event(Event),
    Logs(Vec<LogRow>),
    State(FlowRunId, Box<StateCreate>),
}

/// A line that was read.
#[derive(Debug)]
pub(super) enum Line {
    Kept(Kept),
    /// The lines up to this one were delivered.
    Delivered(usize),
    /// It was not written to its end.
    Torn,
    /// Another version has written it. Why it cannot be read.
    Unknown(String),
}

/// What each line begins with.
#[derive(Deserialize)]
struct Head<'a> {
    version: u32,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

pub(super) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    match entry {
        Entry::Event(event) => {
            write!(out, r#"{{"version":{VERSION},"kind":"event","event":{}}}"#, event.text)?;
        }
        Entry::Logs(rows) => {
            write!(out, r#"{{"version":{VERSION},"kind":"logs","logs":"#)?;
            serde_json::to_writer(&mut *out, rows)?;
            out.push(b'}');
        }
        Entry::State(flow_run_id, state) => {
            write!(
                out,
                r#"{{"version":{VERSION},"kind":"state","flow_run_id":"{flow_run_id}","state":"#
            )?;
            serde_json::to_writer(&mut *out, state)?;
            out.push(b'}');
        }
    }
    out.push(b'\n');
    Ok(())
}

pub(super) fn write_delivered(lines: usize, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, r#"{{"version":{VERSION},"kind":"delivered","lines":{lines}}}"#)
}

/// Reads a line with its end.
pub(super) fn read(text: &[u8]) -> Line {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let head: Head<'_> = match serde_json::from_slice(text) {
        Ok(head) => head,
        Err(_) => return Line::Torn,
    };
    if head.version != VERSION {
        let problem = format!("a line has version {}, and {VERSION} is known", head.version);
        return Line::Unknown(problem);
    }
    let kept = match &*head.kind {
        "event" => event(text).map(Kept::Event).map(Line::Kept),
        "logs" => logs(text).map(Kept::Logs).map(Line::Kept),
        "state" => state(text).map(Line::Kept),
        "delivered" => delivered(text).map(Line::Delivered),
        kind => return Line::Unknown(format!("a line has the unknown kind `{kind}`")),
    };
    kept.unwrap_or_else(|error| Line::Unknown(format!("a line cannot be read: {error}")))
}

fn event(text: &[u8]) -> serde_json::Result<Event> {
    #[derive(Deserialize)]
    struct EventLine<'a> {
        #[serde(borrow)]
        event: &'a RawValue,
    }

    /// What is to be known of an event to deliver it.
    #[derive(Deserialize)]
    struct Told {
        id: Uuid,
        occurred: Timestamp,
        event: String,
        resource: Resource,
        #[serde(default)]
        related: Vec<Resource>,
        #[serde(default)]
        payload: Option<Payload>,
    }

    #[derive(Deserialize)]
    struct Resource {
        #[serde(rename = "prefect.resource.id")]
        id: String,
        #[serde(rename = "prefect.resource.role", default)]
        role: Option<String>,
    }

    #[derive(Deserialize)]
    struct Payload {
        #[serde(default)]
        validated_state: Option<Entered>,
    }

    #[derive(Deserialize)]
    struct Entered {
        /// If the event has another id than the state.
        id: Option<Uuid>,
        #[serde(rename = "type")]
        state_type: String,
        name: Option<String>,
    }

    let EventLine { event } = serde_json::from_slice(text)?;
    let told: Told = serde_json::from_str(event.get())?;
    let state = told.payload.and_then(|payload| payload.validated_state);
    let id_of = |resource: &Resource, kind: &str| resource.id.strip_prefix(kind)?.parse().ok();
    let flow_run = told.related.iter().find(|it| it.role.as_deref() == Some("flow-run"));
    let flow_run = flow_run.and_then(|it| id_of(it, "prefect.flow-run.")).map(Uuid::into);
    let task_run: Option<Uuid> = id_of(&told.resource, "prefect.task-run.");
    let is_state = told.event.starts_with("prefect.task-run.");
    let subject = match (task_run.filter(|_| is_state), &state) {
        (Some(id), Some(state)) => {
            let is_final = ApiStateType::from(state.state_type.as_str()).is_final();
            let shows_end = is_final && state.name.as_deref() != Some("RolledBack");
            Subject::TaskRun { id: id.into(), occurred: told.occurred, shows_end }
        }
        _ => Subject::Other,
    };
    let id = state.and_then(|state| state.id).unwrap_or(told.id);
    Ok(Event { id, flow_run, subject, text: event.get().to_owned() })
}

fn logs(text: &[u8]) -> serde_json::Result<Vec<LogRow>> {
    #[derive(Deserialize)]
    struct LogsLine {
        logs: Vec<LogRow>,
    }

    serde_json::from_slice(text).map(|LogsLine { logs }| logs)
}

fn state(text: &[u8]) -> serde_json::Result<Kept> {
    #[derive(Deserialize)]
    struct StateLine {
        flow_run_id: FlowRunId,
        state: Proposed,
    }

    #[derive(Deserialize)]
    struct Proposed {
        #[serde(rename = "type")]
        state_type: ApiStateType,
        name: Option<String>,
        message: Option<String>,
        data: Option<Value>,
        #[serde(default)]
        state_details: StateDetails,
    }

    let StateLine { flow_run_id, state } = serde_json::from_slice(text)?;
    let Proposed { state_type, name, message, data, state_details } = state;
    let state = StateCreate { state_type, name, message, data, state_details };
    Ok(Kept::State(flow_run_id, Box::new(state)))
}

fn delivered(text: &[u8]) -> serde_json::Result<usize> {
    #[derive(Deserialize)]
    struct DeliveredLine {
        lines: usize,
    }

    serde_json::from_slice(text).map(|DeliveredLine { lines }| lines)
}
