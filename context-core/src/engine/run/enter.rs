//! How runs go from state to state: the machine moves on, and whoever wants to know is told.

use std::sync::atomic::Ordering;

use super::target::Target;
use super::{LIVE_FLOWS, Run};
use crate::clock::Timestamp;
use crate::context::FlowRunContext;
use crate::engine::machine::{Input, Then, Usual};
use crate::engine::steps::Steps;
use crate::id::StateId;
use crate::state::{RunError, State};

impl Run {
    /// Moves the machine on and tells whoever wants to know.
    pub(super) fn enter(&mut self, now: Timestamp, input: Input) {
        self.enter_seen(now, input, None);
    }

    /// As `enter`, for the states of every run: in place, where the input is known, little of it is left.
    #[inline(always)]
    pub(super) fn enter_usual(&mut self, now: Timestamp, usual: Usual) {
        if !self.told && self.span().is_none() && self.is_task() {
            // Nobody sees the state. It is not kept either: how most runs complete, the machine knows.
            self.machine.step_unseen(now, usual);
            if matches!(usual, Usual::Begin) {
                self.tell_reported_run(now);
            }
        } else {
            self.enter_seen(now, usual.into(), None);
        }
    }

    /// As `enter`, with the state; `error` is what the run gives if that is its last.
    #[inline(never)]
    pub(in crate::engine) fn enter_seen(
        &mut self,
        now: Timestamp,
        input: Input,
        error: Option<RunError>,
    ) -> Option<(State, Then)> {
        self.take_over(now);
        let running_since = self.machine.running_since();
        let (state, then) = self.machine.step(now, input)?;
        let state = self.seal(state);
        Some((self.entered(running_since, state, then, error), then))
    }

    /// The machine has entered `state`: counts, tells and keeps it.
    pub(super) fn entered(
        &mut self,
        running_since: Option<Timestamp>,
        mut state: State,
        then: Then,
        error: Option<RunError>,
    ) -> State {
        if let Some(since) = running_since {
            self.rare.get_or_insert_default().run_time += state.timestamp().since(since);
        }
        if let Some(error) = error {
            state = state.with_error(error);
        }
        if let Target::Flow(flow) = &self.target
            && let Some(context) = &flow.context
        {
            // Before others can learn of it: code inside the run may pause it from now on, or not any more.
            context.course().entered(&state, self.run_time());
        }
        if self.told {
            self.tell(&state);
        }
        self.log(&state, then);
        if then == Then::Attempt {
            self.tell_reported_run(state.timestamp());
        }
        if then == Then::End {
            self.note_lineage(&state);
            self.ended();
            // How most task runs complete, the machine knows.
            let plain = self.is_task() && state.name() == "Completed" && state.message().is_none();
            if self.keeps_state && !plain {
                self.rare.get_or_insert_default().last_state = Some(state.clone());
            }
        }
        state
    }

    /// Tells the run that is reported in place of this one, if there is one, that an attempt begins.
    #[inline]
    fn tell_reported_run(&self, at: Timestamp) {
        if let Target::Task(task) = &self.target {
            task.tell_reported_run(at);
        }
    }

    /// The run has ended: lets go of what it needed to run.
    pub(super) fn ended(&mut self) {
        if let Target::Flow(flow) = &mut self.target {
            LIVE_FLOWS.fetch_sub(1, Ordering::Relaxed);
            flow.shut_down();
        }
    }

    /// Gives `state` its id, and the ids of the run.
    pub(super) fn seal(&self, state: State) -> State {
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
