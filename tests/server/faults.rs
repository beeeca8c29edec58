//! What goes wrong with a server, and what becomes of the runs that it is told of: nothing is lost.

use std::time::{Duration, Instant};

use context::prelude::*;
use context::{FlowRunId, Secret, Settings, SettingsContext};
use prefect_server::{Options, PrefectServer, RecordingProxy};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{Known, flow_run, settings, text, until};

#[task]
fn step(n: u64) -> u64 {
    n + 1
}

/// Ten tasks before, ten tasks after somebody lets it go on.
#[flow(name = "faults: halves")]
async fn halves(began: oneshot::Sender<FlowRunId>, go_on: oneshot::Receiver<()>) -> u64 {
    let mut n = 0;
    for _ in 0..10 {
        n = step(n);
    }
    began.send(current_run!(flow).id()).unwrap();
    go_on.await.unwrap();
    for _ in 0..10 {
        n = step(n);
    }
    n
}

/// How many of the flow run's task runs the server knows as completed.
fn completed(server: &PrefectServer, id: FlowRunId) -> u64 {
    let wanted = json!({
        "flow_runs": { "id": { "any_": [id] } },
        "task_runs": { "state": { "type": { "any_": ["COMPLETED"] } } },
    });
    server.post("/task_runs/count", &wanted).as_u64().unwrap()
}

/// Starts `halves` under `settings`; what it takes to let it go on, and its end.
async fn start(
    settings: Settings,
) -> (FlowRunId, oneshot::Sender<()>, tokio::task::JoinHandle<State<u64>>) {
    let ((began, begun), (go_on, gone_on)) = (oneshot::channel(), oneshot::channel());
    let running = context::spawn(
        SettingsContext::new(settings).scope(async move { halves::state(began, gone_on).await }),
    );
    (begun.await.unwrap(), go_on, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_be_killed_and_come_back() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut server = PrefectServer::start(Options::new());
    let (settings, _home) = settings(server.api_url());
    let (id, go_on, running) = start(settings).await;
    server.kill();
    go_on.send(()).unwrap();
    // The run waits for the server: it cannot end while nobody answers.
    let server = context::spawn_blocking(move || {
        server.restart();
        server
    });
    let server = server.await.unwrap();
    assert_eq!(running.await.unwrap().result().unwrap(), 20);
    until("all are recorded", || completed(&server, id) == 20).await;
    assert_eq!(Known::new(&server, id).states(), "Pending, Running, Completed");
}

#[tokio::test]
async fn without_a_server_a_flow_does_not_begin_and_says_why() {
    if !PrefectServer::can_start() {
        return;
    }
    let server = PrefectServer::not_started(Options::new());
    let (settings, _home) = settings(server.api_url());
    let settings = settings.with_client_max_retries(0);
    let began = Instant::now();
    let error = SettingsContext::new(settings).scope(async { refused().await }).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let text = error.to_string();
    for part in [server.address(), "is the server running there", "without `PREFECT_API_URL`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[flow(name = "faults: refused")]
async fn refused() -> Result<u64, RunError> {
    Ok(step(1))
}

#[tokio::test]
async fn a_wrong_key_is_named_and_not_told() {
    if !PrefectServer::can_start() {
        return;
    }
    let server = PrefectServer::start(Options::new().auth("admin:secret"));
    let (settings, _home) = settings(server.api_url());
    for given in [None, Some("admin:wrong")] {
        let given = given.map(|text| Secret::new(text.to_owned()));
        let context = SettingsContext::new(settings.with_api_auth_string(given));
        let error = context.scope(async { refused().await }).await.unwrap_err().to_string();
        assert!(error.contains("PREFECT_API_AUTH_STRING"), "{error}");
        assert!(!error.contains("wrong"), "{error}");
    }
    let right = settings.with_api_auth_string(Some(Secret::new("admin:secret".to_owned())));
    let state = SettingsContext::new(right).scope(async { refused::state().await }).await;
    let known = Known::new(&server, flow_run(&state));
    assert_eq!(known.task_run("step")["state_type"], "COMPLETED");
}

/// A proxy before the shared server.
fn proxy() -> Option<(&'static PrefectServer, RecordingProxy)> {
    let server = PrefectServer::shared()?;
    Some((server, RecordingProxy::start(server)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again() {
    let Some((server, proxy)) = proxy() else { return };
    let (settings, _home) = settings(&proxy.api_url());
    let (id, go_on, running) = start(settings).await;
    proxy.answer_503_for(Duration::from_secs(10));
    go_on.send(()).unwrap();
    assert_eq!(running.await.unwrap().result().unwrap(), 20);
    until("all are recorded", || completed(server, id) == 20).await;
    assert_eq!(Known::new(server, id).states(), "Pending, Running, Completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_when_the_websocket_was_cut_is_sent_again() {
    let Some((server, proxy)) = proxy() else { return };
    let (settings, _home) = settings(&proxy.api_url());
    let (id, go_on, running) = start(settings).await;
    proxy.wait_for("an event of a task", |records| {
        let frames = records.iter().filter_map(|record| record.as_frame());
        frames.map(|frame| frame.json()).find(is_of_task)
    });
    assert!(proxy.drop_websockets() > 0);
    go_on.send(()).unwrap();
    assert_eq!(running.await.unwrap().result().unwrap(), 20);
    until("all are recorded", || completed(server, id) == 20).await;
}

fn is_of_task(frame: &Value) -> bool {
    frame["event"].as_str().is_some_and(|event| event.starts_with("prefect.task-run."))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_does_not_slow_tasks_down() {
    let Some((server, proxy)) = proxy() else { return };
    let (settings, _home) = settings(&proxy.api_url());
    let (id, go_on, running) = start(settings).await;
    proxy.delay(Duration::from_secs(1));
    let (ended, end) = oneshot::channel();
    let began = Instant::now();
    go_on.send(()).unwrap();
    let state = running.await.unwrap();
    ended.send(began.elapsed()).unwrap();
    assert_eq!(state.result().unwrap(), 20);
    // Ten tasks, and the end of the run, which is waited for: were each task waited for, it would be ten seconds more.
    assert!(end.await.unwrap() < Duration::from_secs(8));
    until("all are recorded", || completed(server, id) == 20).await;
    let run = Known::new(server, id).flow_run();
    assert_eq!(text(&run["state_type"]), "COMPLETED");
}

#[task]
fn one(n: u32) -> u32 {
    n
}

#[flow(name = "faults: burst")]
fn burst(runs: u32) -> u32 {
    (0..runs).map(one).sum()
}

#[test]
fn of_a_burst_of_fifteen_thousand_task_runs_none_is_lost() {
    if !PrefectServer::can_start() {
        return;
    }
    // Tuned as a server of so many runs would be; Prefect's own client loses a third of them here, too.
    let server = PrefectServer::start(Options::new());
    let (settings, _home) = settings(server.api_url());
    let state = SettingsContext::new(settings).in_scope(|| burst::state(15_000));
    // When the flow has returned, everything is recorded: nothing is waited for here.
    assert_eq!(completed(&server, flow_run(&state)), 15_000);
}
