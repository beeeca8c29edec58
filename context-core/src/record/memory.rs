//! The recorder that keeps everything, for tests and for looking at a run afterwards.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use super::{
    ArtifactEvent, AssetEvent, CustomEvent, FlowRun, Origin, ProgressEvent, Recorder, RunEvent,
    TaskRun,
};
use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{ArtifactId, FlowRunId, TaskRunId};
use crate::state::State;

/// One event, kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Recorded {
    /// A flow run entered a state.
    FlowRun(FlowRun, State),
    /// A task run entered a state.
    TaskRun(TaskRun, State),
    /// A task run read or made an asset.
    Asset {
        /// Prefect's name of the event.
        event: &'static str,
        /// The asset.
        asset: Asset,
        /// The task run.
        task_run_id: TaskRunId,
        /// The assets that it was made from.
        upstream: Vec<Asset>,
        /// The tool that made it.
        materialized_by: Option<String>,
        /// What the run said about it.
        metadata: Option<Map<String, Value>>,
    },
    /// An artifact was created or changed.
    Artifact {
        /// Prefect's name of the event.
        event: &'static str,
        /// The artifact.
        id: ArtifactId,
        /// The key under which its versions are found.
        key: Option<String>,
        /// How it is shown.
        kind: Option<&'static str>,
        /// What is said about it.
        description: Option<String>,
        /// What it shows.
        data: Value,
        /// Who has done it.
        origin: Origin,
    },
    /// A program told an event of its own.
    Custom {
        /// The event.
        event: Event,
        /// Who told it.
        origin: Origin,
    },
    /// More of the runs that are reported as one task run have ended.
    Progress {
        /// The task run that stands for them.
        task_run_id: TaskRunId,
        /// The flow run it belongs to.
        flow_run_id: FlowRunId,
        /// The task run's name.
        name: String,
        /// How many have ended.
        done: usize,
        /// How many of those have not completed.
        failed: usize,
        /// How many there are.
        total: usize,
    },
}

/// Keeps every event in memory, in the order in which they were recorded.
///
/// # Example
///
/// ```
/// use context_core::record::MemoryRecorder;
///
/// let recorder = MemoryRecorder::new();
/// assert_eq!(recorder.transcript(), "");
/// ```
#[derive(Debug, Default)]
pub struct MemoryRecorder {
    events: Mutex<Vec<Recorded>>,
}

