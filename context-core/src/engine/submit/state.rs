//! The final state of a run, instead of what the function returns.

use super::owned::{Callable, OfFlow, OfTask};
use crate::clock::Timestamp;
use crate::engine::body::{FlowFn, TaskFn};
use crate::engine::run::Run;
use crate::state::{Failure, RunError, RunErrorKind, State, StateType};

/// How the value is taken out of an output.
pub(super) trait Valued<Args>: Callable<Args> {
    type Value;
    fn value(output: Self::Output) -> Result<Self::Value, Failure>;
}

impl<H: TaskFn<Args>, Args> Valued<Args> for OfTask<H> {
    type Value = H::Value;

    fn value(output: H::Output) -> Result<H::Value, Failure> {
        H::value(output)
    }
}

impl<H: FlowFn<Args>, Args> Valued<Args> for OfFlow<H> {
    type Value = H::Value;

    fn value(output: H::Output) -> Result<H::Value, Failure> {
        H::value(output)
    }
}

/// What came of a run that has ended: its value, or an error for whoever did not make the call.
pub(super) fn outcome<O, T>(
    run: &Run,
    ended: Result<O, RunError>,
    value: fn(O) -> Result<T, Failure>,
) -> Result<T, RunError> {
    value(ended?).map_err(|failure| failed(run, failure))
}

#[cold]
fn failed(run: &Run, failure: Failure) -> RunError {
    RunErrorKind::Failed { run: run.describe(), failure }.into()
}

/// The state that a run has ended in, with its value.
pub(super) fn final_state<C: Valued<Args>, Args>(
    run: &mut Run,
    ended: Result<C::Output, RunError>,
) -> State<C::Value> {
    let outcome = outcome(run, ended, C::value);
    let state = run.take_state().unwrap_or_else(|| {
        let ended = if outcome.is_ok() { StateType::Completed } else { StateType::Failed };
        State::new(ended, Timestamp::now())
    });
    State::from_parts(state, outcome)
}
