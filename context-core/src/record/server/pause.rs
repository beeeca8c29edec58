//! Pauses of flow runs about which the server decides.
//!
//! A run is proposed to be `Paused`, and then it is waited for that somebody resumes it: by the page of the run, by a
//! command, or by code. The server tells of that by an event. Where it cannot, it is asked every second, and now and then
//! in any case, for an event may get lost.

use std::time::Duration;

use context_client::ApiError;
use context_client::schema::{EventFilter, OrchestrationStatus, StateType as ApiStateType};
use serde_json::Value;

use super::Server;
use super::convert::{proposed, received};
use crate::id::FlowRunId;
use crate::record::{AskedInput, OrchestrationError, Paused, Resumed};
use crate::state::{RunInputKeyset, State, StateType};

/// What is waited for if the server has a run wait and does not say for how long.
const SHORT_WAIT: Duration = Duration::from_secs(1);
/// How often the server is asked where it does not tell.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked where it does.
const CHECKED_EVERY: Duration = Duration::from_secs(15);
/// After which time it is asked again there for the first time; then after twice that, and so on. It begins to tell some
/// time after it was asked to, and what happens before that it does not tell again at once.
const FIRST_CHECKED: Duration = Duration::from_millis(50);

impl Server {
    /// See [`Services::pause`](crate::record::Services::pause).
    pub(super) async fn pause_now(
        &self,
        id: FlowRunId,
        state: State,
        input: Option<AskedInput>,
    ) -> Result<Paused, OrchestrationError> {
        let explain = |error| self.explain(&format!("pause flow run {id}"), &error);
        let body = proposed(&state);
        let answer = loop {
            let answer = {
                let _gate = self.gate().await;
                self.api().set_flow_run_state(id.into(), &body, false).await.map_err(explain)?
            };
            if !matches!(answer.status, OrchestrationStatus::Wait) {
                break answer;
            }
            let delay = answer.details.delay_seconds;
            let delay = delay.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            tokio::time::sleep(delay.unwrap_or(SHORT_WAIT)).await;
        };
        let is_repeated = answer.is_repeated();
        let entered = answer.state.as_ref().and_then(received);
        let is_in = |state_type| entered.as_ref().is_some_and(|s| s.state_type() == state_type);
        match answer.status {
            OrchestrationStatus::Accept => {}
            OrchestrationStatus::Reject if is_repeated => {}
            // It would not go on if it had not been paused, and resumed, under this key before.
            OrchestrationStatus::Reject if is_in(StateType::Running) => return Ok(Paused::Before),
            _ => {
                let reason = answer.details.reason;
                let reason = reason.unwrap_or_else(|| "no reason was given".to_owned());
                return Ok(Paused::Refused(reason));
            }
        }
        if let (Some(input), Some(keyset)) = (input, &state.details().run_input_keyset) {
            self.ask_for_input(id, &input, keyset).await.map_err(explain)?;
        }
        Ok(Paused::Now(entered.unwrap_or(state)))
    }

