//! Flow runs whose states are decided about elsewhere: they are registered, and propose each state.
//!
//! Everything here also works for runs without an orchestrator, whose states the machine decides about: then nothing is
//! waited for.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Run;
use super::ends::cancelled;
use super::target::{FlowTarget, Target};
use crate::clock::Timestamp;
use crate::context::{FlowRunContext, Frame, Interlude, StandIn};
use crate::engine::machine::{Input, Then};
use crate::id::FlowRunId;
use crate::record::{
    Decision, Held, NewFlowRun, NewStandIn, OrchestrationError, Orchestrator, Origin, RunTags,
};
use crate::runner::{self, Cancellation, Cancelled};
use crate::state::{RunError, RunErrorKind, State};

/// What came of an input: the state that was entered, if one was. An error is raised in place of what the run gave.
pub(in crate::engine) type Agreed = Result<Option<(State, Then)>, RunError>;

impl Run {
    /// Who decides about the run's states, if not the engine.
    #[inline]
    pub(in crate::engine) fn orchestrator(&self) -> Option<&Arc<dyn Orchestrator>> {
        let Target::Flow(flow) = &self.target else { return None };
        flow.orchestrated.as_ref().map(|orchestrated| &orchestrated.by)
    }

    /// True if somebody else may have limits for the tags of a task run.
    pub(super) fn may_be_limited(&self) -> bool {
        let Target::Task(task) = &self.target else { return false };
        let frame = self.presence.frame();
        let tagged =
            !task.options().own_tags().is_empty() || frame.is_some_and(|f| f.tags().is_some());
        let told = self.told || task.reported_run().is_some();
        told && tagged && Frame::with_client(frame, |client| client.orchestrator().is_some())
    }

    /// Takes the slots that others have for the tags of a task run.
    pub(in crate::engine) async fn take_remote_slots(&self) -> Result<Option<Held>, RunError> {
        let Target::Task(task) = &self.target else { return Ok(None) };
        let Some(id) = task.reported_id().filter(|_| self.may_be_limited()) else {
            return Ok(None);
        };
        let frame = self.presence.frame();
        let orchestrator = Frame::with_client(frame, |client| client.orchestrator().cloned());
        let Some(orchestrator) = orchestrator else { return Ok(None) };
        let mut origin = Origin::of(frame);
        origin.task_run_id = Some(id);
        origin.task_run_name = Some(self.name());
        origin.tags = origin.tags.union(&self.tags());
        let answer = orchestrator.take_tag_slots(&origin, &self.tag_names());
        match answer {
            None => Ok(None),
            Some(answer) => answer.await.map(Some).map_err(|source| self.unorchestrated(&source)),
        }
    }

    /// Unwinds if the flow run around is to end: what is about to begin would be in vain.
    #[inline]
    pub(super) fn check_cancellation(&self) {
        let flow = self.presence.frame().and_then(|frame| frame.flow());
        if let Some(wish) = flow.and_then(|flow| flow.data().cancellation.as_ref())
            && wish.is_requested()
        {
            resume_unwind(Box::new(Cancelled));
        }
    }

    /// The wish that this flow run ends, if anybody can have it.
    pub(in crate::engine) fn cancellation(&self) -> Option<&Cancellation> {
        let Target::Flow(flow) = &self.target else { return None };
        flow.context.as_ref()?.data().cancellation.as_ref()
    }

    /// Ready once this flow run is to end.
    pub(in crate::engine) fn poll_cancelled(&self, cx: &Context<'_>) -> Poll<()> {
        self.cancellation().map_or(Poll::Pending, |wish| wish.poll_requested(cx))
    }

    /// True if this flow run is to end.
    pub(in crate::engine) fn is_cancelled(&self) -> bool {
        self.cancellation().is_some_and(Cancellation::is_requested)
    }

