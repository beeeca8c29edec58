//! Runs whose attempts are made in other processes of this program.
//!
//! Here is what both sides need of a task: its arguments as JSON there and back, and its value. The process that has called
//! the task drives the run as ever, with a body that has each attempt made elsewhere ([`RemoteBody`]); the other one finds
//! the function by its key and makes the attempt ([`start`]). Both are asked of the types where these are known, and what
//! cannot be written and read is an error that says so.
//!
//! This module does not know how an attempt gets to another process.

mod arguments;
mod call;
mod failure;
mod probe;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use self::failure::failure_of;
use super::body::{Attempt, Body, TaskFn};
use super::glue::{Glue, Verdict};
use crate::context::{AssetContext, ContextModel as _, SerializedContext, TaskRunContext};
use crate::definition::TaskDefinition;
use crate::id::TaskRunId;
use crate::parameters::ParameterSink;
use crate::runner::{RemoteAttempts, RemoteFailure, RemoteRun, RemoteValue};
use crate::secret::{self, Secrets};
use crate::state::{Failure, RunError};

pub use arguments::{Named, ReadArguments};
pub use call::{CallError, SerializedCall};
pub use probe::{MayLeave, MayNotLeave, RemoteProbe};

/// How the arguments and the value of a task get to another process and back.
pub struct RemoteFn<Args, V> {
    pub(super) read: fn(&Named<'_>, &[&'static str]) -> Result<Args, String>,
    pub(super) write_value: fn(&V) -> Result<String, String>,
    pub(super) read_value: fn(&str) -> Result<V, String>,
    pub(super) glue: fn() -> Glue<Remotely<V>>,
}

impl<Args, V> fmt::Debug for RemoteFn<Args, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteFn(..)")
    }
}

/// A task that other processes can find; submitted by the macros.
#[derive(Clone, Copy)]
pub struct RemoteTask {
    definition: fn() -> &'static TaskDefinition,
    start: Start,
    /// Records the arguments as a run of the task itself records them.
    record: fn(&Named<'_>, &mut ParameterSink),
}

/// Starts a function with arguments that are JSON; and whether its value may have to be kept as a result.
type Start = fn(&Named<'_>, bool) -> Result<ErasedAttempt, String>;

inventory::collect!(RemoteTask);

impl RemoteTask {
    /// The task with the handle `H`.
    pub const fn of<H, Args>() -> Self
    where
        H: TaskFn<Args, Output: 'static, Value: 'static>,
    {
        Self {
            definition: H::definition,
            start: start_erased::<H, Args>,
            record: record_erased::<H, Args>,
        }
    }
}

impl fmt::Debug for RemoteTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteTask").field((self.definition)().meta()).finish()
    }
}

/// What came of an attempt whose types are not known here.
pub(super) type ErasedOutcome = Result<ErasedValue, RemoteFailure>;

/// A value whose type is not known here.
pub(super) struct ErasedValue {
    /// As JSON, with its secrets: for another process of this program.
    pub(super) text: String,
    /// As JSON to be kept as a result, which has no secrets; or why it cannot be.
    pub(super) kept: Result<String, String>,
}

/// An attempt whose types are not known here.
pub(super) enum ErasedAttempt {
    Async(Pin<Box<dyn Future<Output = ErasedOutcome> + Send>>),
    Blocking(Box<dyn FnOnce() -> ErasedOutcome + Send>),
}

fn record_erased<H: TaskFn<Args>, Args>(named: &Named<'_>, sink: &mut ParameterSink) {
    let read =
        |remote: RemoteFn<_, _>| (remote.read)(named, H::definition().meta().parameters).ok();
    if let Some(arguments) = H::remote().and_then(read) {
        H::encode(&arguments, sink);
    }
}

