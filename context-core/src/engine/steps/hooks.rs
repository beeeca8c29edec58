//! Hooks and retry conditions of a run, called with its frame in place.

use crate::clock::Timestamp;
use crate::context::{Context as Ambient, Frame};
use crate::definition::{Moment, RetryCondition};
use crate::engine::machine::Then;
use crate::engine::run::{Fault, Run, Told};
use crate::hook::Hook;
use crate::state::{State, StateType};

/// When hooks are called, by the state that was entered.
fn moment(state: &State) -> Option<Moment> {
    match state.state_type() {
        StateType::Running => Some(Moment::Running),
        StateType::Completed => Some(Moment::Completion),
        StateType::Failed => Some(Moment::Failure),
        StateType::Cancelled => Some(Moment::Cancellation),
        StateType::Crashed => Some(Moment::Crash),
        StateType::Scheduled | StateType::Pending | StateType::Paused | StateType::Cancelling => {
            None
        }
    }
}

impl Run {
    /// Calls the hooks of the state that was entered, if one was.
    pub(in crate::engine) async fn call_hooks(&self, entered: Option<&(State, Then)>) {
        let Some((state, _)) = entered else { return };
        let Some(moment) = moment(state) else { return };
        match self.hooks(moment, state) {
            Told::Nobody => {}
            Told::OfTask(hooks, arguments) => self.call_each(hooks, arguments).await,
            Told::OfFlow(hooks, arguments) => self.call_each(hooks, arguments).await,
        }
    }

    /// The run's own context. A task's hooks are outside of its transaction, which may not be there yet or be over.
    fn surroundings_of_hooks(&self) -> Ambient {
        if self.is_task() {
            return Ambient::of(Some(&Frame::with_transaction(self.frame(), None)));
        }
        Ambient::of(self.frame())
    }

    async fn call_each<A: Clone + Send + 'static>(&self, hooks: Vec<Hook<A>>, told: A) {
        for hook in hooks {
            // In the run's own context; not borrowed from the run, which must be free to move.
            let surroundings = self.surroundings_of_hooks();
            let name = hook.name();
            let told = told.clone();
            let called = surroundings.scope(async move { hook.call(told).await }).await;
            if let Err(problem) = called {
                let run = self.describe();
                tracing::error!(target: "context::run", "hook `{name}` of {run} failed: {problem}");
            }
        }
    }

    /// Whether a failed attempt may be followed by another.
    pub(super) async fn may_retry(&self, now: Timestamp, fault: &Fault) -> bool {
        let state = fault.seen_by_condition(now);
        let Some((condition, arguments)) = self.retry_condition(state) else { return true };
        let name = RetryCondition::name(&condition);
        let surroundings = self.surroundings_of_hooks();
        match surroundings.scope(async move { condition.call(arguments).await }).await {
            Ok(answer) => answer,
            Err(problem) => {
                let run = self.describe();
                tracing::error!(
                    target: "context::run",
                    "retry condition `{name}` of {run} failed, so that there is no retry: {problem}",
                );
                false
            }
        }
    }
}