impl MemoryRecorder {
    /// A recorder with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything recorded so far.
    pub fn events(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// The states of the task runs of the task called `task_name`, one list for each run, in the order of their
    /// first states.
    pub fn task_states(&self, task_name: &str) -> Vec<Vec<State>> {
        let mut order = Vec::new();
        let mut states: HashMap<TaskRunId, Vec<State>> = HashMap::new();
        for event in self.lock().iter() {
            if let Recorded::TaskRun(run, state) = event
                && run.task_name == task_name
            {
                states
                    .entry(run.id)
                    .or_insert_with(|| {
                        order.push(run.id);
                        Vec::new()
                    })
                    .push(state.clone());
            }
        }
        order.into_iter().filter_map(|id| states.remove(&id)).collect()
    }

    /// The last record of every task run, in the order of their first states.
    pub fn task_runs(&self) -> Vec<(TaskRun, State)> {
        let mut order = Vec::new();
        let mut last = HashMap::new();
        for event in self.lock().iter() {
            if let Recorded::TaskRun(run, state) = event
                && last.insert(run.id, (run.clone(), state.clone())).is_none()
            {
                order.push(run.id);
            }
        }
        order.into_iter().filter_map(|id| last.remove(&id)).collect()
    }

    /// The last record of every flow run, in the order of their first states.
    pub fn flow_runs(&self) -> Vec<(FlowRun, State)> {
        let mut order = Vec::new();
        let mut last = HashMap::new();
        for event in self.lock().iter() {
            if let Recorded::FlowRun(run, state) = event
                && last.insert(run.id, (run.clone(), state.clone())).is_none()
            {
                order.push(run.id);
            }
        }
        order.into_iter().filter_map(|id| last.remove(&id)).collect()
    }

    /// What happened as text, one line for each run in the order of their first states, indented under the run that
    /// called it. Ids, random names and times are left out, so that two runs of one program give one text.
    ///
    /// Of the progress of runs that are reported as one, there is what was told last: which runs were told of on the way
    /// depends on time.
    ///
    /// ```text
    /// flow crawl: Pending, Running, Completed
    ///   task fetch [io]: Pending, Running, Retrying, Completed
    ///   task parse: Pending, Running, <20000 runs>, Completed
    /// ```
    pub fn transcript(&self) -> String {
        transcript(&self.lock(), None)
    }

    /// As [`transcript`](Self::transcript), with times: a state that a run entered later than its former one, or its
    /// first one later than `start`, comes after the time from `start`, in seconds to the millisecond. Stable under a
    /// manual clock.
    ///
    /// ```text
    /// flow crawl: Pending, Running, +5s Completed
    ///   task fetch [io]: Pending, Running, AwaitingRetry, +5s Retrying, Completed
    /// ```
    pub fn timeline(&self, start: Timestamp) -> String {
        transcript(&self.lock(), Some(start))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for MemoryRecorder {
    fn record(&self, event: &RunEvent<'_>) {
        let recorded = match event {
            RunEvent::FlowRun(event) => Recorded::FlowRun(event.into(), event.state.clone()),
            RunEvent::TaskRun(event) => Recorded::TaskRun(event.into(), event.state.clone()),
            RunEvent::Asset(event) => asset(event),
            RunEvent::Artifact(event) => artifact(event),
            RunEvent::Custom(CustomEvent { event, origin }) => {
                Recorded::Custom { event: (*event).clone(), origin: (*origin).clone() }
            }
            RunEvent::Progress(event) => progress(event),
        };
        self.lock().push(recorded);
    }
}

fn asset(event: &AssetEvent<'_>) -> Recorded {
    Recorded::Asset {
        event: event.event,
        asset: event.asset.clone(),
        task_run_id: event.task_run_id,
        upstream: event.upstream.to_vec(),
        materialized_by: event.materialized_by.map(ToOwned::to_owned),
        metadata: event.metadata.cloned(),
    }
}

fn artifact(event: &ArtifactEvent<'_>) -> Recorded {
    Recorded::Artifact {
        event: event.event,
        id: event.id,
        key: event.key.map(ToOwned::to_owned),
        kind: event.kind,
        description: event.description.map(ToOwned::to_owned),
        data: event.data.clone(),
        origin: event.origin.clone(),
    }
}

fn progress(event: &ProgressEvent<'_>) -> Recorded {
    Recorded::Progress {
        task_run_id: event.task_run_id,
        flow_run_id: event.flow_run_id,
        name: event.name.to_string(),
        done: event.done,
        failed: event.failed,
        total: event.total,
    }
}

/// A run in the transcript: its line, the states it went through, and the runs below it.
struct Line {
    title: String,
    /// When the latest state was entered, in milliseconds.
    at: u128,
    states: Vec<String>,
    /// Which of the states is the progress that was told last.
    progress: Option<usize>,
    children: Vec<usize>,
}

impl Line {
    /// Notes progress, and forgets what was told before.
    fn progress(&mut self, text: String) {
        if let Some(former) = self.progress.take() {
            self.states.remove(former);
        }
        self.progress = Some(self.states.len());
        self.states.push(text);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Id {
    Flow(FlowRunId),
    Task(TaskRunId),
}

/// With times from `start` on, if that is given.
fn transcript(events: &[Recorded], start: Option<Timestamp>) -> String {
    let mut lines: Vec<Line> = Vec::new();
    let mut index: HashMap<Id, usize> = HashMap::new();
    let mut roots = Vec::new();
    for event in events {
        let (id, parent, state) = match event {
            Recorded::FlowRun(run, state) => {
                (Id::Flow(run.id), run.parent_task_run_id.map(Id::Task), state)
            }
            Recorded::TaskRun(run, state) => {
                let parent = run.parent.map(Id::Task).or(run.flow_run_id.map(Id::Flow));
                (Id::Task(run.id), parent, state)
            }
            Recorded::Progress { task_run_id, done, failed, total, .. } => {
                if let Some(&line) = index.get(&Id::Task(*task_run_id)) {
                    lines[line].progress(shown_progress(*done, *failed, *total));
                }
                continue;
            }
            told => {
                if let Some((id, text)) = told_by(told)
                    && let Some(&line) = index.get(&id)
                {
                    lines[line].states.push(text);
                }
                continue;
            }
        };
        let line = *index.entry(id).or_insert_with(|| {
            let line = lines.len();
            let (states, children) = (Vec::new(), Vec::new());
            lines.push(Line { title: title(event), at: 0, states, progress: None, children });
            match parent.filter(|parent| *parent != id) {
                Some(_) => {}
                None => roots.push(line),
            }
            line
        });
        if lines[line].states.is_empty()
            && let Some(parent) = parent
        {
            match index.get(&parent).copied() {
                Some(parent) => lines[parent].children.push(line),
                None => roots.push(line),
            }
        }
        // Not finer: the states of one run are a microsecond apart, at least.
        let at = start.map_or(0, |start| state.timestamp().since(start).as_millis());
        let Line { at: before, states, .. } = &mut lines[line];
        states.push(if at > std::mem::replace(before, at) {
            format!("+{}s {}", at as f64 / 1000.0, shown(state))
        } else {
            shown(state)
        });
    }
    let mut text = String::new();
    let mut stack: Vec<(usize, usize)> = roots.into_iter().rev().map(|line| (line, 0)).collect();
    while let Some((line, depth)) = stack.pop() {
        let Line { title, states, children, .. } = &lines[line];
        let states = states.join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:indent$}{title}: {states}", "", indent = depth * 2);
        stack.extend(children.iter().rev().map(|child| (*child, depth + 1)));
    }
    text
}

/// What is no state: by which run it was told, and what is shown of it.
fn told_by(told: &Recorded) -> Option<(Id, String)> {
    let by = |origin: &Origin| {
        origin.task_run_id.map(Id::Task).or_else(|| origin.flow_run_id.map(Id::Flow))
    };
    Some(match told {
        Recorded::FlowRun(..) | Recorded::TaskRun(..) | Recorded::Progress { .. } => return None,
        Recorded::Asset { event, asset, task_run_id, .. } => {
            (Id::Task(*task_run_id), format!("<{event} {}>", asset.key()))
        }
        Recorded::Artifact { event, key, kind, data, origin, .. } => {
            let what = key.as_deref().or(*kind).map_or_else(|| data.to_string(), ToOwned::to_owned);
            (by(origin)?, format!("<{event} {what}>"))
        }
        Recorded::Custom { event, origin } => {
            (by(origin)?, format!("<{} {}>", event.name(), event.resource().id()))
        }
    })
}

fn title(event: &Recorded) -> String {
    let (kind, name, tags) = match event {
        Recorded::FlowRun(run, _) => ("flow", &run.flow_name, &run.tags),
        Recorded::TaskRun(run, _) if run.child_flow_run_id.is_some() => {
            ("subflow", &run.name, &run.tags)
        }
        Recorded::TaskRun(run, _) => ("task", &run.task_name, &run.tags),
        Recorded::Asset { .. }
        | Recorded::Artifact { .. }
        | Recorded::Custom { .. }
        | Recorded::Progress { .. } => {
            unreachable!("only states open a line")
        }
    };
    if tags.is_empty() { format!("{kind} {name}") } else { format!("{kind} {name} [{tags}]") }
}

/// `<12 of 20 runs, 3 failed>`, `<20 runs>`.
fn shown_progress(done: usize, failed: usize, total: usize) -> String {
    let of = if done < total { format!("{done} of ") } else { String::new() };
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let runs = if total == 1 { "run" } else { "runs" };
    format!("<{of}{total} {runs}{failed}>")
}

fn shown(state: &State) -> String {
    match state.message() {
        Some(message) => format!("{}({message})", state.name()),
        None => state.name().to_owned(),
    }
}
