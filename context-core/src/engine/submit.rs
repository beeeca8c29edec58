//! Configured and submitted calls: runs of owned arguments, here or elsewhere.

mod arguments;

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

use super::blocking;
use super::body::{Attempt, Body, Bound, FlowFn, TaskFn};
use super::call::Call;
use super::future::{Shared, TaskFuture, depends_on_itself};
use super::glue::Glue;
use super::input::{Upstream, not_ready};
use super::run::{Run, RunnerChoice};
use crate::clock::Timestamp;
use crate::context::{Context as Ambient, ContextModel, FlowRunContext, Ledger};
use crate::definition::{FlowOptions, TaskOptions};
use crate::id::TaskRunId;
use crate::parameters::ParameterSink;
use crate::record::TaskInputs;
use crate::runner::Runner;
use crate::state::{
    Failure, MissingContext, RunError, RunErrorKind, State, StateType, panic_message,
};

pub use arguments::{ArgumentList, EachInput, IntoInputs, IntoMapInputs};

/// A call with everything it needs but its run.
pub struct Prepared<Args: ArgumentList, Options> {
    pub(super) options: Option<Arc<Options>>,
    pub(super) wait_for: Vec<Arc<dyn Upstream>>,
    pub(super) inputs: Args::Inputs,
    /// How to copy the arguments, if the caller has asked for retries.
    pub(super) copy: Option<fn(&Args) -> Args>,
}

impl<Args: ArgumentList, Options> Prepared<Args, Options> {
    /// Where the arguments come from.
    fn task_inputs(&self, names: &[&'static str]) -> TaskInputs {
        let mut task_inputs = TaskInputs::new();
        Args::upstreams(&self.inputs, &mut |index, runs| {
            let name = names.get(index).copied().unwrap_or_default();
            task_inputs.add(name, runs.iter().map(|run| run.task_run_id()).collect());
        });
        let waited = self.wait_for.iter().map(|run| run.task_run_id()).collect();
        task_inputs.add(TaskInputs::WAIT_FOR, waited);
        task_inputs
    }
}

impl<Args: ArgumentList, Options> fmt::Debug for Prepared<Args, Options> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared(..)")
    }
}

/// A call of owned arguments that can be awaited or made at once.
pub struct OwnedCall<R>(Box<dyn EitherWay<R>>);

impl<R> OwnedCall<R> {
    /// As a future; the run begins at the first poll.
    pub(super) fn later(self) -> Pin<Box<dyn Future<Output = R> + Send>> {
        self.0.later()
    }

    /// On this thread.
    pub(super) fn now(self) -> R {
        self.0.now()
    }
}

impl<R> fmt::Debug for OwnedCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedCall(..)")
    }
}

trait EitherWay<R> {
    fn later(self: Box<Self>) -> Pin<Box<dyn Future<Output = R> + Send>>;
    fn now(self: Box<Self>) -> R;
}

/// What tasks and flows have in common once their arguments are owned.
trait Callable<Args>: 'static {
    type Output;
    fn encode(arguments: &Args, sink: &mut ParameterSink);
    fn attempt(arguments: Args) -> Attempt<Self::Output>;
    fn glue() -> Glue<Self::Output>;
    fn duplicate(arguments: &Args) -> Option<Args>;
}

/// A task's handle.
struct OfTask<H>(PhantomData<fn() -> H>);

/// A flow's handle.
struct OfFlow<H>(PhantomData<fn() -> H>);

macro_rules! callable {
    ($of:ident, $function:ident) => {
        impl<H: $function<Args>, Args> Callable<Args> for $of<H> {
            type Output = H::Output;

            fn encode(arguments: &Args, sink: &mut ParameterSink) {
                H::encode(arguments, sink);
            }

            fn attempt(arguments: Args) -> Attempt<H::Output> {
                H::attempt(arguments)
            }

            fn glue() -> Glue<H::Output> {
                H::glue()
            }

            fn duplicate(arguments: &Args) -> Option<Args> {
                H::duplicate(arguments)
            }
        }
    };
}

callable!(OfTask, TaskFn);
callable!(OfFlow, FlowFn);

/// A function with owned arguments; every attempt but the last gets a copy of them, if there is a way to copy them.
struct Owned<C, Args> {
    arguments: Option<Args>,
    copy: Option<fn(&Args) -> Args>,
    callable: PhantomData<fn() -> C>,
}

