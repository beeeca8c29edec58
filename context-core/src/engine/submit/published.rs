//! Submitted runs: driven by a runner, and published to everybody who waits for them.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use pin_project_lite::pin_project;

use super::ArgumentList;
use super::owned::{Awaited, Callable, OfTask, Owned};
use super::state::{Valued, outcome};
use super::waiting::Waiting;
use crate::clock::{self, ManualClock, Timestamp};
use crate::context::{ClockContext, Context as Ambient, ContextModel as _, Ledger, Ticket};
use crate::engine::body::TaskFn;
use crate::engine::call::Call;
use crate::engine::future::Shared;
use crate::engine::run::Run;
use crate::runner::AbortHandle;
use crate::state::{Failure, RunError, RunErrorKind, State, StateType, panic_message};

/// Hands `waiting`, which was created, to the runner of its flow run.
pub(super) fn spawn<H, Args>(waiting: Waiting<OfTask<H>, Args>, publisher: Publisher<H::Value>)
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    let (ledger, ticket) = (publisher.ledger.clone(), publisher.ticket);
    let abort = if waiting.is_ready() {
        // The usual case gets a small future of its own.
        match waiting.resolve() {
            // In a box, which the runtime moves about in place of the whole run.
            Ok((run, owned)) => {
                start(&ledger, Box::pin(Published::<H, Args>::new(run, owned, publisher)))
            }
            Err(unready) => {
                publisher.publish_unready(*unready);
                return ledger.submissions().forget(ticket);
            }
        }
    } else {
        start(&ledger, async move {
            match waiting.later().await {
                Ok((run, owned)) => Published::<H, Args>::new(run, owned, publisher).await,
                Err(unready) => publisher.publish_unready(*unready),
            }
        })
    };
    ledger.submissions().abortable(ticket, abort);
}

/// Hands `future` to the runner.
fn start(ledger: &Ledger, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    match clock::ambient() {
        None => ledger.runner().spawn(future),
        Some(clock) => start_under(ledger, clock, Box::pin(future)),
    }
}

/// As `start`, under `clock` also between attempts, when no context of the run is in force.
#[cold]
fn start_under(
    ledger: &Ledger,
    clock: ManualClock,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
) -> AbortHandle {
    let clock = ClockContext::new(clock);
    ledger.runner().spawn(Ambient::empty().run(|| clock.scope(future)))
}

pin_project! {
    /// A submitted run whose inputs are there.
    pub(super) struct Published<H: TaskFn<Args>, Args>
    where
        OfTask<H>: Callable<Args, Output = H::Output>,
        H::Output: Send,
        H::Output: 'static,
    {
        // Before the publisher: whoever waits is told after the run has ended for the recorder.
        #[pin]
        call: Call<Awaited<OfTask<H>, Args>, H::Output>,
        publisher: Option<Publisher<H::Value>>,
    }
}

impl<H, Args> Published<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static>,
{
    pub(super) fn new(
        run: Run,
        owned: Owned<OfTask<H>, Args>,
        publisher: Publisher<H::Value>,
    ) -> Self {
        Self { call: Call::new(run, Awaited(owned), H::glue()), publisher: Some(publisher) }
    }
}

impl<H, Args> Future for Published<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let mut call = this.call;
        let ended = ready!(call.as_mut().poll_caught(cx));
        if let Some(publisher) = this.publisher.take() {
            publisher.publish_end::<OfTask<H>, Args>(call.run_mut(), ended);
        }
        Poll::Ready(())
    }
}

#[cold]
fn crashed(run: &Run, payload: &(dyn Any + Send)) -> RunError {
    RunErrorKind::Crashed { run: run.describe(), message: panic_message(payload) }.into()
}

/// Ends a submitted run for everybody who waits for it; as cancelled if it is dropped before.
pub(super) struct Publisher<T> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) ticket: Ticket,
}

impl<T> Publisher<T> {
    /// Publishes a run that has ended: its output, an error of the engine, or what it panicked with.
    pub(super) fn publish_end<C, Args>(
        self,
        run: &mut Run,
        ended: thread::Result<Result<C::Output, RunError>>,
    ) where
        C: Valued<Args, Value = T>,
    {
        self.publish_as(run, ended, C::value);
    }

    /// As `publish_end`, of an output whose value `value` takes out.
    pub(super) fn publish_as<O>(
        self,
        run: &mut Run,
        ended: thread::Result<Result<O, RunError>>,
        value: fn(O) -> Result<T, Failure>,
    ) {
        let valued =
            ended.and_then(|ended| catch_unwind(AssertUnwindSafe(|| outcome(run, ended, value))));
        let outcome = valued.unwrap_or_else(|payload| {
            // Changes nothing if the run has ended.
            run.crash(&*payload);
            Err(crashed(run, &*payload))
        });
        let state = run.take_state();
        if let (Some(group), Some(state)) = (self.shared.group(), &state) {
            group.gather_assets(run, state);
        }
        // What the function returned may be a state: then nobody is to take it for a good value.
        let outcome = match state.as_ref().and_then(State::problem) {
            Some(problem) if outcome.is_ok() && run.returned_its_state() => Err(problem),
            _ => outcome,
        };
        self.publish(state, outcome);
    }

    /// Publishes a run that never began.
    pub(super) fn publish_unready(self, (mut run, error): (Run, RunError)) {
        self.publish(run.take_state(), Err(error));
    }

    fn publish(self, state: Option<State>, outcome: Result<T, RunError>) {
        let state = state.unwrap_or_else(|| {
            let ended = if outcome.is_ok() { StateType::Completed } else { StateType::Failed };
            State::new(ended, Timestamp::now())
        });
        if let Some(group) = self.shared.group() {
            group.ended(&state);
        }
        self.shared.complete(state, outcome);
    }
}

impl<T> Publisher<T> {
    #[cold]
    fn publish_cancelled(&self) {
        if let Some(group) = self.shared.group() {
            group.abandoned();
        }
        let run = format!("task run {}", self.shared.id());
        let (ended, error) = if thread::panicking() {
            let message = "it was interrupted by a panic".to_owned();
            (StateType::Crashed, RunErrorKind::Crashed { run, message })
        } else {
            let message = "it was aborted before it ended".to_owned();
            (StateType::Cancelled, RunErrorKind::Cancelled { run, message })
        };
        let state = State::new(ended, Timestamp::now()).with_message(error.to_string());
        self.shared.complete(state, Err(error.into()));
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        if self.shared.is_open() {
            self.publish_cancelled();
        }
        self.ledger.submissions().ended(self.ticket);
    }
}