    /// Registers the run and creates it, as `prepare` has come out with.
    pub(in crate::engine) async fn register(
        &mut self,
        prepared: Result<bool, RunError>,
    ) -> Result<(), RunError> {
        let now = Timestamp::now();
        let new = self.new_flow_run(now);
        let (Some(orchestrator), Some(new)) = (self.orchestrator().cloned(), new) else {
            return Ok(());
        };
        let registered = orchestrator.register(new).await;
        let registered = registered.map_err(|source| self.unorchestrated(&source))?;
        let id = registered.id;
        if let Target::Flow(flow) = &mut self.target {
            if let (Some(stand_in), Some(known)) = (&mut flow.stand_in, registered.stand_in) {
                stand_in.id = known;
            }
            if let Some(orchestrated) = &mut flow.orchestrated {
                orchestrated.registered = Some(registered);
            }
        }
        self.create_at(now);
        let named = match prepared {
            Ok(true) => self.take_name().map(|()| true),
            prepared => prepared,
        };
        match named {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.name_span();
                let renamed = orchestrator.rename(id, self.name()).await;
                renamed.map_err(|source| self.stopped_by(&source))
            }
            Err(error) => {
                let message = error.to_string();
                self.agree(now, Input::Reject { message }, None).await?;
                Err(error)
            }
        }
    }

    fn new_flow_run(&mut self, now: Timestamp) -> Option<NewFlowRun> {
        let (retries, retry_delay) = (self.machine.retries(), self.first_delay());
        let frame = self.presence.frame();
        let tags = RunTags { own: None, ambient: frame.and_then(|frame| frame.tags()) }.to_set();
        let Target::Flow(flow) = &mut self.target else { return None };
        flow.stand_in = flow.make_stand_in(now, frame);
        let flow_name = flow.options().flow_name(flow.definition);
        Some(NewFlowRun {
            flow_version: flow
                .options()
                .version_text()
                .unwrap_or(flow.definition.version())
                .to_owned(),
            parameters: flow.parameters.clone(),
            tags,
            retries,
            retry_delay,
            stand_in: flow.stand_in.map(|stand_in| new_stand_in(flow, stand_in, &flow_name)),
            flow_name,
        })
    }

    /// The wait before the first retry of a flow run.
    fn first_delay(&self) -> Duration {
        let Target::Flow(flow) = &self.target else { return Duration::ZERO };
        let delays = self.delays(flow.options().delays());
        delays.and_then(|delays| delays.before_retry(0)).unwrap_or_default()
    }

    /// Moves the machine on, as far as whoever decides agrees, and tells whoever wants to know. `error` is what the run
    /// gives if the state is its last.
    pub(in crate::engine) async fn agree(
        &mut self,
        now: Timestamp,
        input: Input,
        error: Option<RunError>,
    ) -> Agreed {
        self.take_over(now);
        let orchestrator = self.orchestrator().cloned();
        let (Some(orchestrator), Some(id)) = (orchestrator, self.flow_run_id()) else {
            let succeeds = input.succeeds();
            let entered = self.enter_seen(now, input, error);
            return match &entered {
                Some((state, _)) if succeeds && state.is_failed() => {
                    self.call_hooks(entered.as_ref()).await;
                    Err(self.failed_with(state))
                }
                _ => Ok(entered),
            };
        };
        let force = matches!(input, Input::Crash { .. });
        let Some((after, state, then)) = self.machine.propose(now, input) else { return Ok(None) };
        let state = self.seal(state);
        let running_since = self.machine.running_since();
        loop {
            match orchestrator.propose(id, state.clone(), force).await {
                Ok(Decision::Accept(accepted)) => {
                    self.machine = after;
                    self.machine.entered_at(accepted.timestamp());
                    return Ok(Some((self.entered(running_since, accepted, then, error), then)));
                }
                Ok(Decision::Wait(delay)) => runner::pause(delay).await,
                Ok(Decision::Reject(other, reason)) => {
                    return Box::pin(self.overruled(&state, other, &reason)).await;
                }
                Ok(Decision::Abort(reason)) => {
                    let run = self.describe();
                    self.stop();
                    return Err(RunErrorKind::Aborted { run, reason }.into());
                }
                Err(source) => return Err(self.stopped_by(&source)),
            }
        }
    }

    /// The run is in `other` and not in the `proposed` state.
    async fn overruled(&mut self, proposed: &State, other: State, reason: &str) -> Agreed {
        let now = Timestamp::now();
        if other.is_cancelling() && !proposed.is_cancelled() {
            self.agree(now, cancelled(), None).await?;
            return Err(self.cancelled_error());
        }
        let running_since = self.machine.running_since();
        let Some(then) = self.machine.adopt(now, &other) else {
            let (run, state) = (self.describe(), other.name().to_owned());
            self.ended();
            let reason = format!("it is in state `{state}`: {reason}");
            return Err(RunErrorKind::Aborted { run, reason }.into());
        };
        if let Then::Delay(delay) = then {
            self.log_retry(proposed.message().unwrap_or_default(), Some(delay));
        }
        let state = self.entered(running_since, other, then, None);
        if then == Then::End && state.state_type() != proposed.state_type() {
            return Err(self.failed_with(&state));
        }
        Ok(Some((state, then)))
    }

    /// What a run gives that was to end otherwise than in `state`.
    fn failed_with(&self, state: &State) -> RunError {
        let run = || self.describe();
        let missing = || RunErrorKind::MissingResult { run: run() }.into();
        state.problem_of(&run).unwrap_or_else(missing)
    }

    /// True if code inside this flow run has paused it.
    pub(in crate::engine) fn was_paused(&self) -> bool {
        let Target::Flow(flow) = &self.target else { return false };
        flow.context.as_ref().is_some_and(|context| context.course().was_paused())
    }

    /// Learns what code inside this flow run has done to it. From now on, until the next attempt, it can do nothing.
    pub(in crate::engine) fn take_over(&mut self, now: Timestamp) {
        let Target::Flow(flow) = &self.target else { return };
        let interlude = flow.context.as_ref().and_then(|context| context.course().hand_over());
        let Some(Interlude { last, run_time, paused }) = interlude else { return };
        let expired = paused.is_some_and(|until| until.is_some_and(|until| until <= now));
        self.machine.take_over(last, paused.is_some(), expired);
        self.rare.get_or_insert_default().run_time = run_time;
    }

    /// Ends a run that somebody wants to end.
    pub(in crate::engine) async fn end_cancelled(&mut self) -> RunError {
        self.abort_submissions();
        if let Some(ledger) = self.unfinished_submissions() {
            ledger.submissions().idle().await;
        }
        match self.agree(Timestamp::now(), cancelled(), None).await {
            Ok(entered) => {
                self.call_hooks(entered.as_ref()).await;
                self.cancelled_error()
            }
            Err(error) => error,
        }
    }

    fn cancelled_error(&self) -> RunError {
        let message = "somebody has cancelled it".to_owned();
        RunErrorKind::Cancelled { run: self.describe(), message }.into()
    }

    /// Waits until all there is to tell of a run that has ended was told, if nobody around it will wait for that.
    pub(in crate::engine) async fn finish(&self) {
        if let (Some(orchestrator), Some(id)) = (self.orchestrator(), self.top_level_run_id())
            && let Err(problem) = orchestrator.finish(id).await
        {
            let run = self.describe();
            tracing::error!(target: "context::run", "not everything about {run} was told: {problem}");
        }
    }

    fn flow_run_id(&self) -> Option<FlowRunId> {
        let Target::Flow(flow) = &self.target else { return None };
        flow.context.as_ref().map(FlowRunContext::id)
    }

    fn top_level_run_id(&self) -> Option<FlowRunId> {
        let Target::Flow(flow) = &self.target else { return None };
        self.flow_run_id().filter(|_| flow.stand_in.is_none())
    }

    /// Ends the run where it is, without a state.
    fn stop(&mut self) {
        self.machine.bury();
        self.ended();
    }

    fn stopped_by(&mut self, source: &OrchestrationError) -> RunError {
        let error = self.unorchestrated(source);
        self.stop();
        error
    }

    fn unorchestrated(&self, source: &OrchestrationError) -> RunError {
        RunErrorKind::Orchestration { run: self.describe(), problem: source.to_string() }.into()
    }
}

fn new_stand_in(flow: &FlowTarget, stand_in: StandIn, flow_name: &str) -> NewStandIn {
    let meta = flow.definition.meta();
    NewStandIn {
        id: stand_in.id,
        name: stand_in.name(flow_name).to_string(),
        task_key: format!("{}-{}", meta.name, meta.short_hash()),
        dynamic_key: stand_in.dynamic_key().to_string(),
        flow_run_id: stand_in.flow_run_id,
        parent: stand_in.parent,
    }
}
