//! Flow runs: registered with the server, which then decides about their states.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::atomic::Ordering;
use std::time::Duration;

use context_client::schema::{
    FlowRunCreate, FlowRunPolicy, FlowRunUpdate, OrchestrationResult, OrchestrationStatus,
    RetryDelay, StateCreate, StateType as ApiStateType, TaskInput, TaskRunCreate, TaskRunPolicy,
};
use serde_json::Value;
use uuid::Uuid;

use super::convert::{proposed, received};
use super::event::FlowRunFacts;
use super::{FINISHES_AT_EXIT, Server, random_uuid};
use crate::id::{FlowRunId, TaskRunId};
use crate::record::{
    Answer, Cancellation, Decision, Held, NewFlowRun, NewStandIn, OrchestrationError, Orchestrator,
    Origin, RegisteredFlowRun, TaskInputs,
};
use crate::state::State;

/// What is waited for if the server has a run wait and does not say for how long.
const SHORT_WAIT: Duration = Duration::from_secs(1);

impl Orchestrator for Server {
    fn register(&self, run: NewFlowRun) -> Answer<RegisteredFlowRun> {
        let server = self.clone();
        Box::pin(self.0.thread.ask(async move { server.register_now(run).await }))
    }

    fn rename(&self, id: FlowRunId, name: String) -> Answer<()> {
        let server = self.clone();
        Box::pin(self.0.thread.ask(async move {
            let client = server.api();
            let update = FlowRunUpdate { name: Some(name.clone()), ..FlowRunUpdate::default() };
            let written = {
                let _gate = server.gate().await;
                client.update_flow_run(id.into(), &update).await
            };
            written.map_err(|error| server.explain("name the flow run", &error))?;
            server.delivery().rename_flow_run(id, name);
            Ok(())
        }))
    }

    fn propose(&self, id: FlowRunId, state: State, force: bool) -> Answer<Decision> {
        let server = self.clone();
        Box::pin(self.0.thread.ask(async move { server.propose_now(id, state, force).await }))
    }

    fn watch(&self, id: FlowRunId, cancellation: Cancellation) -> Held {
        Box::new(self.watch_run(id, cancellation))
    }

    fn finish(&self, id: FlowRunId) -> Answer<()> {
        let server = self.clone();
        let finishing = self.0.thread.ask(async move {
            server.finish_now(id).await;
            Ok(())
        });
        if FINISHES_AT_EXIT.load(Ordering::Relaxed) {
            return Box::pin(ready(Ok(())));
        }
        Box::pin(finishing)
    }

    fn take_tag_slots(&self, run: &Origin, tags: &[String]) -> Option<Answer<Held>> {
        self.take_slots_of_tags(run, tags)
    }
}

impl Server {
    async fn register_now(&self, run: NewFlowRun) -> Result<RegisteredFlowRun, OrchestrationError> {
        self.check_version().await?;
        let client = self.api();
        let explain =
            |error| self.explain(&format!("register a run of flow `{}`", run.flow_name), &error);
        let stand_in = match &run.stand_in {
            None => None,
            Some(stand_in) => {
                let create = stand_in_create(stand_in, &run);
                let _gate = self.gate().await;
                Some(client.create_task_run(&create).await.map_err(explain)?.id)
            }
        };
        let flow_id = self.flow_id(&run.flow_name).await?;
        let create = FlowRunCreate {
            flow_version: Some(run.flow_version.clone()),
            parameters: run
                .parameters
                .iter()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            parent_task_run_id: stand_in,
            empirical_policy: Some(policy(&run)),
            tags: run.tags.iter().map(ToString::to_string).collect(),
            // The answer may get lost, and the same be sent again.
            idempotency_key: Some(random_uuid().to_string()),
            state: Some(StateCreate::new(ApiStateType::Pending).with_name("Pending")),
            ..FlowRunCreate::new(flow_id)
        };
        let created = {
            let _gate = self.gate().await;
            client.create_flow_run(&create).await.map_err(explain)?
        };
        let id = FlowRunId::from(created.id);
        let outer = run.stand_in.as_ref().map(|stand_in| stand_in.flow_run_id);
        self.delivery().known_flow_run(FlowRunFacts {
            id,
            name: created.name.clone(),
            flow_id,
            flow_name: run.flow_name,
            tags: run.tags,
            outer,
        });
        Ok(RegisteredFlowRun { id, name: created.name, stand_in: stand_in.map(TaskRunId::from) })
    }

