//! The ledger: what a flow run accumulates while it runs.
//!
//! Contexts are immutable; what changes during a flow run is kept here, behind the context: the call counters of
//! subflows, the submitted runs that have not ended, and the assets that task runs carry on.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::asset::Asset;
use crate::definition::FlowDefinition;
use crate::id::TaskRunId;
use crate::record::Client;
use crate::runner::{AbortHandle, Interruptible, Runner};

/// What a flow run accumulates.
pub(crate) struct Ledger {
    client: Client,
    runner: Runner,
    /// By the address of the flow's definition.
    subflow_calls: Mutex<HashMap<usize, u32>>,
    /// How many submitted runs have not ended. Falls to zero only under the lock of `submissions`.
    open: AtomicUsize,
    submissions: Mutex<Submissions>,
    all_ended: Condvar,
    /// True once any task run has carried an asset on; spares asset-free flows the look-up.
    has_assets: AtomicBool,
    assets: Mutex<HashMap<TaskRunId, Vec<Asset>>>,
}

/// The number under which a ledger knows a submitted run. Used again when the run has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(usize);

/// The submitted runs, by their tickets.
#[derive(Default)]
struct Submissions {
    entries: Vec<Entry>,
    /// The first of the free tickets.
    free: Option<usize>,
    /// True once everything was aborted.
    closed: bool,
    waiting: Vec<Waker>,
    /// What is to be done once every run has ended.
    last: Vec<Box<dyn FnOnce() + Send>>,
}

/// What is known of one submitted run.
enum Entry {
    /// There is none; the next free ticket.
    Free(Option<usize>),
    /// It has not ended, and cannot be aborted yet, or any more.
    Open,
    /// It can be aborted.
    Abortable(AbortHandle),
    /// It has ended before it was known how to abort it.
    Ended,
}

impl Submissions {
    fn open(&mut self) -> usize {
        let Some(at) = self.free else {
            self.entries.push(Entry::Open);
            return self.entries.len() - 1;
        };
        if let Entry::Free(next) = std::mem::replace(&mut self.entries[at], Entry::Open) {
            self.free = next;
        }
        at
    }

    fn free(&mut self, at: usize) -> Entry {
        let next = self.free.replace(at);
        std::mem::replace(&mut self.entries[at], Entry::Free(next))
    }
}

impl Ledger {
    pub(crate) fn new(client: Client, runner: Runner) -> Self {
        Self {
            client,
            runner,
            subflow_calls: Mutex::default(),
            open: AtomicUsize::new(0),
            submissions: Mutex::default(),
            all_ended: Condvar::new(),
            has_assets: AtomicBool::new(false),
            assets: Mutex::default(),
        }
    }

