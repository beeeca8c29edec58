//! Lineage: which task runs of this process have made which assets, and of what.
//!
//! Whenever a task run inside a flow run ends that makes assets or got some, that is noted here, whoever records states.
//! [`lineage`] gives what is known of a flow run, while it runs and afterwards, as a [`LineageGraph`], which can be drawn
//! or handed to others.
//!
//! What is kept is bounded: at most [`MOST_KEPT`] task runs altogether, so that the flow runs whose first assets are the
//! oldest are forgotten first, and at most [`MOST_OF_A_FLOW_RUN`] of one flow run. A graph says whether it
//! [is complete](LineageGraph::is_complete). Nothing is kept beyond the process; a server has the events.
//!
//! This module does not know how runs come to have assets.

mod draw;
mod kept;
mod open_lineage;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde_json::{Map, Value};

use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::state::{State, StateType};

pub(crate) use kept::{FlowOfRun, note};
pub use kept::{MOST_KEPT, MOST_OF_A_FLOW_RUN};

/// The lineage that is known of a flow run and the flow runs inside it; empty if there is none, or if it is forgotten.
///
/// # Examples
///
/// ```
/// use context_core::id::FlowRunId;
/// use context_core::lineage::lineage;
/// use context_core::clock::Timestamp;
///
/// let unknown = FlowRunId::generate(Timestamp::now());
/// assert!(lineage(unknown).is_empty());
/// ```
pub fn lineage(flow_run_id: FlowRunId) -> LineageGraph {
    kept::of(flow_run_id)
}

/// How a task run has ended, as to the assets that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineageOutcome {
    /// It has made them.
    Succeeded,
    /// It took its result from a cache: they are as they were made before.
    Cached,
    /// It failed.
    Failed,
    /// It crashed.
    Crashed,
    /// It was cancelled.
    Cancelled,
    /// It ended in another state, which says nothing of them.
    Unknown,
}

impl LineageOutcome {
    /// What a final state says.
    pub fn of(state: &State) -> Self {
        match state.state_type() {
            StateType::Completed if state.name() == "Cached" => Self::Cached,
            StateType::Completed => Self::Succeeded,
            StateType::Failed => Self::Failed,
            StateType::Crashed => Self::Crashed,
            StateType::Cancelled | StateType::Cancelling => Self::Cancelled,
            StateType::Pending | StateType::Paused | StateType::Scheduled | StateType::Running => {
                Self::Unknown
            }
        }
    }

    /// The word for it: `succeeded`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for LineageOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A task run that has made or read assets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LineageRun {
    /// The task run; the one that is reported, if it stands for several.
    pub task_run_id: TaskRunId,
    /// The flow run it belongs to.
    pub flow_run_id: FlowRunId,
    /// Its name.
    pub name: String,
    /// The task's name.
    pub task_name: String,
    /// The flow's name.
    pub flow_name: String,
    /// The flow run's name.
    pub flow_run_name: String,
    /// How it has ended.
    pub outcome: LineageOutcome,
    /// When it began.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Timestamp,
    /// The tool that makes the assets.
    pub materialized_by: Option<String>,
    /// The assets that it has read: those its arguments were made of, then those it is declared to read.
    pub reads: Vec<Asset>,
    /// The assets that it makes; whether it has is said by its outcome.
    pub makes: Vec<Asset>,
    /// What it said about the assets it makes, by key.
    pub metadata: BTreeMap<String, Map<String, Value>>,
}

/// An arrow of a [`LineageGraph`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum LineageEdge<'a> {
    /// A run has read an asset.
    Read {
        /// The asset.
        asset: &'a Asset,
        /// The run.
        run: &'a LineageRun,
    },
    /// A run makes an asset; see its outcome.
    Made {
        /// The run.
        run: &'a LineageRun,
        /// The asset.
        asset: &'a Asset,
    },
}

/// Assets, and the task runs that have made and read them.
///
/// # Examples
///
/// ```
/// use context_core::lineage::LineageGraph;
///
/// let graph = LineageGraph::new([]);
/// assert_eq!(graph.to_mermaid(), "flowchart LR\n");
/// assert!(graph.to_open_lineage().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct LineageGraph {
    runs: Vec<LineageRun>,
    /// One for each key, in the order in which they came up; the last definition of each.
    assets: Vec<Asset>,
    places: HashMap<Asset, usize>,
    namespace: Cow<'static, str>,
    complete: bool,
}

