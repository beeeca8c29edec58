//! The frame: everything ambient, as one immutable value.
//!
//! A frame has two parts. The *core* is what children inherit: the rarely replaced kinds, and the tags. The *task slot*
//! holds the innermost task run, inline, so that entering a task is one allocation and one reference count. A core never
//! points at a frame and a task's frame never points at the frame of its caller, so a finished run is not kept alive by
//! what it has started.

mod hydrated;

use std::sync::Arc;

use super::attention::Attention;
use super::client::ClientLink;
use super::reported::ReportedRun;
use super::results::ResultScope;
use super::transaction::{TaskTransactions, TransactionSlot};
use super::{
    AssetContext, AsyncClientContext, ContextModel, DeploymentContext, FlowRunContext, Ledger,
    SettingsContext, SyncClientContext,
};
use crate::clock::{ManualClock, Timestamp};
use crate::definition::{RunAssets, TaskDefinition, TaskOptions};
use crate::id::TaskRunId;
use crate::parameters::Parameters;
use crate::record::{Client, TaskInputs};
use crate::settings::Settings;
use crate::stack::{Ambient, Slot};
use crate::tags::{TagNode, Tags};

pub(super) use hydrated::Hydrated;

thread_local! {
    static SLOT: Slot<Frame> = const { Slot::new() };
}

/// Everything ambient.
#[derive(Debug)]
pub(crate) struct Frame {
    core: Option<Arc<Core>>,
    task: TaskSlot,
}

/// What a task run passes on to the code it calls.
#[derive(Clone, Debug, Default)]
struct Core {
    outer: Option<Arc<Outer>>,
    tags: Option<Arc<TagNode>>,
}

/// The kinds that are rarely replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct Outer {
    pub(super) flow: Option<FlowRunContext>,
    pub(super) settings: Option<SettingsContext>,
    pub(super) assets: Option<AssetContext>,
    pub(super) deployment: Option<DeploymentContext>,
    pub(super) transaction: Option<TransactionSlot>,
    /// The trace that a snapshot belonged to.
    pub(super) traceparent: Option<Arc<str>>,
    pub(super) results: Option<Arc<ResultScope>>,
    /// What clients want and task runs have to look at, put together once; not the wishes of the process' default client,
    /// which may be another one later.
    attention: Attention,
    pub(super) clock: Option<ManualClock>,
    /// The clients of both kinds of client context.
    pub(super) clients: Option<Arc<ClientLink>>,
}

/// Where the innermost task run is.
#[derive(Debug)]
enum TaskSlot {
    None,
    /// In this frame.
    Here(LiveTask),
    /// In that frame, whose slot is `Here`.
    Via(Arc<Frame>),
}

/// A task run's attempt, as the ambient context shows it.
#[derive(Clone, Debug)]
pub(crate) struct LiveTask {
    pub(crate) id: TaskRunId,
    pub(crate) definition: &'static TaskDefinition,
    /// The task run that called it.
    pub(crate) parent: Option<TaskRunId>,
    /// When the run was first `Running`.
    pub(crate) start_time: Timestamp,
    pub(crate) run_count: u32,
    /// What most task runs do not have.
    pub(crate) details: Option<Arc<TaskDetails>>,
    pub(crate) transactions: TaskTransactions,
}

/// What a task run has besides the essentials.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskDetails {
    /// Options of this call, where they differ from the definition's.
    pub(crate) options: Option<Arc<TaskOptions>>,
    pub(crate) name: Option<String>,
    pub(crate) parameters: Parameters,
    pub(crate) inputs: TaskInputs,
    /// What it makes and reads, where that depends on its parameters.
    pub(crate) run_assets: Option<Arc<RunAssets>>,
    pub(crate) assets: Option<AssetContext>,
    /// The run that is reported in place of this one and others.
    pub(crate) reported_as: Option<Arc<dyn ReportedRun>>,
    /// The run that recorders know in place of the one that has called.
    pub(crate) reported_parent: Option<TaskRunId>,
}

impl LiveTask {
    /// The options in force: those of the call, else those of the definition.
    pub(crate) fn options(&self) -> &TaskOptions {
        match self.details.as_deref() {
            Some(TaskDetails { options: Some(options), .. }) => options,
            _ => self.definition.options(),
        }
    }

    /// The run that is reported in place of this one and others, if that is so.
    #[inline]
    pub(crate) fn reported_run(&self) -> Option<&Arc<dyn ReportedRun>> {
        self.details.as_deref()?.reported_as.as_ref()
    }

    /// The run that recorders know it by: most runs by themselves.
    #[inline]
    pub(crate) fn reported_as(&self) -> TaskRunId {
        self.reported_run().map_or(self.id, |reported| reported.id())
    }
}

