//! Limits that a server has: slots that somebody holds, or that come back by themselves.
//!
//! Slots that are held are leased: the lease is renewed while they are needed, and ends by itself if nobody does that any
//! more. Those who want slots of the same limits stand in line here: the first asks the server, again and again if it must,
//! and the others wait for their turn. Whoever does not want them any more leaves; what the server has given meanwhile is
//! given back.
//!
//! Most tags have no limit. The server says so, and is believed for a while, so that runs of the same tags need not ask
//! one by one.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use context_client::ApiError;
use context_client::schema::{ConcurrencyMode, HolderType, LeaseHolder, LimitSlots};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use uuid::Uuid;

use super::Server;
use super::thread::Wanted;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::record::{
    Answer, CustomEvent, Held, Limit, OrchestrationError, Origin, RunEvent, Slots, WantedSlots,
};

/// How long it is believed that tags have no limit.
const BELIEVED: Duration = Duration::from_secs(30);
/// For how long slots for tags are given at a time: the shortest that servers allow.
const TAG_LEASE: Duration = Duration::from_secs(60);
/// For how long other slots are given at a time.
const LEASE: Duration = Duration::from_secs(300);
/// After which part of that time they are asked for again.
const RENEWED_AFTER: f64 = 0.75;
/// How long to wait for a slot if the server does not say.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of the server's limits, and who stands in line.
#[derive(Debug, Default)]
pub(super) struct KnownLimits {
    /// Which tags have no limit, and since when that is known.
    free: Mutex<HashMap<Vec<String>, Timestamp>>,
    /// By the names of the limits: held by the first.
    lines: Mutex<HashMap<Vec<String>, Weak<AsyncMutex<()>>>>,
}

/// Maps are never left half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KnownLimits {
    fn are_free(&self, tags: &[String], now: Timestamp) -> bool {
        lock(&self.free).get(tags).is_some_and(|since| now.since(*since) < BELIEVED)
    }

    fn note_free(&self, tags: Vec<String>, now: Timestamp) {
        let mut free = lock(&self.free);
        free.retain(|_, since| now.since(*since) < BELIEVED);
        free.insert(tags, now);
    }

    fn line(&self, names: &[String]) -> Arc<AsyncMutex<()>> {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.get(names).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::default();
        lines.insert(names.to_vec(), Arc::downgrade(&line));
        line
    }
}

/// Slots that were given.
#[derive(Debug)]
struct Given {
    limits: Vec<Limit>,
    /// Nothing if they come back by themselves, and if there is no limit.
    lease: Option<Lease>,
}

/// How slots are to be given.
#[derive(Clone, Debug)]
enum How {
    /// Until they are given back, for so long at a time.
    Held(Duration, Option<LeaseHolder>),
    Spent,
}

impl Server {
    /// See [`Orchestrator::take_tag_slots`](crate::record::Orchestrator::take_tag_slots).
    pub(super) fn take_slots_of_tags(&self, run: &Origin, tags: &[String]) -> Option<Answer<Held>> {
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        if self.0.limits.are_free(&tags, Timestamp::now()) {
            return None;
        }
        let names = tags.iter().map(|tag| format!("tag:{tag}")).collect();
        let id = run.task_run_id;
        let holder = id.map(|id| LeaseHolder { kind: HolderType::TaskRun, id: id.into() });
        let taking = self.take(names, 1, How::Held(TAG_LEASE, holder));
        let (server, origin) = (self.clone(), run.clone());
        Some(Box::pin(async move {
            let given = taking.await.map_err(|error| server.explain("take slots for tags", &error));
            let Given { limits, lease } = given?;
            Ok(match lease {
                Some(lease) => Box::new(TagSlots::tell(server, origin, limits, lease)) as Held,
                None => {
                    server.0.limits.note_free(tags, Timestamp::now());
                    Box::new(())
                }
            })
        }))
    }

    /// See [`Services::take_slots`](crate::record::Services::take_slots).
    pub(super) fn take_wanted_slots(&self, wanted: WantedSlots) -> Answer<Slots> {
        let WantedSlots { names, slots, spend, all } = wanted;
        let how = if spend { How::Spent } else { How::Held(LEASE, None) };
        let taking = self.take(names.clone(), slots, how);
        let server = self.clone();
        Box::pin(async move {
            match taking.await {
                Ok(Given { limits, lease }) => {
                    let known = |name: &String| limits.iter().any(|limit| limit.name == *name);
                    let missing = names.iter().find(|name| !known(name));
                    Ok(match missing.filter(|_| all) {
                        Some(name) => Slots::Unknown(name.clone()),
                        None => Slots::Taken(limits, lease.map(|lease| Box::new(lease) as Held)),
                    })
                }
                Err(error) => {
                    let asked = server.clone();
                    let why = server
                        .ask(async move { asked.why_refused(&names, slots, spend, &error).await });
                    why.await
                }
            }
        })
    }

    /// Why the server has not given slots of limits.
    async fn why_refused(
        &self,
        names: &[String],
        slots: u32,
        spend: bool,
        error: &ApiError,
    ) -> Result<Slots, OrchestrationError> {
        if error.status() == Some(422) {
            for name in names {
                let Ok(limit) = self.api().read_global_concurrency_limit(name).await else {
                    continue;
                };
                if limit.active && limit.limit < u64::from(slots) {
                    let limit = u32::try_from(limit.limit).unwrap_or(u32::MAX);
                    return Ok(Slots::TooMany { name: name.clone(), limit });
                }
                if spend && limit.active && limit.slot_decay_per_second <= 0.0 {
                    return Ok(Slots::NoDecay(name.clone()));
                }
            }
        }
        Err(self.explain(&format!("take slots of {}", names.join(", ")), error))
    }

