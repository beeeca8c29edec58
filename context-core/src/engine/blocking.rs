//! The blocking driver: a run on the caller's thread.
//!
//! It cannot interrupt the user's function: a `timeout` is noticed when the attempt has returned.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::body::{Body, Encode, record};
use super::codec::{decode, keep};
use super::glue::{Glue, Verdict};
use super::run::{After, Begun, Fact, Run, RunnerChoice};
use super::steps::{self, Ended, Stepped, Stepping};
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::results::ResultRecord;
use crate::runner;
use crate::state::RunError;

/// What the driver does next.
enum Next {
    Attempt,
    /// Take the value from a record.
    Decode(ResultRecord),
    /// Wait, and then make another attempt.
    Delay(Duration),
    Return,
    Raise(RunError),
}

/// Drives `run` to its end.
#[inline]
pub(super) fn drive<B, R>(run: &mut Run, mut body: B, glue: Glue<R>) -> Result<R, RunError>
where
    B: Body<Attempt = R>,
{
    let begun = run.begin(&|fact| match fact {
        Fact::Repeatable => body.is_repeatable(),
        Fact::Keepable => (glue.codec)().is_some(),
    })?;
    // What most runs do: one good attempt that nobody sees.
    let (next, given) = match begun {
        Begun::Attempt => match attempt(run, &mut body, glue) {
            Ok(Some((value, Ok(())))) if run.succeed_unseen() => return Ok(value),
            ended => after_attempt(run, ended, glue)?,
        },
        Begun::Steps => {
            let keepable = (glue.codec)().is_some();
            (stepped(run, |run| steps::open(run, keepable)), None)
        }
    };
    drive_on(run, body, glue, next, given)
}

/// What came of an attempt: a value and what it says, nothing if the arguments are gone, or a panic.
type Attempted<R> = Result<Option<(R, Result<(), Box<Verdict>>)>, Box<dyn Any + Send>>;

#[inline(always)]
fn attempt<B, R>(run: &mut Run, body: &mut B, glue: Glue<R>) -> Attempted<R>
where
    B: Body<Attempt = R>,
{
    let last = run.machine().is_last_attempt();
    run.within(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let value = body.attempt(last)?;
            // What the value says may be the user's code, too.
            let verdict = (glue.verdict)(&value);
            Some((value, verdict))
        }))
    })
}

/// Ends an attempt: what is to be done next, and its value.
#[inline(never)]
fn after_attempt<R>(
    run: &mut Run,
    ended: Attempted<R>,
    glue: Glue<R>,
) -> Result<(Next, Option<R>), RunError> {
    let (value, verdict) = match ended {
        Ok(Some(ended)) => ended,
        Ok(None) => return Err(run.arguments_are_gone()),
        Err(payload) => return Ok((crash(run, payload), None)),
    };
    let next = match judged(run, &value, verdict, glue) {
        Ok(verdict) => {
            keep(run, glue, &value, &verdict);
            settle(run, verdict)
        }
        Err(payload) => crash(run, payload),
    };
    Ok((next, Some(value)))
}

/// Drives `run` on from `next`, with the value that the last attempt has `given`.
#[inline(never)]
fn drive_on<B, R>(
    run: &mut Run,
    mut body: B,
    glue: Glue<R>,
    mut next: Next,
    mut given: Option<R>,
) -> Result<R, RunError>
where
    B: Body<Attempt = R>,
{
    loop {
        match next {
            Next::Attempt => {
                drop(given.take());
                match attempt(run, &mut body, glue) {
                    Ok(Some((value, Ok(())))) if run.succeed_unseen() => return Ok(value),
                    ended => (next, given) = after_attempt(run, ended, glue)?,
                }
            }
            Next::Delay(delay) => {
                drop(given.take());
                next = delayed(run, delay);
            }
            Next::Decode(record) => match run.within(|| decode(glue, &record)) {
                Ok(value) => {
                    given = Some(value);
                    next = stepped(run, steps::reuse);
                }
                Err(problem) => next = stepped(run, |run| steps::miss(run, problem)),
            },
            Next::Return => return Ok(given.expect("the attempt has given a value")),
            Next::Raise(error) => return Err(error),
        }
    }
}

