//! Calls as data: a registered task, its arguments, and what surrounded whoever wants it called.

use std::fmt;
use std::future::poll_fn;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::failure_of;
use super::{ErasedAttempt, ErasedOutcome, ErasedValue, Named, RemoteTask, found, written};
use crate::context::{SerializedContext, SnapshotError, hydrated_context};
use crate::engine::body::{Attempt, Body, TaskFn};
use crate::engine::call::Call;
use crate::engine::codec::Codec;
use crate::engine::glue::{Glue, Verdict};
use crate::engine::run::Run;
use crate::engine::submit::AttemptFuture;
use crate::record::TaskInputs;
use crate::results::SerializationError;
use crate::runner::{self, RemoteFailure};
use crate::secret::Secrets;
use crate::state::{RunError, RunErrorKind};

/// A call of a registered task with the context that surrounded [`SerializedCall::of`], as data that another process of the
/// program can read and make. Prefect's `with_context` for functions that go to another process.
///
/// It holds secrets: those of its arguments and of the settings.
///
/// # Example: written here, made there
///
/// ```
/// use context_core::engine::SerializedCall;
///
/// // With `#[task] fn double(n: u32) -> u32`, in one process:
/// //     let text = SerializedCall::of::<double, _>((21,))?.to_json();
/// // and in another:
/// //     let value = text.parse::<SerializedCall>()?.call_blocking()?;
/// let missing = r#"{"task_key":"double-0","module":"m","parameters":{"n":21},"context":{"version":1}}"#;
/// let error = missing.parse::<SerializedCall>()?.call_blocking().unwrap_err();
/// assert!(error.to_string().contains("`double-0`"));
/// # Ok::<(), context_core::engine::CallError>(())
/// ```
#[derive(Clone, Serialize)]
pub struct SerializedCall {
    task_key: String,
    module: String,
    parameters: Box<RawValue>,
    context: SerializedContext,
}

/// As it is read, before the snapshot in it is looked at.
#[derive(Deserialize)]
struct Unchecked {
    task_key: String,
    module: String,
    parameters: Box<RawValue>,
    context: Box<RawValue>,
}

/// Why a call cannot be written, read or made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The task cannot be called by another process.
    #[error("task `{task}` cannot be called by another process: {reason}")]
    NotRemote {
        /// The task.
        task: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// The text is no call.
    #[error("this is no call that `SerializedCall` has written: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// This process cannot make it.
    #[error("the call of task `{task_key}` cannot be made here: {reason}")]
    Refused {
        /// The task's key.
        task_key: String,
        /// What is in the way.
        reason: String,
    },
    /// Its context is no snapshot, or cannot be hydrated here.
    #[error(transparent)]
    Context(#[from] SnapshotError),
    /// The run has not completed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl SerializedCall {
    /// A call of the task with the handle `H`, with a tuple of arguments and the context that surrounds this.
    ///
    /// # Errors
    ///
    /// If the arguments or the value are not `Serialize` and `DeserializeOwned`, or the task has generic parameters.
    pub fn of<H: TaskFn<Args>, Args>(arguments: Args) -> Result<Self, CallError> {
        let meta = H::definition().meta();
        let parameters = written::<H, Args>(&arguments)
            .and_then(|text| RawValue::from_string(text).map_err(|error| error.to_string()))
            .map_err(|reason| CallError::NotRemote { task: meta.name, reason })?;
        Ok(Self {
            task_key: H::definition().task_key(),
            module: meta.module.to_owned(),
            parameters,
            context: SerializedContext::of_current(Secrets::Included),
        })
    }

    /// The call as the text of one JSON object.
    ///
    /// # Panics
    ///
    /// Never: all that is in it can be written as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every part of a call can be written as JSON")
    }

    /// Makes the call: a run of the task in the context that came along, with its options. Gives its value as JSON.
    ///
    /// A plain function runs on a thread where it may block.
    ///
    /// # Errors
    ///
    /// If this process does not have the functions that are named, or the arguments do not fit; and if the run does not
    /// complete.
    pub async fn call(&self) -> Result<Value, CallError> {
        let task = self.task()?;
        let context = hydrated_context(&self.context)?;
        let parameters = self.parameters.clone();
        let ended = context.scope(async { drive(task, parameters).await }).await?;
        Ok(ended)
    }

    /// As [`call`](Self::call), and blocks until the run has ended.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_blocking(&self) -> Result<Value, CallError> {
        runner::block_on(self.call())
    }

    fn task(&self) -> Result<&'static RemoteTask, CallError> {
        let refused = |reason| CallError::Refused { task_key: self.task_key.clone(), reason };
        let task = found(&self.task_key, &self.module).map_err(refused)?;
        // Now, and not as a run that fails: there is nothing to try again.
        let named = Named::read(self.parameters.get()).map_err(refused)?;
        (task.start)(&named, false).map_err(refused)?;
        Ok(task)
    }
}

