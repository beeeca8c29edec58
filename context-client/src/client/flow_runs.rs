//! Flow runs: created, brought from state to state, paused, read.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{
    DeploymentFlowRunCreate, FlowRun, FlowRunCreate, FlowRunInput, FlowRunUpdate, Graph,
    JsonObject, OrchestrationResult, Query, State, StateCreate,
};

/// A proposal of a state.
#[derive(Serialize)]
pub(super) struct Proposal<'a> {
    state: std::borrow::Cow<'a, StateCreate>,
    force: bool,
}

impl<'a> Proposal<'a> {
    /// With an id of its own, so that the server recognises it when it is sent again.
    pub(super) fn new(state: &'a StateCreate, force: bool) -> Self {
        let mut state = std::borrow::Cow::Borrowed(state);
        if state.state_details.transition_id.is_none() {
            state.to_mut().state_details.transition_id = Some(Uuid::new_v4());
        }
        Self { state, force }
    }
}

impl PrefectClient {
    /// Creates a flow run.
    ///
    /// # Errors
    ///
    /// If there is no such flow (409), the parameters do not fit or are too large (409, 422), or the call fails.
    pub async fn create_flow_run(&self, run: &FlowRunCreate) -> Result<FlowRun, ApiError> {
        self.post("/flow_runs/".to_owned(), run).await
    }

    /// Creates a flow run of a deployment.
    ///
    /// # Errors
    ///
    /// If there is no such deployment (404), the parameters do not fit (409, 422), or the call fails.
    pub async fn create_flow_run_from_deployment(
        &self,
        deployment_id: Uuid,
        run: &DeploymentFlowRunCreate,
    ) -> Result<FlowRun, ApiError> {
        self.post(format!("/deployments/{deployment_id}/create_flow_run"), run).await
    }

    /// The flow run with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_flow_run(&self, flow_run_id: Uuid) -> Result<FlowRun, ApiError> {
        self.get(format!("/flow_runs/{flow_run_id}")).await
    }

    /// The flow runs that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_flow_runs(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<FlowRun>, ApiError> {
        self.post("/flow_runs/filter".to_owned(), &filter.into()).await
    }

    /// How many flow runs a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn count_flow_runs(&self, filter: impl Into<Query> + Send) -> Result<u64, ApiError> {
        self.post("/flow_runs/count".to_owned(), &filter.into()).await
    }

    /// Changes a flow run. Its state is changed by [`set_flow_run_state`](Self::set_flow_run_state).
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_flow_run(
        &self,
        flow_run_id: Uuid,
        changes: &FlowRunUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/flow_runs/{flow_run_id}"), changes).await
    }

    /// Sets labels of a flow run: texts, numbers and booleans. Labels that are not named stay.
    ///
    /// # Errors
    ///
    /// If there is none (404), a label has another type (422), or the call fails.
    pub async fn update_flow_run_labels(
        &self,
        flow_run_id: Uuid,
        labels: &JsonObject,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/flow_runs/{flow_run_id}/labels"), labels).await
    }

    /// Deletes a flow run with its task runs.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_flow_run(&self, flow_run_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/flow_runs/{flow_run_id}")).await
    }

    /// Proposes a state for a flow run. The server accepts it, or answers with another one; see
    /// [`OrchestrationStatus`](crate::schema::OrchestrationStatus). With `force` it accepts whatever it is.
    ///
    /// A proposal without a `transition_id` gets a new one. By it the server recognises a proposal that is sent again;
    /// see [`is_repeated`](OrchestrationResult::is_repeated).
    ///
    /// # Errors
    ///
    /// If there is no such run (404), the state is not understood (422), or the call fails. A rejected state is no
    /// error.
    pub async fn set_flow_run_state(
        &self,
        flow_run_id: Uuid,
        state: &StateCreate,
        force: bool,
    ) -> Result<OrchestrationResult, ApiError> {
        let path = format!("/flow_runs/{flow_run_id}/set_state");
        self.post(path, &Proposal::new(state, force)).await
    }

    /// The states of a flow run, in their order.
    ///
    /// # Errors
    ///
    /// If the call fails. A run that does not exist has no states.
    pub async fn read_flow_run_states(&self, flow_run_id: Uuid) -> Result<Vec<State>, ApiError> {
        self.get(format!("/flow_run_states/?flow_run_id={flow_run_id}")).await
    }

    /// Resumes a paused flow run, with the input that it waits for.
    ///
    /// # Errors
    ///
    /// If there is no such run, or the call fails. A run that is not paused, or whose input does not fit, is answered
    /// with a rejection.
    pub async fn resume_flow_run(
        &self,
        flow_run_id: Uuid,
        run_input: Option<Value>,
    ) -> Result<OrchestrationResult, ApiError> {
        let body = run_input.map_or_else(|| json!({}), |input| json!({ "run_input": input }));
        self.post(format!("/flow_runs/{flow_run_id}/resume"), &body).await
    }

    /// Keeps a text, mostly JSON, for a flow run under a key that it does not have yet.
    ///
    /// # Errors
    ///
    /// If there is no such run, or it has the key (409), or the call fails.
    pub async fn create_flow_run_input(
        &self,
        flow_run_id: Uuid,
        key: &str,
        value: &str,
    ) -> Result<(), ApiError> {
        let body = json!({ "key": key, "value": value });
        self.tell(Verb::Post, format!("/flow_runs/{flow_run_id}/input"), &body).await
    }

    /// The text that is kept under a key.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_flow_run_input(
        &self,
        flow_run_id: Uuid,
        key: &str,
    ) -> Result<String, ApiError> {
        // The server sends the text as it is, and says that it is JSON. It is, as a text in JSON or as the JSON itself.
        let path = format!("/flow_runs/{flow_run_id}/input/{}", segment(key));
        self.send(Verb::Get, path, None).await?.text()
    }

    /// The inputs whose key begins with `prefix`, without those in `exclude_keys`; `limit` of them at most.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn filter_flow_run_input(
        &self,
        flow_run_id: Uuid,
        prefix: &str,
        limit: u32,
        exclude_keys: &[String],
    ) -> Result<Vec<FlowRunInput>, ApiError> {
        let body = json!({ "prefix": prefix, "limit": limit, "exclude_keys": exclude_keys });
        self.post(format!("/flow_runs/{flow_run_id}/input/filter"), &body).await
    }

    /// Deletes what is kept under a key.
    ///
    /// # Errors
    ///
    /// If there is nothing (404), or the call fails.
    pub async fn delete_flow_run_input(
        &self,
        flow_run_id: Uuid,
        key: &str,
    ) -> Result<(), ApiError> {
        self.delete(format!("/flow_runs/{flow_run_id}/input/{}", segment(key))).await
    }

    /// What ran in a flow run, and what depended on what.
    ///
    /// # Errors
    ///
    /// If there is no such run (404), or the call fails.
    pub async fn read_flow_run_graph(&self, flow_run_id: Uuid) -> Result<Graph, ApiError> {
        self.get(format!("/flow_runs/{flow_run_id}/graph-v2")).await
    }
}
