//! Task runners: who runs the task runs that a flow submits.
//!
//! A flow run without a task runner spawns its runs on its own runtime, without anything of this module. With one, a run
//! is handed over as a [`SubmittedRun`] once its inputs are there. The run publishes its own end: a task runner decides
//! when and where it runs, and nothing else. It does not know what a task is; what it may want to know is plain data.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::place::Place;
use crate::id::TaskRunId;

/// Runs the task runs that a flow run submits.
///
/// The task runner of a flow's options is a pattern: every attempt of a flow run gets a [`duplicate`](Self::duplicate)
/// of it, and shuts that down at its end.
///
/// # Example: a task runner that says what it runs
///
/// ```
/// use std::sync::Arc;
///
/// use context_core::engine::{AbortHandle, SubmittedRun, TaskRunner};
///
/// #[derive(Debug)]
/// struct Chatty;
///
/// impl TaskRunner for Chatty {
///     fn name(&self) -> &str {
///         "chatty"
///     }
///
///     fn duplicate(&self) -> Arc<dyn TaskRunner> {
///         Arc::new(Self)
///     }
///
///     fn submit(&self, run: SubmittedRun) -> AbortHandle {
///         println!("running {} of {}", run.task_name(), run.flow_name());
///         run.spawn()
///     }
/// }
/// ```
pub trait TaskRunner: fmt::Debug + Send + Sync + 'static {
    /// The kind's name, for people: `concurrent`.
    fn name(&self) -> &str;

    /// A task runner that is configured as this one and runs nothing yet.
    fn duplicate(&self) -> Arc<dyn TaskRunner>;

    /// Takes a run over, and gives the means to abort it. The call must not wait for the run: it comes from code that
    /// may be on the only thread of a runtime. A run that is dropped ends as `Cancelled`.
    fn submit(&self, run: SubmittedRun) -> AbortHandle;

    /// True if runs make progress without the runtime of their flow. A flow on a runtime of one thread may then block
    /// while it waits for them.
    fn runs_elsewhere(&self) -> bool {
        false
    }

    /// Drops every run that has not begun, and each one submitted from now on. Runs that have begun are aborted through
    /// their handles, by the engine.
    fn cancel_all(&self) {}

    /// The flow run has ended, and so have its task runs; there will be no others. Must not wait.
    fn shutdown(&self) {}
}

/// A submitted task run whose inputs are there.
///
/// It is consumed by running it: on the flow's runtime ([`spawn`](Self::spawn)), as a future
/// ([`into_future`](Self::into_future)), or on the current thread ([`run_here`](Self::run_here)). All of them bring the
/// run's own context along, record its states and give its value to whoever waits for it.
#[must_use = "a run that is dropped is cancelled"]
pub struct SubmittedRun {
    work: Box<dyn Work>,
    runtime: Handle,
    /// The place of the run that submits it, if that is run by a bounded task runner.
    submitter: Option<Arc<Place>>,
}

/// What a submitted run does; what it is of is known only to the engine.
pub(crate) trait Work: Send {
    fn task_run_id(&self) -> TaskRunId;
    fn task_name(&self) -> &str;
    fn task_key(&self) -> String;
    fn flow_name(&self) -> String;
    /// True if the function is a plain one.
    fn blocks(&self) -> bool;
    fn into_future(self: Box<Self>) -> BoxedRun;
    /// Runs a plain function on this thread.
    fn run_here(self: Box<Self>);
    /// The run as a future whose attempts are made elsewhere, or the run itself and why that cannot be.
    fn into_remote(
        self: Box<Self>,
        attempts: Arc<dyn RemoteAttempts>,
    ) -> Result<BoxedRun, (Box<dyn Work>, NotRemote)>;
    /// Ends the run, which cannot be run.
    fn refuse(self: Box<Self>, reason: String);
}

/// A run as a future that publishes its own end.
pub(crate) type BoxedRun = Pin<Box<dyn Future<Output = ()> + Send>>;

