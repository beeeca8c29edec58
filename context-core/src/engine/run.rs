//! One run: the machine, tied to what surrounds it.
//!
//! A [`Run`] holds the run's frame, moves its machine on, builds the contexts of each attempt, and tells the recorder.
//! Both drivers use it and add only how they wait. User code runs inside [`Run::within`], where the run's frame is in
//! place. The one exception is `Serialize` of parameters, which runs where the function is called, before there is a run.

mod agree;
mod begin;
mod ends;
mod enter;
mod keep;
mod lineage;
mod log;
mod record;
mod reported;
mod target;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use tracing::Span;

use self::keep::whole_arguments;
use self::target::{FlowTarget, Orchestrated, Target, TaskTarget, parameters_only};
use super::machine::{Machine, Subject};
use super::steps::{self, Steps};
use crate::clock::Timestamp;
use crate::context::{Attention, FlowRunContext, Frame, Ledger, TaskDetails};
use crate::definition::{
    FlowDefinition, FlowOptions, Meta, TaskDefinition, TaskExtra, TaskOptions,
};
use crate::id::TaskRunId;
use crate::parameters::{ParameterSink, Parameters};
use crate::record::{Client, RunTags, TaskInputs};
use crate::stack::{self, Presence};
use crate::state::{RunError, State};
use crate::tags::TagSet;

pub(super) use agree::Agreed;
pub(super) use ends::{Fault, Judged, abandonment};
pub(super) use keep::{Keep, WholeArguments};
pub(super) use record::Told;
pub(super) use target::RunnerChoice;

/// How many flow runs are open in this process; only to warn of tasks that have lost theirs.
static LIVE_FLOWS: AtomicUsize = AtomicUsize::new(0);

/// One run of a task or flow.
pub(super) struct Run {
    machine: Machine,
    target: Target,
    /// Before the run begins: what surrounds the call. Then: the frame of the present attempt.
    presence: Presence<Frame>,
    attempt_began: Timestamp,
    keeps_state: bool,
    /// True if a client may have to be told of its states.
    told: bool,
    /// True if something around it changes what it does besides its attempts.
    shaped: bool,
    /// True if a task run keeps its result, unless it says otherwise.
    keeps: bool,
    /// True if nothing around a task run demands anything.
    undivided: bool,
    /// True if nothing depends on when the run ends.
    unseen: bool,
    /// True if its function has returned the state that it ends in.
    returned_state: bool,
    /// What most runs do without.
    rare: Option<Box<Rare>>,
}

/// What most runs do without.
#[derive(Debug, Default)]
struct Rare {
    /// What the run does besides its attempts.
    steps: Option<Steps>,
    /// The run in the log, if anybody reads that.
    span: Option<Span>,
    /// The last state, for whoever hands it on; kept only on request.
    last_state: Option<State>,
    /// How long the run was running so far; not counted where nobody sees its states.
    run_time: Duration,
}

impl Rare {
    fn with(steps: Steps) -> Box<Self> {
        Box::new(Self { steps: Some(steps), ..Self::default() })
    }
}

/// How a run goes on once it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Its first attempt is to be made.
    Attempt,
    /// It has begun only in part: [`steps::open`](super::steps::open) does the rest.
    Steps,
}

/// What only the driver knows, as it depends on the user's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// There can be more than one attempt.
    Repeatable,
    /// The value can be kept as a result.
    Keepable,
}

/// Who knows.
pub(super) type Facts<'a> = &'a dyn Fn(Fact) -> bool;

/// What a driver does after an attempt.
#[derive(Debug)]
pub(super) enum After {
    /// Give the value to the caller.
    Return,
    /// Drop the value, wait, and make another attempt; `resume` first if there is a wait.
    Retry(Option<Duration>),
    /// Drop the value and raise the error.
    Raise(RunError),
}

impl Run {
    /// A run of a task that is called here. `encode` is asked for the parameters if anybody wants them.
    pub(super) fn task(
        definition: &'static TaskDefinition,
        encode: &dyn Fn(&mut ParameterSink),
    ) -> Self {
        let presence = Presence::new(stack::current::<Frame>());
        let attention = Frame::attention(presence.frame());
        if attention.is_undivided() && definition.options().demands_nothing() {
            let target =
                TaskTarget { definition, id: None, parent: None, start_time: None, details: None };
            let machine = Machine::new(Subject::Task);
            return Self::new(machine, Target::Task(target), presence, attention, None);
        }
        Self::task_in_full(definition, encode, presence, attention)
    }

