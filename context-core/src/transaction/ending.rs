//! How a transaction ends: commit, rollback, and what its leaving means for the one around it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::book::{Ending, Fate, Spent, Step};
use super::options::Payload;
use super::{Boxed, CommitMode, Inner, Transaction, TransactionFailure, TransactionState};
use crate::clock::Timestamp;

/// A commit or rollback on its way. If it is dropped before its end, somebody else may take it up.
struct OnItsWay<'a> {
    inner: &'a Inner,
    over: bool,
}

impl<'a> OnItsWay<'a> {
    const fn new(inner: &'a Inner) -> Self {
        Self { inner, over: false }
    }

    /// It is over, and the transaction in `state` now, if that changes.
    fn over(mut self, state: Option<TransactionState>) -> Spent {
        self.over = true;
        self.inner.book().over(state)
        // Dropped: whoever waits is told.
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.inner.book().interrupted();
        }
        self.inner.over.notify_waiters();
    }
}

/// Frees the lock of an abandoned transaction, whatever becomes of its rollback.
struct FreeLock(Arc<Inner>);

impl Drop for FreeLock {
    fn drop(&mut self) {
        let lock = self.0.book().take_lock();
        drop(lock);
    }
}

impl Transaction {
    /// Commits now: those inside in the order in which they were left, then the commit hooks, then the record is written
    /// (null, if nothing was staged), then the lock is freed.
    ///
    /// Returns true if it has done so. If a hook or the writing fails, the transaction is rolled back, but not those
    /// inside that have been committed. If one inside fails, only that one is rolled back. Either is told by
    /// [`failures`](Self::failures) and the log.
    ///
    /// Returns false, and does nothing, if it is committed, rolled back, or on its way to either.
    pub async fn commit(&self) -> bool {
        if !self.inner.book().start_commit() {
            return false;
        }
        let on_its_way = OnItsWay::new(&self.inner);
        let committed = self.take_steps().await;
        if committed {
            drop(on_its_way.over(Some(TransactionState::Committed)));
        } else {
            self.inner.book().turn_back();
            self.undo(on_its_way).await;
        }
        committed
    }

    /// All that a commit consists of. False if it failed.
    async fn take_steps(&self) -> bool {
        loop {
            let step = self.inner.book().next_step();
            match step {
                Step::Child(child) => {
                    // What comes of it does not matter to the others.
                    self.inside(child).commit_boxed().await;
                    let ended = self.inner.book().child_ended();
                    drop(ended);
                }
                Step::Hook(hook) => {
                    tracing::info!("Running commit hook '{}'", hook.name());
                    if let Err(message) = hook.call((self.clone(),)).await {
                        let hook = hook.name();
                        let transaction = self.name().to_owned();
                        self.record(TransactionFailure::CommitHook { transaction, hook, message });
                        return false;
                    }
                }
                Step::Write(payload, expiration) => return self.write(payload, expiration).await,
            }
        }
    }

    async fn write(&self, payload: Option<Payload>, expiration: Option<Timestamp>) -> bool {
        let Some((store, key)) = self.inner.record() else { return true };
        if self.inner.options.read_only {
            return true;
        }
        let payload = match payload {
            Some(Payload::Bytes(payload)) => Ok(payload),
            Some(Payload::Unserializable(why)) => Err(why),
            None => store.serializer().dumps(&()).map_err(|error| error.to_string()),
        };
        let transaction = self.name().to_owned();
        match payload {
            Err(message) => {
                self.record(TransactionFailure::Unserializable { transaction, message });
                false
            }
            Ok(payload) => match store.write(key, payload, expiration).await {
                Ok(_) => true,
                Err(source) => {
                    let (key, source) = (key.to_owned(), Arc::new(source));
                    self.record(TransactionFailure::Write { transaction, key, source });
                    false
                }
            },
        }
    }

    /// Rolls back now: the rollback hooks, the last one first, then those inside, the last one first, then the lock is
    /// freed.
    ///
    /// Returns true if it has done so. If a hook fails, those before it are not called, the state stays as it is, and
    /// false is returned; it is told by [`failures`](Self::failures) and the log. To roll back again then begins with the
    /// hook that failed. Such a transaction is never committed, unless something is staged anew.
    ///
    /// Returns false, and does nothing, if it is committed, rolled back, or on its way to either.
    pub async fn rollback(&self) -> bool {
        if !self.inner.book().start_rollback() {
            return false;
        }
        self.undo(OnItsWay::new(&self.inner)).await
    }

    async fn undo(&self, on_its_way: OnItsWay<'_>) -> bool {
        let failed = loop {
            let Some(hook) = self.inner.book().last_hook() else { break false };
            tracing::info!("Running rollback hook '{}'", hook.name());
            if let Err(message) = hook.call((self.clone(),)).await {
                let (transaction, hook) = (self.name().to_owned(), hook.name());
                self.record(TransactionFailure::RollbackHook { transaction, hook, message });
                break true;
            }
            let succeeded = self.inner.book().hook_succeeded();
            drop(succeeded);
        };
        if !failed {
            // Hooks of those inside see it.
            self.inner.book().state = TransactionState::RolledBack;
        }
        self.undo_those_inside().await;
        drop(on_its_way.over((!failed).then_some(TransactionState::RolledBack)));
        !failed
    }

    async fn undo_those_inside(&self) {
        loop {
            let Some(child) = self.inner.book().children.back().cloned() else { break };
            self.inside(child).rollback_boxed().await;
            // Not before: a rollback that is dropped in the middle is taken up again.
            let undone = self.inner.book().children.pop_back();
            drop(undone);
        }
    }

