//! How runs begin: from their creation to their first attempt.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::keep::whole_arguments;
use super::target::{TASK_PARAMETER_LIMIT, Target, encoded};
use super::{Begun, Fact, Facts, LIVE_FLOWS, Run};
use crate::asset::AssetTemplateError;
use crate::clock::Timestamp;
use crate::concurrency::tag_limits_exist;
use crate::context::{Frame, LiveTask, TaskDetails, TaskTransactions};
use crate::definition::{IntoRetryDelay as _, TaskExtra};
use crate::engine::machine::Usual;
use crate::engine::steps::Steps;
use crate::id::TaskRunId;
use crate::parameters::ParameterSink;
use crate::record::Client;
use crate::runner;
use crate::stack::Presence;
use crate::state::{RunError, RunErrorKind, panic_message};

impl Run {
    /// Creates the run: `Pending`.
    ///
    /// Not a flow run that is to be registered first; [`steps::open`](crate::engine::steps::open) does that.
    pub(in crate::engine) fn create(&mut self) {
        if self.orchestrator().is_none() {
            self.create_at(Timestamp::now());
        }
    }

    #[inline(always)]
    pub(super) fn create_at(&mut self, now: Timestamp) {
        let frame = self.presence.frame();
        match &mut self.target {
            Target::Task(task) => {
                task.id.get_or_insert_with(|| TaskRunId::generate(now));
                if let Some(caller) = frame.and_then(|frame| frame.caller()) {
                    task.called_by(caller);
                }
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
    pub(in crate::engine) fn resolve(&mut self, encode: &dyn Fn(&mut ParameterSink)) {
        let (meta, named) = match &self.target {
            Target::Task(task) => (task.definition.meta(), task.options().reads_parameters()),
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
    pub(in crate::engine) fn begin(&mut self, facts: Facts<'_>) -> Result<Begun, RunError> {
        if self.begin_at_once() {
            return Ok(Begun::Attempt);
        }
        self.begin_in_full(facts)
    }

    /// As `begin`, if that takes little. False if it takes more; then nothing was done.
    #[inline(always)]
    pub(in crate::engine) fn begin_at_once(&mut self) -> bool {
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
            details: task.details.as_ref().map(|details| begun_in_group(details, now)),
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
        self.check_cancellation();
        if self.orchestrator().is_some() {
            let prepared = self.prepare(facts);
            self.steps_slot().get_or_insert_default().prepared = Some(prepared);
            return Ok(Begun::Steps);
        }
        let mut now = Timestamp::now();
        if self.machine.is_new() {
            self.create_at(now);
        }
        match self.prepare(facts).and_then(|named| self.make_asset_keys().map(|()| named)) {
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
    pub(in crate::engine) fn start(&mut self, now: Timestamp) {
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
                    || self.may_be_limited()
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

    /// Makes the assets whose keys depend on parameters.
    #[inline(always)]
    fn make_asset_keys(&mut self) -> Result<(), RunError> {
        match &self.target {
            Target::Task(task) if task.options().has_asset_templates() => self.fill_in_assets(),
            Target::Task(_) | Target::Flow(_) => Ok(()),
        }
    }

    #[cold]
    fn fill_in_assets(&mut self) -> Result<(), RunError> {
        let Target::Task(task) = &self.target else { return Ok(()) };
        let (definition, details) = (task.definition, task.details.clone().unwrap_or_default());
        let options = details.options.as_deref().unwrap_or_else(|| definition.options());
        // A function is the user's code.
        let made = self.within(|| {
            catch_unwind(AssertUnwindSafe(|| options.fill_in_assets(&details.parameters)))
        });
        let made = made.unwrap_or_else(|payload| {
            let message = panic_message(&*payload);
            Err((String::from("a function"), AssetTemplateError::Panicked(message)))
        });
        let run = definition.meta().name;
        let made =
            made.map_err(|(template, source)| RunErrorKind::AssetKey { run, template, source })?;
        let Target::Task(task) = &mut self.target else { return Ok(()) };
        Arc::make_mut(task.details.get_or_insert_default()).run_assets = Some(Arc::new(made));
        Ok(())
    }

    /// Makes the run's name. A callable may read the run's context, so the frame is there before the name is.
    #[cold]
    pub(super) fn take_name(&mut self) -> Result<(), RunError> {
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
    pub(in crate::engine) fn succeed_unseen(&mut self) -> bool {
        if self.unseen && !self.has_own_transaction() {
            self.machine.succeed_unseen();
            return true;
        }
        false
    }

    /// True if code inside a task run has made use of its transaction.
    #[inline]
    pub(super) fn has_own_transaction(&self) -> bool {
        let task = self.presence.frame().and_then(|frame| frame.task());
        task.is_some_and(|task| task.transactions.own().is_some())
    }

    /// Puts the frame of attempt number `run_count` in place of the one before.
    #[inline(always)]
    pub(super) fn install(&mut self, run_count: u32) {
        let before = self.presence.take();
        let frame = match &mut self.target {
            Target::Task(task) => task.frame(before.as_ref(), run_count),
            Target::Flow(flow) => flow.frame(before.as_ref(), run_count),
        };
        self.presence = Presence::new(Some(frame));
        self.look_for_assets();
    }
}

/// What a run has that has nothing but others with which it is reported as one: the run that is reported learns of its
/// begin.
#[inline(never)]
fn begun_in_group(details: &Arc<TaskDetails>, now: Timestamp) -> Arc<TaskDetails> {
    if let Some(reported) = &details.reported_as {
        reported.begins(now);
    }
    details.clone()
}