/// What `value` says, once the runs it speaks of have ended.
#[inline]
fn judged<R>(
    run: &mut Run,
    value: &R,
    verdict: Result<(), Box<Verdict>>,
    glue: Glue<R>,
) -> Result<Result<(), Box<Verdict>>, Box<dyn Any + Send>> {
    let mut verdict = verdict;
    loop {
        let runs = match verdict {
            Err(said) => match *said {
                Verdict::Unfinished(runs) => runs,
                said => return Ok(Err(Box::new(said))),
            },
            Ok(()) => return Ok(Ok(())),
        };
        for upstream in runs {
            if upstream.check_blocking().is_err() {
                // It could never end here: it counts as not final.
                return Ok(Err(Box::new(Verdict::Unfinished(vec![upstream]))));
            }
            drop(upstream.wait_end());
        }
        verdict = run.within(|| catch_unwind(AssertUnwindSafe(|| (glue.verdict)(value))))?;
    }
}

/// Waits for what the run has submitted, then ends the attempt.
fn settle(run: &mut Run, verdict: Result<(), Box<Verdict>>) -> Next {
    if let Some(ledger) = run.unfinished_submissions() {
        let left = run.time_left();
        if !runner::blocking(|| ledger.submissions().wait_idle(left)) {
            // The time that submitted runs take is the run's, too: what follows ends it.
            run.abort_submissions();
        }
    }
    if run.needs_steps(verdict.is_err()) {
        return stepped(run, |run| steps::close(run, Ended::Value(verdict)));
    }
    match run.settle(verdict) {
        After::Return => Next::Return,
        After::Raise(error) => Next::Raise(error),
        After::Retry(None) => Next::Attempt,
        After::Retry(Some(delay)) => Next::Delay(delay),
    }
}

#[cold]
fn delayed(run: &mut Run, delay: Duration) -> Next {
    match run.cancellation() {
        Some(wish) => drop(runner::blocking(|| wish.wait(delay))),
        None => runner::pause_blocking(delay),
    }
    if run.has_steps() {
        return stepped(run, steps::reopen);
    }
    run.resume();
    Next::Attempt
}

/// Blocks until the run comes back from `step`.
#[cold]
fn stepped(run: &mut Run, step: impl FnOnce(Run) -> Stepping) -> Next {
    match steps::now(run, step) {
        Stepped::Attempt => Next::Attempt,
        Stepped::Hit(record) => Next::Decode(record),
        Stepped::Return => Next::Return,
        Stepped::Raise(error) => Next::Raise(error),
        Stepped::Delay(delay) => Next::Delay(delay),
        Stepped::Unwind(payload) => resume_unwind(payload),
    }
}

#[cold]
fn crash(run: &mut Run, payload: Box<dyn Any + Send>) -> Next {
    if run.needs_steps(true) {
        return stepped(run, |run| steps::close(run, Ended::Panicked(payload)));
    }
    run.crash(&*payload);
    resume_unwind(payload)
}

/// Calls a plain `fn` annotated with `#[task]`.
///
/// # Panics
///
/// As the function does; and with a [`RunError`] if the engine must report one and the return type cannot carry it.
#[inline]
pub fn task_blocking<B, R>(
    definition: &'static TaskDefinition,
    encode: Encode<B::Arguments>,
    body: B,
    glue: Glue<R>,
) -> R
where
    B: Body<Attempt = R>,
{
    let mut run = Run::task(definition, &|sink| record(&body, encode, sink));
    match drive(&mut run, body, glue) {
        Ok(value) => value,
        Err(error) => (glue.raise)(error),
    }
}

/// Calls a plain `fn` annotated with `#[flow]`.
///
/// # Panics
///
/// As the function does; and with a [`RunError`] if the engine must report one and the return type cannot carry it.
#[inline]
pub fn flow_blocking<B, R>(
    definition: &'static FlowDefinition,
    encode: Encode<B::Arguments>,
    body: B,
    glue: Glue<R>,
) -> R
where
    B: Body<Attempt = R>,
{
    let mut run = Run::flow(definition, None, RunnerChoice::BlockingCaller);
    run.resolve(&|sink| record(&body, encode, sink));
    match drive(&mut run, body, glue) {
        Ok(value) => value,
        Err(error) => (glue.raise)(error),
    }
}
