//! Runs in the log: a span around each, and a line where it begins and ends.
//!
//! The spans have target `context::run` and level INFO. Where nobody reads that, none is made, and a run costs one look at
//! whether somebody does.

use std::time::Duration;

use tracing::{Level, Span};

use super::Run;
use super::target::Target;
use crate::context::FlowRunContext;
use crate::engine::machine::Then;
use crate::state::{State, StateType};

/// The target of spans and lines about runs.
const TARGET: &str = "context::run";

impl Run {
    /// True if somebody reads the spans of runs.
    #[inline(always)]
    pub(super) fn is_read() -> bool {
        tracing::enabled!(target: TARGET, Level::INFO)
    }

    /// Opens the span of a run that has its id.
    #[inline(always)]
    pub(super) fn open_span(&mut self) {
        if Self::is_read() {
            self.open_span_now();
        }
    }

    #[cold]
    fn open_span_now(&mut self) {
        let name = self.name();
        let span = match &self.target {
            Target::Task(task) => {
                let flow = self.presence.frame().and_then(|frame| frame.flow());
                tracing::info_span!(
                    target: TARGET,
                    "task_run",
                    task_run_id = task.id.map(tracing::field::display),
                    reported_as = task.reported_run().map(|one| tracing::field::display(one.id())),
                    task_run_name = name,
                    task_name = task.options().task_name(task.definition),
                    flow_run_id = flow.map(|flow| tracing::field::display(flow.id())),
                    flow_run_name = flow.map(FlowRunContext::name),
                    flow_name = flow.map(FlowRunContext::flow_name),
                )
            }
            Target::Flow(flow) => tracing::info_span!(
                target: TARGET,
                "flow_run",
                flow_run_id = flow.context.as_ref().map(|run| tracing::field::display(run.id())),
                flow_run_name = name,
                flow_name = flow.options().flow_name(flow.definition),
            ),
        };
        if !span.is_disabled() {
            self.rare.get_or_insert_default().span = Some(span);
        }
    }

    /// Tells the span the name that the run was given.
    pub(super) fn name_span(&self) {
        if let Some(span) = self.span() {
            let field = if self.is_task() { "task_run_name" } else { "flow_run_name" };
            span.record(field, self.name());
        }
    }

    /// Tells the log how the run goes on.
    #[inline]
    pub(super) fn log(&self, state: &State, then: Then) {
        if let Some(span) = self.span() {
            self.log_in(span, state, then);
        }
    }

    #[cold]
    fn log_in(&self, span: &Span, state: &State, then: Then) {
        let _entered = span.enter();
        match (then, state.state_type()) {
            // Its name is not known before its inputs are.
            (Then::AwaitInputs, _) => {}
            (Then::Attempt, _) => {
                let retries = self.machine.retries();
                match (self.machine.retries_used(), &self.target) {
                    (0, Target::Task(_)) => tracing::debug!(target: TARGET, "Running"),
                    (0, Target::Flow(flow)) => {
                        let kind = if flow.stand_in.is_some() { "subflow" } else { "flow" };
                        let (name, flow) = (self.name(), flow.options().flow_name(flow.definition));
                        tracing::info!(
                            target: TARGET,
                            "Beginning {kind} run '{name}' for flow '{flow}'",
                        );
                    }
                    (retry, _) => tracing::info!(target: TARGET, "Retry {retry}/{retries} begins"),
                }
            }
            // The failure that it comes from has been told.
            (Then::Delay(_), _) => {}
            // There may be tens of thousands, and the run that is reported in their place has a line.
            (Then::End, StateType::Completed) if self.is_reported_as_another() => {
                tracing::debug!(target: TARGET, "Finished in state {state}");
            }
            (Then::End, StateType::Completed) => {
                tracing::info!(target: TARGET, "Finished in state {state}");
            }
            (Then::End, _) => tracing::error!(target: TARGET, "Finished in state {state}"),
        }
    }

    /// Tells the log why there is to be another attempt, and when.
    pub(super) fn log_retry(&self, message: &str, delay: Option<Duration>) {
        let Some(span) = self.span() else { return };
        let _entered = span.enter();
        let (retry, retries) = (self.machine.run_count(), self.machine.retries());
        match delay.filter(|delay| !delay.is_zero()) {
            Some(delay) => tracing::warn!(
                target: TARGET,
                "{message}. Retry {retry}/{retries} will start {delay:?} from now",
            ),
            None => tracing::warn!(
                target: TARGET,
                "{message}. Retry {retry}/{retries} will start immediately",
            ),
        }
    }
}
