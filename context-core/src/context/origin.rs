//! Who tells something: the runs that surround a piece of code, as records name them.

use std::sync::Arc;

use super::{Frame, TaskRunContext};
use crate::record::{Origin, RunName};

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
        let caller = frame.caller().map(|live| (live.id, live.reported_run().map(|run| run.id())));
        if let Some((id, reported)) = caller
            && let Some(task) = TaskRunContext::of_frame(frame).filter(|task| task.id() == id)
        {
            // As recorders know it.
            origin.task_run_id = Some(reported.unwrap_or(id));
            origin.task_run_name = Some(match reported {
                Some(id) => RunName::Derived(task.task_name(), id).to_string(),
                None => task.name(),
            });
            origin.tags = origin.tags.union(&task.tags());
        }
        origin
    }
}