impl Ambient for Frame {
    #[inline]
    fn with_slot<R>(f: impl FnOnce(&Slot<Self>) -> R) -> Option<R> {
        SLOT.try_with(f).ok()
    }
}

impl Frame {
    /// A frame like `current` with other tags on top.
    pub(super) fn with_tags(current: Option<&Arc<Self>>, tags: Tags) -> Arc<Self> {
        let (outer, parent) = match current.and_then(|frame| frame.core.as_deref()) {
            Some(core) => (core.outer.clone(), core.tags.as_ref()),
            None => (None, None),
        };
        let tags = Some(TagNode::push(parent, tags));
        Arc::new(Self {
            core: Some(Arc::new(Core { outer, tags })),
            task: TaskSlot::inherit(current),
        })
    }

    /// A frame like `current` with changed kinds.
    pub(super) fn with_outer(
        current: Option<&Arc<Self>>,
        change: impl FnOnce(&mut Outer),
    ) -> Arc<Self> {
        let core = current.and_then(|frame| frame.core.as_deref());
        let mut outer = core.and_then(|core| core.outer.as_deref().cloned()).unwrap_or_default();
        change(&mut outer);
        outer.attention = outer.put_together();
        let tags = core.and_then(|core| core.tags.clone());
        Arc::new(Self {
            core: Some(Arc::new(Core { outer: Some(Arc::new(outer)), tags })),
            task: TaskSlot::inherit(current),
        })
    }

    /// The frame of a flow run that was called under `current`.
    pub(crate) fn with_flow(current: Option<&Arc<Self>>, flow: FlowRunContext) -> Arc<Self> {
        Self::with_outer(current, |outer| {
            outer.flow = Some(flow);
            // Assets do not cross into a flow run.
            outer.assets = None;
        })
    }

    /// The frame of a task run that was called under `current`.
    // Always: the task is then written where it stays, and not moved twice.
    #[inline(always)]
    pub(crate) fn with_task(current: Option<&Arc<Self>>, task: LiveTask) -> Arc<Self> {
        let core = match current.and_then(|frame| frame.core.as_ref()) {
            // The run has an asset context of its own, which a surrounding one must not hide.
            Some(core) if core.has_assets() => Some(Arc::new(core.without_assets())),
            core => core.cloned(),
        };
        Arc::new(Self { core, task: TaskSlot::Here(task) })
    }

    /// The ledger of the flow run, if it calls, and not one of its task runs.
    #[inline(always)]
    pub(crate) fn calling_flow(&self) -> Option<&Ledger> {
        if !matches!(self.task, TaskSlot::None) {
            return None;
        }
        self.flow().map(|flow| flow.ledger().as_ref())
    }

    /// As `with_task`, of a task run that takes nothing but what is inherited as it is: no task run calls it, and there
    /// are no assets around.
    #[inline(always)]
    pub(crate) fn with_only_task(current: &Arc<Self>, task: LiveTask) -> Arc<Self> {
        Arc::new(Self { core: current.core.clone(), task: TaskSlot::Here(task) })
    }

