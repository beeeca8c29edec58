//! Work pools and their queues.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{PrefectClient, ScheduledBefore};
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{Query, WorkPool, WorkPoolCreate, WorkPoolUpdate, WorkQueue, WorkerFlowRun};

impl PrefectClient {
    /// Creates a work pool.
    ///
    /// # Errors
    ///
    /// If there is one with this name (409), or the call fails.
    pub async fn create_work_pool(&self, pool: &WorkPoolCreate) -> Result<WorkPool, ApiError> {
        self.post("/work_pools/".to_owned(), pool).await
    }

    /// The work pool with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_work_pool(&self, name: &str) -> Result<WorkPool, ApiError> {
        self.get(format!("/work_pools/{}", segment(name))).await
    }

    /// The work pools that a query finds.
    ///
    /// # Errors
    ///
    /// If the query is not understood (422), or the call fails.
    pub async fn read_work_pools(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<WorkPool>, ApiError> {
        self.post("/work_pools/filter".to_owned(), &filter.into()).await
    }

    /// Changes the work pool with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_work_pool(
        &self,
        name: &str,
        changes: &WorkPoolUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/work_pools/{}", segment(name)), changes).await
    }

    /// Deletes the work pool with this name, with its queues.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_work_pool(&self, name: &str) -> Result<(), ApiError> {
        self.delete(format!("/work_pools/{}", segment(name))).await
    }

    /// The runs that wait in these queues of a pool, or in all if none is named.
    ///
    /// # Errors
    ///
    /// If there is no such pool or queue (404), or the call fails.
    pub async fn get_scheduled_flow_runs_for_work_pool(
        &self,
        work_pool_name: &str,
        work_queue_names: &[String],
        scheduled: ScheduledBefore,
    ) -> Result<Vec<WorkerFlowRun>, ApiError> {
        let mut body = json!({ "work_queue_names": work_queue_names });
        scheduled.write_to(&mut body);
        let path = format!("/work_pools/{}/get_scheduled_flow_runs", segment(work_pool_name));
        self.post(path, &body).await
    }

    /// Says that a worker is there. After `heartbeat_interval` without another word it counts as late.
    ///
    /// # Errors
    ///
    /// If there is no such pool (404), or the call fails.
    pub async fn send_worker_heartbeat(
        &self,
        work_pool_name: &str,
        worker_name: &str,
        heartbeat_interval: Option<Duration>,
    ) -> Result<(), ApiError> {
        let mut body = json!({ "name": worker_name });
        if let Some(interval) = heartbeat_interval {
            body["heartbeat_interval_seconds"] = json!(interval.as_secs());
        }
        let path = format!("/work_pools/{}/workers/heartbeat", segment(work_pool_name));
        self.tell(Verb::Post, path, &body).await
    }

    /// The queue with this id.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_work_queue(&self, work_queue_id: Uuid) -> Result<WorkQueue, ApiError> {
        self.get(format!("/work_queues/{work_queue_id}")).await
    }

    /// The queue with this name, of the pool with that name, or of the default pool if none is named.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_work_queue_by_name(
        &self,
        name: &str,
        work_pool_name: Option<&str>,
    ) -> Result<WorkQueue, ApiError> {
        let name = segment(name);
        self.get(match work_pool_name {
            Some(pool) => format!("/work_pools/{}/queues/{name}", segment(pool)),
            None => format!("/work_queues/name/{name}"),
        })
        .await
    }

    /// The queues of a pool, as a query without filters asks for them; of all pools if none is named.
    ///
    /// # Errors
    ///
    /// If there is no such pool (404), or the call fails.
    pub async fn read_work_queues(
        &self,
        work_pool_name: Option<&str>,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<WorkQueue>, ApiError> {
        let path = match work_pool_name {
            Some(pool) => format!("/work_pools/{}/queues/filter", segment(pool)),
            None => "/work_queues/filter".to_owned(),
        };
        self.post(path, &filter.into()).await
    }
}
