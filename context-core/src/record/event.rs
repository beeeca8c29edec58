//! Events: borrowed views of what happened to a run.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{ArtifactId, FlowRunId, TaskRunId};
use crate::names::task_run_name;
use crate::parameters::Parameters;
use crate::state::State;
use crate::tags::{TagNode, TagSet, Tags};

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// A flow run entered a state.
    FlowRun(FlowRunEvent<'a>),
    /// A task run entered a state.
    TaskRun(TaskRunEvent<'a>),
    /// A task run read or made an asset.
    Asset(AssetEvent<'a>),
    /// An artifact was created or changed.
    Artifact(ArtifactEvent<'a>),
    /// A program tells an event of its own.
    Custom(CustomEvent<'a>),
    /// More of the runs that are reported as one task run have ended.
    Progress(ProgressEvent<'a>),
}

/// A flow run entered a state.
#[derive(Clone, Copy, Debug)]
pub struct FlowRunEvent<'a> {
    /// The run.
    pub id: FlowRunId,
    /// The run's name.
    pub name: &'a str,
    /// The flow's name.
    pub flow_name: &'a str,
    /// The flow's version.
    pub flow_version: &'a str,
    /// The task run that stands for this run in the flow run that called it.
    pub parent_task_run_id: Option<TaskRunId>,
    /// The run's tags.
    pub tags: RunTags<'a>,
    /// The parameters; empty if nobody wanted them.
    pub parameters: &'a Parameters,
    /// How many attempts have begun.
    pub run_count: u32,
    /// When the run was first `Running`.
    pub start_time: Option<Timestamp>,
    /// When the run ended, if it has ended and was ever `Running`.
    pub end_time: Option<Timestamp>,
    /// How long it was `Running`, all attempts together.
    pub total_run_time: Duration,
    /// The state it entered.
    pub state: &'a State,
}

/// A task run entered a state.
#[derive(Clone, Copy, Debug)]
pub struct TaskRunEvent<'a> {
    /// The run.
    pub id: TaskRunId,
    /// The run's name.
    pub name: RunName<'a>,
    /// The task's name.
    pub task_name: &'a str,
    /// The task's identity across runs: the function's name and a hash of its source.
    pub task_key: (&'a str, &'a str),
    /// The task's version, if it has one.
    pub task_version: Option<&'a str>,
    /// Tells the runs of one task in one flow run apart.
    pub dynamic_key: DynamicKey,
    /// The flow run it belongs to.
    pub flow_run_id: Option<FlowRunId>,
    /// The task run that called it.
    pub parent: Option<TaskRunId>,
    /// The flow run that it stands for.
    pub child_flow_run_id: Option<FlowRunId>,
    /// The run's tags.
    pub tags: RunTags<'a>,
    /// The runs that its arguments came from.
    pub inputs: &'a TaskInputs,
    /// The parameters; empty if nobody wanted them.
    pub parameters: &'a Parameters,
    /// How many attempts have begun.
    pub run_count: u32,
    /// When the run was first `Running`.
    pub start_time: Option<Timestamp>,
    /// When the run ended, if it has ended and was ever `Running`.
    pub end_time: Option<Timestamp>,
    /// How long it was `Running`, all attempts together.
    pub total_run_time: Duration,
    /// Which attempt of its flow run it belongs to; 0 outside a flow run.
    pub flow_run_run_count: u32,
    /// How often it is tried again if it fails.
    pub retries: Retries<'a>,
    /// Where the run's value is kept, if it is: what its record says of itself, in Prefect's form. The record may be
    /// written after this is told.
    pub result: Option<&'a Value>,
    /// The state it entered.
    pub state: &'a State,
}

/// How often a run is tried again if it fails, and after which time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retries<'a> {
    /// How many times.
    pub count: u32,
    /// The wait before each.
    pub delays: RetryDelays<'a>,
    /// By which part of itself a wait may be shorter or longer.
    pub jitter: Option<f64>,
}

impl Retries<'_> {
    /// It is not tried again.
    pub const NONE: Self = Self { count: 0, delays: RetryDelays::None, jitter: None };
}

/// The waits before the attempts after the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryDelays<'a> {
    /// There is no wait.
    #[default]
    None,
    /// One after the other; the last repeats.
    Each(&'a [Duration]),
    /// This one, and twice the former each time.
    Doubling(Duration),
}

/// A dynamic key, put together when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DynamicKey {
    /// Drawn from the run's id.
    Random(TaskRunId),
    /// The n-th call of a subflow in its flow run.
    Counter(u32),
}

