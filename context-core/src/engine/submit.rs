//! Configured and submitted calls: runs of owned arguments, here or elsewhere.

mod arguments;
mod finished;
mod handed_over;
mod owned;
mod probe;
mod published;
mod state;
mod tracked;
mod waiting;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use self::finished::Finished;
use self::owned::{OfFlow, OfTask};
use self::published::Publisher;
use self::state::{Valued, final_state};
use self::tracked::tracked;
use self::waiting::Waiting;
use super::body::{FlowFn, TaskFn};
use super::future::TaskFuture;
use super::group::Group;
use super::input::Upstream;
use super::run::{Run, RunnerChoice};
use crate::clock::Timestamp;
use crate::context::{ContextModel, FlowRunContext};
use crate::definition::{FlowOptions, TaskOptions};
use crate::id::TaskRunId;
use crate::record::TaskInputs;
use crate::state::{MissingContext, State};

pub(super) use owned::AttemptFuture;

pub use arguments::{ArgumentList, EachInput, IntoInputs, IntoMapInputs};
pub use probe::{MayCall, MayNotCall, MayNotSubmit, MaySubmit, SubmitProbe};

/// A call with everything it needs but its run.
pub struct Prepared<Args: ArgumentList, Options> {
    pub(super) options: Option<Arc<Options>>,
    pub(super) wait_for: Vec<Arc<dyn Upstream>>,
    pub(super) inputs: Args::Inputs,
    /// How to copy the arguments, if the caller has asked for retries.
    pub(super) copy: Option<fn(&Args) -> Args>,
    /// Those it is to be reported with as one, of a task that is mapped so.
    pub(super) group: Option<Arc<Group>>,
}

impl<Args: ArgumentList, Options> Prepared<Args, Options> {
    /// Where the arguments come from.
    fn task_inputs(&self, names: &[&'static str]) -> TaskInputs {
        let mut task_inputs = TaskInputs::new();
        let mut add = |name, runs: &[Arc<dyn Upstream>]| {
            if !runs.is_empty() {
                let runs = runs.iter().map(|run| (run.task_run_id(), run.reported_as()));
                task_inputs.add_reported(name, runs);
            }
        };
        Args::upstreams(&self.inputs, &mut |index, runs| {
            add(names.get(index).copied().unwrap_or_default(), runs);
        });
        add(TaskInputs::WAIT_FOR, &self.wait_for);
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

/// A call whose result is the state its run ends in.
type StateCall<T> = OwnedCall<State<T>>;

/// How a task whose arguments and output may move between threads is run.
pub struct Submitter<H: TaskFn<Args>, Args: ArgumentList> {
    pub(super) submit: fn(Prepared<Args, TaskOptions>) -> TaskFuture<H::Value>,
    pub(super) call: fn(Prepared<Args, TaskOptions>) -> OwnedCall<H::Output>,
    pub(super) state: fn(Prepared<Args, TaskOptions>) -> StateCall<H::Value>,
    pub(super) tracked: fn(Prepared<Args, TaskOptions>) -> OwnedCall<H::Tracked>,
}

/// How a flow whose arguments and output may move between threads is called.
pub struct FlowCaller<H: FlowFn<Args>, Args: ArgumentList> {
    pub(super) call: fn(Prepared<Args, FlowOptions>) -> OwnedCall<H::Output>,
    pub(super) state: fn(Prepared<Args, FlowOptions>) -> StateCall<H::Value>,
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

/// A task's run that is called here.
fn task_called<H, Args>(prepared: Prepared<Args, TaskOptions>) -> Waiting<OfTask<H>, Args>
where
    H: TaskFn<Args>,
    Args: ArgumentList,
{
    let definition = H::definition();
    let inputs = prepared.task_inputs(definition.meta().parameters);
    let run = Run::configured_task(definition, None, prepared.options.clone(), inputs);
    Waiting::new(run, prepared)
}

/// A flow's run that is called here.
fn flow_called<H, Args>(prepared: Prepared<Args, FlowOptions>) -> Waiting<OfFlow<H>, Args>
where
    H: FlowFn<Args>,
    Args: ArgumentList,
{
    let choice = if H::definition().meta().is_async {
        RunnerChoice::AsyncCaller
    } else {
        RunnerChoice::BlockingCaller
    };
    let run = Run::flow(H::definition(), prepared.options.clone(), choice);
    Waiting::new(run, prepared)
}

fn call_task<H, Args>(prepared: Prepared<Args, TaskOptions>) -> OwnedCall<H::Output>
where
    H: TaskFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    OwnedCall(Box::new(task_called::<H, Args>(prepared)))
}

fn state_of<C, Args>(mut waiting: Waiting<C, Args>) -> StateCall<C::Value>
where
    C: Valued<Args, Output: Send + 'static, Value: 'static>,
    Args: ArgumentList<Inputs: Send> + Send + 'static,
{
    waiting.keep_state();
    OwnedCall(Box::new(Finished { waiting, finish: final_state::<C, Args> }))
}

fn state_of_task<H, Args>(prepared: Prepared<Args, TaskOptions>) -> StateCall<H::Value>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    state_of(task_called::<H, Args>(prepared))
}

fn tracked_task<H, Args>(prepared: Prepared<Args, TaskOptions>) -> OwnedCall<H::Tracked>
where
    H: TaskFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let waiting = task_called::<H, Args>(prepared);
    OwnedCall(Box::new(Finished { waiting, finish: tracked::<H, Args> }))
}

fn call_flow<H, Args>(prepared: Prepared<Args, FlowOptions>) -> OwnedCall<H::Output>
where
    H: FlowFn<Args, Output: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    OwnedCall(Box::new(flow_called::<H, Args>(prepared)))
}

fn state_of_flow<H, Args>(prepared: Prepared<Args, FlowOptions>) -> StateCall<H::Value>
where
    H: FlowFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    state_of(flow_called::<H, Args>(prepared))
}

fn submit_task<H, Args>(mut prepared: Prepared<Args, TaskOptions>) -> TaskFuture<H::Value>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    let group = prepared.group.take();
    let now = group.as_ref().map_or_else(Timestamp::now, |group| group.submitted_at());
    let id = TaskRunId::generate(now);
    let Some(flow) = FlowRunContext::get() else {
        let missing = MissingContext { context: "flow run", call: "submit" };
        return TaskFuture::failed(id, missing.into());
    };
    let ledger = flow.ledger().clone();
    let task_runner = ledger.runner().task_runner().cloned();
    let definition = H::definition();
    let inputs = prepared.task_inputs(definition.meta().parameters);
    let mut run = match &group {
        None => Run::configured_task(definition, Some(id), prepared.options.clone(), inputs),
        Some(group) => group.run(id, inputs),
    };
    run.keep_state();
    let mut waiting = Waiting::<OfTask<H>, Args>::new(run, prepared);
    if let Err(error) = waiting.create() {
        return TaskFuture::refused(id, group, error);
    }
    let future = TaskFuture::open(id, now, ledger.runner().driving_thread(), group);
    let publisher =
        Publisher { shared: future.shared(), ticket: ledger.submissions().open(), ledger };
    match task_runner {
        None => published::spawn::<H, Args>(waiting, publisher),
        Some(task_runner) => {
            handed_over::hand_over::<H, Args>(task_runner, flow, waiting, publisher);
        }
    }
    future
}
