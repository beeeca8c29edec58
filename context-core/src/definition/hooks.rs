//! The hooks of a task or flow, and what its retries depend on.

use super::{FlowDefinition, TaskDefinition};
use crate::hook::Hook;
use crate::record::{FlowRun, TaskRun};
use crate::state::State;

/// What a hook of a task is told: the task, the run, and the state it has entered.
pub type TaskHookArguments = (&'static TaskDefinition, TaskRun, State);

/// What a hook of a flow is told: the flow, the run, and the state it has entered.
pub type FlowHookArguments = (&'static FlowDefinition, FlowRun, State);

/// A function that is told of a state of a task run.
pub type TaskHook = Hook<TaskHookArguments>;

/// A function that is told of a state of a flow run.
pub type FlowHook = Hook<FlowHookArguments>;

/// A function that is told of a failed attempt and says whether there is to be another.
pub type RetryCondition = Hook<TaskHookArguments, bool>;

/// Which hooks are called in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// An attempt begins.
    Running,
    /// The run has completed.
    Completion,
    /// The run has failed, its last attempt included.
    Failure,
    /// The run was cancelled.
    Cancellation,
    /// The run has crashed.
    Crash,
}

/// Hooks by moment.
#[derive(Clone, Debug)]
pub(crate) struct Hooks<H> {
    pub(crate) running: Vec<H>,
    pub(crate) completion: Vec<H>,
    pub(crate) failure: Vec<H>,
    pub(crate) cancellation: Vec<H>,
    pub(crate) crash: Vec<H>,
}

impl<H> Default for Hooks<H> {
    fn default() -> Self {
        Self {
            running: Vec::new(),
            completion: Vec::new(),
            failure: Vec::new(),
            cancellation: Vec::new(),
            crash: Vec::new(),
        }
    }
}

impl<H> Hooks<H> {
    pub(crate) fn of(&self, moment: Moment) -> &[H] {
        match moment {
            Moment::Running => &self.running,
            Moment::Completion => &self.completion,
            Moment::Failure => &self.failure,
            Moment::Cancellation => &self.cancellation,
            Moment::Crash => &self.crash,
        }
    }
}
