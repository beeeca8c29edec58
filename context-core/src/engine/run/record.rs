//! Telling the recorder: views of a run for its events.

use crate::clock::Timestamp;
use crate::context::{AssetContext, Attention, FlowRunContext, Frame, RunTally, TaskDetails};
use crate::definition::{
    FlowHook, FlowHookArguments, Moment, RetryCondition, RetryDelay, TaskHook, TaskHookArguments,
};
use crate::id::TaskRunId;
use crate::parameters::Parameters;
use crate::record::{
    Client, DynamicKey, FlowRun, Retries, RetryDelays, RunEvent, RunName, RunTags, TaskInputs,
    TaskRun, TaskRunEvent,
};
use crate::state::{State, StateType};

use super::target::{FlowTarget, Target, TaskTarget};
use super::{Presence, Run, steps};

impl Run {
    /// Tells the client that the run has entered `state`.
    pub(super) fn tell(&self, state: &State) {
        Frame::with_client(self.presence.frame(), |client| {
            if client.records() {
                self.tell_client(state, client);
            }
        });
    }

    #[inline(never)]
    fn tell_client(&self, state: &State, client: &Client) {
        // A run that is not ready ends, though its state is not a terminal one.
        let ends = state.is_terminal() || !self.machine.is_open();
        match &self.target {
            Target::Task(task) => {
                if !ends && !client.wants_every_state() {
                    return;
                }
                let event = self.task_event(task, state);
                client.record(&RunEvent::TaskRun(event));
                if ends
                    && let Some(TaskDetails { assets: Some(assets), .. }) = task.details.as_deref()
                {
                    AssetContext::emit_events(assets, &event, client);
                }
            }
            Target::Flow(flow) => {
                let begins = state.state_type() == StateType::Pending;
                if (ends || begins || client.wants_every_state())
                    && let Some(context) = &flow.context
                {
                    context.tell(client, state, self.tally(flow), ends);
                }
            }
        }
    }

    /// What a flow run has come to.
    fn tally<'a>(&'a self, flow: &'a FlowTarget) -> RunTally<'a> {
        RunTally {
            run_count: self.machine.run_count(),
            start_time: flow.start_time,
            total_run_time: self.run_time(),
            retries: Retries {
                count: self.machine.retries(),
                delays: self
                    .delays(flow.options().delays())
                    .map_or(RetryDelays::None, RetryDelay::told),
                jitter: None,
            },
        }
    }

    fn task_event<'a>(&'a self, task: &'a TaskTarget, state: &'a State) -> TaskRunEvent<'a> {
        let frame = self.presence.frame();
        let flow_run_id = frame.and_then(|frame| frame.flow()).map(FlowRunContext::id);
        let id = task.id.expect("a run gets its id when it is created");
        let details = task.details.as_deref();
        let meta = task.definition.meta();
        TaskRunEvent {
            id,
            name: self.task_run_name(task, id),
            task_name: task.options().task_name(task.definition),
            task_key: (meta.name, meta.short_hash()),
            task_version: task.options().version_text(),
            dynamic_key: DynamicKey::Random(id),
            flow_run_id,
            parent: task.reported_parent(),
            child_flow_run_id: None,
            tags: RunTags {
                own: Some(task.options().own_tags()),
                ambient: frame.and_then(|frame| frame.tags()),
            },
            inputs: details.map_or(&NO_INPUTS, |details| &details.inputs),
            parameters: details.map_or(&Parameters::EMPTY, |details| &details.parameters),
            run_count: self.machine.run_count(),
            start_time: task.start_time,
            end_time: ended_at(task.start_time, state),
            total_run_time: self.run_time(),
            flow_run_run_count: frame
                .and_then(|frame| frame.flow())
                .map_or(0, FlowRunContext::run_count),
            retries: Retries {
                count: self.machine.retries(),
                delays: self
                    .delays(task.options().delays())
                    .map_or(RetryDelays::None, RetryDelay::told),
                jitter: task.options().jitter(),
            },
            result: self.kept_result().filter(|_| state.is_completed()),
            state,
        }
    }

    /// The name of a task run that has its id.
    pub(super) fn task_run_name<'a>(&self, task: &'a TaskTarget, id: TaskRunId) -> RunName<'a> {
        let task_name = task.options().task_name(task.definition);
        match task.details.as_deref() {
            Some(TaskDetails { name: Some(name), .. }) => RunName::Custom(name),
            _ if self.frame().is_some_and(|frame| frame.flow().is_some()) => {
                RunName::Derived(task_name, id)
            }
            _ => RunName::Plain(task_name),
        }
    }

    /// The run's name as far as it is known.
    pub(in crate::engine) fn name(&self) -> String {
        match &self.target {
            Target::Task(task) => match task.id {
                Some(_) => {
                    let state = State::new(StateType::Pending, self.attempt_began);
                    self.task_event(task, &state).name.to_string()
                }
                None => task.options().task_name(task.definition).to_owned(),
            },
            Target::Flow(flow) => match &flow.context {
                Some(context) => context.name().to_owned(),
                None => flow.definition.name(),
            },
        }
    }

    /// True for a task run.
    pub(in crate::engine) const fn is_task(&self) -> bool {
        matches!(self.target, Target::Task(_))
    }
}

impl Run {
    /// What can still tell of the run after its end.
    pub(in crate::engine) fn ghost(&self) -> Self {
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
    pub(in crate::engine) fn tell_rolled_back(&mut self) {
        let state = self.seal(steps::rolled_back(self.machine.last()));
        if self.told {
            self.tell(&state);
        }
        let run = self.describe();
        tracing::info!(target: "context::run", "{run} was rolled back");
    }
}

/// Whose hooks are to be called, with what.
pub(in crate::engine) enum Told {
    Nobody,
    OfTask(Vec<TaskHook>, TaskHookArguments),
    OfFlow(Vec<FlowHook>, FlowHookArguments),
}

impl Run {
    /// The hooks of `moment`, which has come with `state`.
    pub(in crate::engine) fn hooks(&self, moment: Moment, state: &State) -> Told {
        match &self.target {
            Target::Task(task) => {
                let hooks = task.options().extra().map_or(&[][..], |extra| extra.hooks.of(moment));
                if hooks.is_empty() {
                    return Told::Nobody;
                }
                let run = TaskRun::from(&self.task_event(task, state));
                Told::OfTask(hooks.to_vec(), (task.definition, run, state.clone()))
            }
            Target::Flow(flow) => {
                let hooks = flow.options().extra().map_or(&[][..], |extra| extra.hooks.of(moment));
                let (false, Some(context)) = (hooks.is_empty(), &flow.context) else {
                    return Told::Nobody;
                };
                let flow_name = context.flow_name();
                let run = FlowRun::from(&context.event(&flow_name, state, self.tally(flow)));
                Told::OfFlow(hooks.to_vec(), (flow.definition, run, state.clone()))
            }
        }
    }

    /// What decides whether there is another attempt, and what it is told.
    pub(in crate::engine) fn retry_condition(
        &self,
        state: State,
    ) -> Option<(RetryCondition, TaskHookArguments)> {
        let Target::Task(task) = &self.target else { return None };
        let condition = task.options().extra()?.retry_condition.clone()?;
        let run = TaskRun::from(&self.task_event(task, &state));
        Some((condition, (task.definition, run, state)))
    }
}

/// When a run has ended that has entered `state`.
fn ended_at(start_time: Option<Timestamp>, state: &State) -> Option<Timestamp> {
    start_time.filter(|_| state.is_terminal()).map(|_| state.timestamp())
}

static NO_INPUTS: TaskInputs = TaskInputs::new();
