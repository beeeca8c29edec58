//! Limits that a server has for tags: slots that task runs hold while they run.
//!
//! Most tags have no limit. The server says so, and is believed for a while, so that runs of the same tags need not ask
//! one by one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use context_client::ApiError;
use context_client::schema::{
    ConcurrencyLease, ConcurrencyMode, HolderType, LeaseHolder, LimitSlots,
};

use super::Server;
use super::thread::Wanted;
use crate::clock::Timestamp;
use crate::id::TaskRunId;
use crate::record::{Answer, Held};

/// How long it is believed that tags have no limit.
const BELIEVED: Duration = Duration::from_secs(30);
/// For how long slots are given at a time: the shortest that servers allow.
const LEASE: Duration = Duration::from_secs(60);
/// How long to wait for a slot if the server does not say.
const PATIENCE: Duration = Duration::from_secs(1);
/// After which part of that time they are asked for again.
const RENEWED_AFTER: f64 = 0.75;

/// Which tags have no limit, and since when that is known.
#[derive(Debug, Default)]
pub(super) struct KnownLimits(Mutex<HashMap<Vec<String>, Timestamp>>);

impl KnownLimits {
    fn known(&self) -> MutexGuard<'_, HashMap<Vec<String>, Timestamp>> {
        // An entry is there or not, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn are_free(&self, tags: &[String], now: Timestamp) -> bool {
        self.known().get(tags).is_some_and(|since| now.since(*since) < BELIEVED)
    }

    fn note_free(&self, tags: Vec<String>, now: Timestamp) {
        let mut known = self.known();
        known.retain(|_, since| now.since(*since) < BELIEVED);
        known.insert(tags, now);
    }
}

impl Server {
    /// See [`Orchestrator::take_tag_slots`](crate::record::Orchestrator::take_tag_slots).
    pub(super) fn take_slots_of_tags(
        &self,
        id: TaskRunId,
        tags: &[String],
    ) -> Option<Answer<Held>> {
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        if self.0.limits.are_free(&tags, Timestamp::now()) {
            return None;
        }
        let names = tags.iter().map(|tag| format!("tag:{tag}")).collect();
        let holder = LeaseHolder { kind: HolderType::TaskRun, id: id.into() };
        let taking = self.take_slots(names, 1, LEASE, Some(holder));
        let server = self.clone();
        Some(Box::pin(async move {
            let lease = taking.await.map_err(|error| server.explain("take slots for tags", &error));
            Ok(match lease? {
                Some(lease) => Box::new(lease) as Held,
                None => {
                    server.0.limits.note_free(tags, Timestamp::now());
                    Box::new(())
                }
            })
        }))
    }

    /// Takes slots of all limits of these names that there are; waits until it can. `None` if there is none. Stops
    /// waiting when what it gives is dropped.
    pub(crate) fn take_slots(
        &self,
        names: Vec<String>,
        slots: u32,
        duration: Duration,
        holder: Option<LeaseHolder>,
    ) -> impl Future<Output = Result<Option<Lease>, ApiError>> + Send + use<> {
        let server = self.clone();
        self.0.thread.ask_while_wanted(async move {
            loop {
                let mode = ConcurrencyMode::Concurrency;
                let taken = server
                    .api()
                    .increment_concurrency_slots_with_lease(
                        &names,
                        slots,
                        mode,
                        duration,
                        holder.clone(),
                    )
                    .await;
                match taken {
                    Ok(lease) if lease.limits.is_empty() => return Ok(None),
                    Ok(lease) => return Ok(Some(Lease::keep(server, lease, duration))),
                    Err(error) if error.is_locked() => {
                        tokio::time::sleep(error.retry_after().unwrap_or(PATIENCE)).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

/// Slots that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    server: Server,
    lease: ConcurrencyLease,
    renewing: Wanted<()>,
}

impl Lease {
    fn keep(server: Server, lease: ConcurrencyLease, duration: Duration) -> Self {
        let (renewer, id) = (server.clone(), lease.lease_id);
        let renewing = server.0.thread.ask_while_wanted(async move {
            loop {
                tokio::time::sleep(duration.mul_f64(RENEWED_AFTER)).await;
                if let Err(error) = renewer.api().renew_concurrency_lease(id, duration).await {
                    // Others may take the slots. What holds them has begun and goes on.
                    tracing::warn!("slots could not be kept: {error}");
                }
            }
        });
        Self { server, lease, renewing }
    }

    /// The limits of which slots are held.
    pub(crate) fn limits(&self) -> &[LimitSlots] {
        &self.lease.limits
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.stop();
        let (server, id) = (self.server.clone(), self.lease.lease_id);
        self.server.0.thread.spawn(async move {
            if let Err(error) = server.api().release_concurrency_slots_with_lease(id).await {
                // They come back by themselves when the lease ends.
                tracing::warn!("slots could not be given back: {error}");
            }
        });
    }
}