    /// A frame like `current` without a task run.
    pub(crate) fn without_task(current: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { core: current.core.clone(), task: TaskSlot::None })
    }

    /// The deployment that the flow run belongs to.
    pub(crate) fn deployment(&self) -> Option<&DeploymentContext> {
        self.outer()?.deployment.as_ref()
    }

    /// A frame like `current` whose innermost task run is that of `frame`.
    pub(super) fn with_task_of(current: Option<&Arc<Self>>, frame: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self {
            core: current.and_then(|frame| frame.core.clone()),
            task: TaskSlot::inherit(Some(frame)),
        })
    }

    /// What spawned code may see of `current`: everything but the kinds that belong to their scope.
    pub(super) fn for_spawn(current: Arc<Self>) -> Arc<Self> {
        const {
            assert!(
                !SyncClientContext::POLICY.inherited_by_spawn
                    && !AsyncClientContext::POLICY.inherited_by_spawn,
                "`for_spawn` removes the client contexts because their policy says so",
            );
        }
        if current.outer().is_none_or(|outer| outer.clients.is_none()) {
            return current;
        }
        Self::with_outer(Some(&current), |outer| outer.clients = None)
    }

    #[inline]
    pub(super) fn outer(&self) -> Option<&Outer> {
        self.core.as_deref()?.outer.as_deref()
    }

    /// The innermost flow run.
    #[inline]
    pub(crate) fn flow(&self) -> Option<&FlowRunContext> {
        self.outer()?.flow.as_ref()
    }

    /// The entered asset context, if task runs called inside are to take it over.
    pub(crate) fn assets_for_children(&self) -> Option<&AssetContext> {
        self.outer()?.assets.as_ref().filter(|assets| assets.copy_to_child_ctx())
    }

    /// The tags that surround the code.
    #[inline]
    pub(crate) fn tags(&self) -> Option<&Arc<TagNode>> {
        self.core.as_deref()?.tags.as_ref()
    }

    /// The innermost task run.
    #[inline]
    pub(crate) fn task(&self) -> Option<&LiveTask> {
        match &self.task {
            TaskSlot::Here(task) => Some(task),
            TaskSlot::Via(frame) => frame.task(),
            TaskSlot::None => None,
        }
    }

    /// The task run that calls from here: the innermost one, if it belongs to the innermost flow run.
    #[inline]
    pub(crate) fn caller(&self) -> Option<&LiveTask> {
        match &self.task {
            TaskSlot::Here(task) => Some(task),
            TaskSlot::Via(frame) => {
                let task = frame.task()?;
                (frame.flow().map(FlowRunContext::id) == self.flow().map(FlowRunContext::id))
                    .then_some(task)
            }
            TaskSlot::None => None,
        }
    }

    /// The frame that holds the innermost task run.
    #[inline]
    pub(super) fn task_frame(self: &Arc<Self>) -> Option<&Arc<Self>> {
        match &self.task {
            TaskSlot::Here(_) => Some(self),
            TaskSlot::Via(frame) => Some(frame),
            TaskSlot::None => None,
        }
    }

    /// What the clients want that could be told what happens here.
    #[inline(always)]
    pub(crate) fn attention(frame: Option<&Arc<Self>>) -> Attention {
        let Some(outer) = frame.and_then(|frame| frame.outer()) else {
            let mut attention = Attention::NONE;
            let settings = SettingsContext::root().settings();
            attention.add(&Client::under(settings));
            attention.shapes_tasks = settings.shapes_runs();
            attention.keeps_results = settings.keeps_results();
            return attention;
        };
        let mut attention = outer.attention;
        if outer.flow.is_none() {
            attention.add(&Client::under(outer.settings()));
        }
        attention
    }

    /// Calls `f` with the client that records what happens here.
    #[inline]
    pub(crate) fn with_client<R>(frame: Option<&Arc<Self>>, f: impl FnOnce(&Client) -> R) -> R {
        let outer = frame.and_then(|frame| frame.outer());
        if let Some(scope) = ClientLink::open(outer.and_then(|outer| outer.clients.as_ref()), None)
        {
            return f(scope.client());
        }
        match outer.and_then(|outer| outer.flow.as_ref()) {
            Some(flow) => f(flow.ledger().client()),
            None => f(&Client::under(
                outer.map_or_else(|| SettingsContext::root().settings(), Outer::settings),
            )),
        }
    }
}

impl Outer {
    fn put_together(&self) -> Attention {
        let keeps_results = self.keeps_results();
        let mut attention = Attention {
            keeps_results,
            shapes_tasks: keeps_results || self.shapes_tasks(),
            lonely: self.assets.is_none() && self.transaction.is_none(),
            ..Attention::NONE
        };
        if let Some(flow) = &self.flow {
            attention.add(flow.ledger().client());
        }
        // The innermost may end before the others.
        ClientLink::each(self.clients.as_ref(), |client| attention.add(client));
        attention
    }

    fn settings(&self) -> &Settings {
        match &self.settings {
            Some(entered) => entered.settings(),
            None => SettingsContext::root().settings(),
        }
    }

    fn shapes_tasks(&self) -> bool {
        self.settings().shapes_runs() || self.transaction.is_some()
    }

    fn keeps_results(&self) -> bool {
        let said = self.results.as_ref().and_then(|results| results.persist);
        let settings = self.settings();
        let first = settings.tasks_default_persist_result().or(said);
        first.unwrap_or(settings.results_persist_by_default())
    }
}

impl Core {
    fn has_assets(&self) -> bool {
        self.outer.as_deref().is_some_and(|outer| outer.assets.is_some())
    }

    fn without_assets(&self) -> Self {
        let mut copy = self.clone();
        copy.outer =
            copy.outer.map(|outer| Arc::new(Outer { assets: None, ..Arc::unwrap_or_clone(outer) }));
        copy
    }
}

impl TaskSlot {
    /// The task slot of a frame that adds something to `current` other than a task.
    fn inherit(current: Option<&Arc<Frame>>) -> Self {
        match current {
            None => Self::None,
            Some(frame) => match &frame.task {
                Self::None => Self::None,
                Self::Here(_) => Self::Via(frame.clone()),
                Self::Via(frame) => Self::Via(frame.clone()),
            },
        }
    }
}
