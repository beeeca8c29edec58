//! Under which settings flows run, and what the server knows of them.

use std::future::Future;
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use context::{ContextModel as _, FlowRunId, Settings, SettingsContext, State};
use prefect_server::PrefectServer;
use serde_json::{Value, json};

/// Runs what `call` gives under settings that name `server`, with a home of its own. It is called under them, too: calls of
/// flows take what surrounds them with them.
pub(crate) async fn under<F: Future>(
    server: &PrefectServer,
    call: impl FnOnce() -> F,
) -> F::Output {
    let (settings, _home) = settings(server.api_url());
    SettingsContext::new(settings).scope(async { call().await }).await
}

/// As `under`, for blocking code.
pub(crate) fn under_blocking<R>(server: &PrefectServer, f: impl FnOnce() -> R) -> R {
    let (settings, _home) = settings(server.api_url());
    SettingsContext::new(settings).in_scope(f)
}

/// Settings that name a server, and the home that they have.
pub(crate) fn settings(api_url: &str) -> (Settings, tempfile::TempDir) {
    // Tests listen to what their own threads log. Where nobody listened when something was logged for the first time,
    // `tracing` may take that for what is never listened to.
    static LISTENED_TO: Once = Once::new();
    LISTENED_TO.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
    let home = tempfile::tempdir().unwrap();
    let settings = Settings::default().with_home(home.path());
    (settings.with_api_url(Some(api_url)).unwrap(), home)
}

/// The flow run that ended in `state`.
pub(crate) fn flow_run<T>(state: &State<T>) -> FlowRunId {
    state.details().flow_run_id.expect("a flow run has ended in the state")
}

/// What the server knows of one flow run.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) server: &'a PrefectServer,
    pub(crate) id: FlowRunId,
}

impl<'a> Known<'a> {
    pub(crate) fn new(server: &'a PrefectServer, id: FlowRunId) -> Self {
        Self { server, id }
    }

    pub(crate) fn flow_run(self) -> Value {
        self.server.get(&format!("/flow_runs/{}", self.id))
    }

    /// The names of its states, in order.
    pub(crate) fn states(self) -> String {
        names(&self.server.get(&format!("/flow_run_states/?flow_run_id={}", self.id)))
    }

    /// Its task runs, by name.
    pub(crate) fn task_runs(self) -> Vec<Value> {
        let wanted = json!({ "flow_runs": { "id": { "any_": [self.id] } }, "sort": "NAME_ASC" });
        self.server.post("/task_runs/filter", &wanted).as_array().unwrap().clone()
    }

    /// Its only task run of the task `name`.
    pub(crate) fn task_run(self, name: &str) -> Value {
        let all = self.task_runs();
        let named: Vec<&Value> = all
            .iter()
            .filter(|run| run["task_key"].as_str().unwrap().starts_with(&format!("{name}-")))
            .collect();
        assert_eq!(named.len(), 1, "runs of {name} in {all:#?}");
        named[0].clone()
    }

    /// The names of the states of its only task run of the task `name`, in order.
    pub(crate) fn task_states(self, name: &str) -> String {
        let id = text(&self.task_run(name)["id"]).to_owned();
        names(&self.server.get(&format!("/task_run_states/?task_run_id={id}")))
    }

    /// The nodes of its graph, by label.
    pub(crate) fn graph(self) -> Vec<Value> {
        let graph = self.server.get(&format!("/flow_runs/{}/graph-v2", self.id));
        let mut nodes: Vec<Value> =
            graph["nodes"].as_array().unwrap().iter().map(|entry| entry[1].clone()).collect();
        nodes.sort_by_key(|node| text(&node["label"]).to_owned());
        nodes
    }
}

/// The flow run of a test, once it has begun.
#[derive(Default)]
pub(crate) struct Begun(Mutex<Option<FlowRunId>>);

impl Begun {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn note(&self) {
        *self.0.lock().unwrap() = Some(context::current_run!(flow).id());
    }

    /// The run, once the server says that it is paused, for the n-th time.
    pub(crate) async fn paused<'a>(&self, server: &'a PrefectServer, times: usize) -> Known<'a> {
        let run = || self.0.lock().unwrap().map(|id| Known::new(server, id));
        let paused = |known: Known<'_>| {
            let states = known.states();
            states.matches("Paused").count() == times && states.ends_with("Paused")
        };
        until("the run is paused", || run().is_some_and(paused)).await;
        run().unwrap()
    }
}

fn names(states: &Value) -> String {
    let mut states = states.as_array().unwrap().clone();
    states.sort_by_key(|state| text(&state["timestamp"]).to_owned());
    let names: Vec<&str> = states.iter().map(|state| text(&state["name"])).collect();
    names.join(", ")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

/// Waits until the server says so.
///
/// # Panics
///
/// If it does not within a minute.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The events about the thing with this id, once there are as many as are expected, in any order.
pub(crate) async fn events(server: &PrefectServer, resource: &str, expected: usize) -> Vec<Value> {
    let wanted = json!({
        "filter": { "resource": { "id": [resource] }, "order": "ASC" },
        "limit": 50,
    });
    let mut told = Vec::new();
    until("the events are recorded", || {
        told = server.post("/events/filter", &wanted)["events"].as_array().unwrap().clone();
        told.len() >= expected
    })
    .await;
    assert_eq!(told.len(), expected, "{told:#?}");
    told
}
