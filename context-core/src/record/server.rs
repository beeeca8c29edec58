//! The server: a Prefect API that decides about flow runs and is told of task runs, logs and assets.
//!
//! A [`Server`] is a connection that all runs of a process share which talk to the same API under the same settings. It has
//! one thread of its own, on which everything is sent: user code only hands over what there is to tell, on whatever thread
//! and runtime it runs. Writes go out one at a time, because the database behind most servers allows no more.
//!
//! Flow runs are registered and proposed (see [`Orchestrator`](super::Orchestrator)); task runs are told as events, of which
//! none is given up before the server shows that it has it: what cannot be delivered is kept in `PREFECT_HOME` and
//! delivered later.
//!
//! This module knows the API as `context-client` shows it. It does not know the engine, nor the contexts.

mod connect;
mod convert;
mod delivery;
mod event;
mod limits;
mod logs;
mod orchestrate;
mod pause;
mod progress;
mod report;
mod services;
mod spool;
mod thread;
mod version;
mod watch;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use context_client::{ApiError, PrefectClient};
use tokio::sync::MutexGuard as AsyncMutexGuard;
use uuid::{Builder, Uuid};

use self::connect::Connection;
use self::delivery::{Delivery, WriteGate};
use self::limits::KnownLimits;
use self::progress::Progresses;
use self::thread::ServerThread;
use self::watch::Watches;
use super::{OrchestrationError, Recorder, RunEvent};
use crate::id::FlowRunId;
use crate::settings::Settings;

pub use connect::ConnectError;
pub(crate) use delivery::Undelivered;
pub(crate) use logs::LogRow;

/// Under which target what is told of telling is logged. It is not told to the server.
pub(crate) const LOG: &str = "context::server";

/// Whether everything is waited for when the process ends.
static FINISHES_AT_EXIT: AtomicBool = AtomicBool::new(false);

/// A connection to a Prefect server. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    connection: Connection,
    thread: ServerThread,
    /// Held by whoever writes.
    gate: WriteGate,
    delivery: Delivery,
    watches: Watches,
    limits: KnownLimits,
    progresses: Progresses,
}

impl Server {
    /// The API's client: for everything that is not done here.
    pub fn api(&self) -> &PrefectClient {
        &self.0.connection.client
    }

    /// The API's address.
    pub fn api_url(&self) -> &str {
        self.api().api_url()
    }

    /// The settings under which it was connected first.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.connection.settings
    }

    /// Has `work` done on the server's thread; what it gives can be awaited anywhere. It goes on if nobody waits.
    pub(crate) fn ask<T, F>(&self, work: F) -> impl Future<Output = T> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.0.thread.ask(work)
    }

    /// As [`ask`](Self::ask), but `work` is given up when what this gives is dropped.
    fn ask_while_wanted<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        self.0.thread.ask_while_wanted(work)
    }

    /// To be held while something is written.
    pub(crate) async fn gate(&self) -> AsyncMutexGuard<'_, ()> {
        self.0.gate.enter().await
    }

    /// Where everything is handed to that the server is told.
    fn delivery(&self) -> &Delivery {
        &self.0.delivery
    }

    /// Has everything be waited for when the process ends, and not at the end of each flow run: for programs whose end is
    /// known ([`shut_down`](Self::shut_down)).
    pub(crate) fn finish_at_exit() {
        FINISHES_AT_EXIT.store(true, Ordering::Relaxed);
    }

    /// Ready once all is told that there is to tell of a flow run that has ended.
    async fn finish_now(&self, id: FlowRunId) {
        self.delivery().finish(id).await;
        self.show_last_progress().await;
    }

    /// Delivers all there is, or keeps it, until `deadline` at most; then tells `over` what was not delivered.
    pub(crate) fn shut_down(&self, deadline: Instant, over: Sender<Undelivered>) {
        let server = self.clone();
        self.0.thread.spawn(async move {
            let limit = deadline.saturating_duration_since(Instant::now());
            let undelivered = server.delivery().shutdown(limit).await;
            server.show_last_progress().await;
            // Perhaps nobody waits any more.
            over.send(undelivered).ok();
        });
    }

    /// Takes a line for the logs. It does not wait.
    pub(crate) fn log(&self, row: LogRow) {
        self.delivery().log(row);
    }

    /// The connection whose server is told of a flow run that has not ended.
    pub(crate) fn of_flow_run(id: FlowRunId) -> Option<Self> {
        Self::all().into_iter().find(|server| server.delivery().knows_flow_run(id))
    }

    /// How many events are on their way.
    pub(crate) fn waiting(&self) -> u64 {
        self.delivery().tally().waiting()
    }

    /// Why the server did not do something.
    fn explain(&self, doing: &str, error: &ApiError) -> OrchestrationError {
        let advice = if error.is_unreachable() {
            "; without `PREFECT_API_URL`, runs need no server"
        } else {
            ""
        };
        OrchestrationError::new(format!("cannot {doing}: {error}{advice}"))
    }
}

/// The server is told of task runs, assets, artifacts and events of programs. Flow runs it knows.
impl Recorder for Server {
    fn record(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Progress(progress) => self.show_progress(progress),
            RunEvent::TaskRun(run) if run.state.is_terminal() => self.0.progresses.end(run.id),
            _ => {}
        }
        self.delivery().record(event);
    }
}

/// An id that nobody else has.
fn random_uuid() -> Uuid {
    Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid()
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("api_url", &self.api_url()).finish_non_exhaustive()
    }
}
