//! `FlowRunContext`: the flow run that surrounds the code.

mod tell;

use std::future::Future;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::course::Course;
use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Ledger, Policy, Scope};
use crate::clock::Timestamp;
use crate::definition::{FlowDefinition, FlowOptions};
use crate::id::{FlowRunId, TaskRunId};
use crate::names::random_flow_run_name;
use crate::parameters::Parameters;
use crate::record::{DynamicKey, RunName, RunTags};
use crate::runner::Cancellation;
use crate::secret::Secrets;
use crate::stack;
use crate::tags::{TagNode, TagSet};

pub(crate) use tell::RunTally;

/// Prefect's other name for [`FlowRunContext`].
pub type EngineContext = FlowRunContext;

/// The flow run that surrounds the code: one attempt of it.
///
/// The engine enters a new one for every attempt. Cheap to clone.
///
/// # Example: outside a flow there is none
///
/// ```
/// use context_core::context::{ContextModel, FlowRunContext};
///
/// assert!(FlowRunContext::get().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct FlowRunContext(Arc<FlowRunData>);

#[derive(Clone, Debug)]
pub(crate) struct FlowRunData {
    pub(crate) id: FlowRunId,
    pub(crate) definition: &'static FlowDefinition,
    /// Options of this call, where they differ from the definition's.
    pub(crate) options: Option<Arc<FlowOptions>>,
    /// Made when it is first read, unless a name was given.
    pub(crate) name: OnceLock<String>,
    pub(crate) parameters: Parameters,
    /// When the run was first `Running`.
    pub(crate) start_time: Timestamp,
    pub(crate) run_count: u32,
    /// What stands for it in the flow run that called it.
    pub(crate) stand_in: Option<StandIn>,
    pub(crate) parent_flow_run_id: Option<FlowRunId>,
    pub(crate) root_flow_run_id: FlowRunId,
    /// The flow runs around it, the outermost first; none around most.
    pub(crate) outer_flow_run_ids: Option<Arc<[FlowRunId]>>,
    pub(crate) tags: Option<Arc<TagNode>>,
    /// What the calling flow run says about prints.
    pub(crate) log_prints: Option<bool>,
    /// The wish that the run ends, if anybody can have it.
    pub(crate) cancellation: Option<Cancellation>,
    pub(crate) ledger: Arc<Ledger>,
    /// Of all attempts.
    pub(crate) course: Arc<Course>,
}

/// The task run that stands for a subflow in the flow run that called it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandIn {
    pub(crate) id: TaskRunId,
    /// The number of this call among the calls of the same flow; `None` where others may count as well, because the flow
    /// run that calls is also in another process.
    pub(crate) count: Option<u32>,
    pub(crate) flow_run_id: FlowRunId,
    /// Which attempt of that.
    pub(crate) run_count: u32,
    pub(crate) parent: Option<TaskRunId>,
}

impl StandIn {
    /// Its name: that of the flow, and which call of it this is.
    pub(crate) const fn name<'a>(&self, flow_name: &'a str) -> RunName<'a> {
        match self.count {
            Some(count) => RunName::Numbered(flow_name, count),
            None => RunName::Derived(flow_name, self.id),
        }
    }

    /// What tells it from the other runs of its flow run.
    pub(crate) const fn dynamic_key(&self) -> DynamicKey {
        match self.count {
            Some(count) => DynamicKey::Counter(count),
            None => DynamicKey::Random(self.id),
        }
    }
}

impl FlowRunData {
    /// The options in force: those of the call, else those of the definition.
    pub(crate) fn options(&self) -> &FlowOptions {
        self.options.as_deref().unwrap_or_else(|| self.definition.options())
    }

    /// The run's name.
    pub(crate) fn name(&self) -> &str {
        self.name.get_or_init(random_flow_run_name)
    }

    /// The tags of the run.
    pub(crate) fn run_tags(&self) -> RunTags<'_> {
        RunTags { own: None, ambient: self.tags.as_ref() }
    }
}

impl FlowRunContext {
    pub(crate) fn from_data(data: FlowRunData) -> Self {
        Self(Arc::new(data))
    }

    pub(crate) fn data(&self) -> &FlowRunData {
        &self.0
    }

    /// The states that it enters while an attempt runs.
    pub(crate) fn course(&self) -> &Arc<Course> {
        &self.0.course
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.0.ledger
    }

    /// The run's id.
    #[inline]
    pub fn id(&self) -> FlowRunId {
        self.0.id
    }

    /// The run's name: two random words, unless the flow names its runs.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The flow's name.
    pub fn flow_name(&self) -> String {
        self.0.options().flow_name(self.0.definition)
    }

    /// The flow.
    pub fn definition(&self) -> &'static FlowDefinition {
        self.0.definition
    }

    /// The tags of the run: those that surrounded the call.
    pub fn tags(&self) -> TagSet {
        self.0.run_tags().to_set()
    }

    /// The parameters, by name. Empty under [`Client::off`](crate::record::Client::off).
    pub fn parameters(&self) -> &Parameters {
        &self.0.parameters
    }

    /// Which attempt this is, from 1.
    pub fn run_count(&self) -> u32 {
        self.0.run_count
    }

    /// When the run was first `Running`.
    pub fn start_time(&self) -> Timestamp {
        self.0.start_time
    }

    /// The task run that stands for this run in the flow run that called it; `None` for a top-level run.
    pub fn parent_task_run_id(&self) -> Option<TaskRunId> {
        self.0.stand_in.map(|stand_in| stand_in.id)
    }

    /// The flow run that called this one; `None` for a top-level run.
    pub fn parent_flow_run_id(&self) -> Option<FlowRunId> {
        self.0.parent_flow_run_id
    }

    /// The outermost flow run; this run itself for a top-level run.
    pub fn root_flow_run_id(&self) -> FlowRunId {
        self.0.root_flow_run_id
    }

    /// A copy with another name.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.changed(|data| data.name = OnceLock::from(name.into()))
    }

    /// A copy with other parameters.
    #[must_use]
    pub fn with_parameters(self, parameters: Parameters) -> Self {
        self.changed(|data| data.parameters = parameters)
    }

    /// Whether prints in the flow are logged, if the flow says so, or the flow that called it.
    pub(crate) fn log_prints(&self) -> Option<bool> {
        self.0.options().extra().and_then(|extra| extra.log_prints).or(self.0.log_prints)
    }

    fn changed(self, change: impl FnOnce(&mut FlowRunData)) -> Self {
        let mut data = Arc::unwrap_or_clone(self.0);
        change(&mut data);
        Self(Arc::new(data))
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_flow(current, self.clone())
    }
}

impl ContextModel for FlowRunContext {
    const NAME: &'static str = "FlowRunContext";
    const POLICY: Policy = Policy::EVERYWHERE;

    fn get() -> Option<Self> {
        stack::peek::<Frame, _>(|frame| frame.and_then(|frame| frame.flow().cloned()))
    }

    fn serialize(&self, _: Secrets) -> Value {
        json!({
            "flow": { "name": self.flow_name(), "version": self.0.definition.version() },
            "flow_run": {
                "id": self.id(),
                "name": self.name(),
                "tags": self.tags(),
                "run_count": self.run_count(),
                "parent_task_run_id": self.parent_task_run_id(),
            },
            "parameters": self.parameters(),
            "start_time": self.start_time(),
        })
    }

    scoped_by_push!();
}
