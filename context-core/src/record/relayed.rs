//! Events of other processes: the same as [`RunEvent`]s, owned and with a JSON form.
//!
//! A process that makes attempts for another one tells it what happens inside of them; there, it is told to recorders as if
//! it had happened there. What an event borrows from definitions is looked up again: both processes are of one program.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ArtifactEvent, AssetEvent, CustomEvent, DynamicKey, FlowRun, FlowRunEvent, Origin,
    ProgressEvent, Retries, RetryDelays, RunEvent, RunName, RunTags, TaskInputs, TaskRunEvent,
};
use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{ArtifactId, FlowRunId, StateId, TaskRunId};
use crate::parameters::Parameters;
use crate::state::{State, StateDetails, StateType};
use crate::tags::{TagNode, TagSet, Tags};

/// An event that can be sent to another process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RelayedEvent {
    FlowRun(Box<RelayedFlowRun>),
    TaskRun(Box<RelayedTaskRun>),
    Asset {
        event: String,
        asset: Asset,
        task_run_id: TaskRunId,
        task_run: Box<RelayedTaskRun>,
        upstream: Vec<Asset>,
        materialized_by: Option<String>,
        metadata: Option<Map<String, Value>>,
    },
    Artifact {
        updated: bool,
        id: ArtifactId,
        key: Option<String>,
        kind: Option<String>,
        description: Option<String>,
        data: Value,
        origin: Box<Origin>,
    },
    Custom {
        event: Box<Event>,
        origin: Box<Origin>,
    },
    Progress {
        task_run_id: TaskRunId,
        flow_run_id: FlowRunId,
        name: String,
        done: usize,
        failed: usize,
        total: usize,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RelayedState {
    id: StateId,
    r#type: StateType,
    name: String,
    message: Option<String>,
    timestamp: Timestamp,
    details: StateDetails,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RelayedFlowRun {
    run: FlowRun,
    state: RelayedState,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RelayedTaskRun {
    id: TaskRunId,
    name: String,
    task_name: String,
    task_key: (String, String),
    task_version: Option<String>,
    dynamic_key: RelayedKey,
    flow_run_id: Option<FlowRunId>,
    parent: Option<TaskRunId>,
    child_flow_run_id: Option<FlowRunId>,
    tags: TagSet,
    inputs: Vec<(String, Vec<TaskRunId>)>,
    parameters: Parameters,
    run_count: u32,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    total_run_time: Duration,
    flow_run_run_count: u32,
    retries: u32,
    delays: RelayedDelays,
    jitter: Option<f64>,
    result: Option<Value>,
    state: RelayedState,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum RelayedKey {
    Random(TaskRunId),
    Counter(u32),
}

#[derive(Debug, Serialize, Deserialize)]
enum RelayedDelays {
    None,
    Each(Vec<Duration>),
    Doubling(Duration),
}

impl From<&State> for RelayedState {
    fn from(state: &State) -> Self {
        Self {
            id: state.id(),
            r#type: state.state_type(),
            name: state.name().to_owned(),
            message: state.message().map(ToOwned::to_owned),
            timestamp: state.timestamp(),
            details: state.details().clone(),
        }
    }
}

impl RelayedState {
    fn to_state(&self) -> State {
        let state = State::new(self.r#type, self.timestamp).with_id(self.id);
        let state = state.with_name(self.name.clone());
        let state = state.with_details(|details| *details = self.details.clone());
        match &self.message {
            Some(message) => state.with_message(message.clone()),
            None => state,
        }
    }
}

impl From<&FlowRunEvent<'_>> for RelayedFlowRun {
    fn from(event: &FlowRunEvent<'_>) -> Self {
        Self { run: event.into(), state: event.state.into() }
    }
}

impl From<&TaskRunEvent<'_>> for RelayedTaskRun {
    fn from(event: &TaskRunEvent<'_>) -> Self {
        let inputs = event.inputs.iter();
        Self {
            id: event.id,
            name: event.name.to_string(),
            task_name: event.task_name.to_owned(),
            task_key: (event.task_key.0.to_owned(), event.task_key.1.to_owned()),
            task_version: event.task_version.map(ToOwned::to_owned),
            dynamic_key: match event.dynamic_key {
                DynamicKey::Random(id) => RelayedKey::Random(id),
                DynamicKey::Counter(count) => RelayedKey::Counter(count),
            },
            flow_run_id: event.flow_run_id,
            parent: event.parent,
            child_flow_run_id: event.child_flow_run_id,
            tags: event.tags.to_set(),
            inputs: inputs.map(|(name, runs)| (name.to_owned(), runs.to_vec())).collect(),
            parameters: event.parameters.clone(),
            run_count: event.run_count,
            start_time: event.start_time,
            end_time: event.end_time,
            total_run_time: event.total_run_time,
            flow_run_run_count: event.flow_run_run_count,
            retries: event.retries.count,
            delays: match event.retries.delays {
                RetryDelays::None => RelayedDelays::None,
                RetryDelays::Each(delays) => RelayedDelays::Each(delays.to_vec()),
                RetryDelays::Doubling(delay) => RelayedDelays::Doubling(delay),
            },
            jitter: event.retries.jitter,
            result: event.result.cloned(),
            state: event.state.into(),
        }
    }
}

impl From<&RunEvent<'_>> for RelayedEvent {
    fn from(event: &RunEvent<'_>) -> Self {
        match event {
            RunEvent::FlowRun(event) => Self::FlowRun(Box::new(event.into())),
            RunEvent::TaskRun(event) => Self::TaskRun(Box::new(event.into())),
            RunEvent::Asset(event) => Self::Asset {
                event: event.event.to_owned(),
                asset: event.asset.clone(),
                task_run_id: event.task_run_id,
                task_run: Box::new(event.task_run.into()),
                upstream: event.upstream.to_vec(),
                materialized_by: event.materialized_by.map(ToOwned::to_owned),
                metadata: event.metadata.cloned(),
            },
            RunEvent::Artifact(event) => Self::Artifact {
                updated: event.event == ArtifactEvent::UPDATED,
                id: event.id,
                key: event.key.map(ToOwned::to_owned),
                kind: event.kind.map(ToOwned::to_owned),
                description: event.description.map(ToOwned::to_owned),
                data: event.data.clone(),
                origin: Box::new(event.origin.clone()),
            },
            RunEvent::Custom(CustomEvent { event, origin }) => Self::Custom {
                event: Box::new((*event).clone()),
                origin: Box::new((*origin).clone()),
            },
            RunEvent::Progress(event) => Self::Progress {
                task_run_id: event.task_run_id,
                flow_run_id: event.flow_run_id,
                name: event.name.to_string(),
                done: event.done,
                failed: event.failed,
                total: event.total,
            },
        }
    }
}

impl RelayedEvent {
    /// Calls `tell` with the event as recorders are told of it. `parameters` knows those of a task by its key.
    pub(crate) fn tell(
        &self,
        parameters: fn(&str) -> &'static [&'static str],
        tell: impl FnOnce(&RunEvent<'_>),
    ) {
        match self {
            Self::FlowRun(run) => run.tell(|event| tell(&RunEvent::FlowRun(event))),
            Self::TaskRun(run) => run.tell(parameters, |event| tell(&RunEvent::TaskRun(event))),
            Self::Asset {
                event: name,
                asset,
                task_run_id,
                task_run,
                upstream,
                materialized_by,
                metadata,
            } => {
                const NAMES: [&str; 3] = [
                    "prefect.asset.referenced",
                    "prefect.asset.materialization.succeeded",
                    "prefect.asset.materialization.failed",
                ];
                let Some(event) = NAMES.into_iter().find(|known| known == name) else { return };
                task_run.tell(parameters, |task_run| {
                    tell(&RunEvent::Asset(AssetEvent {
                        event,
                        asset,
                        task_run_id: *task_run_id,
                        task_run: &task_run,
                        upstream,
                        materialized_by: materialized_by.as_deref(),
                        metadata: metadata.as_ref(),
                    }));
                });
            }
            Self::Artifact { updated, id, key, kind, description, data, origin } => {
                const KINDS: [&str; 4] = ["markdown", "table", "progress", "image"];
                let event = if *updated { ArtifactEvent::UPDATED } else { ArtifactEvent::CREATED };
                let known = |kind: &String| KINDS.into_iter().find(|known| known == kind);
                tell(&RunEvent::Artifact(ArtifactEvent {
                    event,
                    id: *id,
                    key: key.as_deref(),
                    kind: kind.as_ref().and_then(known),
                    description: description.as_deref(),
                    data,
                    origin,
                }));
            }
            Self::Custom { event, origin } => {
                tell(&RunEvent::Custom(CustomEvent { event, origin }));
            }
            Self::Progress { task_run_id, flow_run_id, name, done, failed, total } => {
                tell(&RunEvent::Progress(ProgressEvent {
                    task_run_id: *task_run_id,
                    flow_run_id: *flow_run_id,
                    name: RunName::Custom(name),
                    done: *done,
                    failed: *failed,
                    total: *total,
                }));
            }
        }
    }
}

impl RelayedFlowRun {
    fn tell(&self, tell: impl FnOnce(FlowRunEvent<'_>)) {
        let Self { run, state } = self;
        let (state, tags) = (state.to_state(), node(&run.tags));
        tell(FlowRunEvent {
            id: run.id,
            name: &run.name,
            flow_name: &run.flow_name,
            flow_version: &run.flow_version,
            parent_task_run_id: run.parent_task_run_id,
            tags: RunTags { own: None, ambient: tags.as_ref() },
            parameters: &run.parameters,
            run_count: run.run_count,
            start_time: run.start_time,
            end_time: run.end_time,
            total_run_time: run.total_run_time,
            state: &state,
        });
    }
}

impl RelayedTaskRun {
    fn tell(
        &self,
        parameters: fn(&str) -> &'static [&'static str],
        tell: impl FnOnce(TaskRunEvent<'_>),
    ) {
        let (state, tags) = (self.state.to_state(), node(&self.tags));
        let mut inputs = TaskInputs::new();
        for (name, runs) in &self.inputs {
            if let Some(name) = self.input_name(name, parameters) {
                inputs.add(name, runs.clone());
            }
        }
        tell(TaskRunEvent {
            id: self.id,
            name: RunName::Custom(&self.name),
            task_name: &self.task_name,
            task_key: (&self.task_key.0, &self.task_key.1),
            task_version: self.task_version.as_deref(),
            dynamic_key: match self.dynamic_key {
                RelayedKey::Random(id) => DynamicKey::Random(id),
                RelayedKey::Counter(count) => DynamicKey::Counter(count),
            },
            flow_run_id: self.flow_run_id,
            parent: self.parent,
            child_flow_run_id: self.child_flow_run_id,
            tags: RunTags { own: None, ambient: tags.as_ref() },
            inputs: &inputs,
            parameters: &self.parameters,
            run_count: self.run_count,
            start_time: self.start_time,
            end_time: self.end_time,
            total_run_time: self.total_run_time,
            flow_run_run_count: self.flow_run_run_count,
            retries: Retries {
                count: self.retries,
                delays: match &self.delays {
                    RelayedDelays::None => RetryDelays::None,
                    RelayedDelays::Each(delays) => RetryDelays::Each(delays),
                    RelayedDelays::Doubling(delay) => RetryDelays::Doubling(*delay),
                },
                jitter: self.jitter,
            },
            result: self.result.as_ref(),
            state: &state,
        });
    }

    /// Inputs are named after the function's parameters, or have a meaning of their own.
    fn input_name(
        &self,
        name: &str,
        parameters: fn(&str) -> &'static [&'static str],
    ) -> Option<&'static str> {
        let (function, hash) = &self.task_key;
        let others = [TaskInputs::WAIT_FOR, TaskInputs::PARENTS];
        let known = parameters(&format!("{function}-{hash}")).iter().copied();
        known.chain(others).find(|known| *known == name)
    }
}

fn node(tags: &TagSet) -> Option<Arc<TagNode>> {
    let tags: Tags = tags.iter().cloned().collect();
    (!tags.is_empty()).then(|| TagNode::push(None, tags))
}

#[cfg(test)]
mod tests;
