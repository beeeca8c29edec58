//! A server as it behaves, in memory and in the time of the test: it takes every event and forgets some.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use context_client::schema::{LogCreate, StateCreate};
use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::record::server::delivery::line::{Frame, Line, Problem, Reply, Shows, Wire};

/// How many ids of events it remembers, to ignore those that come again.
const REMEMBERED: usize = 1_000;

#[derive(Clone, Debug)]
pub(super) struct Sim(Arc<Mutex<State>>, Arc<watch::Sender<u64>>, Arc<Notify>);

#[derive(Debug)]
pub(super) struct State {
    /// How long it takes to record one event.
    pub(super) records_in: Duration,
    /// How many events it holds in memory.
    pub(super) holds: usize,
    pub(super) is_up: bool,
    /// Nothing is answered and nothing is read until then.
    pub(super) is_paused: bool,
    pub(super) is_unavailable: bool,
    queue: VecDeque<Value>,
    seen: VecDeque<Uuid>,
    /// The last state of each task run.
    runs: HashMap<Uuid, (Timestamp, String, String)>,
    /// Every state of every run, by time.
    pub(super) history: BTreeMap<(Uuid, String), Uuid>,
    states: HashSet<Uuid>,
    pub(super) others: HashSet<String>,
    pub(super) gone: HashSet<Uuid>,
    /// Two states at one time: what poisons a real server.
    pub(super) conflicts: usize,
    /// Events of flow runs that are not there: likewise.
    pub(super) orphans: usize,
    pub(super) received: usize,
    /// The most events that were received and not recorded at one time.
    pub(super) most_held: usize,
    pub(super) dropped: usize,
    pub(super) connections: usize,
    pub(super) logs: Vec<(Instant, Vec<LogCreate>)>,
    pub(super) entered: Vec<(Uuid, StateCreate)>,
    pub(super) counts: usize,
}

impl Sim {
    pub(super) fn start() -> Self {
        let state = State {
            records_in: Duration::from_millis(2),
            holds: 10_000,
            is_up: true,
            is_paused: false,
            is_unavailable: false,
            queue: VecDeque::new(),
            seen: VecDeque::new(),
            runs: HashMap::new(),
            history: BTreeMap::new(),
            states: HashSet::new(),
            others: HashSet::new(),
            gone: HashSet::new(),
            conflicts: 0,
            orphans: 0,
            received: 0,
            most_held: 0,
            dropped: 0,
            connections: 0,
            logs: Vec::new(),
            entered: Vec::new(),
            counts: 0,
        };
        let epochs = Arc::new(watch::Sender::new(0));
        let sim = Self(Arc::new(Mutex::new(state)), epochs, Arc::default());
        let recorder = sim.clone();
        drop(tokio::runtime::Handle::current().spawn(async move { recorder.record().await }));
        sim
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        self.1.send_modify(|epoch| *epoch += 1);
    }

    /// Ends at once: what was not recorded is lost.
    pub(super) fn kill(&self) {
        let mut state = self.lock();
        state.is_up = false;
        state.queue.clear();
        state.seen.clear();
        drop(state);
        self.cut();
    }

    pub(super) fn restart(&self) {
        self.lock().is_up = true;
    }

    /// Others flood it: what it holds is lost, and not forgotten as having been seen.
    pub(super) fn overflow(&self) -> usize {
        let mut state = self.lock();
        let lost = state.queue.len();
        state.queue.clear();
        state.dropped += lost;
        lost
    }

    async fn record(&self) {
        loop {
            let every = self.lock().records_in;
            // In portions, as time does not stand still while a real one works.
            tokio::time::sleep(every.max(Duration::from_millis(1))).await;
            let portion = Duration::from_millis(1).as_micros() / every.as_micros().max(1);
            let is_empty = self.lock().queue.is_empty();
            if is_empty {
                // Time may pass quickly while there is nothing to do.
                self.2.notified().await;
            }
            let mut state = self.lock();
            if !state.is_up || state.is_paused {
                continue;
            }
            for _ in 0..portion.max(1) {
                let Some(event) = state.queue.pop_front() else { break };
                state.write(&event);
            }
        }
    }

    fn answer<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Reply<T> {
        let sim = self.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            while sim.lock().is_paused {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let mut state = sim.lock();
            if !state.is_up || state.is_unavailable {
                return Err(Problem { text: "the server is away".to_owned(), may_pass: true });
            }
            Ok(f(&mut state))
        })
    }
}

