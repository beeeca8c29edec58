//! Logs.

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::Verb;
use crate::schema::{Log, LogCreate, Query};

impl PrefectClient {
    /// Appends lines to the logs. A batch that is sent again, because its answer got lost, is appended twice.
    ///
    /// A server with SQLite writes some thousand lines in seconds, in which it does nothing else: send 500 at most.
    ///
    /// # Errors
    ///
    /// If the call fails. Lines of runs that do not exist are accepted.
    pub async fn create_logs(&self, logs: &[LogCreate]) -> Result<(), ApiError> {
        self.tell(Verb::Post, "/logs/".to_owned(), logs).await
    }

    /// The lines that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_logs(&self, filter: impl Into<Query> + Send) -> Result<Vec<Log>, ApiError> {
        self.post("/logs/filter".to_owned(), &filter.into()).await
    }
}
