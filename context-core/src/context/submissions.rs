//! Submissions: the runs that a flow run has submitted and that have not ended.
//!
//! Runs are submitted on one thread and end on others, thousands of them at once. They are spread over several lists with a
//! lock each, so that those who submit and those who end seldom meet.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::runner::AbortHandle;

/// How many lists there are.
const LISTS: usize = 8;

/// The submitted runs of one attempt of a flow run.
#[derive(Default)]
pub(crate) struct Submissions {
    /// How many have not ended.
    open: AtomicUsize,
    /// How many there were.
    count: AtomicUsize,
    /// True once everything was aborted.
    closed: AtomicBool,
    /// Made for the first run.
    lists: OnceLock<Box<[Mutex<List>; LISTS]>>,
    waiting: Mutex<Waiting>,
    all_ended: Condvar,
}

/// The number under which a submitted run is known. Used again when the run has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    list: usize,
    at: usize,
}

/// Who waits until all runs have ended.
#[derive(Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// What is to be done then.
    last: Vec<Box<dyn FnOnce() + Send>>,
}

/// Some of the runs, by their tickets.
#[derive(Default)]
struct List {
    entries: Vec<Entry>,
    /// The first of the free tickets.
    free: Option<usize>,
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

impl List {
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

impl Submissions {
    fn list(&self, list: usize) -> MutexGuard<'_, List> {
        let lists = self.lists.get_or_init(Box::default);
        lock(&lists[list])
    }

    /// Notes that a run was submitted. Its end is noted with `ended`, and by then, or later, `abortable` or `forget` is
    /// called once.
    pub(crate) fn open(&self) -> Ticket {
        self.open.fetch_add(1, Ordering::AcqRel);
        let list = self.count.fetch_add(1, Ordering::Relaxed) % LISTS;
        Ticket { list, at: self.list(list).open() }
    }

    /// Says how a run can be aborted. Aborts it at once if the flow run was cancelled meanwhile.
    pub(crate) fn abortable(&self, Ticket { list, at }: Ticket, abort: AbortHandle) {
        let mut list = self.list(list);
        if matches!(list.entries[at], Entry::Ended) {
            list.free(at);
        } else if self.closed.load(Ordering::Acquire) {
            drop(list);
            abort.abort();
        } else {
            // Whoever closes comes to this list later, and finds it.
            list.entries[at] = Entry::Abortable(abort);
        }
    }

    /// A run has ended and never was abortable.
    pub(crate) fn forget(&self, Ticket { list, at }: Ticket) {
        self.list(list).free(at);
    }

    /// Notes that a run has ended.
    pub(crate) fn ended(&self, Ticket { list, at }: Ticket) {
        let mut list = self.list(list);
        let entry = match list.entries[at] {
            Entry::Abortable(_) => list.free(at),
            _ => std::mem::replace(&mut list.entries[at], Entry::Ended),
        };
        drop(list);
        // What it holds may be the last of a run.
        drop(entry);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tell_waiting();
        }
    }

    fn tell_waiting(&self) {
        let Waiting { wakers, last } = std::mem::take(&mut *lock(&self.waiting));
        self.all_ended.notify_all();
        last.into_iter().for_each(|last| last());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How every run that has not ended can be aborted. Those submitted from now on are aborted at once.
    pub(crate) fn close(&self) -> Vec<AbortHandle> {
        self.closed.store(true, Ordering::Release);
        let abortable = |entry: &mut Entry| match std::mem::replace(entry, Entry::Open) {
            Entry::Abortable(abort) => Some(abort),
            other => {
                *entry = other;
                None
            }
        };
        let mut aborts = Vec::new();
        for list in 0..LISTS {
            aborts.extend(self.list(list).entries.iter_mut().filter_map(abortable));
        }
        aborts
    }

    /// True if every run has ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Calls `last` once every run has ended; at once, if that is so.
    pub(crate) fn when_idle(&self, last: impl FnOnce() + Send + 'static) {
        let mut waiting = lock(&self.waiting);
        if self.is_idle() {
            drop(waiting);
            last();
        } else {
            waiting.last.push(Box::new(last));
        }
    }

    /// Ready once every run has ended.
    pub(crate) async fn idle(&self) {
        poll_fn(|cx| {
            let mut waiting = lock(&self.waiting);
            if self.is_idle() {
                return Poll::Ready(());
            }
            if !waiting.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Blocks until every run has ended, not longer than `timeout` if there is one. True if they have.
    pub(crate) fn wait_idle(&self, timeout: Option<Duration>) -> bool {
        let waiting = lock(&self.waiting);
        match timeout {
            None => {
                let ended = self.all_ended.wait_while(waiting, |_| !self.is_idle());
                drop(ended.unwrap_or_else(PoisonError::into_inner));
            }
            Some(timeout) => {
                let ended =
                    self.all_ended.wait_timeout_while(waiting, timeout, |_| !self.is_idle());
                drop(ended.unwrap_or_else(PoisonError::into_inner));
            }
        }
        self.is_idle()
    }
}

/// A panic elsewhere never leaves these lists half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submissions({} open)", self.open.load(Ordering::Relaxed))
    }
}
