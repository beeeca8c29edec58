//! Collecting: from a stream of ends, children first, to one tree for each top-level flow run.
//!
//! A run's end is told after the ends of the runs that it called. So what has ended is parked under its caller's id
//! until the caller ends too, and then becomes what is below the caller. A caller may also end first, if it did not
//! wait; nobody will ask for what is parked under it then, so at the end of the flow run all that is left becomes what
//! is below the flow run itself.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::assets::Assets;
use super::numbers::{Counts, Elements, Facts, Outcome};
use super::text;
use super::tree::{Kind, Label, Line, Scope};
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::record::{
    ArtifactEvent, AssetEvent, FlowRunEvent, ProgressEvent, RunTags, TaskRunEvent,
};
use crate::state::State;

/// The most callers under whose ids something is parked in one flow run. With more, the half that was used least
/// recently, whose callers have most likely ended, is taken as left over.
const CALLERS: usize = 4_096;
/// How much of a text is kept, in columns: more than a line can show.
const KEPT: usize = 120;

/// Maps from ids, which are random enough to need no keyed hash.
type IdMap<I, T> = HashMap<I, T, BuildHasherDefault<IdHasher>>;

#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            // The last byte of an id is random; so are the lowest bits, by which maps choose a place.
            let mixed = self.0.rotate_left(26) ^ u64::from_be_bytes(word);
            self.0 = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// A top-level flow run that has ended.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) flow: Box<str>,
    pub(super) line: Line,
    pub(super) totals: Totals,
    pub(super) assets: Assets,
}

/// The numbers under a flow run, at any depth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) task_runs: Counts,
    pub(super) retries: u64,
    pub(super) subflows: u64,
    /// Artifacts that were created.
    pub(super) artifacts: u64,
}

/// A flow run that has not ended, or a subflow whose stand-in task run has not.
#[derive(Debug, Default)]
struct OpenFlow {
    scope: Scope,
    parked: IdMap<TaskRunId, Parked>,
    /// Counts the uses of `parked`.
    clock: u64,
    totals: Totals,
    assets: Assets,
    /// What runs stand for that end next.
    elements: IdMap<TaskRunId, Elements>,
    ended: Option<(Box<str>, Facts, Label)>,
}

#[derive(Debug, Default)]
struct Parked {
    scope: Scope,
    last_used: u64,
}

impl OpenFlow {
    /// What is below the run that has ended.
    fn take_below(&mut self, id: TaskRunId) -> Scope {
        if self.parked.is_empty() {
            return Scope::default();
        }
        self.parked.remove(&id).map(|parked| parked.scope).unwrap_or_default()
    }

    /// Where a run goes that `caller` has called.
    fn below(&mut self, caller: Option<TaskRunId>) -> &mut Scope {
        let Some(caller) = caller else { return &mut self.scope };
        if self.parked.len() >= CALLERS && !self.parked.contains_key(&caller) {
            self.give_up_callers();
        }
        self.clock += 1;
        let parked = self.parked.entry(caller).or_default();
        parked.last_used = self.clock;
        &mut parked.scope
    }

    #[cold]
    fn give_up_callers(&mut self) {
        let mut uses: Vec<u64> = self.parked.values().map(|parked| parked.last_used).collect();
        let middle = uses.len() / 2;
        let (_, middle, _) = uses.select_nth_unstable(middle);
        let limit = *middle;
        for (_, parked) in self.parked.extract_if(|_, parked| parked.last_used < limit) {
            self.scope.merge(parked.scope);
        }
    }

    fn give_up_all_callers(&mut self) {
        for (_, parked) in self.parked.drain() {
            self.scope.merge(parked.scope);
        }
        self.parked.shrink_to_fit();
    }
}

/// Everything that is known of flow runs that were not yet shown.
#[derive(Debug, Default)]
pub(super) struct Collector {
    flows: IdMap<FlowRunId, OpenFlow>,
    ended: Vec<Tree>,
}

impl Collector {
    pub(super) fn flow_run(&mut self, event: &FlowRunEvent<'_>) {
        let Some(facts) = facts(event.state, event.run_count, event.start_time) else {
            self.flows.entry(event.id).or_default();
            return;
        };
        let label = label(event.name.to_owned(), event.state, event.tags);
        if event.parent_task_run_id.is_some() {
            // Its stand-in ends next and says where it goes.
            let flow = self.flows.entry(event.id).or_default();
            flow.ended = Some((event.flow_name.into(), facts, label));
            return;
        }
        let mut flow = self.flows.remove(&event.id).unwrap_or_default();
        flow.give_up_all_callers();
        self.ended.push(Tree {
            flow: event.flow_name.into(),
            line: Line { facts, label, below: flow.scope },
            totals: flow.totals,
            assets: flow.assets,
        });
    }

    pub(super) fn progress(&mut self, event: &ProgressEvent<'_>) {
        // The last of a run comes right before its end.
        if event.done == event.total
            && let Some(flow) = self.flows.get_mut(&event.flow_run_id)
        {
            let elements = Elements { runs: event.total as u64, failed: event.failed as u64 };
            flow.elements.insert(event.task_run_id, elements);
        }
    }