impl fmt::Display for DynamicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(id) => id.dynamic_key().fmt(f),
            Self::Counter(count) => count.fmt(f),
        }
    }
}

/// A task run's name, put together when it is read.
#[derive(Clone, Copy, Debug)]
pub enum RunName<'a> {
    /// Made from a template or by a callable.
    Custom(&'a str),
    /// `{task}-{first three characters of the dynamic key}`, inside a flow run.
    Derived(&'a str, TaskRunId),
    /// The task's own name, outside a flow run.
    Plain(&'a str),
    /// `{flow}-{n}`: the run that stands for a subflow.
    Numbered(&'a str, u32),
}

impl fmt::Display for RunName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(name) | Self::Plain(name) => f.write_str(name),
            Self::Derived(task, id) => f.write_str(&task_run_name(task, id.dynamic_key())),
            Self::Numbered(flow, count) => write!(f, "{flow}-{count}"),
        }
    }
}

/// A run's tags, merged when they are read.
#[derive(Clone, Copy, Debug)]
pub struct RunTags<'a> {
    /// The task's own.
    pub own: Option<&'a Tags>,
    /// Those that surround the call.
    pub ambient: Option<&'a Arc<TagNode>>,
}

impl RunTags<'_> {
    /// The merged set.
    pub fn to_set(self) -> TagSet {
        let ambient = self.ambient.map_or(TagSet::EMPTY, |node| node.merged().clone());
        match self.own {
            Some(own) if !own.is_empty() => own.iter().collect::<TagSet>().union(&ambient),
            _ => ambient,
        }
    }
}

/// The runs that a task run's arguments came from.
///
/// A list of input names, each with the task runs found in it: one entry for each parameter that was given as a future,
/// `wait_for`, and `__parents__` for the task run that made the call. Runs that are reported as one stand in it as the
/// one run that recorders know.
#[derive(Clone, Debug, Default)]
pub struct TaskInputs(Vec<TaskInput>);

#[derive(Clone, Debug)]
struct TaskInput {
    name: &'static str,
    runs: Vec<TaskRunId>,
    /// The runs themselves, where others stand for some of them in `runs`; else empty.
    sources: Vec<TaskRunId>,
}

impl TaskInputs {
    /// The name under which ordering-only dependencies stand.
    pub const WAIT_FOR: &'static str = "wait_for";
    /// The name under which the calling task run stands.
    pub const PARENTS: &'static str = "__parents__";

    /// No inputs.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes that input `name` came from `runs`; nothing is noted if there are none.
    pub fn add(&mut self, name: &'static str, runs: Vec<TaskRunId>) {
        if !runs.is_empty() {
            self.0.push(TaskInput { name, runs, sources: Vec::new() });
        }
    }

    /// As `add`, of runs in whose place recorders may know another, which is then there once.
    pub(crate) fn add_reported(
        &mut self,
        name: &'static str,
        runs: impl Iterator<Item = (TaskRunId, Option<TaskRunId>)> + Clone,
    ) {
        if runs.clone().all(|(_, reported_as)| reported_as.is_none()) {
            return self.add(name, runs.map(|(run, _)| run).collect());
        }
        let mut known = HashSet::new();
        let is_new = |(run, reported_as): (_, Option<_>)| match reported_as {
            None => Some(run),
            Some(reported_as) => known.insert(reported_as).then_some(reported_as),
        };
        let sources = runs.clone().map(|(run, _)| run).collect();
        self.0.push(TaskInput { name, runs: runs.filter_map(is_new).collect(), sources });
    }

