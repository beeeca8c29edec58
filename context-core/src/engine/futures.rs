//! Several task futures in order: what `map` gives, and the ways to wait for many runs.

mod completed;
mod ends;
mod wait;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use super::future::TaskFuture;
use crate::clock::Timestamp;
use crate::id::TaskRunId;
use crate::state::{RunError, State};

pub use completed::{AsCompleted, AsCompletedBlocking, AsCompletedWithin, as_completed};
pub use wait::{
    DoneNotDone, resolve_futures_to_states, resolve_futures_to_states_blocking, wait, wait_blocking,
};

pub(super) use ends::Ends;

use ends::{Deadline, Progress};

/// The results of several submitted runs, in the order in which they were submitted.
///
/// `.await` gives all values, or the error of the run that failed first. A run may be in it more than once.
///
/// # Example: with a limit for all together
///
/// ```
/// use std::time::Duration;
///
/// use context_core::engine::TaskFutures;
/// use context_core::state::RunError;
///
/// async fn sum(mut pages: TaskFutures<u32>) -> Result<u32, RunError> {
///     match pages.result_timeout(Duration::from_secs(5)).await {
///         Ok(values) => Ok(values.into_iter().sum()),
///         // The runs go on, and the futures are still there.
///         Err(error) if error.is_wait_timed_out() => Ok(pages.result().await?.len() as u32),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Clone)]
#[must_use = "the runs go on without it, but their errors go unnoticed"]
pub struct TaskFutures<T> {
    futures: Vec<TaskFuture<T>>,
    /// Why there are none.
    error: Option<RunError>,
}

impl<T> TaskFutures<T> {
    /// Runs that could not be made.
    pub(super) const fn failed(error: RunError) -> Self {
        Self { futures: Vec::new(), error: Some(error) }
    }

    /// The futures.
    ///
    /// # Errors
    ///
    /// If the runs could not be made, for example because the mapped arguments have different lengths.
    pub fn into_futures(self) -> Result<Vec<TaskFuture<T>>, RunError> {
        match self.error {
            None => Ok(self.futures),
            Some(error) => Err(error),
        }
    }

    /// The futures; runs that could not be made are one future, which has failed.
    fn into_list(self) -> Vec<TaskFuture<T>> {
        match self.error {
            None => self.futures,
            Some(error) => {
                vec![TaskFuture::failed(TaskRunId::generate(Timestamp::now()), error)]
            }
        }
    }

    /// Why there are no runs, if they could not be made.
    pub const fn error(&self) -> Option<&RunError> {
        self.error.as_ref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.futures.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.futures.is_empty()
    }

