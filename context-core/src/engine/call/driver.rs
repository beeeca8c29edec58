//! The part of the async driver that does not depend on the user's types: where a run is, and what is to be done next.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::glue::Verdict;
use crate::engine::input::Upstream;
use crate::engine::run::{After, Begun, Fact, Facts, Run};
use crate::engine::steps::{self, Ended, Stepped, Stepping};
use crate::results::ResultRecord;
use crate::runner::{self, Sleep};
use crate::state::RunError;

/// What is to be done next.
pub(super) enum Step {
    /// Nothing now.
    Wait,
    /// Start an attempt.
    Start,
    /// Poll the attempt.
    Poll,
    /// Take the value from a record.
    Decode(ResultRecord),
    /// Ask the value once more what it says: the runs it speaks of have ended.
    Judge,
    /// Give the value to the caller.
    Return,
    /// Drop the value, if any, and give the error to the caller.
    Raise(RunError),
    /// Drop the value, if any, and go on panicking.
    Unwind(Box<dyn Any + Send>),
}

/// Where the driver is.
enum Stage {
    New,
    /// The next attempt is to be started.
    Ready,
    /// An attempt is being polled.
    Live,
    /// The attempt has given a value; runs that it speaks of, or has submitted, have not ended.
    Draining(Box<Drain>),
    /// The run is elsewhere, and comes back with what is to be done.
    Stepping(Stepping),
    /// The next attempt is to be started after a delay.
    Delayed(Pin<Box<Sleep>>),
    Raising(RunError),
    Done,
}

/// Why an attempt is dropped before it gives a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    TimedOut,
    /// Somebody wants the run to end.
    Cancelled,
}

/// What the end of a run waits for.
struct Drain {
    /// What the value says; nothing if it is to be asked again.
    verdict: Option<Result<(), Box<Verdict>>>,
    idle: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The driver's part that does not depend on the user's types.
pub(in crate::engine) struct Driver {
    // Before the stage: what it holds does not need the run.
    stage: Stage,
    deadline: Option<Pin<Box<Sleep>>>,
    pub(in crate::engine) run: Run,
}

impl Driver {
    #[inline]
    pub(super) const fn new(run: Run) -> Self {
        Self { stage: Stage::New, deadline: None, run }
    }

    /// The first steps of most runs, and of each poll of an attempt: true if an attempt is to be started, false if it is to
    /// be polled. `None` if [`step`](Self::step) knows.
    #[inline(always)]
    pub(super) fn first_step(&mut self) -> Option<bool> {
        match self.stage {
            Stage::New => {
                if !self.run.begin_at_once() {
                    return None;
                }
                self.stage = Stage::Live;
                Some(true)
            }
            Stage::Live => Some(false),
            _ => None,
        }
    }

    /// Moves on as far as can be without touching the attempt.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, facts: Facts<'_>) -> Step {
        loop {
            match &mut self.stage {
                Stage::New => match self.run.begin(facts) {
                    Ok(Begun::Attempt) => return self.start(),
                    Ok(Begun::Steps) => {
                        let keepable = facts(Fact::Keepable);
                        self.hand_over(|run| steps::open(run, keepable));
                    }
                    Err(error) => {
                        self.stage = Stage::Done;
                        return Step::Raise(error);
                    }
                },
                Stage::Ready => return self.start(),
                Stage::Live => return Step::Poll,
                Stage::Draining(drain) => {
                    if drain.idle.as_mut().poll(cx).is_pending() {
                        // The time that submitted runs take is the run's, too.
                        if let Some(cut) = self.cut_short(cx) {
                            self.cut(cut);
                            continue;
                        }
                        return Step::Wait;
                    }
                    match drain.verdict.take() {
                        None => {
                            self.stage = Stage::Live;
                            return Step::Judge;
                        }
                        Some(verdict) => {
                            self.deadline = None;
                            if self.settle(verdict) {
                                return Step::Return;
                            }
                        }
                    }
                }
                Stage::Stepping(stepping) => {
                    let Poll::Ready((run, stepped)) = stepping.as_mut().poll(cx) else {
                        return Step::Wait;
                    };
                    self.run = run;
                    self.stage = Stage::Done;
                    match stepped {
                        Stepped::Attempt => return self.start(),
                        Stepped::Hit(record) => return Step::Decode(record),
                        Stepped::Return => return Step::Return,
                        Stepped::Raise(error) => return Step::Raise(error),
                        Stepped::Unwind(payload) => return Step::Unwind(payload),
                        Stepped::Delay(delay) => self.stage = Stage::Delayed(runner::pause(delay)),
                    }
                }
                Stage::Delayed(sleep) => {
                    if sleep.as_mut().poll(cx).is_pending()
                        && self.run.poll_cancelled(cx).is_pending()
                    {
                        return Step::Wait;
                    }
                    if self.run.has_steps() {
                        self.hand_over(steps::reopen);
                        continue;
                    }
                    self.run.resume();
                    return self.start();
                }
                Stage::Raising(_) => {
                    let Stage::Raising(error) = std::mem::replace(&mut self.stage, Stage::Done)
                    else {
                        unreachable!("it was just matched")
                    };
                    return Step::Raise(error);
                }
                Stage::Done => panic!("a run was polled after it had ended"),
            }
        }
    }

