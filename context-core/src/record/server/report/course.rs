//! The course of one task run so far.

use std::sync::Arc;
use std::time::Duration;

use super::super::event::{Before, Event, FlowRunFacts, Former, task_run_event};
use crate::clock::Timestamp;
use crate::id::{FlowRunId, StateId, TaskRunId};
use crate::parameters::Parameters;
use crate::record::{DynamicKey, Retries, RetryDelays, RunName, RunTags, TaskInputs, TaskRunEvent};
use crate::state::{State, StateDetails, StateType};
use crate::tags::{TagNode, Tags};

/// What is known of a task run that is under way.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) id: TaskRunId,
    /// When it was created.
    created: Option<Timestamp>,
    /// The states that may have to be told yet, and the last one in any case, in their order.
    passed: Vec<Passed>,
    /// The last event that was made, and when it occurred.
    sent: Option<(StateId, Timestamp)>,
    /// From here on every state is told.
    pub(super) is_unusual: bool,
    /// The rest of what an event says, as of the last state.
    run: Kept,
}

/// A state that the run has entered.
#[derive(Debug)]
struct Passed {
    id: StateId,
    state_type: StateType,
    /// If it is not that of the type.
    name: Option<String>,
    message: Option<String>,
    at: Timestamp,
    details: Option<Box<StateDetails>>,
    run_count: u32,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    total_run_time: Duration,
    flow_run_run_count: u32,
    told: bool,
}

/// What does not change from state to state, or only before it is told.
#[derive(Debug, Default)]
struct Kept {
    /// The run's name, the task's name, the function, its hash and the task's version, one after the other.
    texts: String,
    /// Where each of the first four ends.
    ends: [usize; 4],
    has_version: bool,
    dynamic_key: Option<DynamicKey>,
    flow_run_id: Option<FlowRunId>,
    parent: Option<TaskRunId>,
    own_tags: Option<Tags>,
    ambient_tags: Option<Arc<TagNode>>,
    inputs: TaskInputs,
    parameters: Parameters,
    retries: u32,
    delays: Vec<Duration>,
    doubling: Option<Duration>,
    jitter: Option<f64>,
}

impl Kept {
    /// Takes over what `run` says. Memory is used again.
    fn take(&mut self, run: &TaskRunEvent<'_>) {
        use std::fmt::Write as _;

        self.texts.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.texts, "{}", run.name);
        let (function, hash) = run.task_key;
        self.ends[0] = self.texts.len();
        for (end, text) in self.ends[1..].iter_mut().zip([run.task_name, function, hash]) {
            self.texts.push_str(text);
            *end = self.texts.len();
        }
        self.texts.push_str(run.task_version.unwrap_or_default());
        self.has_version = run.task_version.is_some();
        self.dynamic_key = Some(run.dynamic_key);
        self.flow_run_id = run.flow_run_id;
        self.parent = run.parent;
        self.own_tags = run.tags.own.cloned();
        self.ambient_tags = run.tags.ambient.cloned();
        if self.inputs != *run.inputs {
            self.inputs = run.inputs.clone();
        }
        self.parameters = run.parameters.clone();
        self.retries = run.retries.count;
        self.jitter = run.retries.jitter;
        self.delays.clear();
        self.doubling = None;
        match run.retries.delays {
            RetryDelays::None => {}
            RetryDelays::Each(delays) => self.delays.extend_from_slice(delays),
            RetryDelays::Doubling(first) => self.doubling = Some(first),
        }
    }

    fn text(&self, nth: usize) -> &str {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start..self.ends.get(nth).copied().unwrap_or(self.texts.len())]
    }

    fn retries(&self) -> Retries<'_> {
        let delays = match (self.doubling, self.delays.as_slice()) {
            (Some(first), _) => RetryDelays::Doubling(first),
            (None, []) => RetryDelays::None,
            (None, delays) => RetryDelays::Each(delays),
        };
        Retries { count: self.retries, delays, jitter: self.jitter }
    }
}

impl Passed {
    fn of(run: &TaskRunEvent<'_>, told: bool) -> Self {
        let state = run.state;
        let state_type = state.state_type();
        Self {
            id: state.id(),
            state_type,
            name: (state.name() != state_type.default_name()).then(|| state.name().to_owned()),
            message: state.message().map(ToOwned::to_owned),
            at: state.timestamp(),
            details: telling(state.details()),
            run_count: run.run_count,
            start_time: run.start_time,
            end_time: run.end_time,
            total_run_time: run.total_run_time,
            flow_run_run_count: run.flow_run_run_count,
            told,
        }
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.state_type.default_name())
    }

    fn details(&self) -> &StateDetails {
        self.details.as_deref().unwrap_or(&StateDetails::NONE)
    }

    fn former(&self) -> Former<'_> {
        Former {
            state_type: self.state_type,
            name: self.name(),
            message: self.message.as_deref(),
            details: self.details(),
        }
    }

    fn state(&self) -> State {
        let state =
            State::new(self.state_type, self.at).with_id(self.id).with_name(self.name().to_owned());
        let state = match &self.details {
            Some(details) => state.with_details(|all| all.clone_from(details)),
            None => state,
        };
        match &self.message {
            Some(message) => state.with_message(message),
            None => state,
        }
    }
}