    /// Keeps what a pause asks for where forms are made of it.
    async fn ask_for_input(
        &self,
        id: FlowRunId,
        input: &AskedInput,
        keyset: &RunInputKeyset,
    ) -> Result<(), ApiError> {
        self.keep_input(id, &keyset.schema, &input.schema.to_string()).await?;
        if let Some(description) = &input.description {
            let text = Value::from(description.as_str()).to_string();
            self.keep_input(id, &keyset.description, &text).await?;
        }
        // An attempt before may have been given an answer to a pause of the same number.
        let _gate = self.gate().await;
        match self.api().delete_flow_run_input(id.into(), &keyset.response).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn keep_input(&self, id: FlowRunId, key: &str, text: &str) -> Result<(), ApiError> {
        let _gate = self.gate().await;
        match self.api().create_flow_run_input(id.into(), key, text).await {
            Err(error) if error.is_conflict() => {
                self.api().delete_flow_run_input(id.into(), key).await?;
                self.api().create_flow_run_input(id.into(), key, text).await
            }
            kept => kept,
        }
    }

    /// See [`Services::resumed`](crate::record::Services::resumed).
    pub(super) async fn left_pause(&self, id: FlowRunId) -> Result<State, OrchestrationError> {
        loop {
            if let Ok(Some(state)) = self.hear_of_end(id).await {
                return Ok(state);
            }
            // Nobody tells. Who cannot answer now is asked again in a second: the pause goes on.
            if let Ok(Some(state)) = self.state_after_pause(id).await {
                return Ok(state);
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// Listens until the run is not paused any more. `None` if the server does not tell any more.
    async fn hear_of_end(&self, id: FlowRunId) -> Result<Option<State>, ApiError> {
        let filter = EventFilter::new()
            .name_prefixes(["prefect.flow-run."])
            .resource_ids([format!("prefect.flow-run.{id}")]);
        let mut told = self.api().subscribe_events(&filter, false).await?;
        let mut patience = FIRST_CHECKED;
        loop {
            // At first, too: it may have been resumed before anybody listened.
            if let Some(state) = self.state_after_pause(id).await? {
                return Ok(Some(state));
            }
            match tokio::time::timeout(patience, told.next()).await {
                Ok(Some(event)) => drop(event?),
                Ok(None) => return Ok(None),
                Err(_) => patience = CHECKED_EVERY.min(2 * patience),
            }
        }
    }

    /// The state that a run is in, if it is not paused.
    async fn state_after_pause(&self, id: FlowRunId) -> Result<Option<State>, ApiError> {
        let run = self.api().with_max_retries(0).read_flow_run(id.into()).await?;
        let state = run.state.as_ref().and_then(received);
        // One that is to be cancelled, or was, is watched, and ends.
        Ok(state.filter(|state| {
            !matches!(
                state.state_type(),
                StateType::Paused | StateType::Cancelling | StateType::Cancelled
            )
        }))
    }

    /// See [`Services::response`](crate::record::Services::response).
    pub(super) async fn read_response(
        &self,
        id: FlowRunId,
        pause_key: &str,
    ) -> Result<Option<Value>, OrchestrationError> {
        let key = RunInputKeyset::of_pause(pause_key).response;
        match self.api().read_flow_run_input(id.into(), &key).await {
            // The server writes what it has checked against the schema.
            Ok(text) => Ok(Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(self.explain(&format!("read the input of flow run {id}"), &error)),
        }
    }

    /// See [`Services::resume`](crate::record::Services::resume).
    pub(super) async fn resume_now(
        &self,
        id: FlowRunId,
        input: Option<Value>,
    ) -> Result<Resumed, OrchestrationError> {
        let explain = |error| self.explain(&format!("resume flow run {id}"), &error);
        let run = match self.api().read_flow_run(id.into()).await {
            Err(error) if error.is_not_found() => return Ok(Resumed::Unknown),
            run => run.map_err(explain)?,
        };
        let is_paused = |state_type: &ApiStateType| *state_type == ApiStateType::Paused;
        match &run.state {
            Some(state) if is_paused(&state.state_type) => {}
            Some(state) => return Ok(Resumed::NotPaused(state.display_name())),
            None => return Ok(Resumed::NotPaused("none".to_owned())),
        }
        let answer = {
            let _gate = self.gate().await;
            self.api().resume_flow_run(id.into(), input).await.map_err(explain)?
        };
        let failed = answer.state.is_some_and(|state| state.state_type == ApiStateType::Failed);
        let reason = answer.details.reason.unwrap_or_else(|| "no reason was given".to_owned());
        Ok(match answer.status {
            OrchestrationStatus::Accept => Resumed::Now,
            OrchestrationStatus::Reject if failed => Resumed::TimedOut,
            _ => Resumed::Refused(reason.strip_prefix("Reason: ").unwrap_or(&reason).to_owned()),
        })
    }
}
