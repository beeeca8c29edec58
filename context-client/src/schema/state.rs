//! States, and what the server makes of a proposed one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{null_as_default, open_enum::open_enum};

open_enum! {
    /// The type of a state. Its name may say more.
    pub enum StateType {
        /// Begins later.
        Scheduled = "SCHEDULED",
        /// Is about to begin.
        Pending = "PENDING",
        /// Runs.
        Running = "RUNNING",
        /// Ended well.
        Completed = "COMPLETED",
        /// Ended with an error of its own.
        Failed = "FAILED",
        /// Was called off.
        Cancelled = "CANCELLED",
        /// Ended with an error of what it ran on.
        Crashed = "CRASHED",
        /// Waits until it is resumed.
        Paused = "PAUSED",
        /// Is being called off.
        Cancelling = "CANCELLING",
    }
}

impl StateType {
    /// Whether a run in such a state has ended.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Crashed)
    }

    /// The name of a state of this type that has no other: `Completed` for `COMPLETED`.
    pub fn default_name(&self) -> String {
        let text = self.as_str();
        let first = text.chars().take(1);
        first.chain(text.chars().skip(1).map(|c| c.to_ascii_lowercase())).collect()
    }
}

/// What a state says besides its type, name and message. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the server's names say it, where nothing else is said")]
pub struct StateDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_run_id: Option<Uuid>,
    /// The flow run that a task run stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_flow_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_expiration: Option<Timestamp>,
    /// Whether a background worker is to execute the task run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrackable_result: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_timeout: Option<Timestamp>,
    /// Whether a resumed run is to be started anew, in a process of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_reschedule: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_key: Option<String>,
    /// Under which keys the input of a paused run is kept: `description`, `response`, `schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_input_keyset: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_cache: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retriable: Option<bool>,
    /// By which the server knows a proposal that is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition_id: Option<Uuid>,
    /// Under which key the parameters of a deferred task run are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_parameters_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_concurrency_lease_id: Option<Uuid>,
}

/// A state to propose, or to create a run in.
///
/// # Examples
///
/// ```
/// use context_client::schema::{StateCreate, StateType};
///
/// let state = StateCreate::new(StateType::Running).with_name("Retrying").with_message("again");
/// assert_eq!(
///     serde_json::to_string(&state)?,
///     r#"{"type":"RUNNING","name":"Retrying","message":"again"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateCreate {
    /// Its type.
    #[serde(rename = "type")]
    pub state_type: StateType,
    /// Its name. The server chooses the type's if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where the result is: the metadata of its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The rest.
    #[serde(skip_serializing_if = "is_default")]
    pub state_details: StateDetails,
}

fn is_default(details: &StateDetails) -> bool {
    *details == StateDetails::default()
}

impl StateCreate {
    /// A state with its type only.
    pub fn new(state_type: StateType) -> Self {
        Self {
            state_type,
            name: None,
            message: None,
            data: None,
            state_details: StateDetails::default(),
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with a message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same with data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: StateDetails) -> Self {
        self.state_details = details;
        self
    }
}

/// A state that the server knows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// Its id. For a task run's state it is the id of the event that brought it.
    pub id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    pub state_type: StateType,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Since when the run is in it.
    pub timestamp: Timestamp,
    /// A sentence for people.
    #[serde(default)]
    pub message: Option<String>,
    /// Where the result is.
    #[serde(default)]
    pub data: Option<Value>,
    /// The rest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub state_details: StateDetails,
}

impl State {
    /// Its name, or its type's if it has none.
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.state_type.default_name())
    }

    /// Whether the run has ended.
    pub const fn is_final(&self) -> bool {
        self.state_type.is_final()
    }
}

open_enum! {
    /// What the server made of a proposed state.
    pub enum OrchestrationStatus {
        /// The run is in the proposed state.
        Accept = "ACCEPT",
        /// The run is in another state, which was returned: go on from there.
        Reject = "REJECT",
        /// Nothing has changed: propose it again after the delay.
        Wait = "WAIT",
        /// Nothing has changed: stop working on the run.
        Abort = "ABORT",
    }
}

/// The server's answer to a proposed state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct OrchestrationResult {
    /// In which state the run is now. `None` if the server does not say, because nothing has changed.
    #[serde(default)]
    pub state: Option<State>,
    /// What became of the proposal.
    pub status: OrchestrationStatus,
    /// Why.
    #[serde(default, deserialize_with = "null_as_default")]
    pub details: OrchestrationDetails,
}

/// Why a proposed state was not accepted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct OrchestrationDetails {
    /// For people.
    pub reason: Option<String>,
    /// After how many seconds to propose it again.
    pub delay_seconds: Option<f64>,
}

impl OrchestrationResult {
    /// Whether the run was brought into this state by the same proposal before, which was then sent again because its
    /// answer got lost. Such a rejection is a success.
    pub fn is_repeated(&self) -> bool {
        self.status == OrchestrationStatus::Reject
            && self.details.reason.as_deref()
                == Some("This run has already made this state transition.")
    }
}
