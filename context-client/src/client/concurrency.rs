//! Concurrency limits.
//!
//! Slots that are taken are no error of the way to the server: the 423 comes back at once, and whoever wants the slots
//! decides how long to wait for them ([`ApiError::retry_after`]).

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{
    ConcurrencyLease, ConcurrencyLimit, ConcurrencyMode, GlobalConcurrencyLimit,
    GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate, LeaseHolder, LimitSlots, Query,
};

/// Whole seconds are written as a whole number, as Prefect does.
fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        Value::from(duration.as_secs())
    } else {
        Value::from(duration.as_secs_f64())
    }
}

impl PrefectClient {
    /// Takes `slots` of each of the limits. With [`ConcurrencyMode::RateLimit`] they come back by themselves; otherwise
    /// they are [given back](Self::release_concurrency_slots), or never. The answer has the limits that exist.
    ///
    /// # Errors
    ///
    /// If there are not enough slots now ([`is_locked`](ApiError::is_locked)) or ever (422), or the call fails.
    pub async fn increment_concurrency_slots(
        &self,
        names: &[String],
        slots: u32,
        mode: ConcurrencyMode,
    ) -> Result<Vec<LimitSlots>, ApiError> {
        let body = json!({ "names": names, "slots": slots, "mode": mode });
        self.post("/v2/concurrency_limits/increment".to_owned(), &body).await
    }

    /// Takes `slots` of each of the limits, until they are
    /// [released](Self::release_concurrency_slots_with_lease), or for `lease_duration` (60 s at least), unless it is
    /// [renewed](Self::renew_concurrency_lease).
    ///
    /// Limits that do not exist are left out. If none exists, nothing is held, and nothing is to be released.
    ///
    /// # Errors
    ///
    /// If there are not enough slots now ([`is_locked`](ApiError::is_locked)) or ever (422), or the call fails.
    pub async fn increment_concurrency_slots_with_lease(
        &self,
        names: &[String],
        slots: u32,
        mode: ConcurrencyMode,
        lease_duration: Duration,
        holder: Option<LeaseHolder>,
    ) -> Result<ConcurrencyLease, ApiError> {
        let mut body = json!({
            "names": names,
            "slots": slots,
            "mode": mode,
            "lease_duration": seconds(lease_duration),
        });
        if let Some(holder) = holder {
            body["holder"] = json!(holder);
        }
        self.post("/v2/concurrency_limits/increment-with-lease".to_owned(), &body).await
    }

    /// Makes a lease last for `lease_duration` (60 s at least) from now.
    ///
    /// # Errors
    ///
    /// If it has ended (410), or the call fails.
    pub async fn renew_concurrency_lease(
        &self,
        lease_id: Uuid,
        lease_duration: Duration,
    ) -> Result<(), ApiError> {
        let path = format!("/v2/concurrency_limits/leases/{lease_id}/renew");
        let body = json!({ "lease_duration": seconds(lease_duration) });
        self.tell(Verb::Post, path, &body).await
    }

    /// Gives the slots of a lease back. It may be done twice.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn release_concurrency_slots_with_lease(
        &self,
        lease_id: Uuid,
    ) -> Result<(), ApiError> {
        let path = "/v2/concurrency_limits/decrement-with-lease".to_owned();
        self.tell(Verb::Post, path, &json!({ "lease_id": lease_id })).await
    }

    /// Gives slots back that were taken [without a lease](Self::increment_concurrency_slots). `occupancy` is for how
    /// long they were held, from which the server tells others how long to wait.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn release_concurrency_slots(
        &self,
        names: &[String],
        slots: u32,
        occupancy: Option<Duration>,
    ) -> Result<Vec<LimitSlots>, ApiError> {
        let mut body = json!({ "names": names, "slots": slots });
        if let Some(occupancy) = occupancy {
            body["occupancy_seconds"] = seconds(occupancy);
        }
        self.post("/v2/concurrency_limits/decrement".to_owned(), &body).await
    }

    /// Creates a limit with a name.
    ///
    /// # Errors
    ///
    /// If there is one with this name (409), or the call fails.
    pub async fn create_global_concurrency_limit(
        &self,
        limit: &GlobalConcurrencyLimitCreate,
    ) -> Result<GlobalConcurrencyLimit, ApiError> {
        self.post("/v2/concurrency_limits/".to_owned(), limit).await
    }

    /// The limit with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn read_global_concurrency_limit(
        &self,
        name: &str,
    ) -> Result<GlobalConcurrencyLimit, ApiError> {
        self.get(format!("/v2/concurrency_limits/{}", segment(name))).await
    }

    /// The limits with names, as a query without filters ([`Query::limit`], [`Query::offset`]) asks for them.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn read_global_concurrency_limits(
        &self,
        filter: impl Into<Query> + Send,
    ) -> Result<Vec<GlobalConcurrencyLimit>, ApiError> {
        self.post("/v2/concurrency_limits/filter".to_owned(), &filter.into()).await
    }

    /// Changes the limit with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn update_global_concurrency_limit(
        &self,
        name: &str,
        changes: &GlobalConcurrencyLimitUpdate,
    ) -> Result<(), ApiError> {
        self.tell(Verb::Patch, format!("/v2/concurrency_limits/{}", segment(name)), changes).await
    }

    /// Deletes the limit with this name.
    ///
    /// # Errors
    ///
    /// If there is none (404), or the call fails.
    pub async fn delete_global_concurrency_limit(&self, name: &str) -> Result<(), ApiError> {
        self.delete(format!("/v2/concurrency_limits/{}", segment(name))).await
    }

    /// Lets only so many task runs with a tag run at once. If the tag has a limit, it is changed.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn create_concurrency_limit(
        &self,
        tag: &str,
        concurrency_limit: u32,
    ) -> Result<ConcurrencyLimit, ApiError> {
        let body = json!({ "tag": tag, "concurrency_limit": concurrency_limit });
        self.post("/concurrency_limits/".to_owned(), &body).await
    }

    /// The limit of a tag.
    ///
    /// # Errors
    ///
    /// If it has none (404), or the call fails.
    pub async fn read_concurrency_limit_by_tag(
        &self,
        tag: &str,
    ) -> Result<ConcurrencyLimit, ApiError> {
        self.get(format!("/concurrency_limits/tag/{}", segment(tag))).await
    }

    /// Removes the limit of a tag.
    ///
    /// # Errors
    ///
    /// If it has none (404), or the call fails.
    pub async fn delete_concurrency_limit_by_tag(&self, tag: &str) -> Result<(), ApiError> {
        self.delete(format!("/concurrency_limits/tag/{}", segment(tag))).await
    }
}
