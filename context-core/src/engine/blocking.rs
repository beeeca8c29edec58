//! The blocking driver: a run on the caller's thread.
//!
//! It cannot interrupt the user's function: a `timeout` is noticed when the attempt has returned.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::body::{Body, Encode, record};
use super::glue::Glue;
use super::run::{After, Run, RunnerChoice};
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::runner;
use crate::state::RunError;

/// Drives `run` to its end.
#[inline]
pub(super) fn drive<B, R>(run: &mut Run, mut body: B, glue: Glue<R>) -> Result<R, RunError>
where
    B: Body<Attempt = R>,
{
    run.begin()?;
    loop {
        let last = run.machine().is_last_attempt();
        let attempted = run.within(|| {
            catch_unwind(AssertUnwindSafe(|| {
                let value = body.attempt(last)?;
                // What the value says may be the user's code, too.
                let verdict = (glue.verdict)(&value);
                Some((value, verdict))
            }))
        });
        let (value, verdict) = match attempted {
            Ok(Some(ended)) => ended,
            Ok(None) => return Err(run.arguments_are_gone()),
            Err(payload) => {
                run.crash(&*payload);
                resume_unwind(payload)
            }
        };
        if verdict.is_ok() && run.succeed_unseen() {
            return Ok(value);
        }
        if let Some(ledger) = run.unfinished_submissions() {
            let left = run.time_left();
            if !runner::blocking(|| ledger.wait_idle(left)) {
                // The time that submitted runs take is the run's, too: `settle` ends it.
                run.abort_submissions();
            }
        }
        match run.settle(verdict) {
            After::Return => return Ok(value),
            After::Raise(error) => return Err(error),
            After::Retry(delay) => {
                drop(value);
                wait(run, delay);
            }
        }
    }
}

#[cold]
fn wait(run: &mut Run, delay: Option<std::time::Duration>) {
    if let Some(delay) = delay {
        runner::blocking(|| std::thread::sleep(delay));
        run.resume();
    }
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
