//! Waiting for several runs, whatever becomes of them.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::completed::unique;
use super::ends::{Deadline, Progress};
use super::{TaskFutures, check_blocking};
use crate::engine::future::{Own, TaskFuture};
use crate::engine::input::{Upstream, WaitFor};
use crate::state::{RunError, State};
use std::sync::Arc;

/// What has ended, and what has not; made by [`wait`]. Each run once, in the order in which they were given.
#[derive(Debug)]
#[must_use = "it is what `wait` has found out"]
pub struct DoneNotDone<T> {
    /// The futures of the runs that have ended.
    pub done: Vec<TaskFuture<T>>,
    /// The futures of the others, which go on.
    pub not_done: Vec<TaskFuture<T>>,
}

impl<T> DoneNotDone<T> {
    fn sort(futures: Vec<TaskFuture<T>>) -> Self {
        let (done, not_done) = futures.into_iter().partition(TaskFuture::is_finished);
        Self { done, not_done }
    }
}

/// Waits until the runs of `futures` have ended; not longer than `timeout` for all together if there is one.
///
/// A timeout is no error here: what has not ended is in `not_done`. Zero asks what has ended by now.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use context_core::engine::{TaskFutures, wait};
///
/// async fn how_many_are_late(pages: TaskFutures<u32>) -> usize {
///     wait(pages, Some(Duration::from_secs(5))).await.not_done.len()
/// }
/// ```
pub async fn wait<T>(
    futures: impl Into<TaskFutures<T>>,
    timeout: Option<Duration>,
) -> DoneNotDone<T> {
    let futures = unique(futures.into().into_list());
    let (mut progress, mut deadline) = (Progress::watch(&futures), Deadline::new(timeout));
    while let Ok(Some(_)) = progress.next(&mut deadline).await {}
    DoneNotDone::sort(futures)
}

/// As [`wait`], for plain functions.
///
/// # Errors
///
/// If waiting here would stop the only thread the runs could run on.
pub fn wait_blocking<T>(
    futures: impl Into<TaskFutures<T>>,
    timeout: Option<Duration>,
) -> Result<DoneNotDone<T>, RunError> {
    let futures = unique(futures.into().into_list());
    check_blocking(&futures)?;
    let (mut progress, deadline) = (Progress::watch(&futures), Deadline::new(timeout));
    while let Ok(Some(_)) = progress.next_blocking(&deadline) {}
    Ok(DoneNotDone::sort(futures))
}

/// Waits until all runs in `runs` have ended and gives the states they ended in, in order.
///
/// `runs` is what `wait_for` takes: futures of any types in vectors, arrays and tuples.
///
/// # Errors
///
/// If a run would wait for itself.
///
/// # Example
///
/// ```
/// use context_core::engine::{TaskFuture, TaskFutures, resolve_futures_to_states};
///
/// # async fn example(pages: TaskFutures<u32>, title: TaskFuture<String>) -> Result<(), context_core::state::RunError> {
/// let states = resolve_futures_to_states((&pages, &title)).await?;
/// assert!(states.iter().all(|state| state.is_terminal()));
/// # Ok(())
/// # }
/// ```
pub async fn resolve_futures_to_states(runs: impl WaitFor) -> Result<Vec<State>, RunError> {
    let upstreams = upstreams_of(&runs)?;
    let mut states = Vec::with_capacity(upstreams.len());
    for upstream in &upstreams {
        let ended = poll_fn(|cx| match upstream.poll_end(cx.waker()) {
            Some(state) => Poll::Ready(state),
            None => Poll::Pending,
        });
        states.push(ended.await);
    }
    Ok(states)
}

/// As [`resolve_futures_to_states`], for plain functions.
///
/// # Errors
///
/// If a run would wait for itself, or waiting here would stop the only thread the runs could run on.
pub fn resolve_futures_to_states_blocking(runs: impl WaitFor) -> Result<Vec<State>, RunError> {
    let upstreams = upstreams_of(&runs)?;
    upstreams
        .iter()
        .map(|upstream| upstream.check_blocking().map(|()| upstream.wait_end()))
        .collect()
}

fn upstreams_of(runs: &impl WaitFor) -> Result<Vec<Arc<dyn Upstream>>, RunError> {
    let mut upstreams = Vec::new();
    runs.add_to(&mut upstreams);
    let own = Own::here();
    upstreams.iter().try_for_each(|upstream| own.check(upstream.task_run_id()))?;
    Ok(upstreams)
}
