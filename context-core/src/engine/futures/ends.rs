//! The ends of several runs, in the order in which they come, and waiting for them with one deadline.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::engine::future::{Own, TaskFuture};
use crate::runner::{self, Sleep};
use crate::state::{RunError, RunErrorKind};

/// The indexes of futures whose runs have ended, in the order in which they ended.
#[derive(Default)]
pub(in crate::engine) struct Ends {
    queue: Mutex<(VecDeque<usize>, Option<Waker>)>,
    added: Condvar,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<usize>, Option<Waker>)> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine) fn push(&self, index: usize) {
        let mut queue = self.lock();
        queue.0.push_back(index);
        let waker = queue.1.take();
        drop(queue);
        self.added.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_next(&self, waker: &Waker) -> Poll<usize> {
        let mut queue = self.lock();
        if let Some(index) = queue.0.pop_front() {
            return Poll::Ready(index);
        }
        queue.1 = Some(waker.clone());
        drop(queue);
        runner::note_wait();
        Poll::Pending
    }

    /// `None` if none has come until `deadline`.
    fn wait_next(&self, deadline: Option<Instant>) -> Option<usize> {
        if let Some(index) = self.lock().0.pop_front() {
            return Some(index);
        }
        runner::yielding(|| self.wait_empty(deadline))
    }

    fn wait_empty(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut queue = self.lock();
        loop {
            if let Some(index) = queue.0.pop_front() {
                return Some(index);
            }
            queue = match deadline {
                None => self.added.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.added.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// When the waiting for several runs is over; it begins with the first wait, or when it is set.
pub(super) struct Deadline {
    timeout: Option<Duration>,
    began: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// `timeout` from now; never, if there is none.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, began: Instant::now(), sleep: None }
    }

    /// The time that is waited at most.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or_default()
    }

    fn instant(&self) -> Option<Instant> {
        self.began.checked_add(self.timeout?)
    }

    /// Ready once it has passed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.instant() else { return Poll::Pending };
        let left = || deadline.saturating_duration_since(Instant::now());
        self.sleep.get_or_insert_with(|| runner::sleep(left())).as_mut().poll(cx)
    }
}

/// How far several runs have come.
pub(super) struct Progress {
    ends: Arc<Ends>,
    total: usize,
    left: usize,
}

impl Progress {
    /// Watches `futures`. One that would wait for itself counts as ended: whoever takes its value is told.
    pub(super) fn watch<T>(futures: &[TaskFuture<T>]) -> Self {
        let ends = Arc::new(Ends::default());
        let own = Own::here();
        for (index, future) in futures.iter().enumerate() {
            if own.contains(future.task_run_id()) {
                ends.push(index);
            } else {
                future.watch(&ends, index);
            }
        }
        Self { ends, total: futures.len(), left: futures.len() }
    }

    /// How many have not ended.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    /// The next to end; `None` once all have.
    ///
    /// An error when the deadline passes before; what has ended by then is given all the same.
    pub(super) async fn next(
        &mut self,
        deadline: &mut Deadline,
    ) -> Result<Option<usize>, RunError> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = poll_fn(|cx| match self.ends.poll_next(cx.waker()) {
            Poll::Ready(index) => Poll::Ready(Some(index)),
            Poll::Pending => deadline.poll(cx).map(|()| None),
        });
        let next = next.await;
        self.ended(next, deadline)
    }

    /// As `next`, of a blocked thread.
    pub(super) fn next_blocking(&mut self, deadline: &Deadline) -> Result<Option<usize>, RunError> {
        if self.left == 0 {
            return Ok(None);
        }
        let until = deadline.instant();
        let next = self.ends.wait_next(until);
        self.ended(next, deadline)
    }

    fn ended(
        &mut self,
        next: Option<usize>,
        deadline: &Deadline,
    ) -> Result<Option<usize>, RunError> {
        if next.is_none() {
            return Err(self.unfinished(deadline));
        }
        self.left -= 1;
        Ok(next)
    }

    #[cold]
    fn unfinished(&self, deadline: &Deadline) -> RunError {
        let (unfinished, total) = (self.left, self.total);
        RunErrorKind::FuturesUnfinished { unfinished, total, timeout: deadline.timeout() }.into()
    }
}
