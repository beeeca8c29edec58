//! Variables.

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{Query, Variable, VariableCreate, VariableUpdate};

impl PrefectClient {
    /// The variable with this name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn read_variable_by_name(&self, name: &str) -> Result<Option<Variable>, ApiError> {
        match self.get(format!("/variables/name/{}", segment(name))).await {
            Ok(variable) => Ok(Some(variable)),
            Err(err) if err.is_not_found() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Creates a variable.
    ///
    /// # Errors
    ///
    /// If there is one with this name (409), the name is not allowed or the value too long (422), or the call fails.
    pub async fn create_variable(&self, variable: &VariableCreate) -> Result<Variable, ApiError> {
        self.post("/variables/".to_owned(), variable).await
    }

    /// Changes the variable with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_variable(
        &self,
        name: &str,
        changes: &VariableUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/variables/name/{}", segment(name)), changes).await
    }

    /// Deletes the variable with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_variable(&self, name: &str) -> Result<(), ApiError> {
        self.delete(format!("/variables/name/{}", segment(name))).await
    }

    /// The variables that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_variables(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<Variable>, ApiError> {
        self.post("/variables/filter".to_owned(), &filter.into()).await
    }
}