impl LineageGraph {
    /// The graph of these runs.
    pub fn new(runs: impl IntoIterator<Item = LineageRun>) -> Self {
        let mut graph = Self {
            runs: runs.into_iter().collect(),
            assets: Vec::new(),
            places: HashMap::new(),
            namespace: Cow::Borrowed("default"),
            complete: true,
        };
        for asset in graph.runs.iter().flat_map(|run| run.reads.iter().chain(&run.makes)) {
            match graph.places.get(asset) {
                // A definition that says more than the key is worth more than a mere reference.
                Some(&place) => {
                    if asset.properties().is_some() {
                        graph.assets[place] = asset.clone();
                    }
                }
                None => {
                    graph.places.insert(asset.clone(), graph.assets.len());
                    graph.assets.push(asset.clone());
                }
            }
        }
        graph
    }

    /// The same graph under another namespace of jobs for [`to_open_lineage`](Self::to_open_lineage); default: `default`.
    #[must_use]
    pub fn in_namespace(self, namespace: impl Into<Cow<'static, str>>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// True if there are neither assets nor runs.
    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// False if runs are missing because there were more than are kept.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The assets, one for each key, in the order in which they came up.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The task runs that have made or read assets, in the order in which they have ended.
    pub fn runs(&self) -> &[LineageRun] {
        &self.runs
    }

    /// All arrows, run by run: first from what it has read, then to what it makes.
    pub fn edges(&self) -> impl Iterator<Item = LineageEdge<'_>> {
        self.runs.iter().flat_map(|run| {
            let read = run.reads.iter().map(move |asset| LineageEdge::Read { asset, run });
            let made = run.makes.iter().map(move |asset| LineageEdge::Made { run, asset });
            read.chain(made)
        })
    }

    /// The runs that make the asset `key`.
    pub fn made_by<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a LineageRun> {
        self.runs.iter().filter(move |run| run.makes.iter().any(|asset| asset.key() == key))
    }

    /// The keys of the assets that the asset `key` is made of, directly.
    pub fn upstream_of(&self, key: &str) -> BTreeSet<&str> {
        let makes = |run: &&LineageRun| run.makes.iter().any(|asset| asset.key() == key);
        self.runs.iter().filter(makes).flat_map(|run| &run.reads).map(Asset::key).collect()
    }

    /// The keys of all assets that the asset `key` is made of, directly or not.
    pub fn ancestors_of(&self, key: &str) -> BTreeSet<&str> {
        let mut found = self.upstream_of(key);
        let mut left: Vec<&str> = found.iter().copied().collect();
        while let Some(next) = left.pop() {
            for upstream in self.upstream_of(next) {
                if found.insert(upstream) {
                    left.push(upstream);
                }
            }
        }
        found
    }

    /// The graph as text of Mermaid, a flow chart from left to right: assets as cylinders, runs as boxes inside a frame
    /// for each flow run. An arrow to an asset that was not made is dotted and says why.
    pub fn to_mermaid(&self) -> String {
        draw::mermaid(self)
    }

    /// The graph as text of DOT, for Graphviz; drawn like [`to_mermaid`](Self::to_mermaid).
    pub fn to_dot(&self) -> String {
        draw::dot(self)
    }

    /// Events of [OpenLineage](https://openlineage.io) 2-0-2, one `RunEvent` for each task run that makes assets and has
    /// ended one way or the other: `COMPLETE`, `FAIL`, or `ABORT`. A run whose result came from a cache has made nothing
    /// and gives none.
    ///
    /// A key is split into a dataset's namespace and name behind its authority: `s3://lake` and `day/rows`. The job is
    /// `<flow>.<task>` in the [namespace](Self::in_namespace), its parent the flow run. Names, descriptions and owners of
    /// assets are facets; so is metadata, as `context_metadata`.
    pub fn to_open_lineage(&self) -> Vec<Value> {
        open_lineage::events(self)
    }

    /// Where an asset of the graph is among its assets.
    fn place(&self, asset: &Asset) -> usize {
        self.places.get(asset).copied().unwrap_or_default()
    }

    /// The flow runs, in the order in which they come up, with the places of their runs.
    fn flow_runs(&self) -> Vec<(&LineageRun, Vec<usize>)> {
        let mut order: Vec<(&LineageRun, Vec<usize>)> = Vec::new();
        let mut places = HashMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            let place = *places.entry(run.flow_run_id).or_insert_with(|| {
                order.push((run, Vec::new()));
                order.len() - 1
            });
            order[place].1.push(index);
        }
        order
    }
}

#[cfg(test)]
mod tests;
