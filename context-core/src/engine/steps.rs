//! Steps: what a run does besides its attempts, where that takes time.
//!
//! Hooks, retry conditions, limits, caches and transactions may have to be waited for. A run that has any of them is handed
//! over as a whole to one of the functions here and comes back with what is to be done next. They are futures without a
//! runtime of their own: the async driver polls them, the blocking driver blocks on them, and both get the same answers.
//!
//! A run that has none of them never comes here.

mod hooks;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::glue::Verdict;
use super::machine::{Input, Then};
use super::run::{Fault, Judged, Run};
use crate::clock::Timestamp;
use crate::runner;
use crate::state::RunError;

/// What most runs do without.
#[derive(Debug, Default)]
pub(super) struct Steps {}

/// What is to be done after some steps.
pub(super) enum Stepped {
    /// Make an attempt.
    Attempt,
    /// Give the value to the caller.
    Return,
    /// Drop the value, if any, and give the error to the caller.
    Raise(RunError),
    /// Drop the value, wait, then [`reopen`].
    Delay(Duration),
    /// Go on panicking.
    Unwind(Box<dyn Any + Send>),
}

/// How an attempt has ended.
pub(super) enum Ended {
    /// It gave a value.
    Value(Result<(), Verdict>),
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
}

/// A run on its way.
pub(super) type Stepping = Pin<Box<dyn Future<Output = (Run, Stepped)> + Send>>;

/// From `Pending` to the first attempt.
pub(super) fn open(mut run: Run) -> Stepping {
    Box::pin(async move {
        let now = Timestamp::now();
        run.start(now);
        let entered = run.enter_seen(now, Input::Begin, None);
        run.call_hooks(entered.as_ref()).await;
        (run, Stepped::Attempt)
    })
}

/// From `AwaitingRetry` to the next attempt.
pub(super) fn reopen(mut run: Run) -> Stepping {
    Box::pin(async move {
        let now = Timestamp::now();
        run.next_attempt(now);
        let entered = run.enter_seen(now, Input::Resume, None);
        run.call_hooks(entered.as_ref()).await;
        (run, Stepped::Attempt)
    })
}

/// From the end of an attempt to the end of the run, or to the next attempt.
pub(super) fn close(mut run: Run, ended: Ended) -> Stepping {
    Box::pin(async move {
        let stepped = run.close(ended).await;
        (run, stepped)
    })
}

/// From wherever the run is to its end, because nobody waits for it any more.
pub(super) async fn abandon(mut run: Run, input: Input) {
    let entered = run.enter_seen(Timestamp::now(), input, None);
    run.call_hooks(entered.as_ref()).await;
}

/// Does on this thread what `step` makes of `run`.
pub(super) fn now(run: &mut Run, step: impl FnOnce(Run) -> Stepping) -> Stepped {
    let stepping = step(std::mem::replace(run, Run::vacant()));
    let (back, stepped) = runner::block_on(stepping);
    *run = back;
    stepped
}

impl Run {
    async fn close(&mut self, ended: Ended) -> Stepped {
        let now = Timestamp::now();
        let fault = match ended {
            Ended::Panicked(payload) => {
                let crash = self.crashed_by(&*payload);
                self.end(now, crash).await;
                return Stepped::Unwind(payload);
            }
            Ended::Value(Ok(())) if !self.is_too_late(now) => {
                self.end(now, Input::Succeed).await;
                return Stepped::Return;
            }
            Ended::Value(Err(verdict)) if !self.is_too_late(now) => match self.judge(verdict) {
                Judged::Ended(state) => {
                    self.end(now, Input::Return(state)).await;
                    return Stepped::Return;
                }
                Judged::Rejected(error) => {
                    let message = error.to_string();
                    self.end(now, Input::Reject { message }).await;
                    return Stepped::Raise(error);
                }
                Judged::Fault(fault) => fault,
            },
            Ended::Value(_) | Ended::TimedOut => self.timed_out(),
        };
        self.close_in_vain(now, fault).await
    }

    async fn close_in_vain(&mut self, now: Timestamp, mut fault: Fault) -> Stepped {
        if !self.machine().is_last_attempt() && !self.may_retry(now, &fault).await {
            self.forbid_retries();
        }
        let entered = self.enter_fault(Timestamp::now(), &mut fault);
        self.call_hooks(entered.as_ref()).await;
        match entered {
            Some((_, Then::Attempt)) => Stepped::Attempt,
            Some((_, Then::Delay(delay))) => Stepped::Delay(delay),
            _ => Self::raised(fault).map_or(Stepped::Return, Stepped::Raise),
        }
    }

    /// Enters the run's last state.
    async fn end(&mut self, now: Timestamp, input: Input) {
        let entered = self.enter_seen(now, input, None);
        self.call_hooks(entered.as_ref()).await;
    }
}
