//! The async driver: a run as a future.
//!
//! The run is created and begins at the first poll; what surrounds it was captured when the function was called. A future
//! that is dropped before it is ready ends its run as cancelled, and one that is dropped before its first poll never was
//! a run.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::body::{Body, Encode, record};
use super::codec::{decode, keep};
use super::glue::{Glue, Verdict};
use super::input::Upstream;
use super::run::{After, Begun, Fact, Facts, Run, RunnerChoice};
use super::steps::{self, Ended, Stepped, Stepping};
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::results::ResultRecord;
use crate::runner::{self, Sleep};
use crate::state::RunError;

/// What is to be done next.
enum Step {
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

/// What the end of a run waits for.
struct Drain {
    /// What the value says; nothing if it is to be asked again.
    verdict: Option<Result<(), Verdict>>,
    idle: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The driver's part that does not depend on the user's types.
pub(super) struct Driver {
    // Before the stage: what it holds does not need the run.
    stage: Stage,
    deadline: Option<Pin<Box<Sleep>>>,
    pub(super) run: Run,
}

impl Driver {
    #[inline]
    const fn new(run: Run) -> Self {
        Self { stage: Stage::New, deadline: None, run }
    }

    /// Moves on as far as can be without touching the attempt.
    fn step(&mut self, cx: &mut Context<'_>, facts: Facts<'_>) -> Step {
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
                        if self.timed_out(cx) {
                            self.time_out();
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
                    if sleep.as_mut().poll(cx).is_pending() {
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
    fn hand_over(&mut self, step: impl FnOnce(Run) -> Stepping) {
        self.deadline = None;
        let run = std::mem::replace(&mut self.run, Run::vacant());
        self.stage = Stage::Stepping(step(run));
    }

    /// Takes note of the value that the attempt gave; true if it is to be returned now.
    #[inline]
    fn returned(&mut self, verdict: Result<(), Verdict>) -> bool {
        if verdict.is_ok() && self.run.succeed_unseen() {
            self.stage = Stage::Done;
            return true;
        }
        self.returned_seen(verdict)
    }

    fn returned_seen(&mut self, verdict: Result<(), Verdict>) -> bool {
        if let Err(Verdict::Unfinished(runs)) = verdict {
            self.stage = Stage::Draining(Box::new(Drain { verdict: None, idle: all_ended(runs) }));
            return false;
        }
        match self.run.unfinished_submissions() {
            None => {
                self.deadline = None;
                self.settle(verdict)
            }
            Some(ledger) => {
                let idle = Box::pin(async move { ledger.idle().await });
                self.stage = Stage::Draining(Box::new(Drain { verdict: Some(verdict), idle }));
                false
            }
        }
    }

    /// True if the value is to be returned.
    fn settle(&mut self, verdict: Result<(), Verdict>) -> bool {
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

    /// After a poll that gave nothing: true if the attempt has run out of time and is to be dropped.
    fn timed_out(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = &mut self.deadline else { return false };
        deadline.as_mut().poll(cx).is_ready()
    }

    #[cold]
    fn time_out(&mut self) {
        self.deadline = None;
        self.run.abort_submissions();
        if self.run.needs_steps(true) {
            return self.hand_over(|run| steps::close(run, Ended::TimedOut));
        }
        let after = self.run.time_out();
        self.after(after);
    }

    #[cold]
    fn crash(&mut self, payload: Box<dyn Any + Send>) {
        self.stage = Stage::Done;
        if self.run.needs_steps(true) {
            return self.hand_over(|run| steps::close(run, Ended::Panicked(payload)));
        }
        self.run.crash(&*payload);
        resume_unwind(payload)
    }

    #[cold]
    fn arguments_are_gone(&mut self) {
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

pin_project! {
    /// A run as a future.
    pub(super) struct Call<B, R>
    where
        B: Body,
    {
        #[pin]
        attempt: Option<B::Attempt>,
        value: Option<R>,
        body: B,
        glue: Glue<R>,
        driver: Driver,
    }

    impl<B, R> PinnedDrop for Call<B, R>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut attempt = this.attempt;
            if attempt.is_some() {
                // A destructor of the user's future must see the context it ran in.
                this.driver.run.within(|| attempt.set(None));
            }
        }
    }
}

impl<B, R> Call<B, R>
where
    B: Body<Attempt: Future<Output = R>>,
{
    #[inline]
    pub(super) const fn new(run: Run, body: B, glue: Glue<R>) -> Self {
        Self { attempt: None, value: None, body, glue, driver: Driver::new(run) }
    }

    /// Polls the run; an error of the engine is not made part of the output.
    #[inline]
    pub(super) fn poll_run(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R, RunError>> {
        let this = self.project();
        let mut attempt = this.attempt;
        loop {
            let facts = |fact| match fact {
                Fact::Repeatable => this.body.is_repeatable(),
                Fact::Keepable => (this.glue.codec)().is_some(),
            };
            match this.driver.step(cx, &facts) {
                Step::Wait => return Poll::Pending,
                step @ (Step::Start | Step::Poll) => {
                    let starts = matches!(step, Step::Start);
                    if starts {
                        *this.value = None;
                    }
                    let last = this.driver.run.machine().is_last_attempt();
                    let mut verdict = Ok(());
                    let polled = this.driver.run.within(|| {
                        let polled = catch_unwind(AssertUnwindSafe(|| {
                            if starts {
                                attempt.set(Some(this.body.attempt(last)?));
                            }
                            let future = attempt.as_mut().as_pin_mut();
                            let future = future.expect("an attempt is live until it gives a value");
                            let polled = future.poll(cx);
                            if let Poll::Ready(value) = &polled {
                                // What the value says may be the user's code, too.
                                verdict = (this.glue.verdict)(value);
                            }
                            Some(polled)
                        }));
                        if !matches!(polled, Ok(Some(Poll::Pending))) {
                            attempt.set(None);
                        }
                        polled
                    });
                    match polled {
                        Ok(None) => this.driver.arguments_are_gone(),
                        Ok(Some(Poll::Pending)) => {
                            if !this.driver.timed_out(cx) {
                                return Poll::Pending;
                            }
                            this.driver.run.within(|| attempt.set(None));
                            this.driver.time_out();
                        }
                        Ok(Some(Poll::Ready(value))) => {
                            keep(&mut this.driver.run, *this.glue, &value, &verdict);
                            if this.driver.returned(verdict) {
                                return Poll::Ready(Ok(value));
                            }
                            *this.value = Some(value);
                        }
                        Err(payload) => this.driver.crash(payload),
                    }
                }
                Step::Judge => {
                    let value = this.value.as_ref().expect("the attempt has given a value");
                    let verdict = this
                        .driver
                        .run
                        .within(|| catch_unwind(AssertUnwindSafe(|| (this.glue.verdict)(value))));
                    match verdict {
                        Ok(verdict) => {
                            keep(&mut this.driver.run, *this.glue, value, &verdict);
                            if this.driver.returned(verdict) {
                                let value = this.value.take();
                                let value = value.expect("the attempt has given a value");
                                return Poll::Ready(Ok(value));
                            }
                        }
                        Err(payload) => this.driver.crash(payload),
                    }
                }
                Step::Decode(record) => {
                    match this.driver.run.within(|| decode(*this.glue, &record)) {
                        Ok(value) => {
                            *this.value = Some(value);
                            this.driver.hand_over(steps::reuse);
                        }
                        Err(problem) => this.driver.hand_over(|run| steps::miss(run, problem)),
                    }
                }
                Step::Unwind(payload) => {
                    *this.value = None;
                    resume_unwind(payload)
                }
                Step::Return => {
                    let value = this.value.take().expect("the attempt has given a value");
                    return Poll::Ready(Ok(value));
                }
                Step::Raise(error) => {
                    *this.value = None;
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// The run.
    pub(super) fn run_mut(self: Pin<&mut Self>) -> &mut Run {
        &mut self.project().driver.run
    }
}

impl<B, R> Future for Call<B, R>
where
    B: Body<Attempt: Future<Output = R>>,
{
    type Output = R;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        Poll::Ready(match ready!(self.as_mut().poll_run(cx)) {
            Ok(value) => value,
            Err(error) => (self.glue.raise)(error),
        })
    }
}

impl<B: Body, R> fmt::Debug for Call<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call(..)")
    }
}

/// Calls an `async fn` annotated with `#[task]`.
#[inline]
pub fn task_async<B, R>(
    definition: &'static TaskDefinition,
    encode: Encode<B::Arguments>,
    body: B,
    glue: Glue<R>,
) -> impl Future<Output = R> + use<B, R>
where
    B: Body<Attempt: Future<Output = R>>,
{
    let run = Run::task(definition, &|sink| record(&body, encode, sink));
    Call::new(run, body, glue)
}

/// Calls an `async fn` annotated with `#[flow]`.
#[inline]
pub fn flow_async<B, R>(
    definition: &'static FlowDefinition,
    encode: Encode<B::Arguments>,
    body: B,
    glue: Glue<R>,
) -> impl Future<Output = R> + use<B, R>
where
    B: Body<Attempt: Future<Output = R>>,
{
    let mut run = Run::flow(definition, None, RunnerChoice::AsyncCaller);
    run.resolve(&|sink| record(&body, encode, sink));
    Call::new(run, body, glue)
}
