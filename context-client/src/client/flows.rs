//! Flows.

use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::segment;
use crate::schema::{Flow, FlowCreate, JsonObject, Query};

impl PrefectClient {
    /// Registers the flow `name`. If there is one already, it is the answer, and stays as it is.
    ///
    /// # Errors
    ///
    /// If the name is not allowed (422), or the call fails.
    pub async fn create_flow(&self, name: &str, tags: &[String]) -> Result<Flow, ApiError> {
        self.create_flow_with(&FlowCreate {
            name: name.to_owned(),
            tags: tags.to_vec(),
            labels: JsonObject::new(),
        })
        .await
    }

    /// Registers a flow, with labels.
    ///
    /// # Errors
    ///
    /// As [`create_flow`](Self::create_flow).
    pub async fn create_flow_with(&self, flow: &FlowCreate) -> Result<Flow, ApiError> {
        self.post("/flows/".to_owned(), flow).await
    }

    /// The flow with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_flow(&self, flow_id: Uuid) -> Result<Flow, ApiError> {
        self.get(format!("/flows/{flow_id}")).await
    }

    /// The flow with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_flow_by_name(&self, name: &str) -> Result<Flow, ApiError> {
        self.get(format!("/flows/name/{}", segment(name))).await
    }

    /// The flows that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_flows(&self, filter: impl Into<Query> + Send) -> Result<Vec<Flow>, ApiError> {
        self.post("/flows/filter".to_owned(), &filter.into()).await
    }

    /// Deletes a flow with its runs and deployments.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_flow(&self, flow_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/flows/{flow_id}")).await
    }
}
