//! What goes over the wire, with the server's names.
//!
//! `…Create` and `…Update` are bodies of requests: the server refuses fields that it does not know, so what is `None`
//! or empty is left out. The others are answers: fields that are not known here are ignored, and values of an
//! enumeration that are not known here are kept as text, so that a newer server can still be read. Answers cannot be
//! built field by field from outside, because a later version may add some; in tests, deserialize them.
//!
//! Ids are [`Uuid`](uuid::Uuid)s, times are [`Timestamp`](jiff::Timestamp)s of which the server keeps the
//! microseconds, and durations are seconds. The module knows nothing of how any of it is sent.

use serde_json::{Map, Value};

mod artifact;
mod automation;
mod concurrency;
mod deployment;
mod event;
mod filter;
mod flow;
mod flow_run;
mod graph;
mod log;
mod open_enum;
mod query;
mod schedule;
mod state;
mod task_run;
mod variable;
mod work_pool;

pub use artifact::{Artifact, ArtifactCreate, ArtifactUpdate};
pub use automation::{Automation, AutomationCreate};
pub use concurrency::{
    ConcurrencyLease, ConcurrencyLimit, ConcurrencyMode, GlobalConcurrencyLimit,
    GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate, HolderType, LeaseHolder,
    LimitSlots,
};
pub use deployment::{
    CollisionStrategy, ConcurrencyOptions, Deployment, DeploymentCreate, DeploymentStatus,
    DeploymentUpdate, VersionInfo,
};
pub use event::{Event, EventPage, Resource};
pub use filter::{
    ArtifactFilter, AutomationFilter, DeploymentFilter, EventFilter, FlowFilter, FlowRunFilter,
    LogFilter, TaskRunFilter, VariableFilter, WorkPoolFilter, WorkQueueFilter,
};
pub use flow::{Flow, FlowCreate};
pub use flow_run::{
    CreatedBy, DeploymentFlowRunCreate, FlowRun, FlowRunCreate, FlowRunInput, FlowRunPolicy,
    FlowRunUpdate,
};
pub use graph::{Graph, GraphArtifact, GraphEdge, GraphNode, GraphState, NodeKind};
pub use log::{Log, LogCreate};
pub use query::{Query, Sort};
pub use schedule::{DeploymentSchedule, DeploymentScheduleCreate, Schedule};
pub use state::{
    OrchestrationDetails, OrchestrationResult, OrchestrationStatus, State, StateCreate,
    StateDetails, StateType,
};
pub use task_run::{RetryDelay, TaskInput, TaskRun, TaskRunCreate, TaskRunPolicy};
pub use variable::{Variable, VariableCreate, VariableUpdate};
pub use work_pool::{
    WorkPool, WorkPoolCreate, WorkPoolStatus, WorkPoolUpdate, WorkQueue, WorkQueueStatus,
    WorkerFlowRun,
};

/// A JSON object.
pub type JsonObject = Map<String, Value>;

/// An omitted or null member, as the type's default.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + serde::Deserialize<'de>,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
