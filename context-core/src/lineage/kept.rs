//! What is kept of the flow runs of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::{LineageGraph, LineageRun};
use crate::id::FlowRunId;

/// The most task runs of which lineage is kept, of all flow runs together.
pub const MOST_KEPT: usize = 20_000;

/// The most task runs of which lineage is kept, of one flow run.
pub const MOST_OF_A_FLOW_RUN: usize = 10_000;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// The flow run that a task run belongs to.
pub(crate) struct FlowOfRun {
    pub(crate) id: FlowRunId,
    /// The flow runs around it.
    pub(crate) outer: Option<Arc<[FlowRunId]>>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    flow_runs: HashMap<FlowRunId, OfFlowRun>,
    /// The flow runs, the one first noted first.
    order: VecDeque<FlowRunId>,
    runs: usize,
    /// Counts the task runs.
    noted: u64,
}

#[derive(Debug, Default)]
struct OfFlowRun {
    outer: Option<Arc<[FlowRunId]>>,
    /// With their numbers among all.
    runs: Vec<(u64, LineageRun)>,
    dropped: bool,
}

impl Kept {
    pub(super) fn note(&mut self, flow: FlowOfRun, run: LineageRun) {
        let of_flow_run = self.flow_runs.entry(flow.id).or_insert_with(|| {
            self.order.push_back(flow.id);
            OfFlowRun { outer: flow.outer, ..OfFlowRun::default() }
        });
        if of_flow_run.runs.len() >= MOST_OF_A_FLOW_RUN {
            of_flow_run.dropped = true;
            return;
        }
        of_flow_run.runs.push((self.noted, run));
        self.noted += 1;
        self.runs += 1;
        while self.runs > MOST_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            let forgotten = self.flow_runs.remove(&oldest).unwrap_or_default();
            self.runs -= forgotten.runs.len();
        }
    }

    pub(super) fn of(&self, id: FlowRunId) -> LineageGraph {
        let inside = |(each, of): &(&FlowRunId, &OfFlowRun)| {
            **each == id || of.outer.as_deref().is_some_and(|outer| outer.contains(&id))
        };
        let mut runs = Vec::new();
        let mut complete = true;
        for (_, of) in self.flow_runs.iter().filter(inside) {
            complete &= !of.dropped;
            runs.extend(of.runs.iter().cloned());
        }
        runs.sort_by_key(|(number, _)| *number);
        let mut graph = LineageGraph::new(runs.into_iter().map(|(_, run)| run));
        graph.complete = complete;
        graph
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes note of a task run that has ended.
pub(crate) fn note(flow: FlowOfRun, run: LineageRun) {
    kept().note(flow, run);
}

pub(super) fn of(id: FlowRunId) -> LineageGraph {
    kept().of(id)
}
