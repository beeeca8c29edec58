//! Services: what a server keeps, and gives, for all who talk to it.
//!
//! Code of runs asks for them through the ambient client: artifacts, variables, slots of limits, pauses. Where no server is
//! named there are none, and what asks has to help itself. Answers are awaited as those of an
//! [`Orchestrator`](super::Orchestrator): on any thread, and by async and blocking code.

#![cfg_attr(not(feature = "server"), allow(dead_code, reason = "a server reads and gives it"))]

use std::fmt::Debug;

use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Held};
use crate::event::{Event, Resource};
use crate::id::{ArtifactId, FlowRunId, TaskRunId};
use crate::state::State;

/// All services of a server.
pub(crate) trait Services: Variables {
    /// Keeps a new artifact.
    fn create_artifact(&self, artifact: NewArtifact) -> Answer<ArtifactId>;

    /// Changes an artifact. False if there is none.
    fn update_artifact(&self, id: ArtifactId, change: ArtifactChange) -> Answer<bool>;

    /// Takes slots of those limits that there are; waits for them. Who does not want them any more drops the answer: then
    /// none are taken, or they are given back.
    fn take_slots(&self, wanted: WantedSlots) -> Answer<Slots>;

    /// Brings a flow run into the `Paused` state `state`, if it may be paused now.
    fn pause(&self, id: FlowRunId, state: State, input: Option<AskedInput>) -> Answer<Paused>;

    /// Ready once a paused run is in another state: gives that.
    fn resumed(&self, id: FlowRunId) -> Answer<State>;

    /// The input with which the pause with this key was resumed, if there was any.
    fn response(&self, id: FlowRunId, pause_key: String) -> Answer<Option<Value>>;

    /// Has a paused run go on.
    fn resume(&self, id: FlowRunId, input: Option<Value>) -> Answer<Resumed>;
}

/// Values that programs share.
pub(crate) trait Variables: Debug + Send + Sync {
    /// The value of a variable, if there is one.
    fn read_variable(&self, name: String) -> Answer<Option<Value>>;

    /// Makes a variable, or changes it. False if there is one and it is not to be overwritten.
    fn write_variable(&self, variable: NewVariable) -> Answer<bool>;

    /// Removes a variable. False if there is none.
    fn delete_variable(&self, name: String) -> Answer<bool>;
}

/// An artifact that is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct NewArtifact {
    pub(crate) key: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) description: Option<String>,
    pub(crate) data: Value,
    pub(crate) flow_run_id: Option<FlowRunId>,
    pub(crate) task_run_id: Option<TaskRunId>,
}

/// What becomes of an artifact.
#[derive(Clone, Debug)]
pub(crate) struct ArtifactChange {
    pub(crate) data: Value,
    /// As before, if there is none.
    pub(crate) description: Option<String>,
}

/// A variable that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewVariable {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) tags: Vec<String>,
    pub(crate) overwrite: bool,
}

/// Slots that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct WantedSlots {
    pub(crate) names: Vec<String>,
    pub(crate) slots: u32,
    /// True if they come back by themselves, and are not given back.
    pub(crate) spend: bool,
    /// True if none are to be taken unless all of the limits are there.
    pub(crate) all: bool,
}

/// What comes of wanting slots.
#[derive(Debug)]
pub(crate) enum Slots {
    /// They are taken: of these limits, until what is held is dropped.
    Taken(Vec<Limit>, Option<Held>),
    /// None are taken: there is no limit of this name.
    Unknown(String),
    /// A limit has not as many.
    TooMany { name: String, limit: u32 },
    /// Slots of a limit do not come back by themselves.
    NoDecay(String),
}

/// A limit on a server.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) limit: u64,
}

impl Limit {
    /// The event that tells that slots of this limit were `acquired` or `released`, together with those of `all`.
    pub(crate) fn event(&self, what: &str, slots: u32, all: &[Self]) -> Event {
        let id = |limit: &Self| format!("prefect.concurrency-limit.{}", limit.id);
        let resource = Resource::new(id(self))
            .with_name(&self.name)
            .with("slots-acquired", slots.to_string())
            .with("limit", self.limit.to_string());
        let event = Event::new(format!("prefect.concurrency-limit.{what}"), resource);
        let others = all.iter().filter(|other| other.id != self.id);
        others.fold(event, |event, other| event.with_related("concurrency-limit", id(other)))
    }
}

/// What a pause asks for.
#[derive(Clone, Debug)]
pub(crate) struct AskedInput {
    /// The JSON schema of what is asked for.
    pub(crate) schema: Value,
    /// What is said to whoever is asked.
    pub(crate) description: Option<String>,
}

/// What comes of a wish to pause.
#[derive(Clone, Debug)]
pub(crate) enum Paused {
    /// The run is paused: the state as it was entered.
    Now(State),
    /// This pause has been before, and the run goes on.
    Before,
    /// The run cannot be paused. Why.
    Refused(String),
}

/// What comes of a wish to resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// The run goes on.
    Now,
    /// There is no such run.
    Unknown,
    /// The run is in this state, and not paused.
    NotPaused(String),
    /// It is too late.
    TimedOut,
    /// The input does not fit, or else. Why.
    Refused(String),
}