impl<C: Callable<Args>, Args> Owned<C, Args> {
    const fn new(arguments: Args, copy: Option<fn(&Args) -> Args>) -> Self {
        Self { arguments: Some(arguments), copy, callable: PhantomData }
    }

    fn start(&mut self, last: bool) -> Option<Attempt<C::Output>> {
        let arguments = self.arguments.take()?;
        if !last {
            self.arguments = match self.copy {
                Some(copy) => Some(copy(&arguments)),
                None => C::duplicate(&arguments),
            };
        }
        Some(C::attempt(arguments))
    }
}

/// An owned function attempted from a future; a plain function runs on a thread where it may block.
struct Awaited<C, Args>(Owned<C, Args>);

impl<C: Callable<Args, Output: Send + 'static>, Args> Body for Awaited<C, Args> {
    type Arguments = Args;
    type Attempt = AttemptFuture<C::Output>;

    fn arguments(&self) -> Option<&Args> {
        self.0.arguments.as_ref()
    }

    fn attempt(&mut self, last: bool) -> Option<Self::Attempt> {
        Some(match self.0.start(last)? {
            Attempt::Async(future) => AttemptFuture::Async(future),
            Attempt::Blocking(function) => {
                let function = Ambient::current().wrap_once(function);
                AttemptFuture::Blocking(Runner::of_async_caller().spawn_blocking(function))
            }
        })
    }
}

/// An owned function attempted on this thread.
struct Blocked<C, Args>(Owned<C, Args>);

impl<C: Callable<Args>, Args> Body for Blocked<C, Args> {
    type Arguments = Args;
    type Attempt = C::Output;

    fn arguments(&self) -> Option<&Args> {
        self.0.arguments.as_ref()
    }

    fn attempt(&mut self, last: bool) -> Option<C::Output> {
        match self.0.start(last)? {
            Attempt::Blocking(function) => Some(function()),
            Attempt::Async(_) => unreachable!("an `async fn` is called by awaiting it"),
        }
    }
}

enum AttemptFuture<R> {
    Async(Pin<Box<dyn Future<Output = R> + Send>>),
    Blocking(JoinHandle<R>),
}

impl<R> Drop for AttemptFuture<R> {
    fn drop(&mut self) {
        // A function that has not begun must not begin any more; one that has cannot be interrupted.
        if let Self::Blocking(thread) = self {
            thread.abort();
        }
    }
}

impl<R> Future for AttemptFuture<R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        match self.get_mut() {
            Self::Async(future) => future.as_mut().poll(cx),
            Self::Blocking(thread) => match ready!(Pin::new(thread).poll(cx)) {
                Ok(value) => Poll::Ready(value),
                Err(error) => match error.try_into_panic() {
                    Ok(payload) => resume_unwind(payload),
                    Err(_) => panic!("the runtime was shut down before the run began"),
                },
            },
        }
    }
}

/// A run whose inputs may not be there yet.
struct Waiting<C, Args: ArgumentList> {
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
type Resolved<C, Args> = Result<(Run, Owned<C, Args>), Box<(Run, RunError)>>;

impl<C: Callable<Args>, Args: ArgumentList> Waiting<C, Args> {
    fn new<Options>(run: Run, prepared: Prepared<Args, Options>) -> Self {
        let mut upstreams = Vec::new();
        Args::upstreams(&prepared.inputs, &mut |_, runs| upstreams.extend(runs.iter().cloned()));
        let Prepared { inputs, wait_for, copy, .. } = prepared;
        Self { run, inputs, upstreams, wait_for, copy, callable: PhantomData }
    }