/// What an event says of `details`; mostly nothing.
fn telling(details: &StateDetails) -> Option<Box<StateDetails>> {
    let none = StateDetails {
        flow_run_id: details.flow_run_id,
        task_run_id: details.task_run_id,
        ..StateDetails::NONE
    };
    (*details != none).then(|| Box::new(details.clone()))
}

impl Course {
    /// Of a run of which nothing is known yet.
    pub(super) fn of(run: &TaskRunEvent<'_>) -> Self {
        Self {
            id: run.id,
            created: (run.state.is_pending() || run.state.is_scheduled())
                .then(|| run.state.timestamp()),
            passed: Vec::with_capacity(2),
            sent: None,
            is_unusual: false,
            run: Kept::default(),
        }
    }

    /// The same for another run, in the memory of this one.
    pub(super) fn reuse(&mut self, run: &TaskRunEvent<'_>) {
        let (mut passed, kept) = (std::mem::take(&mut self.passed), std::mem::take(&mut self.run));
        passed.clear();
        *self = Self { passed, run: kept, ..Self::of(run) };
    }

    pub(super) const fn flow_run_id(&self) -> Option<FlowRunId> {
        self.run.flow_run_id
    }

    /// Takes note of a state that is not told yet.
    pub(super) fn hold(&mut self, run: &TaskRunEvent<'_>) {
        self.passed.push(Passed::of(run, false));
        self.run.take(run);
    }

    /// Takes note of a state that was told.
    pub(super) fn told(&mut self, run: &TaskRunEvent<'_>) {
        if self.is_unusual {
            self.passed.clear();
        }
        self.passed.push(Passed::of(run, true));
        self.sent = Some((run.state.id(), run.state.timestamp()));
        if self.run.dynamic_key.is_none() {
            self.run.take(run);
        }
    }

    /// What comes before the next state.
    pub(super) fn before(&self) -> Before<'_> {
        Before {
            expected_start: self.created,
            state: self.passed.last().map(Passed::former),
            sent: self.sent,
        }
    }

    /// True if the last state was held since it was entered, and that was `state`.
    pub(super) fn is_held_in(&self, state: StateId) -> bool {
        self.passed.last().is_some_and(|last| last.id == state && !last.told)
    }

    /// Tells the last state, if it was not told.
    pub(super) fn tell_last(&mut self, flow: Option<&FlowRunFacts>, tell: &mut impl FnMut(Event)) {
        if let Some(last) = self.passed.len().checked_sub(1) {
            self.tell(last, flow, tell);
        }
    }

    /// Tells every state that was not told, in their order.
    pub(super) fn tell_held(&mut self, flow: Option<&FlowRunFacts>, tell: &mut impl FnMut(Event)) {
        for nth in 0..self.passed.len() {
            self.tell(nth, flow, tell);
        }
    }

    fn tell(&mut self, nth: usize, flow: Option<&FlowRunFacts>, tell: &mut impl FnMut(Event)) {
        let passed = &self.passed[nth];
        let (Some(dynamic_key), false) = (self.run.dynamic_key, passed.told) else { return };
        let (state, kept) = (passed.state(), &self.run);
        let run = TaskRunEvent {
            id: self.id,
            name: RunName::Custom(kept.text(0)),
            task_name: kept.text(1),
            task_key: (kept.text(2), kept.text(3)),
            task_version: kept.has_version.then(|| kept.text(4)),
            dynamic_key,
            flow_run_id: kept.flow_run_id,
            parent: kept.parent,
            child_flow_run_id: None,
            tags: RunTags { own: kept.own_tags.as_ref(), ambient: kept.ambient_tags.as_ref() },
            inputs: &kept.inputs,
            parameters: &kept.parameters,
            run_count: passed.run_count,
            start_time: passed.start_time,
            end_time: passed.end_time,
            total_run_time: passed.total_run_time,
            flow_run_run_count: passed.flow_run_run_count,
            retries: kept.retries(),
            // Only the last state has one, and that is never held.
            result: None,
            state: &state,
        };
        let before = Before {
            expected_start: self.created,
            state: nth.checked_sub(1).map(|before| self.passed[before].former()),
            sent: self.sent.filter(|(_, at)| *at < passed.at),
        };
        let event = task_run_event(&run, &before, flow);
        let sent = (passed.id, passed.at);
        self.passed[nth].told = true;
        if self.sent.is_none_or(|(_, at)| at < sent.1) {
            self.sent = Some(sent);
        }
        if let Some(event) = event {
            tell(event);
        }
    }
}
