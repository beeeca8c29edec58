//! Who tells something: the runs that surround a piece of code, as records name them.

use std::sync::Arc;

use super::{Frame, TaskRunContext};
use crate::record::Origin;

impl Origin {
    /// The runs around the code that runs with `frame`.
    pub(crate) fn of(frame: Option<&Arc<Frame>>) -> Self {
        let Some(frame) = frame else { return Self::default() };
        let mut origin = Self::default();
        if let Some(flow) = frame.flow() {
            origin.flow_run_id = Some(flow.id());
            origin.flow_run_name = Some(flow.name().to_owned());
            origin.flow_name = Some(flow.flow_name());
            origin.tags = flow.tags();
        }
        // A task run that has called the flow run does not belong to it.
        let caller = frame.caller();
        if let Some(task) = TaskRunContext::of_frame(frame).filter(|task| Some(task.id()) == caller)
        {
            origin.task_run_id = Some(task.id());
            origin.task_run_name = Some(task.name());
            origin.tags = origin.tags.union(&task.tags());
        }
        origin
    }
}