    async fn later(mut self) -> Resolved<C, Args> {
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

    fn now(mut self) -> Resolved<C, Args> {
        if let Err(error) = self.create() {
            return Err(Box::new((self.run, error)));
        }
        for upstream in self.upstreams.iter().chain(&self.wait_for) {
            drop(upstream.wait_end());
        }
        self.resolve()
    }

    fn create(&mut self) -> Result<(), RunError> {
        if self.run.machine().is_new() {
            self.run.create();
        }
        for upstream in self.upstreams.iter().chain(&self.wait_for) {
            if let Err(error) = depends_on_itself(upstream.task_run_id()) {
                self.run.reject_with(&error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives the run its arguments. All upstream runs have ended.
    fn resolve(mut self) -> Resolved<C, Args> {
        let unfinished = self.wait_for.iter().find_map(|upstream| {
            let state = upstream.wait_end();
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
                    RunErrorKind::NotReady(not_ready) => self.run.unready(not_ready),
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

/// How a task whose arguments and output may move between threads is run.
pub struct Submitter<H: TaskFn<Args>, Args: ArgumentList> {
    pub(super) submit: fn(Prepared<Args, TaskOptions>) -> TaskFuture<H::Value>,
    pub(super) call: fn(Prepared<Args, TaskOptions>) -> OwnedCall<H::Output>,
}

/// How a flow whose arguments and output may move between threads is called.
pub struct FlowCaller<H: FlowFn<Args>, Args: ArgumentList> {
    pub(super) call: fn(Prepared<Args, FlowOptions>) -> OwnedCall<H::Output>,
}

impl<H: TaskFn<Args>, Args: ArgumentList> fmt::Debug for Submitter<H, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submitter(..)")
    }
}

impl<H: FlowFn<Args>, Args: ArgumentList> fmt::Debug for FlowCaller<H, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowCaller(..)")
    }
}

fn call_task<H, Args>(prepared: Prepared<Args, TaskOptions>) -> OwnedCall<H::Output>
where
    H: TaskFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let definition = H::definition();
    let inputs = prepared.task_inputs(definition.meta().parameters);
    let run = Run::configured_task(definition, None, prepared.options.clone(), inputs);
    OwnedCall(Box::new(Waiting::<OfTask<H>, Args>::new(run, prepared)))
}

fn call_flow<H, Args>(prepared: Prepared<Args, FlowOptions>) -> OwnedCall<H::Output>
where
    H: FlowFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let choice = if H::definition().meta().is_async {
        RunnerChoice::AsyncCaller
    } else {
        RunnerChoice::BlockingCaller
    };
    let run = Run::flow(H::definition(), prepared.options.clone(), choice);
    OwnedCall(Box::new(Waiting::<OfFlow<H>, Args>::new(run, prepared)))
}

fn submit_task<H, Args>(prepared: Prepared<Args, TaskOptions>) -> TaskFuture<H::Value>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let Some(flow) = FlowRunContext::get() else {
        let missing = MissingContext { context: "flow run", call: "submit" };
        return TaskFuture::failed(missing.into());
    };
    let ledger = flow.ledger().clone();
    let definition = H::definition();
    let inputs = prepared.task_inputs(definition.meta().parameters);
    let id = TaskRunId::generate(Timestamp::now());
    let mut run = Run::configured_task(definition, Some(id), prepared.options.clone(), inputs);
    run.keep_state();
    let mut waiting = Waiting::<OfTask<H>, Args>::new(run, prepared);
    if let Err(error) = waiting.create() {
        return TaskFuture::failed(error);
    }
    let future = TaskFuture::open(id, ledger.runner().driving_thread());
    let publisher = Publisher { shared: future.shared(), ledger: ledger.clone(), id };
    ledger.open(id);
    let abort = ledger.runner().spawn(run_submitted::<H, Args>(waiting, publisher));
    ledger.abortable(id, abort);
    future
}

/// Drives a submitted run to its end, whatever that is, and publishes it.
async fn run_submitted<H, Args>(waiting: Waiting<OfTask<H>, Args>, publisher: Publisher<H::Value>)
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    let (run, owned) = match waiting.later().await {
        Ok(resolved) => resolved,
        Err(unready) => {
            let (mut run, error) = *unready;
            return publisher.publish(run.take_state(), Err(error));
        }
    };
    let mut call = pin!(Call::new(run, Awaited(owned), H::glue()));
    let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll_run(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(ended)) => Poll::Ready(Ok(ended)),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await;
    let run = call.as_mut().run_mut();
    let outcome = match ended {
        Ok(Ok(output)) => H::value(output).map_err(|failure| failed(run, failure)),
        Ok(Err(error)) => Err(error),
        Err(payload) => Err(crashed(run, &*payload)),
    };
    publisher.publish(run.take_state(), outcome);
}

#[cold]
fn failed(run: &Run, failure: Failure) -> RunError {
    RunErrorKind::Failed { run: run.describe(), failure }.into()
}

#[cold]
fn crashed(run: &Run, payload: &(dyn Any + Send)) -> RunError {
    RunErrorKind::Crashed { run: run.describe(), message: panic_message(payload) }.into()
}

/// Ends a submitted run for everybody who waits for it; as cancelled if it is dropped before.
struct Publisher<T> {
    shared: Arc<Shared<T>>,
    ledger: Arc<Ledger>,
    id: TaskRunId,
}

impl<T> Publisher<T> {
    fn publish(self, state: Option<State>, outcome: Result<T, RunError>) {
        let state = state.unwrap_or_else(|| {
            let ended = if outcome.is_ok() { StateType::Completed } else { StateType::Failed };
            State::new(ended, Timestamp::now())
        });
        self.shared.complete(state, outcome);
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        let message = "it was aborted before it ended";
        let state = State::new(StateType::Cancelled, Timestamp::now()).with_message(message);
        let run = format!("task run {}", self.id);
        let error = RunErrorKind::Cancelled { run, message: message.to_owned() };
        // Changes nothing if the run has ended.
        self.shared.complete(state, Err(error.into()));
        self.ledger.close(self.id);
    }
}

/// Asks whether a function may run elsewhere. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct SubmitProbe<H, Args>(PhantomData<fn(H, Args)>);

impl<H, Args> SubmitProbe<H, Args> {
    /// A probe of the handle `H`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H, Args> Default for SubmitProbe<H, Args> {
    fn default() -> Self {
        Self::new()
    }
}

/// A task that may.
pub trait MaySubmit<H: TaskFn<Args>, Args: ArgumentList> {
    /// How.
    fn submitter(&self) -> Submitter<H, Args>;
}

impl<H, Args> MaySubmit<H, Args> for &SubmitProbe<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    fn submitter(&self) -> Submitter<H, Args> {
        Submitter { submit: submit_task::<H, Args>, call: call_task::<H, Args> }
    }
}

/// A task that may not.
pub trait MayNotSubmit<H: TaskFn<Args>, Args: ArgumentList> {
    /// Does not compile.
    fn submitter(&self) -> Submitter<H, Args>;
}

impl<H: TaskFn<Args>, Args: ArgumentList> MayNotSubmit<H, Args> for SubmitProbe<H, Args> {
    fn submitter(&self) -> Submitter<H, Args> {
        const { Bound::<(H, Args)>::VALUES };
        unreachable!("the line above does not compile")
    }
}

/// A flow that may.
pub trait MayCall<H: FlowFn<Args>, Args: ArgumentList> {
    /// How.
    fn caller(&self) -> FlowCaller<H, Args>;
}

impl<H, Args> MayCall<H, Args> for &SubmitProbe<H, Args>
where
    H: FlowFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    fn caller(&self) -> FlowCaller<H, Args> {
        FlowCaller { call: call_flow::<H, Args> }
    }
}

