//! Groups: several runs of a task that are reported as one.
//!
//! The runs of a group are runs like any others, with their own ids, contexts, hooks and futures. Only recorders do not
//! know them: they are told of one run, which begins when the first of the group begins and ends when the last has
//! ended. A run of the group pays for that with one look when it begins and two atomic operations when it ends.
//!
//! Order needs no lock: the run that is reported is told to be `Running` before the attempt of the run that began it, and
//! progress before the run that tells it counts as ended. So its end, which the last of them tells, comes last.
//!
//! This module does not know how runs are driven, or where they come from.

mod ends;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::ends::Ends;
use super::run::{Run, abandonment};
use crate::clock::Timestamp;
use crate::context::{GatheredAssets, ReportedRun, TaskDetails};
use crate::definition::{TaskDefinition, TaskOptions};
use crate::id::TaskRunId;
use crate::record::TaskInputs;
use crate::state::State;

/// Progress is not told more often than this, in nanoseconds.
const PROGRESS_EVERY: i64 = 250_000_000;

/// When progress was told, while nobody may tell it.
const NOT_NOW: i64 = i64::MAX;

/// Several runs of a task that are reported as one, as each of them knows it.
#[derive(Debug)]
pub(super) struct Group {
    definition: &'static TaskDefinition,
    /// What they all have.
    common: Arc<TaskDetails>,
    one: Arc<One>,
    /// When they were submitted.
    submitted_at: Timestamp,
    /// True if somebody else may cancel the flow run, or limit runs by their tags.
    orchestrated: bool,
}

/// The run that is reported in their place.
struct One {
    id: TaskRunId,
    total: usize,
    /// How many have ended.
    done: AtomicUsize,
    /// How many of those have not completed.
    failed: AtomicUsize,
    /// True once one of them has begun.
    begun: AtomicBool,
    /// When progress was told last, in nanoseconds.
    told_at: AtomicI64,
    state: Mutex<OneState>,
}

#[derive(Default)]
struct OneState {
    /// The run itself, while nobody moves it on.
    run: Option<Run>,
    ends: Ends,
    assets: GatheredAssets,
}

impl Group {
    /// A group of `total` runs, which are submitted here; what is reported in their place is `Pending`.
    pub(super) fn open(
        definition: &'static TaskDefinition,
        options: Option<Arc<TaskOptions>>,
        inputs: TaskInputs,
        total: usize,
    ) -> Self {
        let submitted_at = Timestamp::now();
        let id = TaskRunId::generate(submitted_at);
        let run = Run::reported_for(definition, id, options.clone(), inputs, total);
        let orchestrated = run.is_orchestrated_around();
        let one = Arc::new(One {
            id,
            total,
            done: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
            told_at: AtomicI64::new(NOT_NOW),
            state: Mutex::new(OneState { run: Some(run), ..OneState::default() }),
        });
        let reported_as: Arc<dyn ReportedRun> = one.clone();
        let reported_as = Some(reported_as);
        let common = Arc::new(TaskDetails { options, reported_as, ..TaskDetails::default() });
        Self { definition, common, one, submitted_at, orchestrated }
    }

    /// The id of the run that is reported.
    pub(super) fn id(&self) -> TaskRunId {
        self.one.id
    }

    /// When its runs were submitted.
    pub(super) const fn submitted_at(&self) -> Timestamp {
        self.submitted_at
    }

    /// A run of the group: `Pending`.
    pub(super) fn run(&self, id: TaskRunId, inputs: TaskInputs) -> Run {
        let Self { definition, common, submitted_at, orchestrated, .. } = self;
        Run::reported_as_another(definition, id, common, inputs, *submitted_at, *orchestrated)
    }

    /// One of the runs has ended in `state`. Said once of each, before anybody who waits for it is told.
    #[inline]
    pub(super) fn ended(&self, state: &State) {
        self.one.one_has_ended(state);
    }

    /// One of the runs is dropped, or never was submitted, and nobody knows its state.
    #[cold]
    pub(super) fn abandoned(&self) {
        let (state_type, message) = abandonment();
        self.ended(&State::new(state_type, Timestamp::now()).with_message(message));
    }

    /// Takes note of what `run`, one of the group, has read and made. Before its end is noted.
    #[inline]
    pub(super) fn gather_assets(&self, run: &Run, state: &State) {
        if let Some(assets) = run.assets() {
            self.one.state().assets.add(assets, state);
        }
    }
}

impl One {
    fn state(&self) -> MutexGuard<'_, OneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn first_begins(&self, at: Timestamp) {
        if self.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        // Out of the lock: a recorder is foreign code.
        let Some(mut run) = self.state().run.take() else { return };
        run.first_begins(at);
        let tells_progress = run.tells_progress();
        self.state().run = Some(run);
        if tells_progress {
            self.told_at.store(at.as_nanos(), Ordering::Release);
        }
    }

    #[inline]
    fn one_has_ended(&self, state: &State) {
        if !state.is_completed() {
            self.note(state);
        }
        let at = state.timestamp();
        let told_at = self.told_at.load(Ordering::Relaxed);
        let since = at.as_nanos().saturating_sub(told_at);
        if since >= PROGRESS_EVERY {
            self.tell_progress(told_at, at);
        }
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.total {
            self.last_ended(at);
        }
    }

    #[cold]
    fn note(&self, state: &State) {
        self.state().ends.note(state);
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells progress, unless somebody else does. Whoever tells it has not been counted yet.
    #[cold]
    fn tell_progress(&self, told_at: i64, at: Timestamp) {
        let (relaxed, acquire) = (Ordering::Relaxed, Ordering::Acquire);
        // Of the last run is told at the end.
        let is_last = || self.done.load(relaxed) + 1 == self.total;
        if is_last() || self.told_at.compare_exchange(told_at, NOT_NOW, acquire, relaxed).is_err() {
            return;
        }
        let Some(run) = self.state().run.take() else { return };
        let done = self.done.load(relaxed) + 1;
        let failed = self.failed.load(relaxed).min(done);
        run.tell_progress(done, failed, self.total);
        self.state().run = Some(run);
        self.told_at.store(at.as_nanos(), Ordering::Release);
    }

    #[cold]
    fn last_ended(&self, at: Timestamp) {
        let OneState { run, ends, assets } = std::mem::take(&mut *self.state());
        let Some(mut run) = run else { return };
        run.tell_progress(self.total, ends.runs(), self.total);
        let (end, error) = ends.decide(self.total);
        run.last_ended(at, end, error, assets.into_context(self.id));
    }
}

impl ReportedRun for One {
    fn id(&self) -> TaskRunId {
        self.id
    }

    #[inline]
    fn begins(&self, at: Timestamp) {
        if !self.begun.load(Ordering::Relaxed) {
            self.first_begins(at);
        }
    }
}

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("One")
            .field("id", &self.id)
            .field("done", &self.done)
            .field("failed", &self.failed)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// The runs of a group that have not been submitted yet. Those that never are, because of a panic, count as ended.
pub(super) struct Unsubmitted<'a> {
    group: &'a Group,
    runs: usize,
}

impl<'a> Unsubmitted<'a> {
    /// All runs of `group`.
    pub(super) fn all(group: &'a Group) -> Self {
        Self { group, runs: group.one.total }
    }

    /// One is submitted.
    pub(super) const fn one_less(&mut self) {
        self.runs -= 1;
    }
}

impl Drop for Unsubmitted<'_> {
    fn drop(&mut self) {
        for _ in 0..self.runs {
            self.group.abandoned();
        }
    }
}
