//! What a run is of: a task or a flow, and what is known of the call.

use std::sync::{Arc, OnceLock};

use super::warn_of_lost_context;
use crate::clock::Timestamp;
use crate::context::{
    AssetContext, FlowRunContext, FlowRunData, Frame, Ledger, LiveTask, ReportedRun, ResultScope,
    StandIn, TaskDetails, TaskTransactions,
};
use crate::definition::{FlowDefinition, FlowOptions, Keeping, TaskDefinition, TaskOptions};
use crate::engine::task_runner;
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::{ParameterSink, Parameters};
use crate::record::{Held, Orchestrator, RegisteredFlowRun, TaskInputs};
use crate::runner::{self, Cancellation, Interruptible, Runner};

/// Task parameters longer than this, as JSON, are recorded by their type's name. Flow parameters have no such limit.
pub(super) const TASK_PARAMETER_LIMIT: usize = 8 * 1024;

pub(super) enum Target {
    Task(TaskTarget),
    Flow(Box<FlowTarget>),
}

pub(super) struct TaskTarget {
    pub(super) definition: &'static TaskDefinition,
    /// Drawn when the run is created, unless it was submitted under one.
    pub(super) id: Option<TaskRunId>,
    pub(super) parent: Option<TaskRunId>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) details: Option<Arc<TaskDetails>>,
}

pub(super) struct FlowTarget {
    pub(super) definition: &'static FlowDefinition,
    pub(super) options: Option<Arc<FlowOptions>>,
    pub(super) parameters: Parameters,
    pub(super) runner: RunnerChoice,
    /// From `create` on.
    pub(super) context: Option<FlowRunContext>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) stand_in: Option<StandIn>,
    /// Who decides which states it enters, if not the engine.
    pub(super) orchestrated: Option<Box<Orchestrated>>,
}

/// What a flow run has whose states are decided about elsewhere.
pub(super) struct Orchestrated {
    pub(super) by: Arc<dyn Orchestrator>,
    /// From its registration on.
    pub(super) registered: Option<RegisteredFlowRun>,
    /// While somebody looks whether the run is to end.
    pub(super) watch: Option<Held>,
}

impl Orchestrated {
    pub(super) fn by(orchestrator: &Arc<dyn Orchestrator>) -> Box<Self> {
        Box::new(Self { by: orchestrator.clone(), registered: None, watch: None })
    }
}

/// Who waits for the runs that a flow submits.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum RunnerChoice {
    /// A future.
    AsyncCaller,
    /// A blocked thread.
    BlockingCaller,
}

/// The details of a task run that has nothing but parameters.
#[inline(never)]
pub(super) fn parameters_only(encode: &dyn Fn(&mut ParameterSink)) -> Arc<TaskDetails> {
    let parameters = encoded(TASK_PARAMETER_LIMIT, encode);
    Arc::new(TaskDetails { parameters, ..TaskDetails::default() })
}

pub(super) fn encoded(limit: usize, encode: &dyn Fn(&mut ParameterSink)) -> Parameters {
    let mut sink = ParameterSink::new(limit);
    encode(&mut sink);
    sink.finish()
}

/// A frame like `before` in which what a run says about results holds, if it says anything.
#[cold]
fn keeping_inside(
    before: Option<&Arc<Frame>>,
    keeping: &Keeping,
    persists: Option<bool>,
) -> Option<Arc<Frame>> {
    if persists.is_none() && !keeping.changes_store() {
        return None;
    }
    let scope = ResultScope::of(before).inside(keeping, persists, &Frame::settings(before));
    Some(Frame::with_results(before, scope))
}

impl TaskTarget {
    #[inline]
    pub(super) fn options(&self) -> &TaskOptions {
        match self.details.as_deref() {
            Some(TaskDetails { options: Some(options), .. }) => options,
            _ => self.definition.options(),
        }
    }

    /// Takes note of the task run that calls.
    #[inline]
    pub(super) fn called_by(&mut self, caller: &LiveTask) {
        self.parent = Some(caller.id);
        if let Some(reported) = caller.reported_run() {
            Arc::make_mut(self.details.get_or_insert_default()).reported_parent =
                Some(reported.id());
        }
    }

    /// The task run that has called, as recorders know it.
    pub(super) fn reported_parent(&self) -> Option<TaskRunId> {
        let details = self.details.as_deref();
        details.and_then(|details| details.reported_parent).or(self.parent)
    }

    /// The run that is reported in place of this one and others, if that is so.
    #[inline]
    pub(super) fn reported_run(&self) -> Option<&Arc<dyn ReportedRun>> {
        self.details.as_deref()?.reported_as.as_ref()
    }

    /// The id that recorders know the run by, once it has one.
    pub(super) fn reported_id(&self) -> Option<TaskRunId> {
        self.reported_run().map(|reported| reported.id()).or(self.id)
    }

    /// Tells the run that is reported in place of this one, if there is one, that an attempt begins.
    #[inline]
    pub(super) fn tell_reported_run(&self, at: Timestamp) {
        if let Some(reported) = self.reported_run() {
            reported.begins(at);
        }
    }

