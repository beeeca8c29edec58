//! Runs that are reported as one, and the run that is reported in their place.
//!
//! The first are runs like any others, of whose states no recorder is told. The other makes no attempts: whoever counts
//! the first moves it on.

use std::sync::Arc;

use super::target::{Target, TaskTarget};
use super::{Machine, Run, Subject};
use crate::clock::Timestamp;
use crate::context::{AssetContext, Attention, FlowRunContext, Frame, TaskDetails};
use crate::definition::{TaskDefinition, TaskOptions};
use crate::engine::machine::{Input, Usual};
use crate::id::TaskRunId;
use crate::names::RunName;
use crate::parameters::Parameters;
use crate::record::{Client, ProgressEvent, RunEvent, TaskInputs};
use crate::stack::{self, Presence};
use crate::state::RunError;

impl Run {
    /// A run of a task that is submitted `at` this time, one of several that are reported as one: `Pending`. `common` is
    /// what they all have: options, and the run that is reported. `orchestrated` says what [`is_orchestrated_around`](Self::is_orchestrated_around) says.
    pub(in crate::engine) fn reported_as_another(
        definition: &'static TaskDefinition,
        id: TaskRunId,
        common: &Arc<TaskDetails>,
        inputs: TaskInputs,
        at: Timestamp,
        orchestrated: bool,
    ) -> Self {
        let bare = inputs.is_empty() && common.options.is_none();
        let details = if inputs.is_empty() {
            // Most have nothing of their own.
            common.clone()
        } else {
            Arc::new(TaskDetails { inputs, ..TaskDetails::clone(common) })
        };
        let presence = Presence::new(stack::current::<Frame>());
        let attention = Attention { states: false, ..Frame::attention(presence.frame()) };
        let target = Target::Task(TaskTarget {
            definition,
            id: Some(id),
            parent: None,
            start_time: None,
            details: Some(details),
        });
        let mut run = Self::new(Machine::new(Subject::Task), target, presence, attention, None);
        run.undivided &= bare && !orchestrated;
        run.create_at(at);
        run
    }

    /// The run that is reported in place of `count` runs of a task, which are submitted here: `Pending`.
    pub(in crate::engine) fn reported_for(
        definition: &'static TaskDefinition,
        id: TaskRunId,
        options: Option<Arc<TaskOptions>>,
        inputs: TaskInputs,
        count: usize,
    ) -> Self {
        // A template that names no parameter is a name for all of them.
        let name = match options.as_deref().unwrap_or(definition.options()).run_name() {
            Some(RunName::Template(template)) => template.render(&Parameters::EMPTY).ok(),
            Some(RunName::Callable(_)) | None => None,
        };
        let presence = Presence::new(stack::current::<Frame>());
        let parameters = if Frame::with_client(presence.frame(), Client::wants_parameters) {
            Parameters::from_iter([("elements", count.into())])
        } else {
            Parameters::EMPTY
        };
        let details = TaskDetails { options, name, parameters, inputs, ..TaskDetails::default() };
        let attention = Frame::attention(presence.frame());
        let target = Target::Task(TaskTarget {
            definition,
            id: Some(id),
            parent: None,
            start_time: None,
            details: Some(Arc::new(details)),
        });
        let mut run = Self::new(Machine::new(Subject::Task), target, presence, attention, None);
        run.create();
        // A task run that calls must not be kept alive by those it has submitted.
        run.presence = Presence::new(run.presence.frame().map(Frame::without_task));
        run
    }

    /// The first of the runs that it is reported for begins.
    pub(in crate::engine) fn first_begins(&mut self, at: Timestamp) {
        if let Target::Task(task) = &mut self.target {
            task.start_time = Some(at);
        }
        self.enter_usual(at, Usual::Begin);
    }

    /// The last of the runs that it is reported for has ended: together they have read and made `assets`.
    pub(in crate::engine) fn last_ended(
        &mut self,
        at: Timestamp,
        end: Input,
        error: Option<RunError>,
        assets: Option<AssetContext>,
    ) {
        if let (Target::Task(task), Some(assets)) = (&mut self.target, assets) {
            Arc::make_mut(task.details.get_or_insert_default()).assets = Some(assets);
        }
        self.enter_seen(at, end, error);
    }

    /// True if progress of the runs that it is reported for is told on the way, and not only at the end.
    pub(in crate::engine) fn tells_progress(&self) -> bool {
        let wanted = |client: &Client| client.records() && client.wants_every_state();
        self.told && Frame::with_client(self.presence.frame(), wanted)
    }

    /// Tells how many of the runs that it is reported for have ended, and how many of those have not completed.
    pub(in crate::engine) fn tell_progress(&self, done: usize, failed: usize, total: usize) {
        let frame = self.presence.frame();
        let flow_run = frame.and_then(|frame| frame.flow()).map(FlowRunContext::id);
        let (Target::Task(task), Some(flow_run_id)) = (&self.target, flow_run) else { return };
        let Some(task_run_id) = task.id.filter(|_| self.told) else { return };
        Frame::with_client(frame, |client| {
            if client.records() {
                client.record(&RunEvent::Progress(ProgressEvent {
                    task_run_id,
                    flow_run_id,
                    name: self.task_run_name(task, task_run_id),
                    done,
                    failed,
                    total,
                }));
            }
        });
    }

    /// True if somebody else than the engine may cancel the flow run around, or limit runs by their tags.
    pub(in crate::engine) fn is_orchestrated_around(&self) -> bool {
        let frame = self.presence.frame();
        let flow = frame.and_then(|frame| frame.flow());
        flow.is_some_and(|flow| flow.data().cancellation.is_some())
            || Frame::with_client(frame, |client| client.orchestrator().is_some())
    }

    /// True for one of several runs that are reported as one.
    pub(super) fn is_reported_as_another(&self) -> bool {
        matches!(&self.target, Target::Task(task) if task.reported_run().is_some())
    }

    /// What a task run has read and made.
    pub(in crate::engine) fn assets(&self) -> Option<&AssetContext> {
        let Target::Task(task) = &self.target else { return None };
        task.details.as_deref()?.assets.as_ref()
    }
}