impl SubmittedRun {
    /// `runtime` is the flow's.
    pub(crate) fn new(work: Box<dyn Work>, runtime: Handle, submitter: Option<Arc<Place>>) -> Self {
        Self { work, runtime, submitter }
    }

    /// The run's id.
    pub fn task_run_id(&self) -> TaskRunId {
        self.work.task_run_id()
    }

    /// The task's name.
    pub fn task_name(&self) -> &str {
        self.work.task_name()
    }

    /// The identity of the task, by which the registry finds its definition: `fetch-1a2b3c4d`.
    pub fn task_key(&self) -> String {
        self.work.task_key()
    }

    /// The name of the flow whose run has submitted it.
    pub fn flow_name(&self) -> String {
        self.work.flow_name()
    }

    /// True if the function is a plain `fn`, which blocks the thread it runs on.
    pub fn blocks(&self) -> bool {
        self.work.blocks()
    }

    /// The run as a future whose attempts are made by `attempts`, in other processes. Everything else stays here: the
    /// run's states and hooks, its retries, timeout, cache and transaction. To drop the future is to cancel the run.
    ///
    /// # Errors
    ///
    /// If the run cannot leave the process: its arguments or its value are not `Serialize` and `DeserializeOwned`, or the
    /// task has generic parameters. The run is given back: it can be run here, or [refused](Self::refuse).
    pub fn into_remote(
        self,
        attempts: Arc<dyn RemoteAttempts>,
    ) -> Result<RemoteFuture, (Self, NotRemote)> {
        let Self { work, runtime, submitter } = self;
        let refused = work.into_remote(attempts);
        refused.map_err(|(work, reason)| (Self { work, runtime, submitter }, reason))
    }

    /// Ends the run as `Failed`, because it cannot be run for this `reason`.
    pub fn refuse(self, reason: impl Into<String>) {
        self.work.refuse(reason.into());
    }

    /// Runs it on the runtime of its flow, a plain function on a thread where it may block.
    pub fn spawn(self) -> AbortHandle {
        self.runtime.spawn(self.work.into_future()).abort_handle().into()
    }

    /// The run as a future, for a tokio runtime of the caller's choice. To drop it is to cancel the run.
    pub fn into_future(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.work.into_future()
    }

    /// Runs it on this thread until it has ended. The flow's runtime is the current one meanwhile.
    ///
    /// A plain function cannot be interrupted here: its `timeout` is noticed when it has returned.
    ///
    /// # Panics
    ///
    /// If the function is an `async fn` and this is a thread of a tokio runtime, as `Handle::block_on` does.
    pub fn run_here(self) {
        if self.work.blocks() {
            let _entered = self.runtime.enter();
            self.work.run_here();
        } else {
            self.runtime.block_on(self.work.into_future());
        }
    }

    pub(super) fn submitter(&self) -> Option<&Arc<Place>> {
        self.submitter.as_ref()
    }

    /// The runtime of its flow.
    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl fmt::Debug for SubmittedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmittedRun")
            .field("task_run_id", &self.task_run_id())
            .field("task", &self.task_name())
            .field("flow", &self.flow_name())
            .finish_non_exhaustive()
    }
}

/// A run as a future that gives nothing: the run publishes its own end.
pub type RemoteFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who makes the attempts of runs elsewhere.
pub trait RemoteAttempts: Send + Sync + 'static {
    /// Makes one attempt, and gives what came of it. Called with the context of the attempt in force. To drop the future is
    /// to abort the attempt, wherever it is.
    fn attempt(
        self: Arc<Self>,
        run: RemoteRun,
    ) -> Pin<Box<dyn Future<Output = Result<RemoteValue, RemoteFailure>> + Send>>;
}

