//! Calls that give the final state instead of what the function returns.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use super::owned::{Awaited, Blocked, Callable, OfFlow, OfTask};
use super::waiting::Waiting;
use super::{ArgumentList, EitherWay};
use crate::clock::Timestamp;
use crate::engine::blocking;
use crate::engine::body::{FlowFn, TaskFn};
use crate::engine::call::Call;
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

/// A call whose result is the state its run ends in.
pub(super) struct ForState<C, Args: ArgumentList> {
    waiting: Waiting<C, Args>,
    callable: PhantomData<fn() -> C>,
}

impl<C: Callable<Args>, Args: ArgumentList> ForState<C, Args> {
    pub(super) fn new(mut waiting: Waiting<C, Args>) -> Self {
        waiting.keep_state();
        Self { waiting, callable: PhantomData }
    }
}

impl<C, Args> EitherWay<State<C::Value>> for ForState<C, Args>
where
    C: Valued<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    fn later(self: Box<Self>) -> Pin<Box<dyn Future<Output = State<C::Value>> + Send>> {
        Box::pin(async move {
            match self.waiting.later().await {
                Ok((run, owned)) => {
                    let mut call = Box::pin(Call::new(run, Awaited(owned), C::glue()));
                    let ended = std::future::poll_fn(|cx| call.as_mut().poll_run(cx)).await;
                    final_state::<C, Args>(call.as_mut().run_mut(), ended)
                }
                Err(unready) => {
                    let (mut run, error) = *unready;
                    final_state::<C, Args>(&mut run, Err(error))
                }
            }
        })
    }

    fn now(self: Box<Self>) -> State<C::Value> {
        match self.waiting.now() {
            Ok((mut run, owned)) => {
                let ended = blocking::drive(&mut run, Blocked(owned), C::glue());
                final_state::<C, Args>(&mut run, ended)
            }
            Err(unready) => {
                let (mut run, error) = *unready;
                final_state::<C, Args>(&mut run, Err(error))
            }
        }
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

fn final_state<C: Valued<Args>, Args>(
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
