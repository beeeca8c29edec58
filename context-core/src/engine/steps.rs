//! Steps: what a run does besides its attempts, where that takes time.
//!
//! Hooks, retry conditions, limits, caches and transactions may have to be waited for. A run that has any of them is handed
//! over as a whole to one of the functions here and comes back with what is to be done next. They are futures without a
//! runtime of their own: the async driver polls them, the blocking driver blocks on them, and both get the same answers.
//!
//! A run that has none of them never comes here.

mod hooks;
mod results;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use super::glue::Verdict;
use super::machine::{Input, Then};
use super::run::{Agreed, Fault, Judged, Keep, Run, WholeArguments};
use crate::clock::Timestamp;
use crate::concurrency::{TagSlots, tag_limits_exist, take_tags};
use crate::context::AttemptEnd;
use crate::definition::RetryDelay;
use crate::record::Held;
use crate::results::ResultRecord;
use crate::runner;
use crate::state::RunError;
use crate::transaction::Transaction;

pub(super) use results::{Payload, rolled_back};

/// What most runs do without.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// All arguments in full, for keys.
    pub(super) arguments: Option<WholeArguments>,
    /// What becomes of the result; nothing, if nothing is to be kept or found.
    keep: Option<Keep>,
    /// Where the value is kept: what its record says of itself.
    kept: Option<Value>,
    /// The payload of the attempt's value.
    payload: Option<Payload>,
    /// The transaction of a run whose result was there.
    found: Option<Transaction>,
    /// The slots that the run holds of its tags' limits.
    slots: Option<TagSlots>,
    /// The slots that it holds of limits that others have for its tags.
    remote_slots: Option<Held>,
    /// The delays between attempts, if the settings say them.
    pub(super) default_delay: Option<RetryDelay>,
    /// What the options have come to, of a flow run that is to be registered before it is created.
    pub(super) prepared: Option<Result<bool, RunError>>,
}

impl Steps {
    /// The key of the result, and how long it can be found under it.
    pub(super) fn cache_key(&self) -> Option<(&str, Option<Duration>)> {
        let keep = self.keep.as_ref()?;
        Some((keep.key.as_deref()?, keep.expiration))
    }

    /// Those of a run with `arguments`.
    pub(super) fn with(arguments: WholeArguments) -> Self {
        Self { arguments: Some(arguments), ..Self::default() }
    }
}

/// What is to be done after some steps.
pub(super) enum Stepped {
    /// Make an attempt.
    Attempt,
    /// Take the value from the record; then [`reuse`], or [`miss`] if it is not there.
    Hit(ResultRecord),
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
    Value(Result<(), Box<Verdict>>),
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// Somebody wants the run to end.
    Cancelled,
}

/// A run on its way.
pub(super) type Stepping = Pin<Box<dyn Future<Output = (Run, Stepped)> + Send>>;

/// From `Pending` to the first attempt. `keepable` says whether the value's type can be kept as a result.
pub(super) fn open(mut run: Run, keepable: bool) -> Stepping {
    Box::pin(async move {
        let stepped = run.open(keepable).await;
        handed_back(run, stepped).await
    })
}

/// From a result that was there to the end of the run.
pub(super) fn reuse(mut run: Run) -> Stepping {
    Box::pin(async move {
        let stepped = run.reuse().await;
        handed_back(run, stepped).await
    })
}

/// From a result that was not what it should be to an attempt.
pub(super) fn miss(mut run: Run, problem: String) -> Stepping {
    Box::pin(async move {
        let stepped = run.miss(problem).await;
        handed_back(run, stepped).await
    })
}

/// From `AwaitingRetry` to the next attempt.
pub(super) fn reopen(mut run: Run) -> Stepping {
    Box::pin(async move {
        let stepped = run.reopen().await;
        handed_back(run, stepped).await
    })
}

/// From the end of an attempt to the end of the run, or to the next attempt.
pub(super) fn close(mut run: Run, ended: Ended) -> Stepping {
    Box::pin(async move {
        let stepped = run.close(ended).await;
        handed_back(run, stepped).await
    })
}

/// From wherever the run is to its end, because nobody waits for it any more.
pub(super) async fn abandon(mut run: Run, input: Input) {
    run.leave_transaction(AttemptEnd::Failed).await;
    if let Ok(entered) = run.agree(Timestamp::now(), input, None).await {
        run.call_hooks(entered.as_ref()).await;
    }
    run.finish().await;
}

/// The run on its way back. One that has ended needs no slots any more: nobody who learns of its end finds them taken.
async fn handed_back(mut run: Run, stepped: Stepped) -> (Run, Stepped) {
    if !run.machine().is_open() {
        if let Some(steps) = run.steps_mut() {
            drop((steps.slots.take(), steps.remote_slots.take()));
        }
        run.finish().await;
    }
    if matches!(stepped, Stepped::Attempt) {
        // Hooks and locks that were waited for do not use up the time of the attempt.
        run.attempt_begins(Timestamp::now());
    }
    (run, stepped)
}

/// Does on this thread what `step` makes of `run`.
pub(super) fn now(run: &mut Run, step: impl FnOnce(Run) -> Stepping) -> Stepped {
    let stepping = step(std::mem::replace(run, Run::vacant()));
    let (back, stepped) = runner::block_on(stepping);
    *run = back;
    stepped
}

