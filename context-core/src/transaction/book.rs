//! A transaction's book: what it holds and what it is about to do, behind one lock.
//!
//! Everything here is done at once, without waiting and without calling code of others. Values that may hold such code
//! (hooks, locks, other transactions) are handed out to be dropped when the book is closed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::lock::HeldLock;
use super::options::Payload;
use super::{Inner, Stage, Transaction, TransactionFailure, TransactionState};
use crate::clock::Timestamp;
use crate::hook::Hook;
use crate::results::LockManager;

/// A commit or a rollback that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Transactions inside are committed, and hooks are run; more may come.
    Committing,
    /// The record is written; nothing more is taken.
    Writing,
    RollingBack,
}

/// What is to be done next.
pub(super) enum Step {
    Child(Arc<Inner>),
    Hook(Hook<(Transaction,)>),
    /// Nothing but writing.
    Write(Option<Payload>, Option<Timestamp>),
}

/// What becomes of a transaction that has been left, as the one around it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for the one around it.
    Joined,
    /// The one around it is committed, so it commits by itself.
    Commit,
    /// The one around it is rolled back and left, so it is rolled back by itself.
    RollBack,
}

/// What a transaction no longer needs when it is over. Dropped when the book is closed.
#[derive(Default)]
#[expect(dead_code, reason = "it is here to be dropped")]
pub(super) struct Spent {
    hooks: Vec<Hook<(Transaction,)>>,
    children: VecDeque<Arc<Inner>>,
    lock: Option<Arc<HeldLock>>,
}

pub(super) struct Book {
    pub(super) state: TransactionState,
    pub(super) ending: Option<Ending>,
    /// True until its code is left.
    pub(super) open: bool,
    /// True from the beginning of a rollback, whether or not that succeeds, until something is staged anew.
    pub(super) undone: bool,
    pub(super) values: BTreeMap<String, Value>,
    pub(super) failures: Vec<TransactionFailure>,
    /// Those inside that have been left, in order.
    pub(super) children: VecDeque<Arc<Inner>>,
    /// How many of `on_commit` have been called.
    called: usize,
    on_commit: Vec<Hook<(Transaction,)>>,
    on_rollback: Vec<Hook<(Transaction,)>>,
    payload: Option<Payload>,
    expiration: Option<Timestamp>,
    lock: Option<Arc<HeldLock>>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            state: TransactionState::Pending,
            ending: None,
            open: true,
            undone: false,
            values: BTreeMap::new(),
            failures: Vec::new(),
            children: VecDeque::new(),
            called: 0,
            on_commit: Vec::new(),
            on_rollback: Vec::new(),
            payload: None,
            expiration: None,
            lock: None,
        }
    }
}

impl Book {
    /// It begins. Returns the lock if it is not needed.
    #[must_use]
    pub(super) fn begun(
        &mut self,
        exists: bool,
        lock: Option<Arc<HeldLock>>,
    ) -> Option<Arc<HeldLock>> {
        if self.state != TransactionState::Pending {
            return lock;
        }
        if exists {
            self.state = TransactionState::Committed;
            return lock;
        }
        self.state = TransactionState::Active;
        std::mem::replace(&mut self.lock, lock)
    }

    /// The lock that it holds, if it is that of `key` at `manager`.
    pub(super) fn lock_of(
        &self,
        manager: &Arc<dyn LockManager>,
        key: &str,
    ) -> Option<Arc<HeldLock>> {
        self.lock.clone().filter(|lock| lock.is(manager, key))
    }

    /// Takes `stage` in; gives it back if it is too late.
    pub(super) fn stage(&mut self, stage: Stage) -> Result<(), Stage> {
        use TransactionState::{Active, Committed, Pending, RolledBack, Staged};
        match (self.ending, self.state) {
            (Some(Ending::Writing | Ending::RollingBack), _) | (_, Pending | Committed) => {
                return Err(stage);
            }
            (_, Active | Staged | RolledBack) if self.undone && !self.open => return Err(stage),
            (None | Some(Ending::Committing), Active | Staged | RolledBack) => {}
        }
        self.undone = false;
        self.state = Staged;
        if let Some(payload) = stage.payload {
            self.payload = Some(payload);
            self.expiration = stage.expiration;
        }
        self.on_commit.extend(stage.on_commit);
        self.on_rollback.extend(stage.on_rollback);
        Ok(())
    }