impl std::str::FromStr for SerializedCall {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let unchecked: Unchecked = serde_json::from_str(text)
            .map_err(|error| CallError::Malformed { reason: error.to_string() })?;
        let Unchecked { task_key, module, parameters, context } = unchecked;
        let context = SerializedContext::from_json(context.get())?;
        Ok(Self { task_key, module, parameters, context })
    }
}

impl fmt::Debug for SerializedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerializedCall")
            .field("task_key", &self.task_key)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

async fn drive(task: &'static RemoteTask, parameters: Box<RawValue>) -> Result<Value, RunError> {
    let definition = (task.definition)();
    let mut run = Run::configured_task(definition, None, None, TaskInputs::new());
    run.create();
    run.resolve(&|sink| {
        if let Ok(named) = Named::read(parameters.get()) {
            (task.record)(&named, sink);
        }
    });
    let mut call = Box::pin(Call::new(run, Erased { task, parameters }, glue()));
    let output = poll_fn(|cx| call.as_mut().poll_run(cx)).await?;
    let run = || definition.meta().name.to_owned();
    match output {
        Ok(value) => serde_json::from_str(&value.text).map_err(|error| {
            RunErrorKind::Refused {
                run: definition.meta().name,
                reason: format!("its value is no JSON: {error}"),
            }
            .into()
        }),
        Err(failure) => {
            Err(RunErrorKind::Failed { run: run(), failure: failure_of(failure) }.into())
        }
    }
}

/// A function whose types are not known here, with its arguments as JSON.
struct Erased {
    task: &'static RemoteTask,
    parameters: Box<RawValue>,
}

impl Body for Erased {
    type Arguments = ();
    type Attempt = AttemptFuture<ErasedOutcome>;

    fn arguments(&self) -> Option<&()> {
        Some(&())
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn attempt(&mut self, _: bool) -> Option<Self::Attempt> {
        let started =
            Named::read(self.parameters.get()).and_then(|named| (self.task.start)(&named, true));
        Some(AttemptFuture::of(match started {
            Ok(ErasedAttempt::Async(future)) => Attempt::Async(future),
            Ok(ErasedAttempt::Blocking(function)) => Attempt::Blocking(function),
            Err(message) => {
                Attempt::Async(Box::pin(async { Err(RemoteFailure::Refused { message }) }))
            }
        }))
    }
}

fn glue() -> Glue<ErasedOutcome> {
    Glue {
        verdict: |outcome| match outcome {
            Ok(_) => Ok(()),
            Err(failure) => Err(Box::new(Verdict::Failed(failure_of(failure.clone())))),
        },
        raise: |error| Err(RemoteFailure::Refused { message: error.to_string() }),
        codec: || {
            Some(Codec {
                encode: |outcome, serializer| {
                    let refused =
                        |reason: &str| SerializationError::write(serializer.type_name(), reason);
                    let Ok(value) = outcome else {
                        return Err(refused("an error is not a result to be kept"));
                    };
                    let text = value.kept.as_ref().map_err(|reason| refused(reason))?;
                    let value: Value =
                        serde_json::from_str(text).map_err(|error| refused(&error.to_string()))?;
                    serializer.dumps(&value)
                },
                decode: |record| {
                    let text = record.decode::<Value>()?.to_string();
                    Ok(Ok(ErasedValue { kept: Ok(text.clone()), text }))
                },
            })
        },
    }
}
