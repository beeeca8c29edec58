//! Direct calls whose value knows its run.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use super::owned::{Awaited, Blocked, OfTask};
use super::waiting::Waiting;
use super::{ArgumentList, EitherWay};
use crate::engine::blocking;
use crate::engine::body::TaskFn;
use crate::engine::call::Call;
use crate::engine::run::Run;
use crate::state::RunError;

/// A call whose value knows the run that made it.
pub(super) struct Tracking<H: TaskFn<Args>, Args: ArgumentList>(
    pub(super) Waiting<OfTask<H>, Args>,
);

/// What the call gives of a run that has ended.
fn tracked<H: TaskFn<Args>, Args>(run: &Run, ended: Result<H::Output, RunError>) -> H::Tracked {
    let output = ended.unwrap_or_else(|error| (H::glue().raise)(error));
    H::track(output, run.task_run_id().expect("a run gets its id when it is created"))
}

impl<H, Args> EitherWay<H::Tracked> for Tracking<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    fn later(self: Box<Self>) -> Pin<Box<dyn Future<Output = H::Tracked> + Send>> {
        Box::pin(async move {
            match self.0.later().await {
                Ok((run, owned)) => {
                    let mut call = Box::pin(Call::new(run, Awaited(owned), H::glue()));
                    let ended = poll_fn(|cx| call.as_mut().poll_run(cx)).await;
                    tracked::<H, Args>(call.as_mut().run_mut(), ended)
                }
                Err(unready) => {
                    let (run, error) = *unready;
                    tracked::<H, Args>(&run, Err(error))
                }
            }
        })
    }

    fn now(self: Box<Self>) -> H::Tracked {
        match self.0.now() {
            Ok((mut run, owned)) => {
                let ended = blocking::drive(&mut run, Blocked(owned), H::glue());
                tracked::<H, Args>(&run, ended)
            }
            Err(unready) => {
                let (run, error) = *unready;
                tracked::<H, Args>(&run, Err(error))
            }
        }
    }
}
