//! The server itself.

use serde::Deserialize;
use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;

impl PrefectClient {
    /// Whether the server is there. It needs no credentials, and says nothing about the database.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub async fn api_healthcheck(&self) -> Result<(), ApiError> {
        self.get::<serde::de::IgnoredAny>("/health".to_owned()).await.map(drop)
    }

    /// The version of the API that the server speaks, such as `0.8.4`.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn api_version(&self) -> Result<String, ApiError> {
        self.get("/version".to_owned()).await
    }

    /// The version of the server, such as `3.8.8`.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn server_version(&self) -> Result<String, ApiError> {
        self.get("/admin/version".to_owned()).await
    }

    /// The block in which results are kept where nothing else is said. `None` if the server names none.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked.
    pub async fn read_server_default_result_storage(&self) -> Result<Option<Uuid>, ApiError> {
        #[derive(Deserialize)]
        struct Storage {
            #[serde(default)]
            default_result_storage_block_id: Option<Uuid>,
        }
        let storage: Storage = self.get("/admin/storage".to_owned()).await?;
        Ok(storage.default_result_storage_block_id)
    }
}