    pub(super) fn task_run(&mut self, event: &TaskRunEvent<'_>) {
        let Some(mut facts) = facts(event.state, event.run_count, event.start_time) else { return };
        // A task run outside every flow run belongs to no tree.
        let Some(flow_run_id) = event.flow_run_id else { return };
        if let Some(subflow) = event.child_flow_run_id {
            return self.subflow(subflow, flow_run_id, event, facts);
        }
        // Nor does one that ends after its flow run.
        let Some(flow) = self.flows.get_mut(&flow_run_id) else { return };
        if !flow.elements.is_empty() {
            facts.elements = flow.elements.remove(&event.id).unwrap_or_default();
        }
        flow.totals.task_runs.add(facts.outcome);
        flow.totals.retries += facts.retries();
        let below = flow.take_below(event.id);
        let label = || {
            let mut label = label(event.name.to_string(), event.state, event.tags);
            if facts.elements.runs > 0 {
                label.message = event.state.message().map(of_first).and_then(essence);
            }
            label
        };
        flow.below(event.parent).add(Kind::Task, event.task_name, &facts, label, below);
    }

    /// The stand-in of a subflow has ended: the subflow takes its place.
    #[cold]
    fn subflow(
        &mut self,
        id: FlowRunId,
        caller: FlowRunId,
        stand_in: &TaskRunEvent<'_>,
        facts: Facts,
    ) {
        let mut subflow = self.flows.remove(&id).unwrap_or_default();
        let Some(flow) = self.flows.get_mut(&caller) else { return };
        subflow.give_up_all_callers();
        let (name, facts, label) = subflow.ended.unwrap_or_else(|| {
            let label = label(stand_in.name.to_string(), stand_in.state, stand_in.tags);
            (stand_in.task_name.into(), facts, label)
        });
        flow.totals.task_runs.merge(&subflow.totals.task_runs);
        flow.totals.retries += subflow.totals.retries;
        flow.totals.subflows += subflow.totals.subflows + 1;
        flow.totals.artifacts += subflow.totals.artifacts;
        flow.assets.merge(subflow.assets);
        let mut below = subflow.scope;
        below.merge(flow.take_below(stand_in.id));
        flow.below(stand_in.parent).add(Kind::Flow, &name, &facts, || label, below);
    }

    pub(super) fn artifact(&mut self, event: &ArtifactEvent<'_>) {
        if event.event == ArtifactEvent::CREATED
            && let Some(flow_run_id) = event.origin.flow_run_id
            && let Some(flow) = self.flows.get_mut(&flow_run_id)
        {
            flow.totals.artifacts += 1;
        }
    }

    pub(super) fn asset(&mut self, event: &AssetEvent<'_>) {
        if let Some(flow_run_id) = event.task_run.flow_run_id
            && let Some(flow) = self.flows.get_mut(&flow_run_id)
        {
            flow.assets.add(event);
        }
    }

    /// The flow runs that have ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<Tree> {
        std::mem::take(&mut self.ended)
    }

    /// How many things are kept: flow runs, callers, groups and lines.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        let open = self.flows.values().map(|flow| {
            let parked: usize = flow.parked.values().map(|parked| 1 + parked.scope.nodes()).sum();
            1 + flow.scope.nodes() + parked
        });
        let ended = self.ended.iter().map(|tree| 1 + tree.line.below.nodes());
        open.chain(ended).sum()
    }
}

/// `None` if the run does not end with `state`.
#[inline]
fn facts(state: &State, run_count: u32, start_time: Option<Timestamp>) -> Option<Facts> {
    let outcome = Outcome::of(state)?;
    let end = state.timestamp();
    Some(Facts {
        outcome,
        run_count,
        start: start_time.unwrap_or(end),
        duration: start_time.map(|start| end.since(start)),
        elements: Elements::default(),
    })
}

/// What is shown of a run; the texts are cut to what a line could hold.
#[cold]
fn label(name: String, state: &State, tags: RunTags<'_>) -> Label {
    // `NotReady` is an outcome of its own.
    let has_own_name = state.name() != state.state_type().default_name() && state.is_terminal();
    let tags = tags.to_set();
    let tags = if tags.is_empty() { String::new() } else { tags.to_string() };
    Label {
        name: text::shorten(&name, KEPT).into(),
        state: has_own_name.then(|| text::shorten(state.name(), KEPT).into()),
        tags: text::shorten(&tags, KEPT).into(),
        message: state.message().and_then(essence),
    }
}

/// What the first said of the runs that a run stands for; their numbers are shown by themselves.
fn of_first(message: &str) -> &str {
    message.split_once("; the first: ").map_or(message, |(_, first)| first)
}

/// The first line of a message, without what the line's symbol says already.
fn essence(message: &str) -> Option<Box<str>> {
    const GENERAL: [&str; 2] =
        ["Task run encountered an exception ", "Flow run encountered an exception: "];
    let line = message.lines().map(str::trim).find(|line| !line.is_empty())?;
    let rest = GENERAL.iter().find_map(|general| line.strip_prefix(general));
    Some(text::shorten(rest.unwrap_or(line), KEPT).into())
}