impl Run {
    async fn open(&mut self, keepable: bool) -> Stepped {
        if let Some(prepared) = self.steps_mut().and_then(|steps| steps.prepared.take())
            && let Err(error) = self.register(prepared).await
        {
            return Stepped::Raise(error);
        }
        if self.is_task() {
            if tag_limits_exist() {
                let slots = take_tags(&self.tag_names()).await;
                self.steps_or_default().slots = Some(slots);
            }
            match self.take_remote_slots().await {
                Ok(None) => {}
                Ok(slots) => self.steps_or_default().remote_slots = slots,
                Err(error) => return self.refuse(error).await,
            }
        }
        let now = Timestamp::now();
        self.start(now);
        let keep = match self.plan_keeping(keepable) {
            Ok(keep) => keep,
            Err(error) => return self.refuse(error).await,
        };
        self.steps_or_default().keep = keep;
        let agreed = self.agree(now, Input::Begin, None).await;
        self.begin_agreed(agreed).await
    }

    async fn reopen(&mut self) -> Stepped {
        if self.is_cancelled() {
            return Stepped::Raise(self.end_cancelled().await);
        }
        let now = Timestamp::now();
        self.next_attempt(now);
        let agreed = self.agree(now, Input::Resume, None).await;
        self.begin_agreed(agreed).await
    }

    /// Goes on with an attempt, once it is agreed that the run is `Running`.
    async fn begin_agreed(&mut self, agreed: Agreed) -> Stepped {
        match agreed {
            Err(error) => Stepped::Raise(error),
            // Not now.
            Ok(Some((_, Then::Delay(delay)))) => Stepped::Delay(delay),
            Ok(entered) => {
                self.call_hooks(entered.as_ref()).await;
                self.begin_attempt(false).await
            }
        }
    }

    /// Ends a run that cannot be attempted because of `error`.
    pub(super) async fn refuse(&mut self, error: RunError) -> Stepped {
        let message = error.to_string();
        match self.agree(Timestamp::now(), Input::Reject { message }, None).await {
            Ok(_) => Stepped::Raise(error),
            Err(other) => Stepped::Raise(other),
        }
    }

    async fn close(&mut self, ended: Ended) -> Stepped {
        let now = Timestamp::now();
        // What an attempt gives whose run is to end does not count.
        if self.is_cancelled() {
            return Stepped::Raise(self.end_cancelled().await);
        }
        let fault = match ended {
            Ended::Panicked(payload) => {
                let crash = self.crashed_by(&*payload);
                if let Some(ledger) = self.unfinished_submissions() {
                    ledger.submissions().idle().await;
                }
                self.leave_transaction(AttemptEnd::Failed).await;
                // The panic goes on, whatever has become of the run.
                drop(self.end(now, crash, Stepped::Return).await);
                return Stepped::Unwind(payload);
            }
            Ended::Value(Ok(())) if !self.is_too_late(now) => {
                self.stage();
                return self.complete(now, Input::Succeed).await;
            }
            Ended::Value(Err(verdict)) if !self.is_too_late(now) => match self.judge(*verdict) {
                Judged::Ended(state) => {
                    if state.is_completed() {
                        self.stage();
                        return self.complete(now, Input::Return(state)).await;
                    }
                    self.leave_transaction(AttemptEnd::Failed).await;
                    return self.end(now, Input::Return(state), Stepped::Return).await;
                }
                Judged::Rejected(error) => {
                    let message = error.to_string();
                    self.leave_transaction(AttemptEnd::Failed).await;
                    return self.end(now, Input::Reject { message }, Stepped::Raise(error)).await;
                }
                Judged::Fault(fault) => fault,
            },
            Ended::Cancelled => return Stepped::Raise(self.end_cancelled().await),
            Ended::Value(_) | Ended::TimedOut => self.timed_out(),
        };
        self.close_in_vain(now, fault).await
    }

    async fn close_in_vain(&mut self, now: Timestamp, mut fault: Fault) -> Stepped {
        self.take_over(now);
        // What fails after an interrupt has failed because of it.
        runner::check_interrupt();
        if !self.machine().is_last_attempt() && !self.may_retry(now, &fault).await {
            self.forbid_retries();
        }
        let last = self.machine().is_last_attempt();
        let end = if last { AttemptEnd::Failed } else { AttemptEnd::Retried };
        self.leave_transaction(end).await;
        let now = Timestamp::now();
        let entered = if self.orchestrator().is_some() {
            // Whether there is another attempt is not decided here.
            let (error, input) = (fault.error.clone(), fault.end());
            match self.agree(now, input, Some(error)).await {
                Ok(entered) => entered,
                Err(error) => return Stepped::Raise(error),
            }
        } else {
            self.enter_fault(now, &mut fault)
        };
        self.call_hooks(entered.as_ref()).await;
        match entered {
            Some((_, Then::Attempt)) => self.begin_attempt(false).await,
            Some((_, Then::Delay(delay))) => Stepped::Delay(delay),
            _ => Self::raised(fault).map_or(Stepped::Return, Stepped::Raise),
        }
    }

    /// Ends a run that has completed: its state first, then what follows from it.
    async fn complete(&mut self, now: Timestamp, input: Input) -> Stepped {
        let entered = match self.agree(now, input, None).await {
            Ok(entered) => entered,
            Err(error) => return Stepped::Raise(error),
        };
        self.leave_transaction(AttemptEnd::Succeeded).await;
        self.write_flow_result().await;
        self.call_hooks(entered.as_ref()).await;
        Stepped::Return
    }

    /// Enters the run's last state; then `next`.
    async fn end(&mut self, now: Timestamp, input: Input, next: Stepped) -> Stepped {
        match self.agree(now, input, None).await {
            Ok(entered) => {
                self.call_hooks(entered.as_ref()).await;
                next
            }
            Err(error) => Stepped::Raise(error),
        }
    }
}
