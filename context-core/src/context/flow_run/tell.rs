//! Telling the recorder of a flow run's states, and of those of the task run that stands for it.

use std::time::Duration;

use super::{FlowRunContext, StandIn};
use crate::clock::Timestamp;
use crate::definition::RetryDelay;
use crate::parameters::Parameters;
use crate::record::{
    Client, FlowRunEvent, Retries, RetryDelays, RunEvent, TaskInputs, TaskRunEvent,
};
use crate::state::State;

/// What a flow run has come to when it enters a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunTally<'a> {
    /// How many attempts have begun.
    pub(crate) run_count: u32,
    /// When it was first `Running`.
    pub(crate) start_time: Option<Timestamp>,
    /// How long it was `Running`.
    pub(crate) total_run_time: Duration,
    /// How often it is tried again.
    pub(crate) retries: Retries<'a>,
}

impl RunTally<'_> {
    /// When a run has ended that has entered `state`.
    fn end_time(&self, state: &State) -> Option<Timestamp> {
        self.start_time.filter(|_| state.is_terminal()).map(|_| state.timestamp())
    }
}

impl FlowRunContext {
    /// Enters `state` while an attempt runs, which is `Paused`, or `Running` after that, and tells whoever wants to know.
    /// `None` if the run cannot enter it now.
    pub(crate) fn enter(&self, state: State) -> Option<State> {
        let state = state.with_details(|details| details.flow_run_id = Some(self.id()));
        let (state, total_run_time, _telling) = self.course().enter(state)?;
        let client = self.ledger().client();
        if client.records() && client.wants_every_state() {
            let data = self.data();
            let options = data.options();
            let retries = Retries {
                count: options.retry_count().unwrap_or(0),
                delays: options.delays().map_or(RetryDelays::None, RetryDelay::told),
                jitter: None,
            };
            let (run_count, start_time) = (data.run_count, Some(data.start_time));
            let tally = RunTally { run_count, start_time, total_run_time, retries };
            self.tell(client, &state, tally, false);
        }
        Some(state)
    }

    /// Tells `client` that the run has entered `state`, which `ends` it or does not.
    pub(crate) fn tell(&self, client: &Client, state: &State, tally: RunTally<'_>, ends: bool) {
        let flow_name = self.flow_name();
        let stand_in = self.data().stand_in.as_ref().map(|stand_in| {
            RunEvent::TaskRun(self.stand_in_event(stand_in, &flow_name, state, tally))
        });
        // The task run that stands for the flow run surrounds it: it begins first and ends last.
        if !ends && let Some(event) = &stand_in {
            client.record(event);
        }
        client.record(&RunEvent::FlowRun(self.event(&flow_name, state, tally)));
        if ends {
            match &stand_in {
                Some(event) => client.record(event),
                None => client.flush(),
            }
        }
    }

    /// The run as it enters `state`.
    pub(crate) fn event<'a>(
        &'a self,
        flow_name: &'a str,
        state: &'a State,
        tally: RunTally<'a>,
    ) -> FlowRunEvent<'a> {
        let data = self.data();
        FlowRunEvent {
            id: self.id(),
            name: self.name(),
            flow_name,
            flow_version: data.options().version_text().unwrap_or(data.definition.version()),
            parent_task_run_id: self.parent_task_run_id(),
            tags: data.run_tags(),
            parameters: self.parameters(),
            run_count: tally.run_count,
            start_time: tally.start_time,
            end_time: tally.end_time(state),
            total_run_time: tally.total_run_time,
            state,
        }
    }

    fn stand_in_event<'a>(
        &'a self,
        stand_in: &StandIn,
        flow_name: &'a str,
        state: &'a State,
        tally: RunTally<'a>,
    ) -> TaskRunEvent<'a> {
        let definition = self.data().definition;
        let meta = definition.meta();
        TaskRunEvent {
            id: stand_in.id,
            name: stand_in.name(flow_name),
            task_name: flow_name,
            task_key: (meta.name, meta.short_hash()),
            task_version: Some(definition.version()),
            dynamic_key: stand_in.dynamic_key(),
            flow_run_id: Some(stand_in.flow_run_id),
            parent: stand_in.parent,
            child_flow_run_id: Some(self.id()),
            tags: self.data().run_tags(),
            inputs: &NO_INPUTS,
            parameters: &Parameters::EMPTY,
            run_count: tally.run_count,
            start_time: tally.start_time,
            end_time: tally.end_time(state),
            total_run_time: tally.total_run_time,
            flow_run_run_count: stand_in.run_count,
            retries: tally.retries,
            result: None,
            state,
        }
    }
}

static NO_INPUTS: TaskInputs = TaskInputs::new();
