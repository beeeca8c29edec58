//! Delivery: everything that is told goes out, and nothing is forgotten.
//!
//! [`Delivery`] is what the rest of the connection hands things to, on any thread: task runs and assets, lines for the logs,
//! the last states of flow runs. It never waits. Events go into a queue, from there through a window over one websocket
//! ([`courier`]), and are held in memory until the server shows that it has recorded them: it may lose what it has taken,
//! and says nothing either way. Logs go out in batches.
//!
//! What cannot be delivered is kept in files ([`spool`](super::spool)) and delivered later, by this process or the next:
//! when memory for events is used up ([`Bounds::bytes`]), and when somebody who waits for the end of a flow run has waited
//! for long without any progress ([`Bounds::patience`]).

mod courier;
mod line;
mod lot;
mod probe;
mod queue;
mod redelivery;
mod window;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use context_client::schema::StateCreate;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use self::courier::{Command, Courier, Waiter};
use self::queue::Queue;
use super::event::{
    Event, FlowRunFacts, FlowRuns, Subject, artifact_event, asset_event, custom_event, heartbeat,
};
use super::logs::{LogBounds, LogRow, Logs};
use super::report::Reports;
use super::spool::{Entry, Spool};
use crate::clock::Timestamp;
use crate::id::FlowRunId;
use crate::record::{CustomEvent, RunEvent};
use crate::settings::{Settings, TaskRunEvents};

pub(super) use super::LOG;
pub(super) use line::{ApiLine, Line};
pub(crate) use queue::Tally;

/// Held by whoever writes to the server over HTTP: one at a time, because the database behind most servers allows no more.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteGate(Arc<AsyncMutex<()>>);

impl WriteGate {
    /// Waits for its turn.
    pub(super) async fn enter(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.lock().await
    }
}

/// How much is held, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Which states of task runs are told.
    pub(super) told: TaskRunEvents,
    /// The most memory that undelivered events have, and undelivered lines for the logs as well.
    pub(super) bytes: usize,
    /// How long somebody waits without any progress.
    pub(super) patience: Duration,
    pub(super) logs: LogBounds,
}

/// The most memory that undelivered events have.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Bounds {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            told: settings.task_run_events(),
            bytes: MOST_BYTES,
            patience: settings.delivery_timeout(),
            logs: LogBounds::of(settings),
        }
    }
}

/// Where everything is handed to that the server is told. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Delivery(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api_url: String,
    patience: Duration,
    flow_runs: FlowRuns,
    reports: Reports,
    queue: Queue,
    logs: Logs,
    spool: Spool,
    commands: mpsc::UnboundedSender<Command>,
    /// Whether there is a connection.
    connected: watch::Sender<bool>,
    /// What is kept is looked for and delivered.
    redelivering: AtomicBool,
    /// What is kept has grown.
    kept: tokio::sync::Notify,
    /// Final states that are kept and were not delivered.
    kept_states: Mutex<HashSet<FlowRunId>>,
    /// Somebody looks now and then what is held.
    is_watched: AtomicBool,
    /// It was told that nothing can be kept.
    has_told: AtomicBool,
}

/// What was not delivered when a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// Events about task runs and assets that are kept.
    pub(crate) events: u64,
    /// Lines for the logs that are kept.
    pub(crate) logs: u64,
    /// Flow runs whose last state is kept.
    pub(crate) states: u64,
    /// Events and lines that are lost: they could not be kept either, or the server cannot take them.
    pub(crate) lost: u64,
    /// The directory where it is kept.
    pub(crate) kept_in: PathBuf,
}

impl Undelivered {
    /// True if all was delivered.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.events == 0 && self.logs == 0 && self.states == 0 && self.lost == 0
    }
}