    /// The flow's id; asked for once.
    async fn flow_id(&self, name: &str) -> Result<Uuid, OrchestrationError> {
        if let Some(known) = self.0.connection.flow(name) {
            return Ok(known);
        }
        let created = {
            let _gate = self.gate().await;
            self.api().create_flow(name, &[]).await
        };
        let flow =
            created.map_err(|error| self.explain(&format!("register flow `{name}`"), &error))?;
        self.0.connection.note_flow(name, flow.id);
        Ok(flow.id)
    }

    async fn propose_now(
        &self,
        id: FlowRunId,
        state: State,
        force: bool,
    ) -> Result<Decision, OrchestrationError> {
        let client = self.api();
        let body = proposed(&state);
        let answer = {
            let _gate = self.gate().await;
            client.set_flow_run_state(id.into(), &body, force).await
        };
        match answer {
            Ok(answer) => self.decision(answer, state),
            Err(error) if state.is_terminal() && error.is_unreachable() => {
                // The run has ended, whether or not the server can be told now.
                self.delivery().keep_final_state(id, &body);
                tracing::warn!(
                    "{}",
                    self.explain("tell how a flow run ended, and will be later", &error)
                );
                Ok(Decision::Accept(state))
            }
            Err(error) => {
                let doing = format!("bring flow run {id} into state `{}`", state.name());
                Err(self.explain(&doing, &error))
            }
        }
    }

    fn decision(
        &self,
        answer: OrchestrationResult,
        state: State,
    ) -> Result<Decision, OrchestrationError> {
        let repeated = answer.is_repeated();
        let reason = answer.details.reason.unwrap_or_else(|| "no reason was given".to_owned());
        let entered = answer.state.as_ref().map(|state| {
            received(state).ok_or_else(|| {
                let known = state.state_type.as_str();
                OrchestrationError::new(format!(
                    "the server at {} has answered with a state of type `{known}`, which this version does not know; \
                     update the crate `context`",
                    self.api_url(),
                ))
            })
        });
        Ok(match (answer.status, entered.transpose()?) {
            (OrchestrationStatus::Wait, _) => {
                let delay = answer.details.delay_seconds;
                let delay = delay.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Decision::Wait(delay.unwrap_or(SHORT_WAIT))
            }
            (OrchestrationStatus::Abort, _) => Decision::Abort(reason),
            (OrchestrationStatus::Reject, Some(other)) if !repeated => {
                Decision::Reject(other, reason)
            }
            // Times of one run must increase, also where clocks differ.
            (_, Some(entered)) => Decision::Accept(entered),
            (_, None) => Decision::Accept(state),
        })
    }
}

fn policy(run: &NewFlowRun) -> FlowRunPolicy {
    // The server counts whole seconds. A shorter wait than was asked for would be wrong, a longer one is late.
    let seconds = run.retry_delay.as_secs() + u64::from(run.retry_delay.subsec_nanos() > 0);
    FlowRunPolicy {
        retries: Some(run.retries),
        retry_delay: Some(seconds),
        ..FlowRunPolicy::default()
    }
}

fn stand_in_create(stand_in: &NewStandIn, run: &NewFlowRun) -> TaskRunCreate {
    let mut task_inputs: BTreeMap<String, Vec<TaskInput>> = run
        .parameters
        .iter()
        .map(|(name, _): (&str, &Value)| (name.to_owned(), Vec::new()))
        .collect();
    if let Some(parent) = stand_in.parent {
        let parent = TaskInput::TaskRun { id: parent.into() };
        task_inputs.insert(TaskInputs::PARENTS.to_owned(), vec![parent]);
    }
    TaskRunCreate {
        id: Some(stand_in.id.into()),
        name: Some(stand_in.name.clone()),
        flow_run_id: Some(stand_in.flow_run_id.into()),
        task_key: stand_in.task_key.clone(),
        dynamic_key: stand_in.dynamic_key.clone(),
        task_version: Some(run.flow_version.clone()),
        tags: run.tags.iter().map(ToString::to_string).collect(),
        task_inputs,
        // It is the flow run that is retried.
        empirical_policy: Some(TaskRunPolicy {
            retries: Some(0),
            retry_delay: Some(RetryDelay::Seconds(0.0)),
            ..TaskRunPolicy::default()
        }),
        state: Some(StateCreate::new(ApiStateType::Pending).with_name("Pending")),
        ..TaskRunCreate::default()
    }
}
