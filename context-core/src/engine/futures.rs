//! Several task futures in order: what `map` gives.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::future::TaskFuture;
use crate::runner;
use crate::state::RunError;

/// The results of several submitted runs, in the order in which they were submitted.
///
/// `.await` gives all values, or the error of the run that failed first.
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

    /// All values in order: the same as `.await`.
    ///
    /// # Errors
    ///
    /// The error of the run that failed first, without waiting for the others.
    pub async fn result(self) -> Result<Vec<T>, RunError> {
        let futures = self.into_futures()?;
        let ends = Ends::watch(&futures);
        let mut left = futures.len();
        while left > 0 {
            let index = poll_fn(|cx| ends.poll_next(cx.waker())).await;
            left -= 1;
            check(&futures[index])?;
        }
        futures.into_iter().map(TaskFuture::take).collect()
    }

    /// Blocks until all values are there; for plain functions.
    ///
    /// # Errors
    ///
    /// The error of the run that failed first, without waiting for the others.
    pub fn result_blocking(self) -> Result<Vec<T>, RunError> {
        let futures = self.into_futures()?;
        if let Some(open) = futures.iter().find(|future| !future.is_finished()) {
            open.check_blocking()?;
        }
        let ends = Ends::watch(&futures);
        for _ in 0..futures.len() {
            let index = runner::blocking(|| ends.wait_next());
            check(&futures[index])?;
        }
        futures.into_iter().map(TaskFuture::take).collect()
    }

    /// Waits until all runs have ended, without taking their values.
    pub async fn wait(&self) {
        for future in &self.futures {
            drop(future.wait().await);
        }
    }
}

/// An error if the run, which has ended, did not complete.
fn check<T>(future: &TaskFuture<T>) -> Result<(), RunError> {
    future.error().map_or(Ok(()), Err)
}

/// The indexes of futures whose runs have ended, in the order in which they ended.
#[derive(Default)]
pub(super) struct Ends {
    queue: Mutex<(VecDeque<usize>, Option<Waker>)>,
    added: Condvar,
}

impl Ends {
    fn watch<T>(futures: &[TaskFuture<T>]) -> Arc<Self> {
        let ends = Arc::new(Self::default());
        for (index, future) in futures.iter().enumerate() {
            future.watch(&ends, index);
        }
        ends
    }

    pub(super) fn push(&self, index: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.0.push_back(index);
        let waker = queue.1.take();
        drop(queue);
        self.added.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_next(&self, waker: &Waker) -> Poll<usize> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.0.pop_front() {
            Some(index) => Poll::Ready(index),
            None => {
                queue.1 = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    fn wait_next(&self) -> usize {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match queue.0.pop_front() {
                Some(index) => return index,
                None => queue = self.added.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl<T> FromIterator<TaskFuture<T>> for TaskFutures<T> {
    fn from_iter<I: IntoIterator<Item = TaskFuture<T>>>(futures: I) -> Self {
        Self { futures: futures.into_iter().collect(), error: None }
    }
}

impl<T> IntoIterator for TaskFutures<T> {
    type Item = TaskFuture<T>;
    type IntoIter = std::vec::IntoIter<TaskFuture<T>>;

    /// The futures. If the runs could not be made, there are none; see [`error`](Self::error).
    fn into_iter(self) -> Self::IntoIter {
        self.futures.into_iter()
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
