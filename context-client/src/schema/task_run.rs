//! Task runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{JsonObject, State, StateCreate, StateType, null_as_default};

/// How often a task run is retried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskRunPolicy {
    /// How often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// How long before each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<RetryDelay>,
    /// By which part of itself a delay may be longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_jitter_factor: Option<f64>,
}

/// Seconds before a retry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryDelay {
    /// The same before each.
    Seconds(#[serde(serialize_with = "seconds")] f64),
    /// For each its own; the last is for all that follow.
    Each(Vec<f64>),
}

/// Whole seconds are written as whole numbers, as Prefect does.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
#[expect(clippy::cast_possible_truncation, reason = "checked: it is a whole number within an i64")]
fn seconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if seconds.fract() == 0.0 && seconds.abs() < 1e15 {
        serializer.serialize_i64(*seconds as i64)
    } else {
        serializer.serialize_f64(*seconds)
    }
}

/// Where an argument of a task run came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input_type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskInput {
    /// The result of a task run.
    TaskRun {
        /// Its id.
        id: Uuid,
    },
    /// The result of a flow run.
    FlowRun {
        /// Its id.
        id: Uuid,
    },
    /// A parameter of the flow.
    Parameter {
        /// Its name.
        name: String,
    },
    /// A value.
    Constant {
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
    },
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A task run to create.
///
/// Task runs mostly come to the server as events; this is for those that stand for a flow run, and for those that a
/// background worker is to execute.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskRunCreate {
    /// Its id. The server chooses one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name. The server chooses one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The flow run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_id: Option<Uuid>,
    /// Which task it is a run of.
    pub task_key: String,
    /// Which run of that task it is. A second run of the flow run with the same two keys is not created; the first is
    /// the answer.
    pub dynamic_key: String,
    /// Under which key its result is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_expiration: Option<Timestamp>,
    /// The version of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_version: Option<String>,
    /// Its retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empirical_policy: Option<TaskRunPolicy>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub labels: JsonObject,
    /// Where each argument came from.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub task_inputs: BTreeMap<String, Vec<TaskInput>>,
    /// Its first state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateCreate>,
}

/// A task run, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TaskRun {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The flow run it belongs to.
    #[serde(default)]
    pub flow_run_id: Option<Uuid>,
    /// Which task it is a run of.
    pub task_key: String,
    /// Which run of that task it is.
    pub dynamic_key: String,
    /// Under which key its result is kept.
    #[serde(default)]
    pub cache_key: Option<String>,
    /// Until when.
    #[serde(default)]
    pub cache_expiration: Option<Timestamp>,
    /// The version of the task.
    #[serde(default)]
    pub task_version: Option<String>,
    /// Its retries.
    #[serde(default, deserialize_with = "null_as_default")]
    pub empirical_policy: TaskRunPolicy,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: JsonObject,
    /// Where each argument came from.
    #[serde(default, deserialize_with = "null_as_default")]
    pub task_inputs: BTreeMap<String, Vec<TaskInput>>,
    /// The id of its state.
    #[serde(default)]
    pub state_id: Option<Uuid>,
    /// The type of its state.
    #[serde(default)]
    pub state_type: Option<StateType>,
    /// The name of its state.
    #[serde(default)]
    pub state_name: Option<String>,
    /// How often it has begun to run.
    #[serde(default)]
    pub run_count: u64,
    /// In which attempt of its flow run it belongs.
    #[serde(default)]
    pub flow_run_run_count: u64,
    /// When it was expected to begin.
    #[serde(default)]
    pub expected_start_time: Option<Timestamp>,
    /// When it is to begin again.
    #[serde(default)]
    pub next_scheduled_start_time: Option<Timestamp>,
    /// When it first began.
    #[serde(default)]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub end_time: Option<Timestamp>,
    /// How many seconds it was running.
    #[serde(default)]
    pub total_run_time: f64,
    /// The same, up to now.
    #[serde(default)]
    pub estimated_run_time: f64,
    /// Its state.
    #[serde(default)]
    pub state: Option<State>,
}
