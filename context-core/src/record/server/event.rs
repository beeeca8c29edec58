//! Events: what happened to task runs, assets and artifacts, and what programs have to say, as Prefect's API wants to be told.
//!
//! The server makes task runs out of events. A row gets what the event says and nothing else, so each event says all there
//! is: names, keys, inputs, times, counts. An event has the id of the state that it tells of, and the time at which the
//! state was entered; therefore the same event may be sent any number of times.
//!
//! What is too large for the server is made smaller here, with a warning: it would otherwise be dropped without a word, or
//! cost the connection.
//!
//! This module knows the shape of events. It does not know when they are sent.

mod asset;
mod custom;
mod flow_runs;
mod limits;
mod related;
mod task_run;
mod text;

#[cfg(test)]
mod tests;

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{FlowRunId, StateId, TaskRunId};
use crate::state::{StateDetails, StateType};

pub(super) use asset::asset_event;
pub(super) use custom::{artifact_event, custom_event};
pub(super) use flow_runs::{FlowRunFacts, FlowRuns, heartbeat};
pub(super) use task_run::task_run_event;

/// An event that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its id: for a task run, that of the state.
    pub(super) id: Uuid,
    /// The flow run that it belongs to.
    pub(super) flow_run: Option<FlowRunId>,
    /// What it tells of.
    pub(super) subject: Subject,
    /// The event as JSON.
    pub(super) text: String,
}

impl Event {
    /// The name of the state that a task run has entered.
    pub(super) fn state_name(&self) -> &str {
        const BEFORE: &str = "\"event\":\"prefect.task-run.";
        let name = self.text.split_once(BEFORE).and_then(|(_, rest)| rest.split('"').next());
        name.unwrap_or_default()
    }

    /// Gives it an id that the server has not seen lately, and would therefore ignore. The state keeps its id, so that it
    /// is recorded once in any case.
    pub(super) fn make_repeatable(&mut self) {
        const STATE: &str = "\"validated_state\":{";
        let Subject::TaskRun { occurred, .. } = self.subject else { return };
        let own = format!("\"id\":\"{}\",", self.id);
        if let Some(at) = self.text.find(STATE).map(|at| at + STATE.len())
            && !self.text[at..].starts_with(&own)
        {
            self.text.insert_str(at, &own);
        }
        // The event's own id stands after all else that has one.
        if let Some(at) = self.text.rfind(",\"id\":\"").map(|at| at + 7)
            && let Some(end) = self.text[at..].find('"').map(|length| at + length)
        {
            let fresh = StateId::generate(occurred).to_string();
            self.text.replace_range(at..end, &fresh);
        }
    }
}

/// What an event tells of, and thereby how one sees whether the server has recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A task run has entered a state.
    TaskRun {
        /// The run.
        id: TaskRunId,
        /// When.
        occurred: Timestamp,
        /// True if one sees that it was recorded by the run being in a final state.
        shows_end: bool,
    },
    /// Something of which the server keeps the event alone.
    Other,
    /// That something is alive: of no interest later.
    Pulse,
}

/// What came before the state that an event tells of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before<'a> {
    /// When the run was created.
    pub(super) expected_start: Option<Timestamp>,
    /// The state before.
    pub(super) state: Option<Former<'a>>,
    /// The last event of the run that was sent, and when it occurred. The server waits for the event that another one
    /// follows, so it must be one that comes.
    pub(super) sent: Option<(StateId, Timestamp)>,
}

/// A state as the next one tells of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former<'a> {
    pub(super) state_type: StateType,
    pub(super) name: &'a str,
    pub(super) message: Option<&'a str>,
    pub(super) details: &'a StateDetails,
}

/// The version of Prefect whose events these are.
const PREFECT_VERSION: &str = "3.8.8";

/// What most events have room in.
const USUAL_BYTES: usize = 1536;

/// `event` as JSON.
fn text_of(event: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(USUAL_BYTES);
    // Texts, numbers and lists of them are always JSON.
    let written = serde_json::to_writer(&mut text, event);
    debug_assert!(written.is_ok(), "{written:?}");
    String::from_utf8(text).unwrap_or_default()
}