    #[inline(always)]
    fn start(&mut self) -> Step {
        if let Some(limit) = self.run.time_limit() {
            self.deadline = Some(runner::sleep(limit));
        }
        self.stage = Stage::Live;
        Step::Start
    }

    /// Hands the run over to `step`, to be polled until it comes back.
    #[cold]
    pub(super) fn hand_over(&mut self, step: impl FnOnce(Run) -> Stepping) {
        self.deadline = None;
        let run = std::mem::replace(&mut self.run, Run::vacant());
        self.stage = Stage::Stepping(step(run));
    }

    /// Ends an attempt that succeeded, if nobody sees when; false if [`returned`](Self::returned) is to do it.
    #[inline(always)]
    pub(super) fn succeeded_unseen(&mut self) -> bool {
        let unseen = self.run.succeed_unseen();
        if unseen {
            self.stage = Stage::Done;
        }
        unseen
    }

    /// Takes note of the value that the attempt gave; true if it is to be returned now.
    #[inline]
    pub(super) fn returned(&mut self, verdict: Result<(), Box<Verdict>>) -> bool {
        if verdict.is_ok() && self.run.succeed_unseen() {
            self.stage = Stage::Done;
            return true;
        }
        self.returned_seen(verdict)
    }

    fn returned_seen(&mut self, verdict: Result<(), Box<Verdict>>) -> bool {
        let verdict = match verdict {
            Err(said) => match *said {
                Verdict::Unfinished(runs) => {
                    let idle = all_ended(runs);
                    self.stage = Stage::Draining(Box::new(Drain { verdict: None, idle }));
                    return false;
                }
                said => Err(Box::new(said)),
            },
            Ok(()) => Ok(()),
        };
        match self.run.unfinished_submissions() {
            None => {
                self.deadline = None;
                self.settle(verdict)
            }
            Some(ledger) => {
                let idle = Box::pin(async move { ledger.submissions().idle().await });
                self.stage = Stage::Draining(Box::new(Drain { verdict: Some(verdict), idle }));
                false
            }
        }
    }

    /// True if the value is to be returned.
    fn settle(&mut self, verdict: Result<(), Box<Verdict>>) -> bool {
        if self.run.needs_steps(verdict.is_err()) {
            self.hand_over(|run| steps::close(run, Ended::Value(verdict)));
            return false;
        }
        let after = self.run.settle(verdict);
        let returns = matches!(after, After::Return);
        self.after(after);
        returns
    }

    fn after(&mut self, after: After) {
        self.stage = match after {
            After::Return => Stage::Done,
            After::Retry(None) => Stage::Ready,
            After::Retry(Some(delay)) => Stage::Delayed(runner::pause(delay)),
            After::Raise(error) => Stage::Raising(error),
        };
    }

    /// After a poll that gave nothing: why the attempt is to be dropped, if it is.
    pub(super) fn cut_short(&mut self, cx: &mut Context<'_>) -> Option<Cut> {
        if self.run.poll_cancelled(cx).is_ready() {
            return Some(Cut::Cancelled);
        }
        let deadline = self.deadline.as_mut()?;
        deadline.as_mut().poll(cx).is_ready().then_some(Cut::TimedOut)
    }

    /// Ends an attempt that was dropped.
    #[cold]
    pub(super) fn cut(&mut self, cut: Cut) {
        self.deadline = None;
        self.run.abort_submissions();
        if matches!(cut, Cut::Cancelled) {
            return self.hand_over(|run| steps::close(run, Ended::Cancelled));
        }
        if self.run.needs_steps(true) {
            return self.hand_over(|run| steps::close(run, Ended::TimedOut));
        }
        let after = self.run.time_out();
        self.after(after);
    }

    #[cold]
    pub(super) fn crash(&mut self, payload: Box<dyn Any + Send>) {
        self.stage = Stage::Done;
        if self.run.needs_steps(true) {
            return self.hand_over(|run| steps::close(run, Ended::Panicked(payload)));
        }
        self.run.crash(&*payload);
        resume_unwind(payload)
    }

    #[cold]
    pub(super) fn arguments_are_gone(&mut self) {
        self.stage = Stage::Raising(self.run.arguments_are_gone());
    }
}

/// Ready once all of `runs` have ended.
fn all_ended(runs: Vec<Arc<dyn Upstream>>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for run in runs {
            poll_fn(|cx| match run.poll_end(cx.waker()) {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            })
            .await;
        }
    })
}