    #[inline(never)]
    fn task_in_full(
        definition: &'static TaskDefinition,
        encode: &dyn Fn(&mut ParameterSink),
        presence: Presence<Frame>,
        attention: Attention,
    ) -> Self {
        let wanted = definition.options().reads_parameters()
            || attention.parameters
                && Frame::with_client(presence.frame(), Client::wants_parameters);
        let keeps =
            attention.keeps_results || definition.options().extra().is_some_and(TaskExtra::keeps);
        // Before there is a run, so that it is made in its place and not moved.
        let rare = keeps.then(|| Rare::with(Steps::with(whole_arguments(encode))));
        let details =
            (wanted && !definition.meta().parameters.is_empty()).then(|| parameters_only(encode));
        let target = TaskTarget { definition, id: None, parent: None, start_time: None, details };
        let machine = Machine::new(Subject::Task);
        Self::new(machine, Target::Task(target), presence, attention, rare)
    }

    /// A run of a task that was configured: its own options, inputs and, if it was submitted, id.
    pub(super) fn configured_task(
        definition: &'static TaskDefinition,
        id: Option<TaskRunId>,
        options: Option<Arc<TaskOptions>>,
        inputs: TaskInputs,
    ) -> Self {
        let details = (options.is_some() || !inputs.is_empty())
            .then(|| Arc::new(TaskDetails { options, inputs, ..TaskDetails::default() }));
        let target = TaskTarget { definition, id, parent: None, start_time: None, details };
        let presence = Presence::new(stack::current::<Frame>());
        let attention = Frame::attention(presence.frame());
        let bare = target.details.is_none();
        let mut run =
            Self::new(Machine::new(Subject::Task), Target::Task(target), presence, attention, None);
        run.undivided &= bare;
        run
    }

    /// A run of a flow that is called here.
    pub(super) fn flow(
        definition: &'static FlowDefinition,
        options: Option<Arc<FlowOptions>>,
        runner: RunnerChoice,
    ) -> Self {
        let target = FlowTarget {
            definition,
            options,
            parameters: Parameters::default(),
            runner,
            context: None,
            start_time: None,
            stand_in: None,
            orchestrated: None,
        };
        let presence = Presence::new(stack::current::<Frame>());
        let target = Frame::with_client(presence.frame(), |client| FlowTarget {
            orchestrated: client.orchestrator().map(Orchestrated::by),
            ..target
        });
        let attention = Frame::attention(presence.frame());
        let target = Target::Flow(Box::new(target));
        Self::new(Machine::new(Subject::Flow), target, presence, attention, None)
    }

    #[inline(always)]
    const fn new(
        machine: Machine,
        target: Target,
        presence: Presence<Frame>,
        attention: Attention,
        rare: Option<Box<Rare>>,
    ) -> Self {
        Self {
            told: attention.states,
            shaped: attention.shapes_tasks,
            keeps: attention.keeps_results,
            undivided: attention.is_undivided(),
            machine,
            target,
            presence,
            attempt_began: Timestamp::from_nanos(0),
            keeps_state: false,
            unseen: false,
            returned_state: false,
            rare,
        }
    }

    /// What stands in the place of a run that is somewhere else.
    pub(super) fn vacant() -> Self {
        static NOTHING: TaskDefinition = TaskDefinition::new(Meta::NONE, TaskOptions::new);
        let target = TaskTarget {
            definition: &NOTHING,
            id: None,
            parent: None,
            start_time: None,
            details: None,
        };
        let machine = Machine::new(Subject::Task);
        let target = Target::Task(target);
        Self::new(machine, target, Presence::new(None), Attention::NONE, None)
    }

    /// Asks for the last state to be kept.
    pub(super) const fn keep_state(&mut self) {
        self.keeps_state = true;
    }

    /// The last state, if it was to be kept and the run has ended.
    pub(super) fn take_state(&mut self) -> Option<State> {
        let last = self.rare.as_mut().and_then(|rare| rare.last_state.take());
        last.or_else(|| self.machine.completed())
    }

    /// How long it was running so far.
    fn run_time(&self) -> Duration {
        self.rare.as_ref().map_or(Duration::ZERO, |rare| rare.run_time)
    }

