//! Automations.

use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{Automation, AutomationCreate, Query};

impl PrefectClient {
    /// Creates an automation.
    ///
    /// # Errors
    ///
    /// If its trigger or one of its actions is not understood (422), or the call fails.
    pub async fn create_automation(
        &self,
        automation: &AutomationCreate,
    ) -> Result<Automation, ApiError> {
        self.post("/automations/".to_owned(), automation).await
    }

    /// The automation with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_automation(&self, automation_id: Uuid) -> Result<Automation, ApiError> {
        self.get(format!("/automations/{automation_id}")).await
    }

    /// The automations that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_automations(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<Automation>, ApiError> {
        self.post("/automations/filter".to_owned(), &filter.into()).await
    }

    /// Replaces an automation. Its owner stays: `owner_resource` is not sent.
    ///
    /// # Errors
    ///
    /// If there is none (404), its trigger or one of its actions is not understood (422), or the call fails.
    pub async fn update_automation(
        &self,
        automation_id: Uuid,
        automation: &AutomationCreate,
    ) -> Result<(), ApiError> {
        let body = AutomationCreate { owner_resource: None, ..automation.clone() };
        self.tell(Verb::Put, format!("/automations/{automation_id}"), &body).await
    }

    /// Deletes an automation.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_automation(&self, automation_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/automations/{automation_id}")).await
    }

    /// The automations that have to do with a resource, such as `prefect.deployment.<uuid>`.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn read_resource_related_automations(
        &self,
        resource_id: &str,
    ) -> Result<Vec<Automation>, ApiError> {
        self.get(format!("/automations/related-to/{}", segment(resource_id))).await
    }

    /// Deletes the automations that belong to a resource, such as `prefect.deployment.<uuid>`.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn delete_resource_owned_automations(
        &self,
        resource_id: &str,
    ) -> Result<(), ApiError> {
        self.delete(format!("/automations/owned-by/{}", segment(resource_id))).await
    }
}
