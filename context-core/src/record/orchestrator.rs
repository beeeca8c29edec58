//! Orchestrators: who decides which states flow runs enter.
//!
//! Without one, the engine decides by its own rules. With one, it registers every flow run and proposes each state; the
//! orchestrator accepts it, puts another in its place, or has the run wait or stop. Task runs are never proposed: the
//! engine decides about them and tells recorders.
//!
//! Futures given by an orchestrator are awaited by async and by blocking code on any thread. They must not need the
//! runtime that polls them.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::Origin;
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::runner::Cancellation;
use crate::state::State;
use crate::tags::TagSet;

/// What an orchestrator will answer.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, OrchestrationError>> + Send>>;

/// Something that holds as long as it is kept.
pub type Held = Box<dyn Any + Send + Sync>;

/// Who decides which states flow runs enter.
pub trait Orchestrator: Debug + Send + Sync {
    /// Takes note of a flow run that is about to begin, and gives it its identity.
    fn register(&self, run: NewFlowRun) -> Answer<RegisteredFlowRun>;

    /// Gives a registered flow run another name.
    fn rename(&self, id: FlowRunId, name: String) -> Answer<()>;

    /// Decides whether the run enters `state`. A final state must be answered, if need be later told to whom it concerns:
    /// an error means that the run cannot go on. With `force`, the state is entered whatever the rules say.
    fn propose(&self, id: FlowRunId, state: State, force: bool) -> Answer<Decision>;

    /// Watches the run until what it gives is dropped: requests `cancellation` as soon as somebody wants the run to end.
    fn watch(&self, id: FlowRunId, cancellation: Cancellation) -> Held;

    /// Ready once all there is to tell of the run, which has ended, and of the runs that it has called was told, or is kept
    /// to be told later.
    fn finish(&self, id: FlowRunId) -> Answer<()>;

    /// Takes the slots that the task run of `run`, with `tags`, needs before it may run; waits for them. `None` if it is
    /// known that none of the tags has a limit.
    fn take_tag_slots(&self, run: &Origin, tags: &[String]) -> Option<Answer<Held>>;
}

/// A flow run that is about to begin.
#[derive(Clone, Debug)]
pub struct NewFlowRun {
    /// The flow's name.
    pub flow_name: String,
    /// The flow's version.
    pub flow_version: String,
    /// The parameters.
    pub parameters: Parameters,
    /// The run's tags.
    pub tags: TagSet,
    /// How many times a failed attempt is followed by another.
    pub retries: u32,
    /// The wait before each of them.
    pub retry_delay: Duration,
    /// What stands for it in the flow run that called it.
    pub stand_in: Option<NewStandIn>,
}

/// The task run that stands for a subflow in the flow run that called it.
#[derive(Clone, Debug)]
pub struct NewStandIn {
    /// The task run.
    pub id: TaskRunId,
    /// Its name.
    pub name: String,
    /// The flow's identity across runs.
    pub task_key: String,
    /// Tells the calls of one flow apart.
    pub dynamic_key: String,
    /// The flow run that makes the call.
    pub flow_run_id: FlowRunId,
    /// The task run that makes the call.
    pub parent: Option<TaskRunId>,
}

/// A flow run that was registered.
#[derive(Clone, Debug)]
pub struct RegisteredFlowRun {
    /// The run.
    pub id: FlowRunId,
    /// Its name.
    pub name: String,
    /// The task run that stands for it; another one than was asked for, if there was one already.
    pub stand_in: Option<TaskRunId>,
}

/// What becomes of a proposed state.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The run is in it: as it was entered.
    Accept(State),
    /// The run is in this one.
    Reject(State, String),
    /// The same is to be proposed again after this time.
    Wait(Duration),
    /// The run is to stop, and stays in the state that it is in. The reason.
    Abort(String),
}

/// Why an orchestrator gave no answer. The text names the place and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct OrchestrationError {
    problem: String,
}

impl OrchestrationError {
    /// An error with this text.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into() }
    }
}