    /// Begins a commit, if this is the time for one.
    pub(super) fn start_commit(&mut self) -> bool {
        let runs = matches!(self.state, TransactionState::Active | TransactionState::Staged);
        let starts = runs && !self.undone && self.ending.is_none();
        if starts {
            self.ending = Some(Ending::Committing);
        }
        starts
    }

    /// What comes next in a commit: those inside, then hooks, then writing.
    pub(super) fn next_step(&mut self) -> Step {
        if let Some(child) = self.children.front() {
            return Step::Child(child.clone());
        }
        if let Some(hook) = self.on_commit.get(self.called) {
            self.called += 1;
            return Step::Hook(hook.clone());
        }
        self.ending = Some(Ending::Writing);
        Step::Write(self.payload.take(), self.expiration)
    }

    /// The child of the last step has been committed, or rolled back instead. Not before: a commit that is dropped in the
    /// middle is taken up again.
    #[must_use]
    pub(super) fn child_ended(&mut self) -> Option<Arc<Inner>> {
        self.children.pop_front()
    }

    /// Begins a rollback, if this is the time for one.
    pub(super) fn start_rollback(&mut self) -> bool {
        use TransactionState::{Committed, RolledBack};
        let starts = !matches!(self.state, Committed | RolledBack) && self.ending.is_none();
        if starts {
            self.turn_back();
        }
        starts
    }

    /// Begins to roll back those that were left after a rollback while the code went on.
    pub(super) fn start_leftovers(&mut self) -> bool {
        let starts = self.undone && self.ending.is_none() && !self.children.is_empty();
        if starts {
            self.ending = Some(Ending::RollingBack);
        }
        starts
    }

    /// A commit that failed becomes a rollback.
    pub(super) const fn turn_back(&mut self) {
        self.ending = Some(Ending::RollingBack);
        self.undone = true;
    }

    /// The last of the rollback hooks that have not succeeded.
    pub(super) fn last_hook(&self) -> Option<Hook<(Transaction,)>> {
        self.on_rollback.last().cloned()
    }

    /// Its rollback hook has succeeded: it is not called again.
    pub(super) fn hook_succeeded(&mut self) -> Option<Hook<(Transaction,)>> {
        self.on_rollback.pop()
    }

    /// The commit or rollback is over.
    pub(super) fn over(&mut self, state: Option<TransactionState>) -> Spent {
        self.ending = None;
        self.called = 0;
        self.payload = None;
        let mut spent = Spent {
            hooks: std::mem::take(&mut self.on_commit),
            children: std::mem::take(&mut self.children),
            lock: self.lock.take(),
        };
        if let Some(state) = state {
            self.state = state;
            spent.hooks.append(&mut self.on_rollback);
        }
        spent
    }

    /// The commit or rollback was given up in the middle, by dropping it.
    pub(super) fn interrupted(&mut self) {
        // What was to be written is lost, so it cannot be committed any more.
        self.undone |= self.ending == Some(Ending::Writing);
        self.ending = None;
    }

    /// Decides what becomes of `child`, which has been left.
    pub(super) fn take_in(&mut self, child: &Arc<Inner>) -> Fate {
        let committed = self.state == TransactionState::Committed;
        match self.ending {
            Some(Ending::Writing) => Fate::Commit,
            Some(Ending::RollingBack) => Fate::RollBack,
            None if committed => Fate::Commit,
            None if self.undone && !self.open => Fate::RollBack,
            None | Some(Ending::Committing) => {
                self.children.push_back(child.clone());
                Fate::Joined
            }
        }
    }

    /// True if giving it up means to call or to wait for something.
    pub(super) fn is_worth_undoing(&self) -> bool {
        self.ending.is_some() || !self.on_rollback.is_empty() || !self.children.is_empty()
    }

    /// Gives the lock out, to be freed.
    pub(super) const fn take_lock(&mut self) -> Option<Arc<HeldLock>> {
        self.lock.take()
    }

    /// The lock, to be lent.
    pub(super) const fn lock(&self) -> Option<&Arc<HeldLock>> {
        self.lock.as_ref()
    }
}