    /// Rolls back those that were left after a rollback, while the code went on.
    async fn undo_leftovers(&self) {
        if !self.inner.book().start_leftovers() {
            return;
        }
        let on_its_way = OnItsWay::new(&self.inner);
        self.undo_those_inside().await;
        drop(on_its_way.over(None));
    }

    fn inside(&self, child: Arc<Inner>) -> Self {
        Self { inner: child, parent: Some(Arc::new(self.clone())) }
    }

    // Boxed: these call themselves, and the compiler must be told that they are `Send`.
    fn commit_boxed(self) -> Boxed<'static, bool> {
        Box::pin(async move { self.commit().await })
    }

    fn rollback_boxed(self) -> Boxed<'static, bool> {
        Box::pin(async move { self.rollback().await })
    }

    /// Tells the log, this transaction and those around it.
    fn record(&self, failure: TransactionFailure) {
        match failure {
            TransactionFailure::Unserializable { .. } => tracing::warn!("{failure}"),
            _ => tracing::error!("{failure}"),
        }
        for txn in self.with_those_around() {
            txn.inner.book().failures.push(failure.clone());
        }
    }

    /// Leaves the transaction's code, which has `failed` or not.
    ///
    /// If it has not: a transaction in [`CommitMode::Eager`] is committed. Another one inside a transaction then waits
    /// for that. The outermost is committed, or rolled back in [`CommitMode::Off`].
    ///
    /// If it has, or if the transaction was rolled back before or could not be committed, it is rolled back, and at once
    /// the one around it too, unless that is committed.
    ///
    /// A late one, which is left after the one around it has ended, follows that: it commits by itself if that was
    /// committed, else it is rolled back by itself. One inside a transaction that was rolled back but whose code goes
    /// on waits for the end of that code.
    ///
    /// For whoever began it; not for hooks, which would wait for themselves. Has no effect the second time.
    pub async fn leave(&self, failed: bool) {
        if self.close() {
            self.end(failed, true).await;
        }
    }

    /// As [`leave`](Self::leave) after a failure, for an attempt that is followed by another: the one around it stays as
    /// it is.
    pub async fn leave_attempt_failed(&self) {
        if self.close() {
            self.end(true, false).await;
        }
    }

    /// Gives up a transaction whose code was dropped in the middle: as [`leave`](Self::leave) after a failure.
    ///
    /// Called by destructors, which cannot wait. Where nothing has to be waited for it is done at once, and `None` is
    /// returned. Otherwise the caller has the returned future run somewhere; it keeps the transaction's lock until then,
    /// and frees it if it is dropped.
    #[must_use = "the rollback happens only when the future runs"]
    pub fn abandon(&self) -> Option<Boxed<'static, ()>> {
        self.close();
        let txn = self.clone();
        let free = FreeLock(self.inner.clone());
        let mut rollback: Boxed<'static, ()> = Box::pin(async move {
            txn.end(true, true).await;
            drop(free);
        });
        let waits = self.with_those_around().any(|txn| txn.inner.book().is_worth_undoing());
        // No code of others is called then, and nothing waited for.
        if !waits && rollback.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return None;
        }
        Some(rollback)
    }

    /// Rolls it back since code inside has failed, of which there is no transaction, and so on outwards as long as the
    /// ones around have been left.
    pub async fn inside_failed(&self) {
        for txn in self.with_those_around() {
            // Undone before: then whoever did that has seen to those around, or had a reason not to.
            if txn.is_undone() || txn.state() == TransactionState::Committed {
                break;
            }
            txn.rollback().await;
            if txn.inner.book().open {
                break;
            }
        }
    }

    /// Its code is left. False if it was before.
    fn close(&self) -> bool {
        std::mem::take(&mut self.inner.book().open)
    }

    async fn end(&self, failed: bool, drags: bool) {
        self.settled().await;
        if failed {
            self.rollback().await;
            self.undo_leftovers().await;
        } else if self.state() == TransactionState::Pending {
            return;
        } else if self.is_undone() {
            self.undo_leftovers().await;
        } else {
            match (self.inner.commit_mode, &self.parent) {
                (CommitMode::Eager, _) | (CommitMode::Lazy, None) => self.commit().await,
                (CommitMode::Off, None) => self.rollback().await,
                (CommitMode::Lazy | CommitMode::Off, Some(_)) => true,
            };
        }
        // Somebody else may have been quicker: a failure inside, or a commit by hand.
        self.settled().await;
        let Some(parent) = &self.parent else { return };
        if self.is_undone() {
            if drags {
                parent.inside_failed().await;
            }
            return;
        }
        if self.state() == TransactionState::Committed {
            return;
        }
        let fate = parent.inner.book().take_in(&self.inner);
        match fate {
            Fate::Joined => {
                let lock = self.inner.book().lock().cloned();
                if let Some(lock) = lock {
                    self.inner.tree.lend(&lock);
                }
            }
            Fate::Commit => {
                self.commit().await;
            }
            Fate::RollBack => {
                self.rollback().await;
            }
        }
    }

    fn is_undone(&self) -> bool {
        self.inner.book().undone
    }

    /// Waits until no commit or rollback is on its way.
    async fn settled(&self) {
        loop {
            let mut over = pin!(self.inner.over.notified());
            over.as_mut().enable();
            let ending: Option<Ending> = self.inner.book().ending;
            if ending.is_none() {
                return;
            }
            over.await;
        }
    }
}