    /// Takes slots of all limits of these names that there are; waits until it can. Stops waiting when what this gives is
    /// dropped.
    fn take(
        &self,
        names: Vec<String>,
        slots: u32,
        how: How,
    ) -> impl Future<Output = Result<Given, ApiError>> + Send + use<> {
        let server = self.clone();
        let (tell, told) = oneshot::channel();
        self.0.thread.spawn(async move { server.take_unless_gone(names, slots, how, tell).await });
        async move {
            match told.await {
                Ok(taken) => taken,
                // It is told in any case, on a thread that does not end.
                Err(_) => std::future::pending().await,
            }
        }
    }

    async fn take_unless_gone(
        &self,
        names: Vec<String>,
        slots: u32,
        how: How,
        mut tell: oneshot::Sender<Result<Given, ApiError>>,
    ) {
        let line = self.0.limits.line(&names);
        let Some(turn) = unless_gone(&mut tell, line.lock()).await else { return };
        let taken = loop {
            match self.ask_for_slots(&names, slots, &how).await {
                Err(error) if error.is_locked() => {
                    let pause = tokio::time::sleep(error.retry_after().unwrap_or(PATIENCE));
                    if unless_gone(&mut tell, pause).await.is_none() {
                        return;
                    }
                }
                taken => break taken,
            }
        };
        drop(turn);
        // What nobody takes is dropped, and thereby given back.
        drop(tell.send(taken));
    }

    async fn ask_for_slots(
        &self,
        names: &[String],
        slots: u32,
        how: &How,
    ) -> Result<Given, ApiError> {
        let _gate = self.gate().await;
        let client = self.api();
        match how {
            How::Spent => {
                let mode = ConcurrencyMode::RateLimit;
                let limits = client.increment_concurrency_slots(names, slots, mode).await?;
                Ok(Given { limits: limits.into_iter().map(limit).collect(), lease: None })
            }
            How::Held(duration, holder) => {
                let (mode, holder) = (ConcurrencyMode::Concurrency, holder.clone());
                let lease = client
                    .increment_concurrency_slots_with_lease(names, slots, mode, *duration, holder)
                    .await?;
                let limits: Vec<_> = lease.limits.into_iter().map(limit).collect();
                let held = !limits.is_empty();
                let lease = held.then(|| Lease::keep(self.clone(), lease.lease_id, *duration));
                Ok(Given { limits, lease })
            }
        }
    }
}

fn limit(given: LimitSlots) -> Limit {
    Limit { id: given.id, name: given.name, limit: given.limit }
}

/// What `future` gives, unless nobody wants to be told any more.
async fn unless_gone<T, F: Future>(tell: &mut oneshot::Sender<T>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if tell.poll_closed(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Slots that are held until this is dropped.
#[derive(Debug)]
struct Lease {
    server: Server,
    id: Uuid,
    renewing: Wanted<()>,
}

impl Lease {
    fn keep(server: Server, id: Uuid, duration: Duration) -> Self {
        let renewer = server.clone();
        let renewing = server.0.thread.ask_while_wanted(async move {
            loop {
                tokio::time::sleep(duration.mul_f64(RENEWED_AFTER)).await;
                let renewed = {
                    let _gate = renewer.gate().await;
                    renewer.api().renew_concurrency_lease(id, duration).await
                };
                if let Err(error) = renewed {
                    // Others may take the slots. What holds them has begun and goes on.
                    tracing::warn!("slots could not be kept: {error}");
                }
            }
        });
        Self { server, id, renewing }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.stop();
        let (server, id) = (self.server.clone(), self.id);
        self.server.0.thread.spawn(async move {
            let released = {
                let _gate = server.gate().await;
                server.api().release_concurrency_slots_with_lease(id).await
            };
            if let Err(error) = released {
                // They come back by themselves when the lease ends.
                tracing::warn!("slots could not be given back: {error}");
            }
        });
    }
}

/// Slots that a task run holds for its tags. The server is told when they are taken and given back.
#[derive(Debug)]
struct TagSlots {
    server: Server,
    origin: Origin,
    limits: Vec<Limit>,
    acquired: Vec<Event>,
    _lease: Lease,
}

impl TagSlots {
    fn tell(server: Server, origin: Origin, limits: Vec<Limit>, lease: Lease) -> Self {
        let acquired = limits.iter().map(|limit| limit.event("acquired", 1, &limits)).collect();
        let this = Self { server, origin, limits, acquired, _lease: lease };
        this.acquired.iter().for_each(|event| this.record(event));
        this
    }

    fn record(&self, event: &Event) {
        let event = RunEvent::Custom(CustomEvent { event, origin: &self.origin });
        self.server.delivery().record(&event);
    }
}

impl Drop for TagSlots {
    fn drop(&mut self) {
        for (limit, acquired) in self.limits.iter().zip(&self.acquired) {
            self.record(&limit.event("released", 1, &self.limits).following(acquired));
        }
    }
}
