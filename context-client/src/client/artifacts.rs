//! Artifacts.

use serde::Deserialize;
use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::Verb;
use crate::schema::{Artifact, ArtifactCreate, ArtifactFilter, ArtifactUpdate, Query};

impl PrefectClient {
    /// Creates an artifact. One with a key is a new version of what has that key.
    ///
    /// # Errors
    ///
    /// If the key is not allowed (422), or the call fails.
    pub async fn create_artifact(&self, artifact: &ArtifactCreate) -> Result<Artifact, ApiError> {
        self.post("/artifacts/".to_owned(), artifact).await
    }

    /// Changes an artifact.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_artifact(
        &self,
        artifact_id: Uuid,
        changes: &ArtifactUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/artifacts/{artifact_id}"), changes).await
    }

    /// The artifact with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_artifact(&self, artifact_id: Uuid) -> Result<Artifact, ApiError> {
        self.get(format!("/artifacts/{artifact_id}")).await
    }

    /// The last version of what has this key, or `None` if nothing has.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn read_latest_artifact(&self, key: &str) -> Result<Option<Artifact>, ApiError> {
        /// What the server keeps for a key: a copy of the last version, with an id of its own.
        #[derive(Deserialize)]
        struct Collection {
            latest_id: Uuid,
            #[serde(flatten)]
            copy: Artifact,
        }
        let query = Query::from(ArtifactFilter::new().keys([key])).limit(1);
        let found: Vec<Collection> =
            self.post("/artifacts/latest/filter".to_owned(), &query).await?;
        let artifact = |found: Collection| Artifact { id: found.latest_id, ..found.copy };
        Ok(found.into_iter().next().map(artifact))
    }

    /// The artifacts that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_artifacts(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<Artifact>, ApiError> {
        self.post("/artifacts/filter".to_owned(), &filter.into()).await
    }

    /// Deletes an artifact.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_artifact(&self, artifact_id: Uuid) -> Result<(), ApiError> {
        self.delete(format!("/artifacts/{artifact_id}")).await
    }
}
