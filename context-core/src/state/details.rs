//! State details: what a state says beside its type, name and message.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};

/// What a state says beside its type, name and message, under Prefect's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateDetails {
    /// The flow run it belongs to.
    pub flow_run_id: Option<FlowRunId>,
    /// The task run whose state it is.
    pub task_run_id: Option<TaskRunId>,
    /// The flow run that the task run stands for.
    pub child_flow_run_id: Option<FlowRunId>,
    /// When the run is due.
    pub scheduled_time: Option<Timestamp>,
    /// The key under which the result can be found again.
    pub cache_key: Option<String>,
    /// When that key stops to count.
    pub cache_expiration: Option<Timestamp>,
    /// True if the run waits for a task worker.
    pub deferred: Option<bool>,
    /// True if the result cannot be followed to this run.
    pub untrackable_result: bool,
    /// When a pause ends by itself.
    pub pause_timeout: Option<Timestamp>,
    /// True if the run is started anew after the pause.
    pub pause_reschedule: bool,
    /// Tells one pause of a run from another.
    pub pause_key: Option<String>,
    /// Where is kept what a pause asks for, and what it was given.
    pub run_input_keyset: Option<RunInputKeyset>,
    /// False if the run must not be tried again.
    pub retriable: Option<bool>,
    /// True if a result that is there was not looked up.
    pub refresh_cache: Option<bool>,
    /// The proposal that led to this state.
    pub transition_id: Option<Uuid>,
    /// Where the parameters of a deferred run are kept.
    pub task_parameters_id: Option<Uuid>,
    /// The trace that the run belongs to.
    pub traceparent: Option<String>,
    /// The slot that the run holds of its deployment's limit.
    pub deployment_concurrency_lease_id: Option<Uuid>,
}

/// Under which keys a server keeps what a pause asks for, and what it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInputKeyset {
    /// What is said to whoever is asked.
    pub description: String,
    /// What was given.
    pub response: String,
    /// The JSON schema of what is asked for.
    pub schema: String,
}

impl RunInputKeyset {
    /// The keys of the pause with this key.
    ///
    /// ```
    /// use context_core::state::RunInputKeyset;
    ///
    /// assert_eq!(RunInputKeyset::of_pause("1").schema, "paused-1-schema");
    /// ```
    pub fn of_pause(pause_key: &str) -> Self {
        let key = |part: &str| format!("paused-{pause_key}-{part}");
        Self { description: key("description"), response: key("response"), schema: key("schema") }
    }
}

impl StateDetails {
    /// Nothing but the state itself.
    pub const NONE: Self = Self {
        flow_run_id: None,
        task_run_id: None,
        child_flow_run_id: None,
        scheduled_time: None,
        cache_key: None,
        cache_expiration: None,
        deferred: None,
        untrackable_result: false,
        pause_timeout: None,
        pause_reschedule: false,
        pause_key: None,
        run_input_keyset: None,
        retriable: None,
        refresh_cache: None,
        transition_id: None,
        task_parameters_id: None,
        traceparent: None,
        deployment_concurrency_lease_id: None,
    };
}
