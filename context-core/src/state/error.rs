//! Errors that the engine itself reports about runs.
//!
//! A user's own error stays the user's: a direct call returns it untouched. [`RunError`] is for what only the
//! engine can say (a timeout, an upstream that is not ready, a missing context), and for what a future hands over
//! about a run that somebody else made.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::asset::AssetTemplateError;
use crate::id::TaskRunId;
use crate::names::TemplateError;
use crate::state::State;

/// Why a run did not give its value.
///
/// Cheap to clone: several consumers of one future share it.
///
/// # Example: carrying it in an error type of your own
///
/// ```
/// use context_core::state::RunError;
///
/// #[derive(Debug)]
/// enum AppError {
///     Run(RunError),
/// }
///
/// impl From<RunError> for AppError {
///     fn from(error: RunError) -> Self {
///         Self::Run(error)
///     }
/// }
/// ```
#[derive(Clone)]
pub struct RunError(Arc<RunErrorKind>);

/// What a [`RunError`] reports.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunErrorKind {
    /// User code returned an error.
    #[error("{run} failed: {}", .failure.message)]
    Failed {
        /// Which run, as `task run 'fetch-1a2'`.
        run: String,
        /// What it returned.
        failure: Failure,
    },
    /// User code panicked, or the machine took the run away.
    #[error("{run} crashed: {message}")]
    Crashed {
        /// Which run.
        run: String,
        /// The panic's text.
        message: String,
    },
    /// The run was cancelled before it ended.
    #[error("{run} was cancelled: {message}")]
    Cancelled {
        /// Which run.
        run: String,
        /// Who or what cancelled it.
        message: String,
    },
    /// An attempt took longer than its `timeout`.
    #[error(
        "{run} exceeded timeout of {} second(s); set a longer `timeout` if it needs more time",
        float_seconds(*.timeout)
    )]
    TimedOut {
        /// Which run.
        run: String,
        /// The time an attempt may take.
        timeout: Duration,
    },
    /// A run that this one depends on did not complete.
    #[error(transparent)]
    NotReady(NotReady),
    /// The run waits for a person.
    #[error("{run} is paused; resume it, and wait for it before taking its result")]
    Paused {
        /// Which run.
        run: String,
    },
    /// The run has not ended.
    #[error("{run} has not ended: it is in state `{state}`; wait for it before taking its result")]
    Unfinished {
        /// Which run.
        run: String,
        /// The name of the state it is in.
        state: String,
    },
    /// The run has completed, and its value is not at hand.
    #[error(
        "{run} has completed, but its state holds no value; persist its result, or keep the value where the run is called"
    )]
    MissingResult {
        /// Which run.
        run: String,
    },
    /// A function returned a state that no run can end in.
    #[error(
        "{run} returned the state `{state}`, in which no run can end; return one that is final, such as `State::completed()` or `State::failed(..)`"
    )]
    ReturnedState {
        /// Which run.
        run: String,
        /// The state's name.
        state: String,
    },
    /// Whoever decides about the run's states has it stop.
    #[error("{run} was stopped: {reason}")]
    Aborted {
        /// Which run.
        run: String,
        /// Why.
        reason: String,
    },
    /// Whoever decides about the run's states could not be asked.
    #[error("{run} cannot go on: {problem}")]
    Orchestration {
        /// Which run.
        run: String,
        /// What went wrong.
        problem: String,
    },
    /// An operation needs a run, and none is active.
    #[error(transparent)]
    MissingContext(MissingContext),
    /// A run waits for itself and would wait for ever.
    #[error(
        "task run {task_run_id} waits for its own result and would wait for ever; pass its value, not its future"
    )]
    SelfDependency {
        /// The run whose future it waits for.
        task_run_id: TaskRunId,
    },
    /// Mapped arguments have different lengths.
    #[error(
        "`{task}::map` got arguments of different lengths: {}; give iterables of one length, or wrap what all runs share in `unmapped(..)`",
        list_lengths(.lengths)
    )]
    MappingLengthMismatch {
        /// The task's name.
        task: &'static str,
        /// Name and length of each mapped argument.
        lengths: Vec<(&'static str, usize)>,
    },
    /// No argument of a `map` is an iterable.
    #[error("`{task}::map` got no iterable argument; use `{task}::submit` for one run")]
    MappingMissingIterable {
        /// The task's name.
        task: &'static str,
    },
    /// An option has a value that cannot be used.
    #[error(transparent)]
    InvalidOption(InvalidOption),
    /// A run name template does not fit the parameters.
    #[error("the run name of `{run}` cannot be made: {source}")]
    RunName {
        /// The flow or task.
        run: &'static str,
        /// What is wrong with the template.
        source: TemplateError,
    },
    /// The key of an asset cannot be made of the parameters.
    #[error("the asset key `{template}` of `{run}` cannot be made: {source}")]
    AssetKey {
        /// The task.
        run: &'static str,
        /// The asset as it was declared.
        template: String,
        /// What is wrong with the template, or with what came of it.
        source: AssetTemplateError,
    },
    /// A retry needs a second copy of the arguments, and there is none.
    #[error(
        "`{run}` is to be retried, but its arguments were used up by the first attempt; declare `retries` in its attribute so that every attempt gets its own copy"
    )]
    NotRepeatable {
        /// The flow or task.
        run: &'static str,
    },
    /// The task runner cannot run it.
    #[error("`{run}` cannot run where its task runner wants it to: {reason}")]
    Refused {
        /// The task.
        run: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// A future was awaited by reference and gave its value; there is no other.
    #[error(
        "the future of task run {task_run_id} has given its value already; clone the future before awaiting it by reference"
    )]
    AlreadyTaken {
        /// The run.
        task_run_id: TaskRunId,
    },
    /// A blocking wait would stop the only thread that could make progress.
    #[error(
        "waiting for task run {task_run_id} here would block the runtime's only thread; `.await` the future, or use a multi-thread runtime"
    )]
    WouldBlock {
        /// The run that was to be waited for.
        task_run_id: TaskRunId,
    },
    /// A future was waited for, and its run has not ended in time. The run goes on.
    #[error(
        "task run {task_run_id} did not end within {} second(s); it goes on, so wait for it again or for longer",
        float_seconds(*.timeout)
    )]
    WaitTimedOut {
        /// The run that was waited for.
        task_run_id: TaskRunId,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// Several futures were waited for, and not all of their runs have ended in time. The runs go on.
    #[error(
        "{unfinished} (of {total}) futures unfinished within {} second(s); their runs go on, so wait for them again or for longer",
        float_seconds(*.timeout)
    )]
    FuturesUnfinished {
        /// How many have not ended.
        unfinished: usize,
        /// How many were waited for.
        total: usize,
        /// How long they were waited for.
        timeout: Duration,
    },
}

