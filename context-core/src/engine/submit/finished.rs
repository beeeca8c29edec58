//! Calls that give something else than what the function returns, made of how their run has ended.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use super::owned::{Awaited, Blocked, Callable};
use super::waiting::Waiting;
use super::{ArgumentList, EitherWay};
use crate::engine::blocking;
use crate::engine::call::Call;
use crate::engine::run::Run;
use crate::state::RunError;

/// What a call gives of a run that has ended.
type Finish<O, R> = fn(&mut Run, Result<O, RunError>) -> R;

/// A call that gives what `finish` makes of the run's end.
pub(super) struct Finished<C: Callable<Args>, Args: ArgumentList, R> {
    pub(super) waiting: Waiting<C, Args>,
    pub(super) finish: Finish<C::Output, R>,
}

impl<C, Args, R> EitherWay<R> for Finished<C, Args, R>
where
    C: Callable<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
    R: 'static,
{
    fn later(self: Box<Self>) -> Pin<Box<dyn Future<Output = R> + Send>> {
        let Self { waiting, finish } = *self;
        Box::pin(async move {
            match waiting.later().await {
                Ok((run, owned)) => {
                    let mut call = Box::pin(Call::new(run, Awaited(owned), C::glue()));
                    let ended = poll_fn(|cx| call.as_mut().poll_run(cx)).await;
                    finish(call.as_mut().run_mut(), ended)
                }
                Err(unready) => {
                    let (mut run, error) = *unready;
                    finish(&mut run, Err(error))
                }
            }
        })
    }

    fn now(self: Box<Self>) -> R {
        let Self { waiting, finish } = *self;
        match waiting.now() {
            Ok((mut run, owned)) => {
                let ended = blocking::drive(&mut run, Blocked(owned), C::glue());
                finish(&mut run, ended)
            }
            Err(unready) => {
                let (mut run, error) = *unready;
                finish(&mut run, Err(error))
            }
        }
    }
}
