//! Futures in the order in which their runs end.

use std::collections::HashSet;
use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use super::ends::{Deadline, Progress};
use super::{TaskFutures, check_blocking};
use crate::engine::future::TaskFuture;
use crate::state::RunError;

/// Gives `futures` one by one, as their runs end; each run once. Runs that have ended come first.
///
/// Runs that could not be made (a `map` of iterables of different lengths) are one future, whose value is the error.
///
/// # Example
///
/// ```
/// use context_core::engine::{TaskFutures, as_completed};
/// use context_core::state::RunError;
///
/// async fn first_good(pages: TaskFutures<u32>) -> Option<u32> {
///     let mut completed = as_completed(pages);
///     while let Some(future) = completed.next().await {
///         if let Ok(page) = future.await {
///             return Some(page);
///         }
///     }
///     None
/// }
/// ```
///
/// # Example: in a plain function, not longer than a second
///
/// ```
/// use std::time::Duration;
///
/// use context_core::engine::{TaskFutures, as_completed};
/// use context_core::state::RunError;
///
/// fn sum(pages: TaskFutures<u32>) -> Result<u32, RunError> {
///     let mut sum = 0;
///     for future in as_completed(pages).timeout(Duration::from_secs(1)).blocking() {
///         sum += future?.result_blocking()?;
///     }
///     Ok(sum)
/// }
/// ```
pub fn as_completed<T>(futures: impl Into<TaskFutures<T>>) -> AsCompleted<T> {
    AsCompleted(Completion::new(futures.into().into_list()))
}

/// What both forms have in common.
struct Completion<T> {
    /// Each until it is given away.
    futures: Vec<Option<TaskFuture<T>>>,
    progress: Progress,
}

impl<T> Completion<T> {
    fn new(futures: Vec<TaskFuture<T>>) -> Self {
        let futures = unique(futures);
        let progress = Progress::watch(&futures);
        Self { futures: futures.into_iter().map(Some).collect(), progress }
    }

    async fn next(&mut self, deadline: &mut Deadline) -> Option<Result<TaskFuture<T>, RunError>> {
        let next = self.progress.next(deadline).await;
        self.give(next)
    }

    fn next_blocking(&mut self, deadline: &Deadline) -> Option<Result<TaskFuture<T>, RunError>> {
        let next = self.check_blocking().and_then(|()| self.progress.next_blocking(deadline));
        self.give(next)
    }

    fn check_blocking(&self) -> Result<(), RunError> {
        self.futures
            .iter()
            .flatten()
            .find(|future| !future.is_finished())
            .map_or(Ok(()), |open| check_blocking(std::slice::from_ref(open)))
    }

    /// After an error there is no more.
    fn give(
        &mut self,
        next: Result<Option<usize>, RunError>,
    ) -> Option<Result<TaskFuture<T>, RunError>> {
        match next {
            Ok(index) => self.futures.get_mut(index?)?.take().map(Ok),
            Err(error) => {
                self.futures.clear();
                self.progress = Progress::watch::<T>(&[]);
                Some(Err(error))
            }
        }
    }
}

/// The first future of each run.
pub(super) fn unique<T>(mut futures: Vec<TaskFuture<T>>) -> Vec<TaskFuture<T>> {
    let mut known = HashSet::with_capacity(futures.len());
    futures.retain(|future| known.insert(future.task_run_id()));
    futures
}

/// Futures in the order in which their runs end; made by [`as_completed`].
#[must_use = "it gives nothing until it is asked for the next future"]
pub struct AsCompleted<T>(Completion<T>);

impl<T> AsCompleted<T> {
    /// The next future whose run has ended; `None` once there is no more. To stop waiting loses nothing: what was not
    /// given is given by the next call.
    pub async fn next(&mut self) -> Option<TaskFuture<T>> {
        // Without a timeout there is no error.
        self.0.next(&mut Deadline::new(None)).await?.ok()
    }

    /// The same, not longer than `timeout` from now for all together. Zero asks what has ended by now.
    pub fn timeout(self, timeout: Duration) -> AsCompletedWithin<T> {
        AsCompletedWithin { completion: self.0, deadline: Deadline::new(Some(timeout)) }
    }

    /// The same for plain functions: an iterator that blocks.
    pub fn blocking(self) -> AsCompletedBlocking<T> {
        AsCompletedBlocking { completion: self.0, deadline: Deadline::new(None) }
    }

    /// How many are still to come.
    pub const fn remaining(&self) -> usize {
        self.0.progress.left()
    }
}

/// As [`AsCompleted`], for a limited time.
#[must_use = "it gives nothing until it is asked for the next future"]
pub struct AsCompletedWithin<T> {
    completion: Completion<T>,
    deadline: Deadline,
}

impl<T> AsCompletedWithin<T> {
    /// The next future whose run has ended; `None` once there is no more. When the time is over it is one error,
    /// [`RunErrorKind::FuturesUnfinished`](crate::state::RunErrorKind::FuturesUnfinished), and then `None`.
    pub async fn next(&mut self) -> Option<Result<TaskFuture<T>, RunError>> {
        self.completion.next(&mut self.deadline).await
    }

    /// The same for plain functions: an iterator that blocks.
    pub fn blocking(self) -> AsCompletedBlocking<T> {
        AsCompletedBlocking { completion: self.completion, deadline: self.deadline }
    }

    /// How many are still to come.
    pub const fn remaining(&self) -> usize {
        self.completion.progress.left()
    }
}

/// Futures in the order in which their runs end, for plain functions. Each step blocks.
///
/// An error is the last item: the time is over, or waiting here would stop the only thread the runs could run on.
#[must_use = "it gives nothing until it is asked for the next future"]
pub struct AsCompletedBlocking<T> {
    completion: Completion<T>,
    deadline: Deadline,
}

impl<T> Iterator for AsCompletedBlocking<T> {
    type Item = Result<TaskFuture<T>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.completion.next_blocking(&self.deadline)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.completion.progress.left()))
    }
}

impl<T> FusedIterator for AsCompletedBlocking<T> {}

macro_rules! shows_what_remains {
    ($($name:ident, $($completion:tt).+;)+) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let remaining = self.$($completion).+.progress.left();
                f.debug_struct(stringify!($name)).field("remaining", &remaining).finish_non_exhaustive()
            }
        }
    )+};
}

shows_what_remains! {
    AsCompleted, 0;
    AsCompletedWithin, completion;
    AsCompletedBlocking, completion;
}
