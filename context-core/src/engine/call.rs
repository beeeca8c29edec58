//! The async driver: a run as a future.
//!
//! The run is created and begins at the first poll; what surrounds it was captured when the function was called. A future
//! that is dropped before it is ready ends its run as cancelled, and one that is dropped before its first poll never was
//! a run.

mod driver;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use pin_project_lite::pin_project;

use self::driver::{Driver, Step};
use super::body::{Body, Encode, record};
use super::codec::{decode, keep};
use super::glue::{Glue, Verdict};
use super::run::{Fact, Run, RunnerChoice};
use super::steps;
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::state::RunError;

pin_project! {
    /// A run as a future.
    #[project = CallProjection]
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
        let mut this = self.project();
        // What most runs do: one good attempt that nobody sees.
        if let Some(starts) = this.driver.first_step() {
            match poll_attempt(&mut this, cx, starts) {
                Ok(Some((Poll::Ready(value), Ok(())))) if this.driver.succeeded_unseen() => {
                    return Poll::Ready(Ok(value));
                }
                polled => {
                    if let Some(ready) = after_poll(&mut this, cx, polled) {
                        return ready;
                    }
                }
            }
        }
        poll_on(this, cx)
    }

    /// As `poll_run`; a panic of the run is given, and not raised.
    #[inline]
    pub(super) fn poll_caught(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<thread::Result<Result<R, RunError>>> {
        match catch_unwind(AssertUnwindSafe(|| self.poll_run(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }

    /// The run.
    pub(super) fn run_mut(self: Pin<&mut Self>) -> &mut Run {
        &mut self.project().driver.run
    }
}

/// What came of polling an attempt: what it gave, if it has ended, and what that says; nothing if the arguments are gone;
/// or a panic.
type Polled<R> = Result<Option<(Poll<R>, Result<(), Box<Verdict>>)>, Box<dyn Any + Send>>;

#[inline(always)]
fn poll_attempt<B, R>(
    this: &mut CallProjection<'_, B, R>,
    cx: &mut Context<'_>,
    starts: bool,
) -> Polled<R>
where
    B: Body<Attempt: Future<Output = R>>,
{
    let (attempt, body, glue) = (&mut this.attempt, &mut *this.body, &*this.glue);
    let last = this.driver.run.machine().is_last_attempt();
    this.driver.run.within(|| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if starts {
                attempt.set(Some(body.attempt(last)?));
            }
            let future = attempt.as_mut().as_pin_mut();
            let future = future.expect("an attempt is live until it gives a value");
            let polled = future.poll(cx);
            // What the value says may be the user's code, too.
            let verdict = match &polled {
                Poll::Ready(value) => (glue.verdict)(value),
                Poll::Pending => Ok(()),
            };
            Some((polled, verdict))
        }));
        if !matches!(polled, Ok(Some((Poll::Pending, _)))) {
            attempt.set(None);
        }
        polled
    })
}

/// Takes note of what polling an attempt has come to. `Some` if there is nothing more to be done now.
#[inline(never)]
fn after_poll<B, R>(
    this: &mut CallProjection<'_, B, R>,
    cx: &mut Context<'_>,
    polled: Polled<R>,
) -> Option<Poll<Result<R, RunError>>>
where
    B: Body<Attempt: Future<Output = R>>,
{
    match polled {
        Ok(None) => this.driver.arguments_are_gone(),
        Ok(Some((Poll::Pending, _))) => {
            let Some(cut) = this.driver.cut_short(cx) else { return Some(Poll::Pending) };
            let attempt = &mut this.attempt;
            this.driver.run.within(|| attempt.set(None));
            this.driver.cut(cut);
        }
        Ok(Some((Poll::Ready(value), verdict))) => {
            keep(&mut this.driver.run, *this.glue, &value, &verdict);
            if this.driver.returned(verdict) {
                return Some(Poll::Ready(Ok(value)));
            }
            *this.value = Some(value);
        }
        Err(payload) => this.driver.crash(payload),
    }
    None
}

/// Polls a run that is not where most runs are.
#[inline(never)]
fn poll_on<B, R>(
    mut this: CallProjection<'_, B, R>,
    cx: &mut Context<'_>,
) -> Poll<Result<R, RunError>>
where
    B: Body<Attempt: Future<Output = R>>,
{
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
                let polled = poll_attempt(&mut this, cx, starts);
                if let Some(ready) = after_poll(&mut this, cx, polled) {
                    return ready;
                }
            }
            Step::Judge => {
                let (glue, value) = (&*this.glue, &*this.value);
                let value = value.as_ref().expect("the attempt has given a value");
                let verdict = this
                    .driver
                    .run
                    .within(|| catch_unwind(AssertUnwindSafe(|| (glue.verdict)(value))));
                match verdict {
                    Ok(verdict) => {
                        keep(&mut this.driver.run, *glue, value, &verdict);
                        if this.driver.returned(verdict) {
                            let value = this.value.take();
                            let value = value.expect("the attempt has given a value");
                            return Poll::Ready(Ok(value));
                        }
                    }
                    Err(payload) => this.driver.crash(payload),
                }
            }
            Step::Decode(record) => match this.driver.run.within(|| decode(*this.glue, &record)) {
                Ok(value) => {
                    *this.value = Some(value);
                    this.driver.hand_over(steps::reuse);
                }
                Err(problem) => this.driver.hand_over(|run| steps::miss(run, problem)),
            },
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
