//! One run: the machine, tied to what surrounds it.
//!
//! A [`Run`] holds the run's frame, moves its machine on, builds the contexts of each attempt, and tells the recorder.
//! Both drivers use it and add only how they wait. User code runs inside [`Run::within`], where the run's frame is in
//! place. The one exception is `Serialize` of parameters, which runs where the function is called, before there is a run.

mod ends;
mod keep;
mod log;
mod record;
mod target;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use tracing::Span;

use self::keep::whole_arguments;
use self::target::{
    FlowTarget, TASK_PARAMETER_LIMIT, Target, TaskTarget, encoded, parameters_only,
};
use super::machine::{Input, Machine, Subject, Then, Usual};
use super::steps::{self, Steps};
use crate::clock::Timestamp;
use crate::concurrency::tag_limits_exist;
use crate::context::{
    Attention, FlowRunContext, Frame, Ledger, LiveTask, TaskDetails, TaskTransactions,
};
use crate::definition::{
    FlowDefinition, FlowOptions, IntoRetryDelay as _, Meta, TaskDefinition, TaskExtra, TaskOptions,
};
use crate::id::{StateId, TaskRunId};
use crate::parameters::{ParameterSink, Parameters};
use crate::record::{Client, RunTags, TaskInputs};
use crate::runner;
use crate::stack::{self, Presence};
use crate::state::{RunError, RunErrorKind, State};

