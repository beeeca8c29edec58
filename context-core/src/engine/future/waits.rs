//! The ways to wait for one future.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use super::TaskFuture;
use crate::runner;
use crate::state::{RunError, RunErrorKind, State};

impl<T> TaskFuture<T> {
    /// Waits until the run has ended, without taking its value.
    pub async fn wait(&self) -> State {
        poll_fn(|cx| match self.0.poll(cx.waker()) {
            Some(state) => Poll::Ready(state),
            None => Poll::Pending,
        })
        .await
    }

    /// As [`wait`](Self::wait), but not longer than `timeout`; then the state is not a final one.
    pub async fn wait_timeout(&self, timeout: Duration) -> State {
        let mut sleep = runner::sleep(timeout);
        poll_fn(|cx| match self.0.poll(cx.waker()) {
            Some(state) => Poll::Ready(state),
            None => sleep.as_mut().poll(cx).map(|()| self.state()),
        })
        .await
    }

    /// The value, once the run has ended: the same as `.await`.
    ///
    /// # Errors
    ///
    /// If the run did not complete.
    pub async fn result(self) -> Result<T, RunError> {
        self.await
    }

    /// As [`result`](Self::result), but not longer than `timeout`. After a timeout the future is as good as before.
    ///
    /// # Errors
    ///
    /// [`RunErrorKind::WaitTimedOut`], which names the run, if it has not ended in time. If the run did not complete,
    /// its own error, a timeout of its own included. If the future has given its value before,
    /// [`RunErrorKind::AlreadyTaken`].
    pub async fn result_timeout(&mut self, timeout: Duration) -> Result<T, RunError> {
        // A value that is there is given, however short the time.
        let mut sleep = None;
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = std::pin::Pin::new(&mut *self).poll(cx) {
                return Poll::Ready(outcome);
            }
            let sleep = sleep.get_or_insert_with(|| runner::sleep(timeout));
            sleep.as_mut().poll(cx).map(|()| Err(self.timed_out(timeout)))
        })
        .await
    }

    /// Blocks until the run has ended and gives its value; for plain functions.
    ///
    /// # Errors
    ///
    /// If the run did not complete, or waiting here would stop the only thread it could run on.
    pub fn result_blocking(self) -> Result<T, RunError> {
        self.check_blocking()?;
        self.0.wait(None);
        self.take()
    }

    /// As [`result_blocking`](Self::result_blocking), but not longer than `timeout`. After a timeout the future is as
    /// good as before.
    ///
    /// # Errors
    ///
    /// As [`result_timeout`](Self::result_timeout), or if waiting here would stop the only thread it could run on.
    pub fn result_timeout_blocking(&mut self, timeout: Duration) -> Result<T, RunError> {
        self.check_blocking()?;
        self.0.wait(Some(timeout));
        if self.is_finished() { self.give() } else { Err(self.timed_out(timeout)) }
    }

    /// Blocks until the run has ended, without taking its value; not longer than `timeout` if there is one, and then the
    /// state is not a final one.
    ///
    /// # Errors
    ///
    /// If waiting here would stop the only thread it could run on.
    pub fn wait_blocking(&self, timeout: Option<Duration>) -> Result<State, RunError> {
        self.check_blocking()?;
        Ok(self.0.wait(timeout))
    }

    #[cold]
    fn timed_out(&self, timeout: Duration) -> RunError {
        RunErrorKind::WaitTimedOut { task_run_id: self.task_run_id(), timeout }.into()
    }
}
