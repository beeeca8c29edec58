//! The async driver: a run as a future.
//!
//! The run is created and begins at the first poll; what surrounds it was captured when the function was called. A future
//! that is dropped before it is ready ends its run as cancelled, and one that is dropped before its first poll never was
//! a run.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::body::{Body, Encode, record};
use super::glue::Glue;
use super::run::{After, Run, RunnerChoice};
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::runner;
use crate::state::{Failure, RunError};

/// What is to be done next.
enum Step {
    /// Nothing now.
    Wait,
    /// Start an attempt.
    Start,
    /// Poll the attempt.
    Poll,
    /// Give the value to the caller.
    Return,
    /// Drop the value, if any, and give the error to the caller.
    Raise(RunError),
}

/// Where the driver is.
enum Stage {
    New,
    /// The next attempt is to be started.
    Ready,
    /// An attempt is being polled.
    Live,
    /// The attempt has given a value; runs that it has submitted have not ended.
    Draining(Box<Drain>),
    /// The next attempt is to be started after a delay.
    Delayed(Pin<Box<Sleep>>),
    Raising(RunError),
    Done,
}

/// What the end of a run waits for.
struct Drain {
    verdict: Result<(), Failure>,
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
    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            match &mut self.stage {
                Stage::New => {
                    if let Err(error) = self.run.begin() {
                        self.stage = Stage::Done;
                        return Step::Raise(error);
                    }
                    return self.start();
                }
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
                    self.deadline = None;
                    let verdict = std::mem::replace(&mut drain.verdict, Ok(()));
                    if self.settle(verdict) {
                        return Step::Return;
                    }
                }
                Stage::Delayed(sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Step::Wait;
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

    /// Takes note of the value that the attempt gave; true if it is to be returned now.
    #[inline]
    fn returned(&mut self, verdict: Result<(), Failure>) -> bool {
        if verdict.is_ok() && self.run.succeed_unseen() {
            self.stage = Stage::Done;
            return true;
        }
        self.returned_seen(verdict)
    }

    fn returned_seen(&mut self, verdict: Result<(), Failure>) -> bool {
        match self.run.unfinished_submissions() {
            None => {
                self.deadline = None;
                self.settle(verdict)
            }
            Some(ledger) => {
                let idle = Box::pin(async move { ledger.idle().await });
                self.stage = Stage::Draining(Box::new(Drain { verdict, idle }));
                false
            }
        }
    }

    /// True if the value is to be returned.
    fn settle(&mut self, verdict: Result<(), Failure>) -> bool {
        let after = self.run.settle(verdict);
        let returns = matches!(after, After::Return);
        self.after(after);
        returns
    }

    fn after(&mut self, after: After) {
        self.stage = match after {
            After::Return => Stage::Done,
            After::Retry(None) => Stage::Ready,
            After::Retry(Some(delay)) => Stage::Delayed(runner::sleep(delay)),
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
        let after = self.run.time_out();
        self.after(after);
    }

    #[cold]
    fn crash(&mut self, payload: Box<dyn Any + Send>) -> ! {
        self.stage = Stage::Done;
        self.run.crash(&*payload);
        resume_unwind(payload)
    }

    #[cold]
    fn arguments_are_gone(&mut self) {
        self.stage = Stage::Raising(self.run.arguments_are_gone());
    }
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
            match this.driver.step(cx) {
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
                            if this.driver.returned(verdict) {
                                return Poll::Ready(Ok(value));
                            }
                            *this.value = Some(value);
                        }
                        Err(payload) => this.driver.crash(payload),
                    }
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
