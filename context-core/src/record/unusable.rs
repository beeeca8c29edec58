//! What is there where the server that the settings name cannot be used: nothing begins, nothing is given, and says why.

use std::future::ready;

use serde_json::Value;

use super::{
    Answer, ArtifactChange, AskedInput, Cancellation, Decision, Held, NewArtifact, NewFlowRun,
    NewVariable, OrchestrationError, Orchestrator, Origin, Paused, RegisteredFlowRun, Resumed,
    Services, Slots, Variables, WantedSlots,
};
use crate::id::{ArtifactId, FlowRunId};
use crate::state::State;

/// An orchestrator, and services, that cannot be asked.
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

    fn take_tag_slots(&self, _: &Origin, _: &[String]) -> Option<Answer<Held>> {
        None
    }
}

impl Services for Unusable {
    fn create_artifact(&self, _: NewArtifact) -> Answer<ArtifactId> {
        self.answer()
    }

    fn update_artifact(&self, _: ArtifactId, _: ArtifactChange) -> Answer<bool> {
        self.answer()
    }

    fn take_slots(&self, _: WantedSlots) -> Answer<Slots> {
        self.answer()
    }

    fn pause(&self, _: FlowRunId, _: State, _: Option<AskedInput>) -> Answer<Paused> {
        self.answer()
    }

    fn resumed(&self, _: FlowRunId) -> Answer<State> {
        self.answer()
    }

    fn response(&self, _: FlowRunId, _: String) -> Answer<Option<Value>> {
        self.answer()
    }

    fn resume(&self, _: FlowRunId, _: Option<Value>) -> Answer<Resumed> {
        self.answer()
    }
}

impl Variables for Unusable {
    fn read_variable(&self, _: String) -> Answer<Option<Value>> {
        self.answer()
    }

    fn write_variable(&self, _: NewVariable) -> Answer<bool> {
        self.answer()
    }

    fn delete_variable(&self, _: String) -> Answer<bool> {
        self.answer()
    }
}