impl State {
    fn receive(&mut self, text: &str) {
        self.received += 1;
        let event: Value = serde_json::from_str(text).expect("every frame is JSON");
        let id: Uuid = event["id"].as_str().unwrap().parse().unwrap();
        if self.seen.contains(&id) {
            return;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(id);
        if self.queue.len() >= self.holds {
            self.dropped += 1;
            return;
        }
        self.queue.push_back(event);
        self.most_held = self.most_held.max(self.queue.len());
    }

    fn write(&mut self, event: &Value) {
        let name = event["event"].as_str().unwrap();
        let resource = event["resource"]["prefect.resource.id"].as_str().unwrap();
        let Some(run) = resource.strip_prefix("prefect.task-run.") else {
            self.others.insert(event["id"].as_str().unwrap().to_owned());
            return;
        };
        assert!(name.starts_with("prefect.task-run."));
        let run: Uuid = run.parse().unwrap();
        let related = event["related"].as_array().unwrap();
        let flow_run = related.iter().find(|it| it["prefect.resource.role"] == "flow-run");
        let flow_run = flow_run.map(|it| it["prefect.resource.id"].as_str().unwrap());
        let flow_run = flow_run.map(|it| it.strip_prefix("prefect.flow-run.").unwrap());
        if flow_run.is_some_and(|it| self.gone.contains(&it.parse().unwrap())) {
            self.orphans += 1;
            return;
        }
        let state = &event["payload"]["validated_state"];
        let id = state["id"].as_str().unwrap_or_else(|| event["id"].as_str().unwrap());
        let id: Uuid = id.parse().unwrap();
        let occurred = event["occurred"].as_str().unwrap().to_owned();
        let at: Timestamp = serde_json::from_value(event["occurred"].clone()).unwrap();
        if self.states.insert(id) && self.history.insert((run, occurred), id).is_some() {
            self.conflicts += 1;
        }
        let (kind, name) = (&state["type"], &state["name"]);
        let last = (at, kind.as_str().unwrap().to_owned(), name.as_str().unwrap().to_owned());
        let known = self.runs.entry(run).or_insert_with(|| last.clone());
        if known.0 < at {
            *known = last;
        }
    }

    pub(super) fn states(&self) -> &HashSet<Uuid> {
        &self.states
    }
}

impl Line for Sim {
    fn open(&self) -> Reply<Wire> {
        let sim = self.clone();
        let opened = self.answer(|state| state.connections += 1);
        Box::pin(async move {
            opened.await?;
            let (frames, mut told) = mpsc::unbounded_channel();
            let mut epoch = sim.1.subscribe();
            epoch.mark_unchanged();
            let ended = async move {
                let reading = async {
                    while let Some(frame) = told.recv().await {
                        while sim.lock().is_paused {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        // 1,300 events in a second.
                        match frame {
                            Frame::Text(text) => {
                                sim.lock().receive(&text);
                                sim.2.notify_one();
                            }
                            Frame::Mark(read) => drop(read.send(())),
                        }
                        tokio::task::yield_now().await;
                    }
                    std::future::pending::<()>().await;
                };
                let (mut reading, cut) = (Box::pin(reading), epoch.changed());
                let mut cut = Box::pin(cut);
                std::future::poll_fn(|cx| {
                    if cut.as_mut().poll(cx).is_ready() {
                        return std::task::Poll::Ready(());
                    }
                    reading.as_mut().poll(cx)
                })
                .await;
                Problem { text: "the connection was cut".to_owned(), may_pass: true }
            };
            Ok(Wire { frames, ended: Box::pin(ended) })
        })
    }

    fn count(&self, shows: &Shows, ids: &[Uuid]) -> Reply<u64> {
        let (shows, ids) = (shows.clone(), ids.to_vec());
        self.answer(move |state| {
            state.counts += 1;
            let ends = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"];
            let is_shown = |id: &&Uuid| match (state.runs.get(id), &shows) {
                (None, _) => false,
                (Some((_, kind, _)), Shows::Ended) => ends.contains(&kind.as_str()),
                (Some((_, _, name)), Shows::Named(shown)) => name == shown,
            };
            ids.iter().filter(is_shown).count() as u64
        })
    }

    fn entered(&self, ids: &[Uuid]) -> Reply<Vec<(Uuid, Timestamp)>> {
        assert!(ids.len() <= 200, "a page has 200");
        let ids = ids.to_vec();
        self.answer(move |state| {
            ids.into_iter().filter_map(|id| Some((id, state.runs.get(&id)?.0))).collect()
        })
    }

    fn flow_runs(&self, ids: &[Uuid]) -> Reply<HashSet<Uuid>> {
        assert!(ids.len() <= 200, "a page has 200");
        let ids = ids.to_vec();
        self.answer(move |state| ids.into_iter().filter(|id| !state.gone.contains(id)).collect())
    }

    fn log(&self, lines: Vec<LogCreate>) -> Reply<()> {
        self.answer(move |state| state.logs.push((Instant::now(), lines)))
    }

    fn enter(&self, id: Uuid, to: StateCreate, _force: bool) -> Reply<Option<String>> {
        self.answer(move |state| {
            state.entered.push((id, to));
            None
        })
    }
}