    /// The run in the log, if anybody reads that.
    #[inline]
    fn span(&self) -> Option<&Span> {
        self.rare.as_ref()?.span.as_ref()
    }

    /// The frame of the present attempt; before the run begins, what surrounds the call.
    pub(super) const fn frame(&self) -> Option<&Arc<Frame>> {
        self.presence.frame()
    }

    /// True if the run does more than its attempts.
    #[inline]
    pub(super) fn has_steps(&self) -> bool {
        self.steps().is_some()
    }

    /// As `has_steps`, after an attempt: what it did may have brought some, and so may its failure.
    pub(super) fn needs_steps(&mut self, failed: bool) -> bool {
        if self.steps().is_none() && self.is_task() {
            let task = self.presence.frame().and_then(|frame| frame.task());
            let transactions = task.map(|task| &task.transactions);
            let concerned = transactions.is_some_and(|transactions| {
                transactions.own().is_some() || failed && transactions.has_any()
            });
            if concerned {
                *self.steps_slot() = Some(Steps::default());
            }
        } else if self.was_paused() {
            self.steps_slot().get_or_insert_default();
        }
        self.has_steps()
    }

    pub(super) fn steps(&self) -> Option<&Steps> {
        self.rare.as_ref()?.steps.as_ref()
    }

    pub(super) fn steps_mut(&mut self) -> Option<&mut Steps> {
        self.rare.as_mut()?.steps.as_mut()
    }

    pub(super) fn steps_slot(&mut self) -> &mut Option<Steps> {
        &mut self.rare.get_or_insert_default().steps
    }

    /// The names of the run's tags.
    pub(super) fn tag_names(&self) -> Vec<String> {
        self.tags().iter().map(ToString::to_string).collect()
    }

    /// The run's tags.
    fn tags(&self) -> TagSet {
        let own = match &self.target {
            Target::Task(task) => Some(task.options().own_tags()),
            Target::Flow(_) => None,
        };
        let ambient = self.presence.frame().and_then(|frame| frame.tags());
        RunTags { own, ambient }.to_set()
    }

    /// Makes the present attempt the last.
    pub(super) const fn forbid_retries(&mut self) {
        self.machine.forbid_retries();
    }

    /// True if the function has returned the state that the run has ended in.
    pub(super) const fn returned_its_state(&self) -> bool {
        self.returned_state
    }

    /// The machine, for what only reads it.
    pub(super) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The name of the annotated function.
    pub(super) const fn function(&self) -> &'static str {
        match &self.target {
            Target::Task(task) => task.definition.meta().name,
            Target::Flow(flow) => flow.definition.meta().name,
        }
    }

    /// A task run's id, once it was created.
    pub(super) const fn task_run_id(&self) -> Option<TaskRunId> {
        match &self.target {
            Target::Task(task) => task.id,
            Target::Flow(_) => None,
        }
    }

    /// The run in a message, such as `task run 'fetch-1a2'`.
    pub(super) fn describe(&self) -> String {
        let kind = if self.is_task() { "task" } else { "flow" };
        format!("{kind} run '{}'", self.name())
    }

    /// The flow's ledger, of a flow run whose submitted runs have not all ended.
    #[inline]
    pub(super) fn unfinished_submissions(&self) -> Option<Arc<Ledger>> {
        let Target::Flow(flow) = &self.target else { return None };
        flow.context
            .as_ref()
            .map(FlowRunContext::ledger)
            .filter(|ledger| !ledger.submissions().is_idle())
            .cloned()
    }

    /// Runs `f` with the run's frame in place.
    #[inline]
    pub(super) fn within<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let span = self.rare.as_ref().and_then(|rare| rare.span.as_ref());
        let _entered = span.map(Span::enter);
        self.presence.during(f)
    }
}

/// Warns, once, of a task that runs outside every flow while flow runs are open: most likely it was called in a future
/// or thread that was spawned without the context.
#[cold]
fn warn_of_lost_context(task: &TaskDefinition) {
    static WARNING: Once = Once::new();
    if LIVE_FLOWS.load(Ordering::Relaxed) > 0 {
        WARNING.call_once(|| {
            tracing::warn!(
                "task `{}` runs outside a flow while a flow run is open; if it belongs to that run, spawn it with `context::spawn`, `context::thread::spawn` or `.in_current_context()`",
                task.meta().name,
            );
        });
    }
}
