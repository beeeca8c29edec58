//! Runs as records: what is known of a run at one moment, owned.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::DynamicKey;
use super::{FlowRunEvent, TaskInputs, TaskRunEvent};
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::tags::TagSet;

/// A flow run as it was when it entered a state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowRun {
    /// The run.
    pub id: FlowRunId,
    /// The run's name.
    pub name: String,
    /// The flow's name.
    pub flow_name: String,
    /// The flow's version.
    pub flow_version: String,
    /// The task run that stands for this run in the flow run that called it.
    pub parent_task_run_id: Option<TaskRunId>,
    /// The run's tags.
    pub tags: TagSet,
    /// The parameters.
    pub parameters: Parameters,
    /// How many attempts have begun.
    pub run_count: u32,
    /// When the run was first `Running`.
    pub start_time: Option<Timestamp>,
    /// When the run ended, if it has ended and was ever `Running`.
    pub end_time: Option<Timestamp>,
    /// How long it was `Running`, all attempts together.
    pub total_run_time: Duration,
}

/// A task run as it was when it entered a state.
#[derive(Clone, Debug)]
pub struct TaskRun {
    /// The run.
    pub id: TaskRunId,
    /// The run's name.
    pub name: String,
    /// The task's name.
    pub task_name: String,
    /// The task's identity across runs.
    pub task_key: String,
    /// The task's version, if it has one.
    pub task_version: Option<String>,
    /// Tells the runs of one task in one flow run apart.
    pub dynamic_key: String,
    /// The flow run it belongs to.
    pub flow_run_id: Option<FlowRunId>,
    /// The task run that called it.
    pub parent: Option<TaskRunId>,
    /// The flow run that it stands for.
    pub child_flow_run_id: Option<FlowRunId>,
    /// The run's tags.
    pub tags: TagSet,
    /// The runs that its arguments came from.
    pub inputs: TaskInputs,
    /// The parameters.
    pub parameters: Parameters,
    /// How many attempts have begun.
    pub run_count: u32,
    /// When the run was first `Running`.
    pub start_time: Option<Timestamp>,
    /// When the run ended, if it has ended and was ever `Running`.
    pub end_time: Option<Timestamp>,
    /// How long it was `Running`, all attempts together.
    pub total_run_time: Duration,
    /// Which attempt of its flow run it belongs to; 0 outside a flow run.
    pub flow_run_run_count: u32,
}

impl From<&FlowRunEvent<'_>> for FlowRun {
    fn from(event: &FlowRunEvent<'_>) -> Self {
        Self {
            id: event.id,
            name: event.name.to_owned(),
            flow_name: event.flow_name.to_owned(),
            flow_version: event.flow_version.to_owned(),
            parent_task_run_id: event.parent_task_run_id,
            tags: event.tags.to_set(),
            parameters: event.parameters.clone(),
            run_count: event.run_count,
            start_time: event.start_time,
            end_time: event.end_time,
            total_run_time: event.total_run_time,
        }
    }
}

impl From<&TaskRunEvent<'_>> for TaskRun {
    fn from(event: &TaskRunEvent<'_>) -> Self {
        let (function, hash) = event.task_key;
        Self {
            id: event.id,
            name: event.name.to_string(),
            task_name: event.task_name.to_owned(),
            task_key: format!("{function}-{hash}"),
            task_version: event.task_version.map(ToOwned::to_owned),
            dynamic_key: match (event.dynamic_key, event.flow_run_id) {
                // Outside a flow run the key alone has to tell tasks apart, too.
                (DynamicKey::Random(id), None) => {
                    format!("{function}-{hash}-{}", id.dynamic_key().as_simple())
                }
                (key, _) => key.to_string(),
            },
            flow_run_id: event.flow_run_id,
            parent: event.parent,
            child_flow_run_id: event.child_flow_run_id,
            tags: event.tags.to_set(),
            inputs: {
                let mut inputs = event.inputs.clone();
                inputs.add(TaskInputs::PARENTS, event.parent.into_iter().collect());
                inputs
            },
            parameters: event.parameters.clone(),
            run_count: event.run_count,
            start_time: event.start_time,
            end_time: event.end_time,
            total_run_time: event.total_run_time,
            flow_run_run_count: event.flow_run_run_count,
        }
    }
}