    /// The futures, by reference.
    pub fn iter(&self) -> std::slice::Iter<'_, TaskFuture<T>> {
        self.futures.iter()
    }

    /// The state each run has ended in, or `Pending` while it has not.
    pub fn states(&self) -> Vec<State> {
        self.futures.iter().map(TaskFuture::state).collect()
    }

    /// All values in order: the same as `.await`.
    ///
    /// # Errors
    ///
    /// The error of the run that failed first, without waiting for the others.
    pub async fn result(mut self) -> Result<Vec<T>, RunError> {
        self.result_until(Deadline::new(None)).await
    }

    /// As [`result`](Self::result), but not longer than `timeout` for all together. After a timeout the futures are as
    /// good as before.
    ///
    /// # Errors
    ///
    /// [`RunErrorKind::FuturesUnfinished`](crate::state::RunErrorKind::FuturesUnfinished), which says how many of how many, if not all
    /// have ended in time. The error of the run that failed first, as it is, a timeout of its own included.
    pub async fn result_timeout(&mut self, timeout: Duration) -> Result<Vec<T>, RunError> {
        self.result_until(Deadline::new(Some(timeout))).await
    }

    /// Blocks until all values are there; for plain functions.
    ///
    /// # Errors
    ///
    /// The error of the run that failed first, without waiting for the others; or if waiting here would stop the only
    /// thread they could run on.
    pub fn result_blocking(mut self) -> Result<Vec<T>, RunError> {
        self.result_until_blocking(&Deadline::new(None))
    }

    /// As [`result_blocking`](Self::result_blocking), but not longer than `timeout` for all together.
    ///
    /// # Errors
    ///
    /// As [`result_timeout`](Self::result_timeout), or if waiting here would stop the only thread they could run on.
    pub fn result_timeout_blocking(&mut self, timeout: Duration) -> Result<Vec<T>, RunError> {
        self.result_until_blocking(&Deadline::new(Some(timeout)))
    }

    async fn result_until(&mut self, mut deadline: Deadline) -> Result<Vec<T>, RunError> {
        self.check_made()?;
        let mut progress = Progress::watch(&self.futures);
        while let Some(index) = progress.next(&mut deadline).await? {
            self.futures[index].check_completed()?;
        }
        self.take_values()
    }

    fn result_until_blocking(&mut self, deadline: &Deadline) -> Result<Vec<T>, RunError> {
        self.check_made()?;
        check_blocking(&self.futures)?;
        let mut progress = Progress::watch(&self.futures);
        while let Some(index) = progress.next_blocking(deadline)? {
            self.futures[index].check_completed()?;
        }
        self.take_values()
    }

    fn check_made(&self) -> Result<(), RunError> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// Waits until all runs have ended, without taking their values.
    pub async fn wait(&self) {
        for future in &self.futures {
            drop(future.wait().await);
        }
    }

    /// As [`wait`](Self::wait), but not longer than `timeout` for all together.
    ///
    /// # Errors
    ///
    /// [`RunErrorKind::FuturesUnfinished`](crate::state::RunErrorKind::FuturesUnfinished), which says how many of how many, if not all
    /// have ended in time.
    pub async fn wait_timeout(&self, timeout: Duration) -> Result<(), RunError> {
        let mut deadline = Deadline::new(Some(timeout));
        let mut progress = Progress::watch(&self.futures);
        while progress.next(&mut deadline).await?.is_some() {}
        Ok(())
    }

    /// Blocks until all runs have ended, without taking their values; not longer than `timeout` for all together if
    /// there is one.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout), or if waiting here would stop the only thread they could run on.
    pub fn wait_blocking(&self, timeout: Option<Duration>) -> Result<(), RunError> {
        check_blocking(&self.futures)?;
        let deadline = Deadline::new(timeout);
        let mut progress = Progress::watch(&self.futures);
        while progress.next_blocking(&deadline)?.is_some() {}
        Ok(())
    }

    /// The values of runs that have all completed.
    fn take_values(&mut self) -> Result<Vec<T>, RunError> {
        std::mem::take(&mut self.futures).into_iter().map(TaskFuture::take).collect()
    }
}

/// An error if blocking here until all of `futures` have ended would be for ever.
fn check_blocking<T>(futures: &[TaskFuture<T>]) -> Result<(), RunError> {
    // They are of one flow run: what holds for one that is open holds for all.
    match futures.iter().find(|future| !future.is_finished()) {
        Some(open) => open.check_blocking(),
        None => Ok(()),
    }
}

impl<T> FromIterator<TaskFuture<T>> for TaskFutures<T> {
    fn from_iter<I: IntoIterator<Item = TaskFuture<T>>>(futures: I) -> Self {
        Self { futures: futures.into_iter().collect(), error: None }
    }
}

impl<T> From<Vec<TaskFuture<T>>> for TaskFutures<T> {
    fn from(futures: Vec<TaskFuture<T>>) -> Self {
        Self { futures, error: None }
    }
}

impl<T, const N: usize> From<[TaskFuture<T>; N]> for TaskFutures<T> {
    fn from(futures: [TaskFuture<T>; N]) -> Self {
        Vec::from(futures).into()
    }
}

impl<T: Clone> From<&Self> for TaskFutures<T> {
    fn from(futures: &Self) -> Self {
        futures.clone()
    }
}

impl<T> IntoIterator for TaskFutures<T> {
    type Item = TaskFuture<T>;
    type IntoIter = std::vec::IntoIter<TaskFuture<T>>;

    /// The futures. If the runs could not be made, one future that has failed with the [`error`](Self::error).
    fn into_iter(self) -> Self::IntoIter {
        self.into_list().into_iter()
    }
}

impl<'a, T> IntoIterator for &'a TaskFutures<T> {
    type Item = &'a TaskFuture<T>;
    type IntoIter = std::slice::Iter<'a, TaskFuture<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Send + 'static> IntoFuture for TaskFutures<T> {
    type Output = Result<Vec<T>, RunError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.result())
    }
}

impl<T> fmt::Debug for TaskFutures<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            None => f.debug_list().entries(&self.futures).finish(),
            Some(error) => f.debug_tuple("TaskFutures::failed").field(error).finish(),
        }
    }
}