/// A flow that may not.
pub trait MayNotCall<H: FlowFn<Args>, Args: ArgumentList> {
    /// Does not compile.
    fn caller(&self) -> FlowCaller<H, Args>;
}

impl<H: FlowFn<Args>, Args: ArgumentList> MayNotCall<H, Args> for SubmitProbe<H, Args> {
    fn caller(&self) -> FlowCaller<H, Args> {
        const { Bound::<(H, Args)>::VALUES };
        unreachable!("the line above does not compile")
    }
}

/// The submitter of a task: `__submitter!(fetch, (String,))`.
#[macro_export]
#[doc(hidden)]
macro_rules! __submitter {
    ($handle:ty, $arguments:ty) => {{
        #[allow(unused_imports, reason = "only one of them is chosen")]
        use $crate::engine::{MayNotSubmit as _, MaySubmit as _};
        (&&$crate::engine::SubmitProbe::<$handle, $arguments>::new()).submitter()
    }};
}

/// The caller of a flow: `__caller!(crawl, (String,))`.
#[macro_export]
#[doc(hidden)]
macro_rules! __caller {
    ($handle:ty, $arguments:ty) => {{
        #[allow(unused_imports, reason = "only one of them is chosen")]
        use $crate::engine::{MayCall as _, MayNotCall as _};
        (&&$crate::engine::SubmitProbe::<$handle, $arguments>::new()).caller()
    }};
}