    /// Name and runs of each input.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[TaskRunId])> {
        self.0.iter().map(|input| (input.name, input.runs.as_slice()))
    }

    /// The runs of input `name`.
    pub fn get(&self, name: &str) -> &[TaskRunId] {
        self.0.iter().find(|input| input.name == name).map_or(&[], |input| &input.runs)
    }

    /// True if no argument came from a run.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The runs themselves that arguments came from, and those that were waited for, whatever recorders know.
    pub(crate) fn sources(&self) -> impl Iterator<Item = TaskRunId> {
        let inputs = self.0.iter().filter(|input| input.name != Self::PARENTS);
        inputs
            .flat_map(|input| if input.sources.is_empty() { &input.runs } else { &input.sources })
            .copied()
    }
}

/// Inputs are equal if they show the same.
impl PartialEq for TaskInputs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for TaskInputs {}

/// How far the runs are that are reported as one task run.
///
/// Told at most four times in a second, and once more when all have ended, right before the task run's last state. Only
/// the last is told to a recorder that does not want every state.
#[derive(Clone, Copy, Debug)]
pub struct ProgressEvent<'a> {
    /// The task run that stands for them.
    pub task_run_id: TaskRunId,
    /// The flow run it belongs to.
    pub flow_run_id: FlowRunId,
    /// The task run's name.
    pub name: RunName<'a>,
    /// How many have ended.
    pub done: usize,
    /// How many of those have not completed, but failed, crashed, were cancelled or never had their inputs.
    pub failed: usize,
    /// How many there are.
    pub total: usize,
}

/// A task run read or made an asset.
#[derive(Clone, Copy, Debug)]
pub struct AssetEvent<'a> {
    /// Prefect's name of the event: [`REFERENCED`](Self::REFERENCED), [`SUCCEEDED`](Self::SUCCEEDED) or
    /// [`FAILED`](Self::FAILED).
    pub event: &'static str,
    /// The asset.
    pub asset: &'a Asset,
    /// The task run.
    pub task_run_id: TaskRunId,
    /// The same, as it was told of when it ended.
    pub task_run: &'a TaskRunEvent<'a>,
    /// The assets that it was made from.
    pub upstream: &'a [Asset],
    /// The tool that made it.
    pub materialized_by: Option<&'a str>,
    /// What the run said about it.
    pub metadata: Option<&'a serde_json::Map<String, Value>>,
}

impl AssetEvent<'_> {
    /// The name of the event about an asset that was read for a materialization.
    pub const REFERENCED: &'static str = "prefect.asset.referenced";
    /// The name of the event about an asset that was made.
    pub const SUCCEEDED: &'static str = "prefect.asset.materialization.succeeded";
    /// The name of the event about an asset that could not be made.
    pub const FAILED: &'static str = "prefect.asset.materialization.failed";
}

/// An artifact was created or changed.
#[derive(Clone, Copy, Debug)]
pub struct ArtifactEvent<'a> {
    /// Prefect's name of the event: [`CREATED`](Self::CREATED) or [`UPDATED`](Self::UPDATED).
    pub event: &'static str,
    /// The artifact.
    pub id: ArtifactId,
    /// The key under which its versions are found. `None` if it has none, or was changed.
    pub key: Option<&'a str>,
    /// How it is shown: `markdown`, `table`, `progress` or `image`. `None` if it was changed.
    pub kind: Option<&'static str>,
    /// What is said about it; `None` if nothing is, or if that has not changed.
    pub description: Option<&'a str>,
    /// What it shows: a text, or the number of a progress.
    pub data: &'a Value,
    /// Who has done it.
    pub origin: &'a Origin,
}

impl ArtifactEvent<'_> {
    /// It was created.
    pub const CREATED: &'static str = "prefect.artifact.created";
    /// It was changed.
    pub const UPDATED: &'static str = "prefect.artifact.updated";
}

/// A program tells an event of its own.
#[derive(Clone, Copy, Debug)]
pub struct CustomEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// Who tells it.
    pub origin: &'a Origin,
}

/// The runs that surround code which tells something. Outside of runs it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The innermost flow run.
    pub flow_run_id: Option<FlowRunId>,
    /// Its name.
    pub flow_run_name: Option<String>,
    /// The name of its flow.
    pub flow_name: Option<String>,
    /// The innermost task run, if it belongs to the flow run.
    pub task_run_id: Option<TaskRunId>,
    /// Its name.
    pub task_run_name: Option<String>,
    /// The tags of both.
    pub tags: TagSet,
}
