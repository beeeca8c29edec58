//! Locks within this process.
//!
//! Who waits stands in a queue, and a lock that is released goes to the first of it. Nothing polls: a waiter sleeps until
//! it is handed the lock or its time is up. Only the first of a queue also watches for the end of the present hold.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{
    Acquired, LockError, LockFuture, LockManager, deadline, earlier, has_passed, told_before,
};

/// The locks that all managers made with `new` share.
static SHARED: LazyLock<Arc<Mutex<Table>>> = LazyLock::new(Arc::default);

/// Locks within this process, first come first served.
///
/// As in Prefect, all managers of a process are one: what one locks is locked for the others.
#[derive(Clone)]
pub struct MemoryLockManager(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    locks: HashMap<Box<str>, Lock>,
    /// The number of the next hold or waiter.
    next: u64,
}

/// A lock that somebody has. One that nobody has is not in the table.
struct Lock {
    /// The number of the present hold.
    hold: u64,
    holder: Box<str>,
    /// When others may take it.
    until: Option<Instant>,
    queue: VecDeque<Waiter>,
    /// Told when the present hold ends.
    watchers: Arc<Notify>,
}

struct Waiter {
    /// The number of its hold, should it get the lock.
    hold: u64,
    holder: Box<str>,
    hold_timeout: Option<Duration>,
    notify: Arc<Notify>,
}

impl MemoryLockManager {
    /// The locks of this process.
    pub fn new() -> Self {
        Self(Arc::clone(&SHARED))
    }

    /// Locks that only the clones of this manager share.
    pub fn isolated() -> Self {
        Self(Arc::default())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLockManager {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLockManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLockManager").field("locked", &self.table().locks.len()).finish()
    }
}

impl Table {
    /// The lock of `key`, if somebody has it. A hold whose time is up is ended first.
    fn present(&mut self, key: &str) -> Option<&mut Lock> {
        while self.locks.get(key).is_some_and(|lock| has_passed(lock.until)) {
            self.end_hold(key);
        }
        self.locks.get_mut(key)
    }

    /// Gives the lock to the first of its queue, or to nobody.
    fn end_hold(&mut self, key: &str) {
        let Some(lock) = self.locks.get_mut(key) else { return };
        std::mem::take(&mut lock.watchers).notify_waiters();
        let Some(first) = lock.queue.pop_front() else {
            self.locks.remove(key);
            return;
        };
        lock.hold = first.hold;
        lock.holder = first.holder;
        lock.until = deadline(first.hold_timeout);
        first.notify.notify_one();
        lock.wake_first();
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Lock {
    /// Lets the first of the queue see when the present hold ends.
    fn wake_first(&self) {
        if self.until.is_some()
            && let Some(first) = self.queue.front()
        {
            first.notify.notify_one();
        }
    }
}

/// A place in a queue. Dropped before it has got the lock, it leaves the queue, and passes the lock on if it has just
/// been handed over.
struct Place<'a> {
    locks: &'a MemoryLockManager,
    key: &'a str,
    hold: u64,
    is_done: bool,
}

impl Place<'_> {
    /// Whether the lock is ours, and if not, until when to sleep.
    fn look(&self) -> Result<(), Option<Instant>> {
        let mut table = self.locks.table();
        let Some(lock) = table.present(self.key) else {
            // Our own hold may have ended before we saw that we had it.
            return Ok(());
        };
        if lock.hold == self.hold {
            return Ok(());
        }
        let first = lock.queue.front().is_some_and(|first| first.hold == self.hold);
        Err(if first { lock.until } else { None })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut table = self.locks.table();
        let Some(lock) = table.locks.get_mut(self.key) else { return };
        if lock.hold == self.hold {
            table.end_hold(self.key);
            return;
        }
        lock.queue.retain(|waiter| waiter.hold != self.hold);
        lock.wake_first();
    }
}

impl LockManager for MemoryLockManager {
    fn acquire_lock<'a>(
        &'a self,
        key: &'a str,
        holder: &'a str,
        acquire_timeout: Option<Duration>,
        hold_timeout: Option<Duration>,
    ) -> LockFuture<'a, Acquired> {
        Box::pin(async move {
            let limit = deadline(acquire_timeout);
            let notify = Arc::new(Notify::new());
            let mut place = {
                let mut table = self.table();
                let hold = table.number();
                let Some(lock) = table.present(key) else {
                    let lock = Lock {
                        hold,
                        holder: holder.into(),
                        until: deadline(hold_timeout),
                        queue: VecDeque::new(),
                        watchers: Arc::default(),
                    };
                    table.locks.insert(key.into(), lock);
                    return Ok(Acquired::Newly);
                };
                if *lock.holder == *holder {
                    return Ok(Acquired::Already);
                }
                if has_passed(limit) {
                    return Ok(Acquired::TimedOut);
                }
                let (holder, notify) = (holder.into(), Arc::clone(&notify));
                lock.queue.push_back(Waiter { hold, holder, hold_timeout, notify });
                Place { locks: self, key, hold, is_done: false }
            };
            loop {
                let Err(end_of_hold) = place.look() else {
                    place.is_done = true;
                    return Ok(Acquired::Newly);
                };
                if has_passed(limit) {
                    return Ok(Acquired::TimedOut);
                }
                told_before(&notify, earlier(limit, end_of_hold)).await;
            }
        })
    }

    fn release_lock(&self, key: &str, holder: &str) -> Result<(), LockError> {
        let mut table = self.table();
        match table.present(key) {
            Some(lock) if *lock.holder == *holder => {
                table.end_hold(key);
                Ok(())
            }
            _ => Err(LockError::NotHeld { key: key.to_owned(), holder: holder.to_owned() }),
        }
    }

    fn is_locked(&self, key: &str) -> Result<bool, LockError> {
        Ok(self.table().present(key).is_some())
    }

    fn is_lock_holder(&self, key: &str, holder: &str) -> Result<bool, LockError> {
        Ok(self.table().present(key).is_some_and(|lock| *lock.holder == *holder))
    }

    fn wait_for_lock<'a>(
        &'a self,
        key: &'a str,
        timeout: Option<Duration>,
    ) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let limit = deadline(timeout);
            let mut watched = None;
            loop {
                let (hold, until, watchers) = {
                    let mut table = self.table();
                    let Some(lock) = table.present(key) else { return Ok(true) };
                    (lock.hold, lock.until, Arc::clone(&lock.watchers))
                };
                if *watched.get_or_insert(hold) != hold {
                    return Ok(true);
                }
                if has_passed(limit) {
                    return Ok(false);
                }
                let mut ended = std::pin::pin!(watchers.notified());
                // From here on the end of the hold cannot be missed; that it came just before is seen below.
                ended.as_mut().enable();
                let same = self.table().present(key).is_some_and(|lock| lock.hold == hold);
                if same {
                    told_by(ended, earlier(limit, until)).await;
                }
            }
        })
    }
}

/// As [`told_before`], for one that is enabled.
async fn told_by(
    mut told: std::pin::Pin<&mut tokio::sync::futures::Notified<'_>>,
    limit: Option<Instant>,
) {
    let Some(limit) = limit else { return told.await };
    let mut timer = crate::runner::sleep(limit.saturating_duration_since(Instant::now()));
    std::future::poll_fn(|cx| match told.as_mut().poll(cx) {
        std::task::Poll::Pending => timer.as_mut().poll(cx),
        ready => ready,
    })
    .await;
}