fn start_erased<H, Args>(named: &Named<'_>, keeps: bool) -> Result<ErasedAttempt, String>
where
    H: TaskFn<Args, Output: 'static, Value: 'static>,
{
    let definition = H::definition();
    let Some(remote) = H::remote() else { return Err(cannot_leave(definition)) };
    let arguments = (remote.read)(named, definition.meta().parameters)?;
    let outcome = move |output| match H::value(output) {
        Ok(value) => {
            let kept = if keeps {
                secret::refused(|| (remote.write_value)(&value))
            } else {
                Err("is not kept here".to_owned())
            };
            secret::included(|| (remote.write_value)(&value))
                .map(|text| ErasedValue { text, kept })
                .map_err(|reason| RemoteFailure::Refused { message: format!("its value {reason}") })
        }
        Err(failure) => Err(told(failure)),
    };
    let attempt = H::attempt_for_another(arguments).ok_or_else(|| cannot_leave(definition))?;
    Ok(match attempt {
        Attempt::Async(future) => {
            ErasedAttempt::Async(Box::pin(Mapped { future, outcome: Some(outcome) }))
        }
        Attempt::Blocking(function) => {
            ErasedAttempt::Blocking(Box::new(move || outcome(function())))
        }
    })
}

/// A future whose output is written. By hand: an `async` block would have to be `Send` with the output in it.
struct Mapped<R, F> {
    future: Pin<Box<dyn Future<Output = R> + Send>>,
    outcome: Option<F>,
}

impl<R, F: FnOnce(R) -> ErasedOutcome + Unpin> Future for Mapped<R, F> {
    type Output = ErasedOutcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ErasedOutcome> {
        let this = self.get_mut();
        let output = ready!(this.future.as_mut().poll(cx));
        let outcome = this.outcome.take().expect("a future that is ready is not polled again");
        Poll::Ready(outcome(output))
    }
}

fn told(failure: Failure) -> RemoteFailure {
    let mut causes = Vec::new();
    let mut cause = failure.source.as_deref().and_then(|error| error.source());
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let Failure { type_name, message, .. } = failure;
    RemoteFailure::Failed { type_name: type_name.to_owned(), message, causes }
}

fn cannot_leave(definition: &TaskDefinition) -> String {
    format!(
        "all arguments of `{}` and its value must be `serde::Serialize` and `serde::Deserialize`, and own what they hold",
        definition.meta().name
    )
}

/// The tasks that other processes can find, by key.
static TASKS: LazyLock<HashMap<String, Vec<&'static RemoteTask>>> = LazyLock::new(|| {
    let mut keyed: HashMap<_, Vec<_>> = HashMap::new();
    for task in inventory::iter::<RemoteTask> {
        keyed.entry((task.definition)().task_key()).or_default().push(task);
    }
    keyed
});

/// The task of this key in this module, if other processes can find it.
fn registered(task_key: &str, module: &str) -> Option<&'static RemoteTask> {
    let mut keyed = TASKS.get(task_key)?.iter();
    keyed.find(|task| (task.definition)().meta().module == module).copied()
}

/// Starts the function of a task in this process, with arguments that come from another one.
pub(super) fn start(
    task_key: &str,
    module: &str,
    parameters: &str,
) -> Result<ErasedAttempt, String> {
    let task = found(task_key, module)?;
    let named = Named::read(parameters)?;
    // It is kept by the process that has submitted the run.
    (task.start)(&named, false)
}

fn found(task_key: &str, module: &str) -> Result<&'static RemoteTask, String> {
    registered(task_key, module).ok_or_else(|| {
        format!(
            "this process has no task `{task_key}` in `{module}`: it is another program, or another version of it"
        )
    })
}

/// What an attempt elsewhere gives to the engine.
pub type Remotely<V> = Result<V, RemoteError>;

/// Why it gives no value.
#[derive(Debug)]
pub enum RemoteError {
    /// The function has returned an error.
    Failed(Failure),
    /// The process is gone.
    Lost(String),
    /// The attempt could not begin.
    Refused(String),
    /// The engine has an error of its own.
    Raised(RunError),
}

impl RemoteError {
    fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Lost(message) | Self::Refused(message) => {
                Failure { type_name: "RemoteError", message, source: None }
            }
            Self::Raised(error) => Failure {
                type_name: "RunError",
                message: error.to_string(),
                source: Some(Arc::new(error)),
            },
        }
    }
}

/// The value, for whoever waits for the run.
pub(super) fn value<V>(output: Remotely<V>) -> Result<V, Failure> {
    output.map_err(RemoteError::into_failure)
}

/// What the engine knows about `Remotely<V>`, but for how it is kept.
fn verdict<V>(output: &Remotely<V>) -> Result<(), Box<Verdict>> {
    Err(Box::new(match output {
        Ok(_) => return Ok(()),
        Err(RemoteError::Failed(failure)) => Verdict::Failed(failure.clone()),
        Err(RemoteError::Lost(message)) => Verdict::Lost(message.clone()),
        Err(RemoteError::Refused(reason)) => Verdict::Refused(reason.clone()),
        Err(RemoteError::Raised(error)) => Verdict::Refused(error.to_string()),
    }))
}

/// A function whose attempts are made elsewhere, with its arguments as JSON.
pub(super) struct RemoteBody<V> {
    definition: &'static TaskDefinition,
    parameters: String,
    read_value: fn(&str) -> Result<V, String>,
    attempts: Arc<dyn RemoteAttempts>,
}

