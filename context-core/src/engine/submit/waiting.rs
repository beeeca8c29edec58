//! Runs whose inputs may not be there yet.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::owned::{Awaited, Blocked, Callable, Owned};
use super::{ArgumentList, EitherWay, Prepared};
use crate::engine::blocking;
use crate::engine::call::Call;
use crate::engine::future::Own;
use crate::engine::input::{Upstream, not_ready};
use crate::engine::run::Run;
use crate::state::{NotReady, RunError, RunErrorKind};

/// A run whose inputs may not be there yet.
pub(super) struct Waiting<C, Args: ArgumentList> {
    run: Run,
    inputs: Args::Inputs,
    /// The runs that the arguments come from.
    upstreams: Vec<Arc<dyn Upstream>>,
    /// The runs that must have completed before.
    wait_for: Vec<Arc<dyn Upstream>>,
    copy: Option<fn(&Args) -> Args>,
    callable: PhantomData<fn() -> C>,
}

/// A run and its function, ready to be attempted; or the run and why it never will be.
pub(super) type Resolved<C, Args> = Result<(Run, Owned<C, Args>), Box<(Run, RunError)>>;

impl<C: Callable<Args>, Args: ArgumentList> Waiting<C, Args> {
    pub(super) fn new<Options>(run: Run, prepared: Prepared<Args, Options>) -> Self {
        let mut upstreams = Vec::new();
        Args::upstreams(&prepared.inputs, &mut |_, runs| upstreams.extend(runs.iter().cloned()));
        let Prepared { inputs, wait_for, copy, .. } = prepared;
        Self { run, inputs, upstreams, wait_for, copy, callable: PhantomData }
    }

    /// Asks for the run's last state to be kept.
    pub(super) const fn keep_state(&mut self) {
        self.run.keep_state();
    }

    /// Waits for the inputs.
    pub(super) async fn later(mut self) -> Resolved<C, Args> {
        if let Err(error) = self.create() {
            return Err(Box::new((self.run, error)));
        }
        for upstream in self.upstreams.iter().chain(&self.wait_for) {
            poll_fn(|cx| match upstream.poll_end(cx.waker()) {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            })
            .await;
        }
        self.resolve()
    }

    /// Blocks until the inputs are there.
    pub(super) fn now(mut self) -> Resolved<C, Args> {
        if let Err(error) = self.create() {
            return Err(Box::new((self.run, error)));
        }
        for upstream in self.upstreams.iter().chain(&self.wait_for) {
            if let Err(error) = upstream.check_blocking() {
                self.run.reject_with(&error);
                return Err(Box::new((self.run, error)));
            }
            drop(upstream.wait_end());
        }
        self.resolve()
    }

    /// Creates the run.
    ///
    /// # Errors
    ///
    /// If it would wait for itself. The run has then failed.
    pub(super) fn create(&mut self) -> Result<(), RunError> {
        if self.run.machine().is_new() {
            self.run.create();
        }
        if self.is_ready() {
            return Ok(());
        }
        let own = Own::here();
        let mut upstreams = self.upstreams.iter().chain(&self.wait_for);
        let checked = upstreams.try_for_each(|upstream| own.check(upstream.task_run_id()));
        checked.inspect_err(|error| self.run.reject_with(error))
    }

    /// True if there is nothing to wait for.
    pub(super) fn is_ready(&self) -> bool {
        self.upstreams.is_empty() && self.wait_for.is_empty()
    }

    /// Gives the run its arguments. All upstream runs have ended.
    pub(super) fn resolve(mut self) -> Resolved<C, Args> {
        let unfinished = self.wait_for.iter().find_map(|upstream| {
            let state = upstream.poll_end(Waker::noop())?;
            (!state.is_completed()).then(|| not_ready(upstream.task_run_id(), state))
        });
        let arguments = match unfinished {
            Some(error) => Err(error),
            None => Args::take(self.inputs),
        };
        match arguments {
            Ok(arguments) => {
                self.run.resolve(&|sink| C::encode(&arguments, sink));
                Ok((self.run, Owned::new(arguments, self.copy)))
            }
            Err(error) => {
                match error.kind() {
                    RunErrorKind::NotReady(NotReady { upstream, .. }) => {
                        let mut runs = self.upstreams.iter().chain(&self.wait_for);
                        let run = runs.find(|run| run.task_run_id() == *upstream);
                        let reported_as = run.and_then(|run| run.reported_as());
                        self.run.unready(reported_as.unwrap_or(*upstream));
                    }
                    _ => self.run.reject_with(&error),
                }
                Err(Box::new((self.run, error)))
            }
        }
    }
}

impl<C, Args> EitherWay<C::Output> for Waiting<C, Args>
where
    C: Callable<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    fn later(self: Box<Self>) -> Pin<Box<dyn Future<Output = C::Output> + Send>> {
        Box::pin(async move {
            match Self::later(*self).await {
                Ok((run, owned)) => Call::new(run, Awaited(owned), C::glue()).await,
                Err(unready) => (C::glue().raise)(unready.1),
            }
        })
    }

    fn now(self: Box<Self>) -> C::Output {
        let called = match Self::now(*self) {
            Ok((mut run, owned)) => blocking::drive(&mut run, Blocked(owned), C::glue()),
            Err(unready) => Err(unready.1),
        };
        called.unwrap_or_else(|error| (C::glue().raise)(error))
    }
}
