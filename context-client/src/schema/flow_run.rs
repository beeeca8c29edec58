//! Flow runs, their policies and inputs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{JsonObject, State, StateCreate, StateType, null_as_default};

/// How often a flow run is retried, and how it is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowRunPolicy {
    /// How often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Seconds before each retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<u64>,
    /// The pauses that were made already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_keys: Option<Vec<String>>,
    /// Whether the run is being resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resuming: Option<bool>,
    /// Where a retry happens: `in_process` or `reschedule`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_type: Option<String>,
}

/// A flow run to create.
///
/// # Examples
///
/// ```
/// use context_client::schema::{FlowRunCreate, StateCreate, StateType};
/// use uuid::Uuid;
///
/// let run = FlowRunCreate {
///     tags: vec!["nightly".to_owned()],
///     state: Some(StateCreate::new(StateType::Pending)),
///     ..FlowRunCreate::new(Uuid::nil())
/// };
/// assert_eq!(
///     serde_json::to_string(&run)?,
///     r#"{"flow_id":"00000000-0000-0000-0000-000000000000","tags":["nightly"],"state":{"type":"PENDING"}}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FlowRunCreate {
    /// The flow.
    pub flow_id: Uuid,
    /// Its name. The server chooses one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_version: Option<String>,
    /// What the flow is called with. 512 KiB of JSON at most.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub parameters: JsonObject,
    /// Anything more that is to be known of the run.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub context: JsonObject,
    /// The task run that stands for it in the flow run that called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_task_run_id: Option<Uuid>,
    /// Retries and pauses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empirical_policy: Option<FlowRunPolicy>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub labels: JsonObject,
    /// A second run of the flow with the same key is not created; the first is the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// In which work pool it is to be executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_pool_name: Option<String>,
    /// In which of its queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue_name: Option<String>,
    /// What a worker starts it with.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub job_variables: JsonObject,
    /// The deployment it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<Uuid>,
    /// Its first state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateCreate>,
}

impl FlowRunCreate {
    /// A run of the flow `flow_id`, and nothing else.
    pub fn new(flow_id: Uuid) -> Self {
        Self { flow_id, ..Self::default() }
    }
}

/// A flow run of a deployment to create. Without a state it is scheduled for now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeploymentFlowRunCreate {
    /// Its name. The server chooses one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What differs from the deployment's parameters.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub parameters: JsonObject,
    /// Whether the parameters are checked against the deployment's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_parameter_schema: Option<bool>,
    /// Anything more that is to be known of the run.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub context: JsonObject,
    /// Retries and pauses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empirical_policy: Option<FlowRunPolicy>,
    /// Its tags, besides the deployment's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub labels: JsonObject,
    /// A second run with the same key is not created; the first is the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The task run that stands for it in the flow run that called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_task_run_id: Option<Uuid>,
    /// In which queue, if not in the deployment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue_name: Option<String>,
    /// What differs from the deployment's job variables.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub job_variables: JsonObject,
    /// Its first state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateCreate>,
}

/// What is to be changed of a flow run. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FlowRunUpdate {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_version: Option<String>,
    /// What the flow is called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<JsonObject>,
    /// Retries and pauses, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empirical_policy: Option<FlowRunPolicy>,
    /// All its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The process it runs in, as its worker calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrastructure_pid: Option<String>,
    /// What a worker starts it with. Only for a run of a deployment that has not been started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_variables: Option<JsonObject>,
}

/// Who or what has made something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct CreatedBy {
    /// Its id.
    pub id: Option<Uuid>,
    /// What it is, such as `DEPLOYMENT`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its name.
    pub display_value: Option<String>,
}

/// A flow run, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct FlowRun {
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
    /// The flow.
    pub flow_id: Uuid,
    /// The deployment it belongs to.
    #[serde(default)]
    pub deployment_id: Option<Uuid>,
    /// The version of that deployment.
    #[serde(default)]
    pub deployment_version: Option<String>,
    /// The queue it waits in, or waited in.
    #[serde(default)]
    pub work_queue_id: Option<Uuid>,
    /// That queue's name.
    #[serde(default)]
    pub work_queue_name: Option<String>,
    /// The work pool of that queue.
    #[serde(default)]
    pub work_pool_id: Option<Uuid>,
    /// That pool's name.
    #[serde(default)]
    pub work_pool_name: Option<String>,
    /// The version of the flow.
    #[serde(default)]
    pub flow_version: Option<String>,
    /// What the flow is called with.
    #[serde(default, deserialize_with = "null_as_default")]
    pub parameters: JsonObject,
    /// The key it was created with.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Anything more that is known of the run.
    #[serde(default, deserialize_with = "null_as_default")]
    pub context: JsonObject,
    /// Retries and pauses.
    #[serde(default, deserialize_with = "null_as_default")]
    pub empirical_policy: FlowRunPolicy,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: JsonObject,
    /// The task run that stands for it in the flow run that called it.
    #[serde(default)]
    pub parent_task_run_id: Option<Uuid>,
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
    /// When it was expected to begin.
    #[serde(default)]
    pub expected_start_time: Option<Timestamp>,
    /// When it is to begin, or to begin again.
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
    /// Whether a schedule has created it.
    #[serde(default)]
    pub auto_scheduled: bool,
    /// The process it runs in.
    #[serde(default)]
    pub infrastructure_pid: Option<String>,
    /// Who has created it.
    #[serde(default)]
    pub created_by: Option<CreatedBy>,
    /// Its state.
    #[serde(default)]
    pub state: Option<State>,
    /// What a worker starts it with.
    #[serde(default, deserialize_with = "null_as_default")]
    pub job_variables: JsonObject,
}

/// A text that is kept for a flow run under a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FlowRunInput {
    /// Its id.
    pub id: Uuid,
    /// When it was sent.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// The flow run.
    pub flow_run_id: Uuid,
    /// Its key.
    pub key: String,
    /// The text, mostly JSON.
    pub value: String,
    /// Who has sent it.
    #[serde(default)]
    pub sender: Option<String>,
}
