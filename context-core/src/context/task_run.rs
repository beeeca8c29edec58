//! `TaskRunContext`: the task run that surrounds the code.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::frame::LiveTask;
use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope, TaskDetails};
use crate::clock::Timestamp;
use crate::definition::TaskDefinition;
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::record::{RunName, RunTags, TaskInputs};
use crate::secret::Secrets;
use crate::stack;
use crate::tags::TagSet;

/// The task run that surrounds the code: one attempt of it.
///
/// The engine enters a new one for every attempt. Cheap to clone.
///
/// # Example: outside a task there is none
///
/// ```
/// use context_core::context::{ContextModel, TaskRunContext};
///
/// assert!(TaskRunContext::get().is_none());
/// ```
#[derive(Clone)]
pub struct TaskRunContext(
    // Invariant: a frame whose task slot is `Here`. Established by `of_frame`.
    Arc<Frame>,
);

impl TaskRunContext {
    /// The innermost task run of `frame`.
    #[inline]
    pub(super) fn of_frame(frame: &Arc<Frame>) -> Option<Self> {
        frame.task_frame().cloned().map(Self)
    }

    fn live(&self) -> &LiveTask {
        self.0.task().expect("the frame of a task run context holds a task run")
    }

    fn details(&self) -> Option<&TaskDetails> {
        self.live().details.as_deref()
    }

    /// The run's id.
    #[inline]
    pub fn id(&self) -> TaskRunId {
        self.live().id
    }

    /// The run that recorders and a server know it by: itself, unless it is one of many that are
    /// [reported as one](crate::engine::WithOptions::reported_as_one).
    pub fn reported_as(&self) -> TaskRunId {
        self.live().reported_as()
    }

    /// The run's name: the task's name and three characters, unless the task names its runs.
    pub fn name(&self) -> String {
        live_name(&self.0, self.live()).to_string()
    }

    /// The task's name.
    pub fn task_name(&self) -> &str {
        let live = self.live();
        live.options().task_name(live.definition)
    }

    /// The task.
    pub fn definition(&self) -> &'static TaskDefinition {
        self.live().definition
    }

    /// The tags of the run: the task's own, and those that surrounded the call.
    pub fn tags(&self) -> TagSet {
        live_tags(&self.0, self.live()).to_set()
    }

    /// The parameters, by name. Empty under [`Client::off`](crate::record::Client::off).
    pub fn parameters(&self) -> Parameters {
        self.details().map(|details| details.parameters.clone()).unwrap_or_default()
    }

    /// The runs that the arguments came from.
    pub fn task_inputs(&self) -> TaskInputs {
        self.details().map(|details| details.inputs.clone()).unwrap_or_default()
    }

    /// Which attempt this is, from 1.
    pub fn run_count(&self) -> u32 {
        self.live().run_count
    }

    /// When the run was first `Running`.
    pub fn start_time(&self) -> Timestamp {
        self.live().start_time
    }

    /// The flow run it belongs to; `None` for a task called outside a flow.
    pub fn flow_run_id(&self) -> Option<FlowRunId> {
        self.0.flow().map(super::FlowRunContext::id)
    }

    /// The task run that called it; `None` if a flow did, or nobody.
    pub fn parent_task_run_id(&self) -> Option<TaskRunId> {
        self.live().parent
    }

    /// A copy with another name.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.changed(|details| details.name = Some(name.into()))
    }

    /// A copy with other parameters.
    #[must_use]
    pub fn with_parameters(self, parameters: Parameters) -> Self {
        self.changed(|details| details.parameters = parameters)
    }

    /// Whether prints in the task are logged, if the task says so.
    pub(crate) fn log_prints(&self) -> Option<bool> {
        self.live().options().extra()?.log_prints
    }

    fn changed(&self, change: impl FnOnce(&mut TaskDetails)) -> Self {
        let mut details = self.details().cloned().unwrap_or_default();
        change(&mut details);
        let live = self.live();
        // The copy is of the same run, so it must be in the same transaction: made now, as it could not be shared later.
        live.transactions.get_or_make(live.definition);
        let live = LiveTask { details: Some(Arc::new(details)), ..live.clone() };
        Self(Frame::with_task(Some(&self.0), live))
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_task_of(current, &self.0)
    }
}

/// The name of the task run in `frame`.
fn live_name<'a>(frame: &'a Frame, live: &'a LiveTask) -> RunName<'a> {
    if let Some(TaskDetails { name: Some(name), .. }) = live.details.as_deref() {
        return RunName::Custom(name);
    }
    let task = live.options().task_name(live.definition);
    if frame.flow().is_some() { RunName::Derived(task, live.id) } else { RunName::Plain(task) }
}

/// The tags of the task run in `frame`.
fn live_tags<'a>(frame: &'a Frame, live: &'a LiveTask) -> RunTags<'a> {
    RunTags { own: Some(live.options().own_tags()), ambient: frame.tags() }
}

impl fmt::Debug for TaskRunContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRunContext")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("tags", &self.tags())
            .field("run_count", &self.run_count())
            .finish_non_exhaustive()
    }
}

impl ContextModel for TaskRunContext {
    const NAME: &'static str = "TaskRunContext";
    const POLICY: Policy = Policy::EVERYWHERE;

    fn get() -> Option<Self> {
        stack::peek::<Frame, _>(|frame| frame.and_then(Self::of_frame))
    }

    fn serialize(&self, _: Secrets) -> Value {
        json!({
            "task": { "name": self.task_name(), "task_key": self.definition().task_key() },
            "task_run": {
                "id": self.id(),
                "name": self.name(),
                "tags": self.tags(),
                "run_count": self.run_count(),
                "flow_run_id": self.flow_run_id(),
            },
            "parameters": self.parameters(),
            "start_time": self.start_time(),
        })
    }

    scoped_by_push!();
}
