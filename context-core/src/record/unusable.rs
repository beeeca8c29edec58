//! What decides about flow runs where the server that the settings name cannot be used: nothing begins, and says why.

use std::future::ready;

use super::{
    Answer, Cancellation, Decision, Held, NewFlowRun, OrchestrationError, Orchestrator,
    RegisteredFlowRun,
};
use crate::id::{FlowRunId, TaskRunId};
use crate::state::State;

/// An orchestrator that cannot be asked.
#[derive(Debug)]
pub(super) struct Unusable(OrchestrationError);

impl Unusable {
    pub(super) fn new(problem: impl ToString) -> Self {
        Self(OrchestrationError::new(problem.to_string()))
    }

    fn answer<T: Send + 'static>(&self) -> Answer<T> {
        Box::pin(ready(Err(self.0.clone())))
    }
}

impl Orchestrator for Unusable {
    fn register(&self, _: NewFlowRun) -> Answer<RegisteredFlowRun> {
        self.answer()
    }

    fn rename(&self, _: FlowRunId, _: String) -> Answer<()> {
        self.answer()
    }

    fn propose(&self, _: FlowRunId, _: State, _: bool) -> Answer<Decision> {
        self.answer()
    }

    fn watch(&self, _: FlowRunId, _: Cancellation) -> Held {
        Box::new(())
    }

    fn finish(&self, _: FlowRunId) -> Answer<()> {
        Box::pin(ready(Ok(())))
    }

    fn take_tag_slots(&self, _: TaskRunId, _: &[String]) -> Option<Answer<Held>> {
        None
    }
}
