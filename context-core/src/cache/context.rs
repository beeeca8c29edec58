//! What a policy is told about a run.

use serde::de::DeserializeOwned;

use super::{CacheKeyError, CodeSource, KeyInputs};
use crate::id::{FlowRunId, TaskRunId};

/// What a cache key may depend on. Key functions get one.
///
/// To try out a policy, begin with [`KeyContext::new`] and set what it needs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyContext<'a> {
    /// The run of the task. Retries have the same.
    pub task_run_id: TaskRunId,
    /// The run of the flow that calls the task, if one does.
    pub flow_run_id: Option<FlowRunId>,
    /// The name of the task.
    pub task_name: &'a str,
    /// The key of the task, which tells it from tasks of the same name.
    pub task_key: &'a str,
    /// The text that identifies the code, if it is known.
    pub source: Option<&'a CodeSource>,
    /// The arguments of the call, futures resolved.
    pub inputs: &'a KeyInputs,
    /// The parameters of the flow that calls the task, if one does.
    pub flow_parameters: Option<&'a KeyInputs>,
}

impl<'a> KeyContext<'a> {
    /// What is known of a run outside a flow, of a task that has neither name nor source.
    pub const fn new(task_run_id: TaskRunId, inputs: &'a KeyInputs) -> Self {
        Self {
            task_run_id,
            flow_run_id: None,
            task_name: "",
            task_key: "",
            source: None,
            inputs,
            flow_parameters: None,
        }
    }

    /// The argument `name` of the call, read as a `T`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such argument, if it could not be serialized, or if it is
    /// not a `T`.
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> Result<T, CacheKeyError> {
        self.inputs.read(name)
    }

    /// The parameter `name` of the flow, read as a `T`.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter), and outside a flow.
    pub fn flow_parameter<T: DeserializeOwned>(&self, name: &str) -> Result<T, CacheKeyError> {
        self.flow_parameters.map_or_else(
            || {
                let reason = "the task is not called by a flow".to_owned();
                Err(CacheKeyError::Read { parameter: name.to_owned(), reason })
            },
            |parameters| parameters.read(name),
        )
    }
}