impl Delivery {
    /// A delivery over `line`. The futures that are given with it do the work: they are to be polled on the server's thread
    /// as long as the process lives.
    pub(super) fn new<L: Line>(
        line: L,
        api_url: &str,
        spool: Spool,
        gate: WriteGate,
        bounds: Bounds,
    ) -> (Self, impl Future<Output = ()> + Send + use<L>) {
        let (commands, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            api_url: api_url.to_owned(),
            patience: bounds.patience,
            flow_runs: FlowRuns::default(),
            reports: Reports::new(bounds.told),
            queue: Queue::new(bounds.bytes),
            logs: Logs::new(bounds.logs, bounds.bytes),
            spool,
            commands,
            connected: watch::Sender::new(false),
            redelivering: AtomicBool::new(false),
            kept: tokio::sync::Notify::new(),
            kept_states: Mutex::default(),
            is_watched: AtomicBool::new(false),
            has_told: AtomicBool::new(false),
        });
        let courier = {
            let (shared, line) = (shared.clone(), line.clone());
            // Its timers belong to the runtime that polls it.
            async move { Courier::new(shared, line, told).run().await }
        };
        let redelivery = redelivery::run(shared.clone(), line.clone(), gate.clone());
        let logs = {
            let shared = shared.clone();
            async move { shared.logs.send_all(&line, &gate).await }
        };
        let work = async move {
            let (mut courier, mut redelivery, mut logs) =
                (Box::pin(courier), Box::pin(redelivery), Box::pin(logs));
            std::future::poll_fn(move |cx| {
                // None of them ends while the process lives.
                let _ = courier.as_mut().poll(cx);
                let _ = redelivery.as_mut().poll(cx);
                logs.as_mut().poll(cx)
            })
            .await;
        };
        (Self(shared), work)
    }

    /// Takes note of a flow run, of whose task runs it will be told.
    pub(super) fn known_flow_run(&self, facts: FlowRunFacts) {
        self.0.flow_runs.insert(facts);
    }

    /// True of a flow run that was noted, and whose end was not.
    pub(super) fn knows_flow_run(&self, id: FlowRunId) -> bool {
        self.0.flow_runs.get(id).is_some()
    }

    /// Gives a flow run another name.
    pub(super) fn rename_flow_run(&self, id: FlowRunId, name: String) {
        self.0.flow_runs.rename(id, name);
    }

    /// Takes note of what happened to a run.
    ///
    /// It does not wait: an event is written into memory, or into a file if there is no room. States of flow runs are not
    /// told; the server knows them.
    pub(super) fn record(&self, event: &RunEvent<'_>) {
        let shared = &self.0;
        match event {
            RunEvent::FlowRun(_) | RunEvent::Progress(_) => {}
            RunEvent::TaskRun(run) => {
                shared.reports.enter(run, Instant::now(), &shared.flow_runs, &mut |event| {
                    shared.push(event);
                });
                if !run.state.is_terminal() && !shared.is_watched.swap(true, Ordering::AcqRel) {
                    shared.look();
                }
            }
            RunEvent::Asset(asset) => {
                let flow = asset.task_run.flow_run_id.and_then(|id| shared.flow_runs.get(id));
                if let Some(event) = asset_event(asset, Timestamp::now(), flow.as_deref()) {
                    shared.push(event);
                }
            }
            RunEvent::Artifact(artifact) => {
                let flow = artifact.origin.flow_run_id.and_then(|id| shared.flow_runs.get(id));
                if let Some(event) = artifact_event(artifact, flow.as_deref()) {
                    shared.push(event);
                }
            }
            RunEvent::Custom(CustomEvent { event, origin }) => {
                let flow = origin.flow_run_id.and_then(|id| shared.flow_runs.get(id));
                if let Some(event) = custom_event(event, origin, flow.as_deref()) {
                    shared.push(event);
                }
            }
        }
    }

    /// Tells that a flow run is alive.
    pub(super) fn send_heartbeat(&self, id: FlowRunId) {
        if let Some(facts) = self.0.flow_runs.get(id) {
            self.0.push(heartbeat(&facts, Timestamp::now()));
        }
    }

    /// Takes a line for the logs. It does not wait.
    pub(super) fn log(&self, row: LogRow) {
        if let Err(row) = self.0.logs.push(row)
            && !self.0.keep_open(&[Entry::Logs(&[row])])
        {
            self.0.logs.note_lost(1);
        }
    }

    /// Keeps the state in which a flow run has ended, because the server cannot be told now.
    pub(super) fn keep_final_state(&self, id: FlowRunId, state: &StateCreate) {
        let shared = &self.0;
        if shared.keep(&[Entry::State(id, state)]) {
            shared.lock_states().insert(id);
        }
    }

    /// Ready once all that a flow run and its subflows have told is delivered, or kept because it cannot be.
    pub(super) async fn finish(&self, id: FlowRunId) {
        let shared = &self.0;
        let family = shared.flow_runs.family(id);
        shared.reports.tell_held(&family, &shared.flow_runs, &mut |event| shared.push(event));
        let events = self.wait(Some(family.clone()), None);
        let keep = |rows: &[LogRow]| shared.keep_logs(rows);
        let logs = shared.logs.finish(shared.patience, None, &keep);
        let (mut events, mut logs) = (Box::pin(events), Box::pin(logs));
        let (mut events_are_over, mut logs_are_over) = (false, false);
        std::future::poll_fn(|cx| {
            events_are_over = events_are_over || events.as_mut().poll(cx).is_ready();
            logs_are_over = logs_are_over || logs.as_mut().poll(cx).is_ready();
            match events_are_over && logs_are_over {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        shared.flow_runs.remove(&family);
    }

    /// Delivers all there is, or keeps it, within `limit` at most. What is told afterwards is kept.
    pub(super) async fn shutdown(&self, limit: Duration) -> Undelivered {
        let shared = &self.0;
        let deadline = tokio::time::Instant::now() + limit;
        self.wait(None, Some(deadline)).await;
        shared.queue.close();
        // What was told meanwhile.
        self.wait(None, Some(tokio::time::Instant::now())).await;
        let rest = |rows: &[LogRow]| shared.keep_logs(rows);
        shared.logs.finish(shared.patience, Some(deadline), &rest).await;
        shared.seal();
        self.undelivered()
    }

    /// What is kept or lost so far.
    pub(super) fn undelivered(&self) -> Undelivered {
        let (events, logs) = (self.0.queue.tally(), self.0.logs.tally());
        Undelivered {
            events: events.kept,
            logs: logs.kept,
            states: self.0.lock_states().len() as u64,
            lost: events.lost + logs.lost,
            kept_in: self.0.spool.directory().to_owned(),
        }
    }

    /// What has become of the events so far.
    pub(super) fn tally(&self) -> Tally {
        self.0.queue.tally()
    }

    fn wait(
        &self,
        family: Option<HashSet<FlowRunId>>,
        deadline: Option<tokio::time::Instant>,
    ) -> impl Future<Output = ()> + use<> {
        let (over, is_over) = oneshot::channel();
        self.0.tell(Command::Wait(Waiter { family, deadline, over }));
        async move {
            // If the courier is gone, so is the process.
            is_over.await.ok();
        }
    }
}

impl Shared {
    fn push(&self, event: Event) {
        if let Err(event) = self.queue.push(event)
            && event.subject != Subject::Pulse
            && !self.keep_open(&[Entry::Event(&event)])
        {
            self.queue.lose_spilled(event.flow_run);
        }
    }

    /// Keeps entries. False if they cannot be kept; that is told once.
    fn keep_open(&self, entries: &[Entry<'_>]) -> bool {
        let kept = self.spool.append(entries);
        self.note_kept(kept)
    }

    /// Keeps entries so that they are safe.
    fn keep(&self, entries: &[Entry<'_>]) -> bool {
        let kept = self.spool.append(entries).and_then(|()| self.spool.seal());
        self.note_kept(kept)
    }

    fn keep_logs(&self, rows: &[LogRow]) -> bool {
        self.keep(&[Entry::Logs(rows)])
    }

    fn seal(&self) {
        let sealed = self.spool.seal();
        self.note_kept(sealed);
    }

    fn note_kept(&self, kept: std::io::Result<()>) -> bool {
        match kept {
            Ok(()) => {
                self.kept.notify_one();
                true
            }
            Err(error) => {
                if !self.has_told.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        target: LOG,
                        "what the server at {} cannot be told now cannot be kept in {} either, and is lost: {error}",
                        self.api_url,
                        self.spool.directory().display(),
                    );
                }
                false
            }
        }
    }

    /// Tells what was held for long enough. True if something is still held.
    fn tell_due(&self) -> bool {
        self.is_watched.store(false, Ordering::Release);
        self.reports.tell_due(Instant::now(), &self.flow_runs, &mut |event| self.push(event));
        let holds = self.reports.holds_any();
        if holds {
            self.is_watched.store(true, Ordering::Release);
        }
        holds
    }

    fn note_connected(&self, is_connected: bool) {
        self.connected.send_replace(is_connected);
    }

    fn is_redelivering(&self) -> bool {
        self.redelivering.load(Ordering::Acquire)
    }

    fn look(&self) {
        self.tell(Command::Look);
    }

    fn tell(&self, command: Command) {
        // The courier lives as long as the process.
        self.commands.send(command).ok();
    }

    fn lock_states(&self) -> std::sync::MutexGuard<'_, HashSet<FlowRunId>> {
        self.kept_states.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