/// A body, but for who makes the attempts, and what the engine knows of the output.
pub(super) struct Prepared<V> {
    definition: &'static TaskDefinition,
    parameters: String,
    read_value: fn(&str) -> Result<V, String>,
    glue: Glue<Remotely<V>>,
}

/// What is needed to run `H` with `arguments` elsewhere, or why that cannot be.
pub(super) fn prepare<H: TaskFn<Args>, Args>(
    arguments: Option<&Args>,
) -> Result<Prepared<H::Value>, String> {
    let definition = H::definition();
    let parameters = match arguments {
        Some(arguments) => written::<H, Args>(arguments)?,
        None => return Err(cannot_leave(definition)),
    };
    let remote = H::remote().ok_or_else(|| cannot_leave(definition))?;
    Ok(Prepared { definition, parameters, read_value: remote.read_value, glue: (remote.glue)() })
}

/// The arguments of a task that another process can find, as JSON; or why that cannot be.
fn written<H: TaskFn<Args>, Args>(arguments: &Args) -> Result<String, String> {
    let definition = H::definition();
    let meta = definition.meta();
    if registered(&definition.task_key(), meta.module).is_none() {
        return Err("it has generic parameters, so no other process can find it".to_owned());
    }
    if H::remote().is_none() {
        return Err(cannot_leave(definition));
    }
    let parameters = secret::included(|| {
        let mut sink = ParameterSink::new(usize::MAX);
        H::encode(arguments, &mut sink);
        sink.finish()
    });
    if let Some(name) = meta.parameters.iter().enumerate().find(|(at, _)| parameters.is_opaque(*at))
    {
        return Err(format!("its argument `{}` cannot be written as JSON", name.1));
    }
    Ok(parameters.as_json().to_owned())
}

impl<V> Prepared<V> {
    /// The body whose attempts are made by `attempts`.
    pub(super) fn by(
        self,
        attempts: Arc<dyn RemoteAttempts>,
    ) -> (RemoteBody<V>, Glue<Remotely<V>>) {
        let Self { definition, parameters, read_value, glue } = self;
        (RemoteBody { definition, parameters, read_value, attempts }, glue)
    }
}

impl<V> Body for RemoteBody<V> {
    type Arguments = ();
    type Attempt = RemoteAttempt<V>;

    fn arguments(&self) -> Option<&()> {
        Some(&())
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn attempt(&mut self, _: bool) -> Option<RemoteAttempt<V>> {
        // The engine calls this in the attempt's context.
        let run = TaskRunContext::get().map(|run| run.id());
        let mut context = SerializedContext::of_current(Secrets::Included);
        if let Some(assets) = AssetContext::get().filter(|it| !it.downstream_assets().is_empty()) {
            context = context.with_asset_context(&assets);
        }
        let run = RemoteRun::new(
            run.unwrap_or_else(|| TaskRunId::from(uuid::Uuid::nil())),
            self.definition.task_key(),
            self.definition.meta().module,
            self.parameters.clone(),
            context.to_json(),
        );
        let attempt = self.attempts.clone().attempt(run);
        Some(RemoteAttempt { attempt, read_value: self.read_value })
    }
}

/// An attempt that is made elsewhere.
pub(super) struct RemoteAttempt<V> {
    attempt: Pin<Box<dyn Future<Output = Result<RemoteValue, RemoteFailure>> + Send>>,
    read_value: fn(&str) -> Result<V, String>,
}

impl<V> Future for RemoteAttempt<V> {
    type Output = Remotely<V>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Remotely<V>> {
        let this = self.get_mut();
        let outcome = ready!(this.attempt.as_mut().poll(cx));
        Poll::Ready(match outcome {
            Ok(given) => {
                note_assets(&given);
                (this.read_value)(&given.value)
                    .map_err(|reason| RemoteError::Refused(format!("its value {reason}")))
            }
            Err(failure @ RemoteFailure::Failed { .. }) => {
                Err(RemoteError::Failed(failure_of(failure)))
            }
            // As if it had happened here.
            Err(RemoteFailure::Panicked { message }) => {
                std::panic::resume_unwind(Box::new(message))
            }
            Err(RemoteFailure::Lost { message }) => Err(RemoteError::Lost(message)),
            Err(RemoteFailure::Refused { message }) => Err(RemoteError::Refused(message)),
        })
    }
}

/// What the attempt has said of the assets that it makes.
fn note_assets(given: &RemoteValue) {
    let Some(assets) = AssetContext::get().filter(|_| !given.asset_metadata.is_empty()) else {
        return;
    };
    for (key, metadata) in &given.asset_metadata {
        if let Err(error) = assets.add_asset_metadata(key, metadata.clone()) {
            tracing::warn!("what another process has said of an asset is lost: {error}");
        }
    }
}
