//! Deployments.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{Deployment, DeploymentCreate, DeploymentUpdate, FlowRun, Query};

/// Which scheduled runs are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScheduledBefore {
    /// Those that are to begin before this time.
    pub before: Option<Timestamp>,
    /// So many at most. The server has a limit of its own.
    pub limit: Option<u32>,
}

impl ScheduledBefore {
    pub(super) fn write_to(self, body: &mut serde_json::Value) {
        if let Some(before) = self.before {
            body["scheduled_before"] = json!(before);
        }
        if let Some(limit) = self.limit {
            body["limit"] = json!(limit);
        }
    }
}

impl PrefectClient {
    /// Creates a deployment, or changes the one that the flow has under this name.
    ///
    /// # Errors
    ///
    /// If there is no such flow or work pool (404, 409), the job variables do not fit the pool (409), or the call fails.
    pub async fn create_deployment(
        &self,
        deployment: &DeploymentCreate,
    ) -> Result<Deployment, ApiError> {
        self.post("/deployments/".to_owned(), deployment).await
    }

    /// The deployment with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_deployment(&self, deployment_id: Uuid) -> Result<Deployment, ApiError> {
        self.get(format!("/deployments/{deployment_id}")).await
    }

    /// The deployment with this name, of the flow with that name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_deployment_by_name(
        &self,
        flow_name: &str,
        deployment_name: &str,
    ) -> Result<Deployment, ApiError> {
        let (flow, name) = (segment(flow_name), segment(deployment_name));
        self.get(format!("/deployments/name/{flow}/{name}")).await
    }

    /// Changes a deployment.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_deployment(
        &self,
        deployment_id: Uuid,
        changes: &DeploymentUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/deployments/{deployment_id}"), changes).await
    }

    /// Deletes a deployment. Its runs stay.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_deployment(&self, deployment_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/deployments/{deployment_id}")).await
    }

    /// The deployments that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_deployments(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<Deployment>, ApiError> {
        self.post("/deployments/filter".to_owned(), &filter.into()).await
    }

    /// The runs of these deployments that are to begin, the earliest first. The server takes note that somebody asks.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn get_scheduled_flow_runs_for_deployments(
        &self,
        deployment_ids: &[Uuid],
        scheduled: ScheduledBefore,
    ) -> Result<Vec<FlowRun>, ApiError> {
        let mut body = json!({ "deployment_ids": deployment_ids });
        scheduled.write_to(&mut body);
        self.post("/deployments/get_scheduled_flow_runs".to_owned(), &body).await
    }
}
