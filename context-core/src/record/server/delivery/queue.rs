//! The queue between those who have something to tell and the thread that tells it.
//!
//! Any thread may push and none waits: there is a bound on the memory that all undelivered events have together, and what
//! does not fit is handed back, to be kept in a file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::super::event::{Event, Subject};
use crate::id::FlowRunId;

/// Events that wait for the thread that sends them, and how many are undelivered in all.
#[derive(Debug)]
pub(in crate::record::server) struct Queue {
    inbox: Mutex<Inbox>,
    /// Somebody has pushed something into an empty queue.
    filled: Notify,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Inbox {
    events: VecDeque<Event>,
    /// What all events have that are in memory and not delivered, those on their way included.
    bytes: usize,
    /// By flow run.
    counts: HashMap<Option<FlowRunId>, Counts>,
    is_closed: bool,
    tally: Tally,
}

/// The events of a flow run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// In memory.
    waiting: usize,
    /// In a file, because there was no room; somebody may wait for them.
    spilled: usize,
    /// In a file, to be delivered some time.
    kept: usize,
}

impl Inbox {
    /// Changes what is known of a flow run.
    fn count<R>(&mut self, flow_run: Option<FlowRunId>, f: impl FnOnce(&mut Counts) -> R) -> R {
        let counts = self.counts.entry(flow_run).or_default();
        let given = f(counts);
        if *counts == Counts::default() {
            self.counts.remove(&flow_run);
        }
        given
    }
}

/// What has become of the events of this process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// They were handed over.
    pub(crate) pushed: u64,
    /// The server has them.
    pub(crate) delivered: u64,
    /// They are kept in a file, to be delivered later.
    pub(crate) kept: u64,
    /// The server cannot take them, or they could not be kept.
    pub(crate) lost: u64,
}

impl Tally {
    /// How many are not delivered and not given up.
    pub(crate) const fn waiting(&self) -> u64 {
        self.pushed.saturating_sub(self.delivered + self.kept + self.lost)
    }
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Kept,
    Lost,
}

impl Queue {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { inbox: Mutex::default(), filled: Notify::new(), most_bytes }
    }

    /// Takes an event, or gives it back if there is no room: then it counts as spilled.
    pub(super) fn push(&self, event: Event) -> Result<(), Event> {
        let mut inbox = self.lock();
        let is_full = inbox.is_closed || inbox.bytes + event.text.len() > self.most_bytes;
        if event.subject != Subject::Pulse {
            inbox.tally.pushed += 1;
            inbox.count(event.flow_run, |counts| match is_full {
                true => counts.spilled += 1,
                false => counts.waiting += 1,
            });
        }
        if is_full {
            return Err(event);
        }
        inbox.bytes += event.text.len();
        inbox.events.push_back(event);
        let was_empty = inbox.events.len() == 1;
        drop(inbox);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// All that waits, in its order.
    pub(super) fn take(&self) -> VecDeque<Event> {
        std::mem::take(&mut self.lock().events)
    }

    /// Ready once there is something in the queue.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// An event that was in memory is not any more.
    pub(super) fn settle(&self, event: &Event, fate: Fate) {
        let mut inbox = self.lock();
        inbox.bytes = inbox.bytes.saturating_sub(event.text.len());
        if event.subject == Subject::Pulse {
            return;
        }
        inbox.count(event.flow_run, |counts| {
            counts.waiting = counts.waiting.saturating_sub(1);
            counts.kept += usize::from(fate == Fate::Kept);
        });
        match fate {
            Fate::Delivered => inbox.tally.delivered += 1,
            Fate::Kept => inbox.tally.kept += 1,
            Fate::Lost => inbox.tally.lost += 1,
        }
    }

    /// An event that was spilled could not be kept.
    pub(super) fn lose_spilled(&self, flow_run: Option<FlowRunId>) {
        let mut inbox = self.lock();
        inbox.count(flow_run, |counts| counts.spilled = counts.spilled.saturating_sub(1));
        inbox.tally.lost += 1;
    }

    /// An event from a file was delivered, or given up; perhaps it is one of another process.
    pub(super) fn settle_kept(&self, flow_run: Option<FlowRunId>, fate: Fate) {
        let mut inbox = self.lock();
        let (was_spilled, was_kept) = inbox.count(flow_run, |counts| {
            let was_spilled = counts.spilled > 0;
            let was_kept = !was_spilled && counts.kept > 0;
            counts.spilled -= usize::from(was_spilled);
            counts.kept -= usize::from(was_kept);
            (was_spilled, was_kept)
        });
        let tally = &mut inbox.tally;
        tally.kept -= u64::from(was_kept);
        if was_spilled || was_kept {
            match fate {
                Fate::Delivered => tally.delivered += 1,
                Fate::Kept => tally.kept += 1,
                Fate::Lost => tally.lost += 1,
            }
        }
    }

    /// Nobody waits any more for what these flow runs have spilled; all, if none are named.
    pub(super) fn give_up_spilled(&self, family: Option<&HashSet<FlowRunId>>) {
        let mut inbox = self.lock();
        let inbox = &mut *inbox;
        for (flow_run, counts) in &mut inbox.counts {
            if family.is_none_or(|family| flow_run.is_some_and(|id| family.contains(&id))) {
                inbox.tally.kept += counts.spilled as u64;
                counts.kept += std::mem::take(&mut counts.spilled);
            }
        }
    }

    /// How many events of these flow runs are undelivered; of all, if none are named.
    pub(super) fn undelivered(&self, family: Option<&HashSet<FlowRunId>>) -> usize {
        let inbox = self.lock();
        let undelivered = |counts: &Counts| counts.waiting + counts.spilled;
        match family {
            None => inbox.counts.values().map(undelivered).sum(),
            Some(family) => {
                let counts = family.iter().filter_map(|id| inbox.counts.get(&Some(*id)));
                counts.map(undelivered).sum()
            }
        }
    }

    /// True if there is memory for much more.
    pub(super) fn is_roomy(&self) -> bool {
        self.lock().bytes < self.most_bytes / 2
    }

    /// From now on nothing is taken.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
    }

    pub(super) fn tally(&self) -> Tally {
        self.lock().tally
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // It is never left half-changed, so a poisoned lock is as good as any.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
