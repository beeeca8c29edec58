//! Logs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A line to log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogCreate {
    /// The logger: `prefect.flow_runs`, `prefect.task_runs`, or any other.
    pub name: String,
    /// How grave it is: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
    pub level: i32,
    /// The line. The server sets no limit, Prefect's client cuts at 1 MB.
    pub message: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// The flow run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_id: Option<Uuid>,
    /// The task run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_run_id: Option<Uuid>,
}

/// A line that was logged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Log {
    /// Its id. `None` in a subscription.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// The logger.
    pub name: String,
    /// How grave it is: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
    pub level: i32,
    /// The line.
    pub message: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// The flow run it belongs to.
    #[serde(default)]
    pub flow_run_id: Option<Uuid>,
    /// The task run it belongs to.
    #[serde(default)]
    pub task_run_id: Option<Uuid>,
}
