//! Submitted runs of a flow with a task runner: handed over to it once their inputs are there.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::ArgumentList;
use super::owned::{Blocked, OfTask, Owned};
use super::published::{Published, Publisher};
use super::waiting::Waiting;
use crate::context::FlowRunContext;
use crate::engine::blocking;
use crate::engine::body::TaskFn;
use crate::engine::call::Call;
use crate::engine::glue::Glue;
use crate::engine::remote::{self, RemoteBody, Remotely};
use crate::engine::run::Run;
use crate::id::TaskRunId;
use crate::runner::{
    AbortHandle, BoxedRun, NotRemote, Place, Relay, RemoteAttempts, SubmittedRun, TaskRunner, Work,
};
use crate::state::{RunError, RunErrorKind};

/// Hands `waiting`, which was created, to `task_runner`, now or when its inputs are there.
pub(super) fn hand_over<H, Args>(
    task_runner: Arc<dyn TaskRunner>,
    flow: FlowRunContext,
    waiting: Waiting<OfTask<H>, Args>,
    publisher: Publisher<H::Value>,
) where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let (ledger, ticket) = (publisher.ledger.clone(), publisher.ticket);
    let runner = ledger.runner();
    let (runtime, submitter) = (runner.handle().clone(), Place::current());
    let is_ready = waiting.is_ready();
    let submit = move |run: Run, owned: Owned<OfTask<H>, Args>, publisher| {
        let work = Ready::<H, Args> { run, owned, publisher, flow };
        task_runner.submit(SubmittedRun::new(Box::new(work), runtime, submitter))
    };
    if is_ready {
        match waiting.resolve() {
            Ok((run, owned)) => {
                ledger.submissions().abortable(ticket, submit(run, owned, publisher));
            }
            Err(unready) => {
                publisher.publish_unready(*unready);
                ledger.submissions().forget(ticket);
            }
        }
        return;
    }
    let relay = Arc::new(Relay::default());
    let handed = relay.clone();
    let waiter = runner.spawn(async move {
        match waiting.later().await {
            Ok((run, owned)) => handed.pass(submit(run, owned, publisher)),
            Err(unready) => publisher.publish_unready(*unready),
        }
    });
    relay.begin(waiter);
    ledger.submissions().abortable(ticket, AbortHandle::from(relay));
}

/// A submitted run whose inputs are there, for a task runner.
struct Ready<H: TaskFn<Args>, Args> {
    // Before the publisher: whoever waits is told after the run has ended for the recorder.
    run: Run,
    owned: Owned<OfTask<H>, Args>,
    publisher: Publisher<H::Value>,
    flow: FlowRunContext,
}

impl<H, Args> Work for Ready<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: Send + 'static,
{
    fn task_run_id(&self) -> TaskRunId {
        self.publisher.shared.id()
    }

    fn task_name(&self) -> &str {
        self.run.function()
    }

    fn task_key(&self) -> String {
        H::definition().task_key()
    }

    fn flow_name(&self) -> String {
        self.flow.flow_name()
    }

    fn blocks(&self) -> bool {
        !H::definition().meta().is_async
    }

    fn into_future(self: Box<Self>) -> BoxedRun {
        let Self { run, owned, publisher, .. } = *self;
        Box::pin(Published::<H, Args>::new(run, owned, publisher))
    }

    fn run_here(self: Box<Self>) {
        let Self { mut run, owned, publisher, .. } = *self;
        let ended =
            catch_unwind(AssertUnwindSafe(|| blocking::drive(&mut run, Blocked(owned), H::glue())));
        publisher.publish_end::<OfTask<H>, Args>(&mut run, ended);
    }

    fn into_remote(
        self: Box<Self>,
        attempts: Arc<dyn RemoteAttempts>,
    ) -> Result<BoxedRun, (Box<dyn Work>, NotRemote)> {
        let definition = H::definition();
        match remote::prepare::<H, Args>(self.owned.arguments()) {
            Ok(prepared) => {
                let Self { run, publisher, .. } = *self;
                Ok(remotely(run, prepared.by(attempts), publisher))
            }
            Err(reason) => {
                let task = definition.meta().name.to_owned();
                Err((self, NotRemote { task, reason }))
            }
        }
    }

    fn refuse(self: Box<Self>, reason: String) {
        let Self { mut run, publisher, .. } = *self;
        let error = RunError::from(RunErrorKind::Refused { run: run.function(), reason });
        run.reject_with(&error);
        publisher.publish_unready((run, error));
    }
}

/// Drives a run whose attempts are made elsewhere.
fn remotely<T: Send + 'static>(
    run: Run,
    (body, glue): (RemoteBody<T>, Glue<Remotely<T>>),
    publisher: Publisher<T>,
) -> BoxedRun {
    Box::pin(async move {
        // The publisher is dropped after the call, also if this is never polled: whoever waits is told after the run has
        // ended for the recorder.
        let call = Call::new(run, body, glue);
        let publisher = publisher;
        let mut call = Box::pin(call);
        let ended = poll_fn(|cx| call.as_mut().poll_caught(cx)).await;
        publisher.publish_as(call.as_mut().run_mut(), ended, remote::value);
    })
}
