//! Locks of keys: held by a value, and shared where waiting would never end.
//!
//! A transaction that has been left and waits for the one around it keeps its lock until that one ends. Another
//! transaction inside the same outermost one, with the same key, would wait for it, and the outermost one would wait
//! for that: for ever. So such a lock is lent to everyone who shares the outermost transaction. Between transactions that
//! share it there is then no isolation, as there would be no point in it: the first has written nothing yet.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::id::TaskRunId;
use crate::results::{Acquired, LockError, LockManager};

/// A lock that is freed when the last owner of this value is gone.
pub(super) struct HeldLock {
    manager: Arc<dyn LockManager>,
    key: String,
    holder: String,
}

impl HeldLock {
    /// True if this is the lock of `key` at `manager`.
    pub(super) fn is(&self, manager: &Arc<dyn LockManager>, key: &str) -> bool {
        self.key == key && Arc::ptr_eq(&self.manager, manager)
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if let Err(error) = self.manager.release_lock(&self.key, &self.holder) {
            tracing::warn!(key = %self.key, "a transaction's lock could not be freed: {error}");
        }
    }
}

impl fmt::Debug for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLock").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What all transactions inside one outermost one share.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The locks of those that wait for the end of another.
    lent: Mutex<Vec<Weak<HeldLock>>>,
    more: Notify,
}

impl Tree {
    fn lent(&self) -> MutexGuard<'_, Vec<Weak<HeldLock>>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others in the tree share `lock`.
    pub(super) fn lend(&self, lock: &Arc<HeldLock>) {
        let mut lent = self.lent();
        lent.retain(|lock| lock.strong_count() > 0);
        lent.push(Arc::downgrade(lock));
        drop(lent);
        self.more.notify_waiters();
    }

    /// A copy of the list, so that a lock whose last owner is here is freed when the list is closed.
    fn shared(&self, manager: &Arc<dyn LockManager>, key: &str) -> Option<Arc<HeldLock>> {
        let lent: Vec<_> = self.lent().iter().filter_map(Weak::upgrade).collect();
        lent.into_iter().find(|lock| lock.is(manager, key))
    }

    /// Waits for the lock of `key`, or a share in it. `None` if the manager refuses it.
    pub(super) async fn acquire(
        &self,
        manager: &Arc<dyn LockManager>,
        key: &str,
    ) -> Result<Option<Arc<HeldLock>>, LockError> {
        if let Some(lock) = self.shared(manager, key) {
            return Ok(Some(lock));
        }
        let holder = TaskRunId::generate(Timestamp::now()).to_string();
        let mut acquiring = manager.acquire_lock(key, &holder, None, None);
        let mut more = pin!(self.more.notified());
        let acquired = poll_fn(|cx| {
            if let Poll::Ready(acquired) = acquiring.as_mut().poll(cx) {
                return Poll::Ready(Err(acquired));
            }
            loop {
                // Registered before the list is read: what is lent in between is noticed.
                let told = more.as_mut().poll(cx).is_ready();
                if let Some(lock) = self.shared(manager, key) {
                    return Poll::Ready(Ok(lock));
                }
                if !told {
                    return Poll::Pending;
                }
                more.set(self.more.notified());
            }
        })
        .await;
        drop(acquiring);
        match acquired {
            Ok(lock) => Ok(Some(lock)),
            Err(Ok(Acquired::Newly | Acquired::Already)) => {
                let manager = manager.clone();
                Ok(Some(Arc::new(HeldLock { manager, key: key.to_owned(), holder })))
            }
            Err(Ok(_)) => Ok(None),
            Err(Err(error)) => Err(error),
        }
    }
}
