//! Work pools, their queues, and what workers get from them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FlowRun, JsonObject, null_as_default, open_enum::open_enum};

open_enum! {
    /// Whether somebody works for a pool.
    pub enum WorkPoolStatus {
        /// Somebody does.
        Ready = "READY",
        /// Nobody was heard of of late.
        NotReady = "NOT_READY",
        /// It rests.
        Paused = "PAUSED",
    }
}

open_enum! {
    /// Whether somebody works for a queue.
    pub enum WorkQueueStatus {
        /// Somebody does.
        Ready = "READY",
        /// Nobody has asked for work of late.
        NotReady = "NOT_READY",
        /// It rests.
        Paused = "PAUSED",
    }
}

/// A work pool to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkPoolCreate {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which kind of worker works for it, such as `process`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What its jobs are made of. If it is empty, the first worker fills it in.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub base_job_template: JsonObject,
    /// Whether it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_paused: Option<bool>,
    /// So many of its runs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
}

/// What is to be changed of a work pool. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkPoolUpdate {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its jobs are made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_job_template: Option<JsonObject>,
    /// Whether it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_paused: Option<bool>,
    /// So many of its runs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
}

/// A work pool, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct WorkPool {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Which kind of worker works for it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What its jobs are made of.
    #[serde(default, deserialize_with = "null_as_default")]
    pub base_job_template: JsonObject,
    /// Whether it rests.
    #[serde(default)]
    pub is_paused: bool,
    /// So many of its runs at once.
    #[serde(default)]
    pub concurrency_limit: Option<u32>,
    /// How many of them there are now.
    #[serde(default)]
    pub active_slots: Option<u64>,
    /// Whether somebody works for it.
    #[serde(default)]
    pub status: Option<WorkPoolStatus>,
    /// The queue of those who name none.
    #[serde(default)]
    pub default_queue_id: Option<Uuid>,
}

/// A queue of a work pool, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct WorkQueue {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it rests.
    #[serde(default)]
    pub is_paused: bool,
    /// So many of its runs at once.
    #[serde(default)]
    pub concurrency_limit: Option<u32>,
    /// Its rank; 1 goes first.
    #[serde(default)]
    pub priority: Option<u32>,
    /// The pool's id.
    #[serde(default)]
    pub work_pool_id: Option<Uuid>,
    /// The pool's name.
    #[serde(default)]
    pub work_pool_name: Option<String>,
    /// When somebody last asked for its runs.
    #[serde(default)]
    pub last_polled: Option<Timestamp>,
    /// Whether somebody works for it.
    #[serde(default)]
    pub status: Option<WorkQueueStatus>,
}

/// A flow run that a worker is to execute.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct WorkerFlowRun {
    /// The pool it comes from.
    pub work_pool_id: Uuid,
    /// The queue it comes from.
    pub work_queue_id: Uuid,
    /// The run.
    pub flow_run: FlowRun,
}