pub(super) use ends::{Fault, Judged};
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
        let wanted = definition.options().run_name().is_some()
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
        Self::new(Machine::new(Subject::Task), Target::Task(target), presence, attention, None)
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
        };
        let presence = Presence::new(stack::current::<Frame>());
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
        let own = match &self.target {
            Target::Task(task) => Some(task.options().own_tags()),
            Target::Flow(_) => None,
        };
        let ambient = self.presence.frame().and_then(|frame| frame.tags());
        let tags = RunTags { own, ambient }.to_set();
        tags.iter().map(ToString::to_string).collect()
    }

    /// What can still tell of the run after its end.
    pub(super) fn ghost(&self) -> Self {
        let Target::Task(task) = &self.target else { return Self::vacant() };
        let target = Target::Task(TaskTarget {
            definition: task.definition,
            id: task.id,
            parent: task.parent,
            start_time: task.start_time,
            details: task.details.clone(),
        });
        // Without the task run, which would keep itself alive.
        let around = self.presence.frame().map(Frame::without_task);
        let attention = Attention { states: self.told, ..Attention::NONE };
        let machine = self.machine.clone();
        let mut ghost = Self::new(machine, target, Presence::new(around), attention, None);
        ghost.machine.bury();
        ghost
    }

    /// Tells that the run was undone by its transaction.
    pub(super) fn tell_rolled_back(&mut self) {
        let state = self.seal(steps::rolled_back(self.machine.last()));
        if self.told {
            self.tell(&state);
        }
        let run = self.describe();
        tracing::info!(target: "context::run", "{run} was rolled back");
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

    /// Creates the run: `Pending`.
    pub(super) fn create(&mut self) {
        self.create_at(Timestamp::now());
    }

    #[inline(always)]
    fn create_at(&mut self, now: Timestamp) {
        let frame = self.presence.frame();
        match &mut self.target {
            Target::Task(task) => {
                task.id.get_or_insert_with(|| TaskRunId::generate(now));
                task.parent = frame.and_then(|frame| frame.caller());
            }
            Target::Flow(flow) => {
                LIVE_FLOWS.fetch_add(1, Ordering::Relaxed);
                flow.create(now, frame);
            }
        }
        self.open_span();
        self.enter_usual(now, Usual::Create);
    }

    /// Gives the run its parameters, once its inputs are there, if anybody wants them.
    pub(super) fn resolve(&mut self, encode: &dyn Fn(&mut ParameterSink)) {
        let (meta, named) = match &self.target {
            Target::Task(task) => (task.definition.meta(), task.options().run_name().is_some()),
            Target::Flow(flow) => (flow.definition.meta(), flow.options().run_name().is_some()),
        };
        if let Target::Task(task) = &self.target
            && (self.keeps || task.options().extra().is_some_and(TaskExtra::keeps))
        {
            *self.steps_slot() = Some(Steps::with(whole_arguments(encode)));
        }
        let wanted = named || Frame::with_client(self.presence.frame(), Client::wants_parameters);
        if !wanted || meta.parameters.is_empty() {
            return;
        }
        match &mut self.target {
            Target::Task(task) => {
                let parameters = encoded(TASK_PARAMETER_LIMIT, encode);
                Arc::make_mut(task.details.get_or_insert_default()).parameters = parameters;
            }
            Target::Flow(flow) => {
                let parameters = encoded(usize::MAX, encode);
                flow.context = flow.context.take().map(|c| c.with_parameters(parameters.clone()));
                flow.parameters = parameters;
            }
        }
    }

    /// Creates the run, unless that was done before, and begins the first attempt: checks the options, names the run,
    /// builds its context, enters `Running`.
    ///
    /// # Errors
    ///
    /// If an option cannot be used or the name cannot be made. The run has then failed.
    ///
    /// `repeatable` is asked whether there can be more than one attempt, if only the settings want that.
    pub(super) fn begin(&mut self, facts: Facts<'_>) -> Result<Begun, RunError> {
        if self.begin_at_once() {
            return Ok(Begun::Attempt);
        }
        self.begin_in_full(facts)
    }

    /// As `begin`, if that takes little. False if it takes more; then nothing was done.
    #[inline(always)]
    pub(super) fn begin_at_once(&mut self) -> bool {
        self.undivided && runner::interrupted().is_none() && self.begin_undivided()
    }

    /// Begins a task run of which nothing is demanded: what most runs are. False if it is not one after all; then nothing
    /// was done.
    #[inline(always)]
    fn begin_undivided(&mut self) -> bool {
        let Target::Task(task) = &mut self.target else { return false };
        let Some(around) = self.presence.frame() else { return false };
        let Some(ledger) = around.calling_flow() else { return false };
        let demanded = ledger.has_assets()
            || task.details.is_some()
            || self.rare.is_some()
            || !task.definition.options().demands_nothing()
            || tag_limits_exist()
            || Self::is_read();
        if demanded {
            return false;
        }
        let now = Timestamp::now();
        let id = *task.id.get_or_insert_with(|| TaskRunId::generate(now));
        task.start_time = Some(now);
        let live = LiveTask {
            id,
            definition: task.definition,
            parent: None,
            start_time: now,
            run_count: 1,
            details: None,
            transactions: TaskTransactions::default(),
        };
        let frame = Frame::with_only_task(around, live);
        self.presence = Presence::new(Some(frame));
        self.attempt_began = now;
        self.unseen = !self.keeps_state;
        self.machine.begin_unseen(now);
        true
    }

    #[inline(never)]
    fn begin_in_full(&mut self, facts: Facts<'_>) -> Result<Begun, RunError> {
        runner::check_interrupt();
        let mut now = Timestamp::now();
        if self.machine.is_new() {
            self.create_at(now);
        }
        match self.prepare(facts) {
            Ok(false) => {}
            Ok(true) => {
                if let Err(error) = self.take_name() {
                    self.reject_with(&error);
                    return Err(error);
                }
                self.name_span();
                // A callable has taken its time.
                now = Timestamp::now();
            }
            Err(error) => {
                self.reject_with(&error);
                return Err(error);
            }
        }
        if self.has_steps() {
            return Ok(Begun::Steps);
        }
        self.start(now);
        self.enter_usual(now, Usual::Begin);
        Ok(Begun::Attempt)
    }

    /// Puts the frame of the first attempt in place.
    #[inline(always)]
    pub(super) fn start(&mut self, now: Timestamp) {
        self.attempt_began = now;
        match &mut self.target {
            Target::Task(task) => task.start_time = Some(now),
            Target::Flow(flow) => flow.start_time = Some(now),
        }
        self.install(1);
    }

    /// Checks the options; whether they say how the run is to be named.
    #[inline(always)]
    fn prepare(&mut self, facts: Facts<'_>) -> Result<bool, RunError> {
        let (retries, named, steps) = match &self.target {
            Target::Task(task) => {
                let options = task.options();
                options.check(task.definition)?;
                let steps = self.has_steps()
                    || options.extra().is_some()
                    || tag_limits_exist()
                    || self.shaped;
                self.unseen = !self.told
                    && !self.keeps_state
                    && !steps
                    && self.span().is_none()
                    && options.time_limit().is_none();
                (options.retry_count(), options.run_name().is_some(), steps)
            }
            Target::Flow(flow) => {
                let options = flow.options();
                options.check(flow.definition)?;
                let steps = options.extra().is_some() || self.shaped;
                (options.retry_count(), options.run_name().is_some(), steps)
            }
        };
        self.machine.set_retries(retries.unwrap_or(0));
        if steps {
            self.prepare_steps(retries, facts);
        }
        Ok(named)
    }

    #[cold]
    fn prepare_steps(&mut self, retries: Option<u32>, facts: Facts<'_>) {
        let settings = Frame::settings(self.presence.frame());
        let (default_retries, delay) = match &self.target {
            Target::Task(_) => {
                (settings.tasks_default_retries(), settings.tasks_default_retry_delay())
            }
            Target::Flow(_) => {
                (settings.flows_default_retries(), settings.flows_default_retry_delay())
            }
        };
        if retries.is_none() && default_retries > 0 && facts(Fact::Repeatable) {
            self.machine.set_retries(default_retries);
        }
        let steps = self.steps_slot().get_or_insert_default();
        steps.default_delay = Some(match delay {
            [one] => one.into_retry_delay(),
            several => several.into_retry_delay(),
        });
    }

    /// Makes the run's name. A callable may read the run's context, so the frame is there before the name is.
    #[cold]
    fn take_name(&mut self) -> Result<(), RunError> {
        let name = match &self.target {
            Target::Task(task) => task.options().run_name().cloned(),
            Target::Flow(flow) => flow.options().run_name().cloned(),
        };
        let Some(name) = name else { return Ok(()) };
        self.install(1);
        let (meta, parameters) = match &self.target {
            Target::Task(task) => (
                task.definition.meta(),
                task.details.as_deref().map(|details| details.parameters.clone()),
            ),
            Target::Flow(flow) => (
                flow.definition.meta(),
                flow.context.as_ref().map(|context| context.parameters().clone()),
            ),
        };
        let parameters = parameters.unwrap_or_default();
        let name = self
            .within(|| name.render(&parameters))
            .map_err(|source| RunErrorKind::RunName { run: meta.name, source })?;
        match &mut self.target {
            Target::Task(task) => {
                Arc::make_mut(task.details.get_or_insert_default()).name = Some(name);
            }
            Target::Flow(flow) => {
                flow.context = flow.context.take().map(|context| context.with_name(name));
            }
        }
        Ok(())
    }

    /// Ends an attempt that succeeded, if nothing depends on when; false if `settle` is to do it.
    #[inline]
    pub(super) fn succeed_unseen(&mut self) -> bool {
        if self.unseen && !self.has_own_transaction() {
            self.machine.succeed_unseen();
            return true;
        }
        false
    }

    /// True if code inside a task run has made use of its transaction.
    #[inline]
    fn has_own_transaction(&self) -> bool {
        let task = self.presence.frame().and_then(|frame| frame.task());
        task.is_some_and(|task| task.transactions.own().is_some())
    }

    /// Puts the frame of attempt number `run_count` in place of the one before.
    #[inline(always)]
    fn install(&mut self, run_count: u32) {
        let before = self.presence.take();
        let frame = match &mut self.target {
            Target::Task(task) => task.frame(before.as_ref(), run_count),
            Target::Flow(flow) => flow.frame(before.as_ref(), run_count),
        };
        self.presence = Presence::new(Some(frame));
    }

    /// Moves the machine on and tells whoever wants to know.
    fn enter(&mut self, now: Timestamp, input: Input) {
        self.enter_seen(now, input, None);
    }

    /// As `enter`, for the states of every run: in place, where the input is known, little of it is left.
    #[inline(always)]
    fn enter_usual(&mut self, now: Timestamp, usual: Usual) {
        if !self.told && self.span().is_none() && self.is_task() {
            // Nobody sees the state. It is not kept either: how most runs complete, the machine knows.
            self.machine.step_unseen(now, usual);
        } else {
            self.enter_seen(now, usual.into(), None);
        }
    }

    /// As `enter`, with the state; `error` is what the run gives if that is its last.
    #[inline(never)]
    pub(super) fn enter_seen(
        &mut self,
        now: Timestamp,
        input: Input,
        error: Option<RunError>,
    ) -> Option<(State, Then)> {
        let (state, then) = self.machine.step(now, input)?;
        let mut state = self.seal(state);
        if let Some(error) = error {
            state = state.with_error(error);
        }
        if self.told {
            self.tell(&state);
        }
        self.log(&state, then);
        if then == Then::End {
            if let Target::Flow(flow) = &self.target {
                LIVE_FLOWS.fetch_sub(1, Ordering::Relaxed);
                flow.shut_down();
            }
            // How most runs complete, the machine knows.
            let plain = state.name() == "Completed" && state.message().is_none();
            if self.keeps_state && !plain {
                self.rare.get_or_insert_default().last_state = Some(state.clone());
            }
        }
        Some((state, then))
    }

    /// Gives `state` its id, and the ids of the run.
    fn seal(&self, state: State) -> State {
        let id = StateId::generate(state.timestamp());
        let frame = self.presence.frame();
        let (flow_run_id, task_run_id) = match &self.target {
            Target::Task(task) => (frame.and_then(|f| f.flow()).map(FlowRunContext::id), task.id),
            Target::Flow(flow) => (flow.context.as_ref().map(FlowRunContext::id), None),
        };
        let kept = self.steps().filter(|_| state.is_completed()).and_then(Steps::cache_key);
        let at = state.timestamp();
        state.with_id(id).with_details(|details| {
            details.flow_run_id = flow_run_id;
            details.task_run_id = task_run_id;
            if let Some((key, expires_after)) = kept {
                details.cache_key = Some(key.to_owned());
                details.cache_expiration = expires_after.map(|after| at.plus(after));
            }
        })
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
