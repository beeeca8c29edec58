//! The runs whose end the current code must not wait for, because they wait for it.

use crate::context::{ContextModel, TaskRunContext};
use crate::id::TaskRunId;
use crate::state::{RunError, RunErrorKind};

/// The task run that surrounds the code, and the one that has called it.
pub(in crate::engine) struct Own([Option<TaskRunId>; 2]);

impl Own {
    /// Those of the current code.
    pub(in crate::engine) fn here() -> Self {
        let task = TaskRunContext::get();
        Self(match &task {
            Some(task) => [Some(task.id()), task.parent_task_run_id()],
            None => [None, None],
        })
    }

    /// True if `id` is one of them.
    pub(in crate::engine) fn contains(&self, id: TaskRunId) -> bool {
        self.0.contains(&Some(id))
    }

    /// An error if `id` is one of them.
    pub(in crate::engine) fn check(&self, id: TaskRunId) -> Result<(), RunError> {
        if self.contains(id) {
            return Err(RunErrorKind::SelfDependency { task_run_id: id }.into());
        }
        Ok(())
    }
}
