//! Task runs.

use uuid::Uuid;

use super::PrefectClient;
use super::flow_runs::Proposal;
use crate::error::ApiError;
use crate::schema::{OrchestrationResult, Query, State, StateCreate, TaskRun, TaskRunCreate};

impl PrefectClient {
    /// Creates a task run. If its flow run has one with the same two keys, that one is the answer.
    ///
    /// # Errors
    ///
    /// If there is no such flow run (409), or the call fails.
    pub async fn create_task_run(&self, run: &TaskRunCreate) -> Result<TaskRun, ApiError> {
        self.post("/task_runs/".to_owned(), run).await
    }

    /// The task run with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_task_run(&self, task_run_id: Uuid) -> Result<TaskRun, ApiError> {
        self.get(format!("/task_runs/{task_run_id}")).await
    }

    /// The task runs that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_task_runs(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<TaskRun>, ApiError> {
        self.post("/task_runs/filter".to_owned(), &filter.into()).await
    }

    /// How many task runs a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn count_task_runs(&self, filter: impl Into<Query> + Send) -> Result<u64, ApiError> {
        self.post("/task_runs/count".to_owned(), &filter.into()).await
    }

    /// The states of a task run, in their order.
    ///
    /// # Errors
    ///
    /// If the call fails. A run that does not exist has no states.
    pub async fn read_task_run_states(&self, task_run_id: Uuid) -> Result<Vec<State>, ApiError> {
        self.get(format!("/task_run_states/?task_run_id={task_run_id}")).await
    }

    /// Proposes a state for a task run that was created with [`create_task_run`](Self::create_task_run). See
    /// [`set_flow_run_state`](Self::set_flow_run_state).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_task_run_state(
        &self,
        task_run_id: Uuid,
        state: &StateCreate,
        force: bool,
    ) -> Result<OrchestrationResult, ApiError> {
        let path = format!("/task_runs/{task_run_id}/set_state");
        self.post(path, &Proposal::new(state, force)).await
    }

    /// Deletes a task run.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_task_run(&self, task_run_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/task_runs/{task_run_id}")).await
    }
}