    #[inline(never)]
    pub(super) fn frame(&mut self, before: Option<&Arc<Frame>>, run_count: u32) -> Arc<Frame> {
        let id = self.id.expect("a run gets its id when it is created");
        let ledger = before.and_then(|frame| frame.flow()).map(FlowRunContext::ledger);
        if ledger.is_none() {
            warn_of_lost_context(self.definition);
        }
        let options = self.options();
        // What the run says about results holds for what it calls, too.
        let around = options.extra().and_then(|extra| {
            keeping_inside(before, &extra.keeping, extra.caching.persists(&extra.keeping))
        });
        let before = around.as_ref().or(before);
        let inherited = before.and_then(|frame| frame.assets_for_children());
        let assets = if let Some(assets) = inherited {
            Some(assets.with_copy_to_child_ctx(false))
        } else if options.declares_assets() || ledger.is_some_and(|ledger| ledger.has_assets()) {
            let no_inputs = TaskInputs::new();
            let details = self.details.as_deref();
            let inputs = details.map_or(&no_inputs, |details| &details.inputs);
            let own = details.and_then(|details| details.run_assets.as_deref());
            Some(AssetContext::build(options, own, id, inputs, ledger.map(AsRef::as_ref)))
        } else {
            None
        };
        if assets.is_some() {
            Arc::make_mut(self.details.get_or_insert_default()).assets = assets;
        }
        let live = LiveTask {
            id,
            definition: self.definition,
            parent: self.parent,
            start_time: self.start_time.unwrap_or_else(Timestamp::now),
            run_count,
            details: self.details.clone(),
            transactions: TaskTransactions::under(before, id),
        };
        Frame::with_task(before, live)
    }
}

impl FlowTarget {
    pub(super) fn options(&self) -> &FlowOptions {
        self.options.as_deref().unwrap_or_else(|| self.definition.options())
    }

    pub(super) fn create(&mut self, now: Timestamp, frame: Option<&Arc<Frame>>) {
        let registered = self.orchestrated.as_mut().and_then(|by| by.registered.take());
        let outer = frame.and_then(|frame| frame.flow());
        if registered.is_none() {
            self.stand_in = self.make_stand_in(now, frame);
        }
        let (id, name) = match registered {
            None => (FlowRunId::generate(now), OnceLock::new()),
            Some(registered) => (registered.id, OnceLock::from(registered.name)),
        };
        let cancellation = self.orchestrated.as_mut().map(|orchestrated| {
            let outer = outer.and_then(|outer| outer.data().cancellation.as_ref());
            let cancellation = outer.map_or_else(Cancellation::new, Cancellation::inside);
            orchestrated.watch = Some(orchestrated.by.watch(id, cancellation.clone()));
            cancellation
        });
        let runner = match self.runner {
            RunnerChoice::AsyncCaller => Runner::of_async_caller(),
            RunnerChoice::BlockingCaller => Runner::of_blocking_caller(),
        };
        let workers = Frame::settings(frame).tasks_runner_thread_pool_max_workers();
        let runner = match task_runner::for_flow_run(self.options().chosen_task_runner(), workers) {
            None => runner,
            Some(task_runner) => runner.with_task_runner(task_runner),
        };
        let client = Frame::with_client(frame, Clone::clone);
        let ledger = Arc::new(Ledger::new(client, runner));
        runner::tell_of_interrupt(|| Arc::downgrade(&(ledger.clone() as Arc<dyn Interruptible>)));
        self.context = Some(FlowRunContext::from_data(FlowRunData {
            id,
            definition: self.definition,
            options: self.options.clone(),
            name,
            parameters: std::mem::take(&mut self.parameters),
            start_time: now,
            run_count: 0,
            stand_in: self.stand_in,
            parent_flow_run_id: outer.map(FlowRunContext::id),
            root_flow_run_id: outer.map_or(id, FlowRunContext::root_flow_run_id),
            outer_flow_run_ids: outer.map(|outer| {
                let around = outer.data().outer_flow_run_ids.as_deref().unwrap_or_default();
                around.iter().copied().chain([outer.id()]).collect()
            }),
            tags: frame.and_then(|frame| frame.tags().cloned()),
            log_prints: outer.and_then(FlowRunContext::log_prints),
            cancellation,
            ledger,
            course: Arc::default(),
        }));
    }

    /// What stands for the run in the flow run that calls it, if one does.
    pub(super) fn make_stand_in(
        &self,
        now: Timestamp,
        frame: Option<&Arc<Frame>>,
    ) -> Option<StandIn> {
        let outer = frame.and_then(|frame| frame.flow())?;
        Some(StandIn {
            id: TaskRunId::generate(now),
            count: outer.ledger().count_subflow(self.definition),
            flow_run_id: outer.id(),
            run_count: outer.run_count(),
            parent: frame.and_then(|frame| frame.caller()).map(LiveTask::reported_as),
        })
    }

    /// The run has ended, and what it has submitted.
    pub(super) fn shut_down(&mut self) {
        if let Some(context) = &self.context {
            context.ledger().shut_down();
        }
        if let Some(orchestrated) = &mut self.orchestrated {
            orchestrated.watch = None;
        }
    }

    /// The frame of an attempt, and its context: what the attempt before accumulated is not in it.
    pub(super) fn frame(&mut self, before: Option<&Arc<Frame>>, run_count: u32) -> Arc<Frame> {
        let context = self.context.take().expect("a flow run gets its context when it is created");
        let mut data = context.data().clone();
        // A name that is made up at its first use must be the same in every attempt.
        data.name();
        data.run_count = run_count;
        data.start_time = self.start_time.unwrap_or(data.start_time);
        if run_count > 1 {
            data.ledger = Arc::new(data.ledger.next_attempt());
        }
        if let Some(cancellation) = &data.cancellation {
            let ledger: Arc<dyn Interruptible> = data.ledger.clone();
            cancellation.tell(Arc::downgrade(&ledger));
        }
        let around = self
            .options()
            .extra()
            .and_then(|extra| keeping_inside(before, &extra.keeping, extra.keeping.persists()));
        let before = around.as_ref().or(before);
        let context = self.context.insert(FlowRunContext::from_data(data));
        Frame::with_flow(before, context.clone())
    }
}
