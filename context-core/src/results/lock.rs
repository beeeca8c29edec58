//! Locks on records: who may compute and write the record of a key.
//!
//! A lock belongs to a *holder*, a text that names one run; whoever gives the same text is the same holder. A
//! [`MemoryLockManager`] locks within this process, a [`FileSystemLockManager`] between all processes that see one
//! directory, those of Prefect included. The managers know keys and holders, not records.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::Notify;

use crate::runner;

mod file;
mod memory;
#[cfg(test)]
mod tests;

pub use file::FileSystemLockManager;
pub use memory::MemoryLockManager;

/// What a lookup of a key may see of those who compute it at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IsolationLevel {
    /// Whatever is committed. Two runs may compute the same key.
    #[default]
    ReadCommitted,
    /// As if one came after the other: the second waits, then finds the first one's record. Needs a lock manager.
    Serializable,
}

/// What came of trying to get a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the lock may not have been got"]
pub enum Acquired {
    /// The holder has it now, and must release it.
    Newly,
    /// The holder has had it already. Whoever got it first releases it.
    Already,
    /// Somebody else had it until the time was up.
    TimedOut,
}

/// Why a lock could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LockError {
    #[error(
        "{holder} does not hold the lock of key {key:?}: it was never acquired, was released, or its hold timed out"
    )]
    NotHeld { key: String, holder: String },
    #[error("key {key:?} cannot be locked: {reason}; choose another key")]
    InvalidKey { key: String, reason: String },
    #[error("cannot {action} the lock file {path}; check that its directory can be written")]
    Io { action: &'static str, path: String, source: std::io::Error },
}

/// The future of a [`LockManager`]'s method.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LockError>> + Send + 'a>>;

/// Who may have which lock.
pub trait LockManager: fmt::Debug + Send + Sync + 'static {
    /// Gets the lock of `key` for `holder`, and waits for it up to `acquire_timeout`; for ever if that is `None`.
    ///
    /// After `hold_timeout` others may take the lock. The future may be dropped at any time; then nothing is held.
    ///
    /// # Errors
    ///
    /// If `key` cannot be locked at all.
    fn acquire_lock<'a>(
        &'a self,
        key: &'a str,
        holder: &'a str,
        acquire_timeout: Option<Duration>,
        hold_timeout: Option<Duration>,
    ) -> LockFuture<'a, Acquired>;

    /// Gives the lock of `key` back.
    ///
    /// # Errors
    ///
    /// [`LockError::NotHeld`] if `holder` does not have it (any more).
    fn release_lock(&self, key: &str, holder: &str) -> Result<(), LockError>;

    /// Whether anybody has the lock of `key`.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn is_locked(&self, key: &str) -> Result<bool, LockError>;

    /// Whether `holder` has the lock of `key`.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn is_lock_holder(&self, key: &str, holder: &str) -> Result<bool, LockError>;

    /// Waits until whoever has the lock of `key` now has it no more. False if `timeout` passed first.
    ///
    /// Another may have got it in between; but what the first one did is done.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn wait_for_lock<'a>(&'a self, key: &'a str, timeout: Option<Duration>)
    -> LockFuture<'a, bool>;
}

/// A lock that is held until this is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use context_core::results::{LockGuard, LockManager, MemoryLockManager};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let locks: Arc<dyn LockManager> = Arc::new(MemoryLockManager::isolated());
/// let first = LockGuard::acquire(&locks, "key", "one", None, None).await?;
/// assert!(first.is_some());
/// let second = LockGuard::acquire(&locks, "key", "two", Some(Duration::ZERO), None).await?;
/// assert!(second.is_none());
/// drop(first);
/// assert!(!locks.is_locked("key")?);
/// # Ok::<(), context_core::results::LockError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard {
    locks: Arc<dyn LockManager>,
    key: String,
    holder: String,
    /// Whether this guard releases the lock: not if the holder had it before.
    releases: bool,
}

impl LockGuard {
    /// As [`LockManager::acquire_lock`]. `None` if the time was up.
    ///
    /// # Errors
    ///
    /// If `key` cannot be locked at all.
    pub async fn acquire(
        locks: &Arc<dyn LockManager>,
        key: &str,
        holder: &str,
        acquire_timeout: Option<Duration>,
        hold_timeout: Option<Duration>,
    ) -> Result<Option<Self>, LockError> {
        let releases = match locks.acquire_lock(key, holder, acquire_timeout, hold_timeout).await? {
            Acquired::Newly => true,
            Acquired::Already => false,
            Acquired::TimedOut => return Ok(None),
        };
        let (key, holder) = (key.to_owned(), holder.to_owned());
        Ok(Some(Self { locks: Arc::clone(locks), key, holder, releases }))
    }

    /// The key that is locked.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Who holds the lock.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Gives the lock back now, and tells whether it was still held.
    ///
    /// # Errors
    ///
    /// [`LockError::NotHeld`] if the hold had timed out.
    pub fn release(mut self) -> Result<(), LockError> {
        if !std::mem::take(&mut self.releases) {
            return Ok(());
        }
        self.locks.release_lock(&self.key, &self.holder)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if self.releases
            && let Err(err) = self.locks.release_lock(&self.key, &self.holder)
        {
            tracing::warn!(key = self.key, error = %err, "a lock could not be released");
        }
    }
}

/// A holder for code that is in no run: the host, the process, the thread and, in one, the asynchronous task.
pub fn default_holder() -> String {
    let (host, process) = (gethostname::gethostname(), std::process::id());
    let thread = std::thread::current();
    let mut holder = format!(
        "{}:{process}:{:?}:{}",
        host.to_string_lossy(),
        thread.id(),
        thread.name().unwrap_or("unnamed"),
    );
    if let Some(task) = tokio::task::try_id() {
        holder.push_str(&format!(":{task}"));
    }
    holder
}

/// Waits until `notify` tells, at most until `limit`. Whether it told.
async fn told_before(notify: &Notify, limit: Option<Instant>) -> bool {
    let mut told = std::pin::pin!(notify.notified());
    let Some(limit) = limit else {
        told.await;
        return true;
    };
    let mut timer = runner::sleep(limit.saturating_duration_since(Instant::now()));
    std::future::poll_fn(|cx| {
        if told.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(true);
        }
        timer.as_mut().poll(cx).map(|()| false)
    })
    .await
}

/// When `timeout` is over, if ever.
fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// The earlier of two times, where `None` is never.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn has_passed(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at <= Instant::now())
}