    /// A ledger for the next attempt of the same run.
    pub(crate) fn next_attempt(&self) -> Self {
        Self::new(self.client.clone(), self.runner.duplicate())
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Where submitted runs run.
    pub(crate) const fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The number of this call among the calls of the same flow, from 0.
    pub(crate) fn count_subflow(&self, flow: &'static FlowDefinition) -> u32 {
        let mut calls = lock(&self.subflow_calls);
        let count = calls.entry(std::ptr::from_ref(flow).addr()).or_default();
        let this = *count;
        *count += 1;
        this
    }

    /// Notes that a run was submitted. Its end is noted with `close`, and by then, or later, `abortable` or `forget` is
    /// called once.
    pub(crate) fn open(&self) -> Ticket {
        let mut submissions = lock(&self.submissions);
        self.open.fetch_add(1, Ordering::AcqRel);
        Ticket(submissions.open())
    }

    /// Says how a run can be aborted. Aborts it at once if the flow run was cancelled meanwhile.
    pub(crate) fn abortable(&self, Ticket(at): Ticket, abort: AbortHandle) {
        let mut submissions = lock(&self.submissions);
        if matches!(submissions.entries[at], Entry::Ended) {
            submissions.free(at);
        } else if submissions.closed {
            drop(submissions);
            abort.abort();
        } else {
            submissions.entries[at] = Entry::Abortable(abort);
        }
    }

    /// A run has ended and never was abortable.
    pub(crate) fn forget(&self, Ticket(at): Ticket) {
        lock(&self.submissions).free(at);
    }

    /// Notes that a run has ended.
    pub(crate) fn close(&self, Ticket(at): Ticket) {
        let mut submissions = lock(&self.submissions);
        let entry = match submissions.entries[at] {
            Entry::Abortable(_) => submissions.free(at),
            _ => std::mem::replace(&mut submissions.entries[at], Entry::Ended),
        };
        let is_last = self.open.fetch_sub(1, Ordering::AcqRel) == 1;
        let (waiting, last) = if is_last {
            (std::mem::take(&mut submissions.waiting), std::mem::take(&mut submissions.last))
        } else {
            (Vec::new(), Vec::new())
        };
        drop(submissions);
        // What it holds may be the last of a run.
        drop(entry);
        if is_last {
            self.all_ended.notify_all();
            last.into_iter().for_each(|last| last());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Calls `last` once every submitted run has ended; at once, if that is so.
    pub(crate) fn when_idle(&self, last: impl FnOnce() + Send + 'static) {
        let mut submissions = lock(&self.submissions);
        if self.is_idle() {
            drop(submissions);
            last();
        } else {
            submissions.last.push(Box::new(last));
        }
    }

    /// Aborts every submitted run that has not ended.
    pub(crate) fn abort_all(&self) {
        let aborts: Vec<_> = {
            let mut submissions = lock(&self.submissions);
            submissions.closed = true;
            let abortable = |entry: &mut Entry| match std::mem::replace(entry, Entry::Open) {
                Entry::Abortable(abort) => Some(abort),
                other => {
                    *entry = other;
                    None
                }
            };
            submissions.entries.iter_mut().filter_map(abortable).collect()
        };
        // First: then none that is aborted makes room for another.
        if let Some(task_runner) = self.runner.task_runner() {
            task_runner.cancel_all();
        }
        aborts.iter().for_each(AbortHandle::abort);
    }

    /// Lets go of what the task runner needs to run runs; there will be no others.
    pub(crate) fn shut_down(&self) {
        if let Some(task_runner) = self.runner.task_runner() {
            task_runner.shutdown();
        }
    }

    /// True if every submitted run has ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Ready once every submitted run has ended.
    pub(crate) async fn idle(&self) {
        poll_fn(|cx| {
            let mut submissions = lock(&self.submissions);
            if self.is_idle() {
                return Poll::Ready(());
            }
            if !submissions.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                submissions.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Blocks until every submitted run has ended, not longer than `timeout` if there is one. True if they have.
    pub(crate) fn wait_idle(&self, timeout: Option<Duration>) -> bool {
        let submissions = lock(&self.submissions);
        match timeout {
            None => {
                let ended = self.all_ended.wait_while(submissions, |_| !self.is_idle());
                drop(ended.unwrap_or_else(PoisonError::into_inner));
            }
            Some(timeout) => {
                let ended =
                    self.all_ended.wait_timeout_while(submissions, timeout, |_| !self.is_idle());
                drop(ended.unwrap_or_else(PoisonError::into_inner));
            }
        }
        self.is_idle()
    }

    /// True if any task run carries assets.
    #[inline]
    pub(crate) fn has_assets(&self) -> bool {
        self.has_assets.load(Ordering::Relaxed)
    }

    /// Notes the assets that run `id` carries on.
    pub(crate) fn track_assets(&self, id: TaskRunId, assets: Vec<Asset>) {
        lock(&self.assets).insert(id, assets);
        self.has_assets.store(true, Ordering::Relaxed);
    }

    /// The assets that run `id` carries on.
    pub(crate) fn tracked_assets(&self, id: TaskRunId) -> Vec<Asset> {
        lock(&self.assets).get(&id).cloned().unwrap_or_default()
    }
}

/// A panic elsewhere never leaves these maps half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interruptible for Ledger {
    fn interrupt(&self) {
        self.abort_all();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("client", &self.client)
            .field("open", &self.open.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