/// An attempt as data: what another process of this program needs to make it. It holds secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteRun {
    /// The run.
    pub task_run_id: TaskRunId,
    /// The task, as the registry knows it: `fetch-1a2b3c4d`.
    pub task_key: String,
    /// The module that the task is in, which tells tasks of one key apart.
    pub module: &'static str,
    /// The arguments by name: a JSON object.
    pub parameters: String,
    /// What surrounds the attempt: a snapshot, as JSON.
    pub context: String,
}

impl RemoteRun {
    pub(crate) const fn new(
        task_run_id: TaskRunId,
        task_key: String,
        module: &'static str,
        parameters: String,
        context: String,
    ) -> Self {
        Self { task_run_id, task_key, module, parameters, context }
    }
}

impl fmt::Debug for RemoteRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteRun")
            .field("task_run_id", &self.task_run_id)
            .field("task_key", &self.task_key)
            .finish_non_exhaustive()
    }
}

/// What an attempt elsewhere has given.
#[derive(Clone, Debug)]
pub struct RemoteValue {
    /// The value, as JSON.
    pub value: String,
    /// What it has said about the assets that it makes, by their keys: a JSON object of objects.
    pub asset_metadata: serde_json::Map<String, serde_json::Value>,
}

/// Why an attempt elsewhere has given no value.
#[derive(Clone, Debug)]
pub enum RemoteFailure {
    /// The function has returned an error.
    Failed {
        /// The error's type, without its path.
        type_name: String,
        /// The error's text.
        message: String,
        /// The texts of what caused it, outermost first.
        causes: Vec<String>,
    },
    /// The function has panicked.
    Panicked {
        /// What with.
        message: String,
    },
    /// It is not known how far it came: the process is gone.
    Lost {
        /// What is known.
        message: String,
    },
    /// It could not begin.
    Refused {
        /// Why.
        message: String,
    },
}

/// Why a run cannot leave the process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}` cannot run in another process: {reason}")]
pub struct NotRemote {
    /// The task.
    pub task: String,
    /// What is in the way.
    pub reason: String,
}

/// The means to abort one submitted run: it ends as `Cancelled`, at its next suspension if it has begun.
pub struct AbortHandle(Means);

enum Means {
    Tokio(tokio::task::AbortHandle),
    Call(Box<dyn Fn() + Send + Sync>),
}

impl AbortHandle {
    /// A handle that calls `abort`, any number of times.
    pub fn new(abort: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Means::Call(Box::new(abort)))
    }

    /// Aborts the run.
    pub fn abort(&self) {
        match &self.0 {
            Means::Tokio(handle) => handle.abort(),
            Means::Call(abort) => abort(),
        }
    }
}

impl From<tokio::task::AbortHandle> for AbortHandle {
    fn from(handle: tokio::task::AbortHandle) -> Self {
        Self(Means::Tokio(handle))
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AbortHandle(..)")
    }
}

/// The means to abort a run that passes through several hands.
#[derive(Default)]
pub(crate) struct Relay(Mutex<Stage>);

#[derive(Default)]
enum Stage {
    #[default]
    New,
    With(AbortHandle),
    Aborted,
}

impl Relay {
    /// The run is in its first hands, unless it has left them already.
    pub(crate) fn begin(&self, abort: AbortHandle) {
        self.change(abort, |stage| matches!(stage, Stage::New));
    }

    /// The run is in the next hands.
    pub(crate) fn pass(&self, abort: AbortHandle) {
        self.change(abort, |_| true);
    }

    fn change(&self, abort: AbortHandle, replaces: fn(&Stage) -> bool) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Aborted) {
            drop(stage);
            abort.abort();
        } else if replaces(&stage) {
            *stage = Stage::With(abort);
        }
    }

    /// Aborts it, in whoever's hands it is and will be.
    pub(crate) fn abort(&self) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *stage, Stage::Aborted);
        drop(stage);
        if let Stage::With(abort) = before {
            abort.abort();
        }
    }
}

impl From<Arc<Relay>> for AbortHandle {
    fn from(relay: Arc<Relay>) -> Self {
        Self::new(move || relay.abort())
    }
}
