//! Watching flow runs: whether somebody wants them to end, and that they are alive.
//!
//! The server tells of cancellations by events. Where it cannot (the websocket is cut, a proxy does not let it through),
//! it is asked every second; and now and then in any case, for an event may get lost. A flow run that ends at once is not
//! worth a subscription, so watching begins after a moment; what happened meanwhile is told again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use context_client::ApiError;
use context_client::schema::{Event, EventFilter, FlowRunFilter, StateType as ApiStateType};
use uuid::Uuid;

use super::Server;
use crate::clock::Timestamp;
use crate::id::FlowRunId;
use crate::record::Cancellation;

/// How long a run goes on before it is watched.
const MOMENT: Duration = Duration::from_millis(300);
/// How often the server is asked where it does not tell.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked where it does.
const CHECKED_EVERY: Duration = Duration::from_secs(15);
/// How far back events are told again.
const BACK: Duration = Duration::from_secs(60);
/// How many runs are asked for at once: the largest page.
const PAGE: usize = 200;

const CANCELLING: &str = "prefect.flow-run.Cancelling";
const CANCELLED: &str = "prefect.flow-run.Cancelled";

/// The runs that are watched.
#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<Watching>);

#[derive(Debug, Default)]
struct Watching {
    runs: HashMap<Uuid, Watched>,
    /// True while somebody looks.
    looking: bool,
}

#[derive(Debug)]
struct Watched {
    cancellation: Cancellation,
    /// When it is to be told next that the run is alive.
    heartbeat: Option<Timestamp>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Watching> {
        // The map is never left half-changed, so a poisoned lock is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> Vec<Uuid> {
        self.lock().runs.keys().copied().collect()
    }

    /// Requests the end of a run, if it is watched.
    fn cancel(&self, id: Uuid) {
        let cancellation = self.lock().runs.get(&id).map(|watched| watched.cancellation.clone());
        if let Some(cancellation) = cancellation {
            cancellation.request();
        }
    }

    /// The runs of which it is to be told now that they are alive.
    fn due_heartbeats(&self, now: Timestamp, every: Duration) -> Vec<Uuid> {
        let mut due = Vec::new();
        for (id, watched) in &mut self.lock().runs {
            if watched.heartbeat.is_some_and(|at| at <= now) {
                watched.heartbeat = Some(now.plus(every));
                due.push(*id);
            }
        }
        due
    }

    /// True if nobody is watched any more; then nobody looks.
    fn are_over(&self) -> bool {
        let mut watching = self.lock();
        if watching.runs.is_empty() {
            watching.looking = false;
        }
        !watching.looking
    }
}

/// A run that is watched until this is dropped.
#[derive(Debug)]
pub(super) struct WatchedRun {
    server: Server,
    id: Uuid,
}

impl Drop for WatchedRun {
    fn drop(&mut self) {
        self.server.0.watches.lock().runs.remove(&self.id);
    }
}

impl Server {
    /// Watches a run until what this gives is dropped.
    pub(super) fn watch_run(&self, id: FlowRunId, cancellation: Cancellation) -> WatchedRun {
        let id = id.as_uuid();
        let every = self.settings().flows_heartbeat_frequency();
        let heartbeat = every.map(|every| Timestamp::now().plus(every));
        if heartbeat.is_some() {
            self.delivery().send_heartbeat(id.into());
        }
        let mut watching = self.0.watches.lock();
        watching.runs.insert(id, Watched { cancellation, heartbeat });
        if !std::mem::replace(&mut watching.looking, true) {
            let server = self.clone();
            self.0.thread.spawn(async move { server.look().await });
        }
        WatchedRun { server: self.clone(), id }
    }

    /// Looks after the runs as long as there are any.
    async fn look(&self) {
        loop {
            tokio::time::sleep(MOMENT).await;
            if self.0.watches.are_over() {
                return;
            }
            if let Err(problem) = self.listen().await {
                tracing::debug!(
                    "cancellations are asked for, because nobody tells of them: {problem}"
                );
            }
            self.ask_for_cancellations().await;
            self.send_heartbeats();
            tokio::time::sleep(ASKED_EVERY.saturating_sub(MOMENT)).await;
        }
    }

    /// Listens to what the server tells, until it does not, or until there are no runs.
    async fn listen(&self) -> Result<(), ApiError> {
        let client = self.api();
        let since = Timestamp::from_nanos(Timestamp::now().as_nanos() - BACK.as_nanos() as i64);
        let filter = EventFilter::new().names([CANCELLING, CANCELLED]).since(since.to_jiff());
        let mut told = client.subscribe_events(&filter, true).await?;
        // Before the subscription something may have happened that is too long ago to be told again.
        self.ask_for_cancellations().await;
        let mut checked = Timestamp::now();
        loop {
            match tokio::time::timeout(ASKED_EVERY, told.next()).await {
                Ok(Some(event)) => self.hear(&event?),
                Ok(None) => return Ok(()),
                Err(_) => {
                    if self.0.watches.lock().runs.is_empty() {
                        return Ok(());
                    }
                    self.send_heartbeats();
                }
            }
            let now = Timestamp::now();
            if now.since(checked) >= CHECKED_EVERY {
                checked = now;
                self.ask_for_cancellations().await;
            }
        }
    }

    fn hear(&self, event: &Event) {
        if matches!(event.event.as_str(), CANCELLING | CANCELLED)
            && let Some(id) = event.resource.id().strip_prefix("prefect.flow-run.")
            && let Ok(id) = id.parse()
        {
            self.0.watches.cancel(id);
        }
    }

    /// Asks which runs are to end.
    async fn ask_for_cancellations(&self) {
        let ids = self.0.watches.ids();
        for page in ids.chunks(PAGE) {
            let wanted = FlowRunFilter::new()
                .ids(page.iter().copied())
                .state_types([ApiStateType::Cancelling, ApiStateType::Cancelled]);
            // A server that cannot answer is asked again in a second.
            let found = self.api().with_max_retries(0).read_flow_runs(wanted).await;
            for run in found.unwrap_or_default() {
                self.0.watches.cancel(run.id);
            }
        }
    }

    fn send_heartbeats(&self) {
        let Some(every) = self.settings().flows_heartbeat_frequency() else { return };
        for id in self.0.watches.due_heartbeats(Timestamp::now(), every) {
            self.delivery().send_heartbeat(id.into());
        }
    }
}