fn float_seconds(duration: Duration) -> String {
    format!("{:?}", duration.as_secs_f64())
}

fn list_lengths(lengths: &[(&'static str, usize)]) -> String {
    let parts: Vec<String> =
        lengths.iter().map(|(name, length)| format!("`{name}` has {length}")).collect();
    parts.join(", ")
}

impl RunError {
    /// What happened.
    pub fn kind(&self) -> &RunErrorKind {
        &self.0
    }

    /// True if user code returned an error.
    pub fn is_failed(&self) -> bool {
        matches!(*self.0, RunErrorKind::Failed { .. })
    }

    /// True if an attempt ran out of time.
    pub fn is_timed_out(&self) -> bool {
        matches!(*self.0, RunErrorKind::TimedOut { .. })
    }

    /// True if whoever waited for runs stopped waiting; the runs go on.
    pub fn is_wait_timed_out(&self) -> bool {
        matches!(
            *self.0,
            RunErrorKind::WaitTimedOut { .. } | RunErrorKind::FuturesUnfinished { .. }
        )
    }

    /// True if user code panicked.
    pub fn is_crashed(&self) -> bool {
        matches!(*self.0, RunErrorKind::Crashed { .. })
    }

    /// True if the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.0, RunErrorKind::Cancelled { .. })
    }

    /// True if an upstream run did not complete.
    pub fn is_not_ready(&self) -> bool {
        matches!(*self.0, RunErrorKind::NotReady(_))
    }

    /// True if an operation needed a run and none was active.
    pub fn is_missing_context(&self) -> bool {
        matches!(*self.0, RunErrorKind::MissingContext(_))
    }

    /// The error that user code returned, if it can be had as `E`.
    ///
    /// ```
    /// use context_core::state::RunError;
    ///
    /// fn is_not_found(error: &RunError) -> bool {
    ///     error.user_error::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    /// }
    /// ```
    pub fn user_error<E: Error + 'static>(&self) -> Option<&E> {
        match &*self.0 {
            RunErrorKind::Failed { failure, .. } => {
                failure.source.as_deref().and_then(|source| source.downcast_ref::<E>())
            }
            _ => None,
        }
    }
}

impl From<RunErrorKind> for RunError {
    fn from(kind: RunErrorKind) -> Self {
        Self(Arc::new(kind))
    }
}

impl From<MissingContext> for RunError {
    fn from(missing: MissingContext) -> Self {
        RunErrorKind::MissingContext(missing).into()
    }
}

impl From<NotReady> for RunError {
    fn from(not_ready: NotReady) -> Self {
        RunErrorKind::NotReady(not_ready).into()
    }
}

impl From<InvalidOption> for RunError {
    fn from(invalid: InvalidOption) -> Self {
        RunErrorKind::InvalidOption(invalid).into()
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunError").field(&self.0).finish()
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            RunErrorKind::Failed { failure, .. } => {
                failure.source.as_deref().map(|source| -> &(dyn Error + 'static) { source })
            }
            RunErrorKind::RunName { source, .. } => Some(source),
            RunErrorKind::AssetKey { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An error that user code returned, as much of it as could be kept.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The error's type, without its path: `AppError`.
    pub type_name: &'static str,
    /// The error's text.
    pub message: String,
    /// The error itself with its source chain, where it is one.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// An upstream run that did not complete.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "upstream task run '{upstream}' did not reach a 'COMPLETED' state: it is {state}; wrap the future in `allow_failure(..)` to run in any case"
)]
pub struct NotReady {
    /// The run that was waited for.
    pub upstream: TaskRunId,
    /// Where it ended.
    pub state: State,
}

/// An option's value is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("option `{option}` of `{run}` {problem}")]
pub struct InvalidOption {
    /// The flow or task.
    pub run: &'static str,
    /// The option.
    pub option: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// An operation needs a run context, and none is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{call}` needs an active {context}, and there is none here\n\
     hint: it was called outside a flow or task; call it from a function annotated with `#[flow]` or `#[task]`\n\
     hint: or the code runs in a thread or future that was spawned without the context; spawn it with `context::spawn`, `context::thread::spawn` or `.in_current_context()`"
)]
pub struct MissingContext {
    /// What is missing: `flow run`, `task run`, or `flow or task run`.
    pub context: &'static str,
    /// The call that wanted it.
    pub call: &'static str,
}

/// The text of a panic's payload.
///
/// A [`RunError`] that was raised as a panic gives its own message; a payload of an unknown type gives a general one.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(error) = payload.downcast_ref::<RunError>() {
        error.to_string()
    } else {
        "the panic carries no text".to_owned()
    }
}

#[cfg(test)]
mod tests;
