//! Cancellation by somebody else: noticed and obeyed.

use std::time::{Duration, Instant};

use context::FlowRunId;
use context::prelude::*;
use prefect_server::PrefectServer;
use serde_json::json;
use tokio::sync::oneshot;

use crate::support::{Known, flow_run, under, under_blocking, until};

/// What may pass between the wish and the end of the run; a second to notice, and time for a loaded machine.
const SOON: Duration = Duration::from_secs(5);

fn cancel(server: &PrefectServer, id: FlowRunId) -> Instant {
    let state = json!({ "state": { "type": "CANCELLING", "name": "Cancelling" }, "force": false });
    let answer = server.post(&format!("/flow_runs/{id}/set_state"), &state);
    assert_eq!(answer["status"], "ACCEPT", "{answer}");
    Instant::now()
}

#[task]
async fn endless() -> Result<(), RunError> {
    std::future::pending().await
}

#[flow(name = "cancellation: async")]
async fn waits_for_ever(began: oneshot::Sender<FlowRunId>) -> Result<(), RunError> {
    let submitted = endless::submit();
    began.send(current_run!(flow).id()).unwrap();
    endless().await?;
    submitted.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_waits_ends_within_a_second() {
    let Some(server) = PrefectServer::shared() else { return };
    let (began, begun) = oneshot::channel();
    let running = context::spawn(under(server, move || waits_for_ever::state(began)));
    let id = begun.await.unwrap();
    // Its tasks are known as soon as they run for a second.
    let known = Known::new(server, id);
    until("both tasks run", || known.task_runs().len() == 2).await;
    let asked = cancel(server, id);
    let state = running.await.unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert!(state.is_cancelled(), "{state}");
    assert_eq!(known.states(), "Pending, Running, Cancelling, Cancelled");
    for run in known.task_runs() {
        assert_eq!(run["state_type"], "CANCELLED", "{run:#}");
    }
}

#[task]
fn short() {
    std::thread::yield_now();
}

#[flow(name = "cancellation: blocking")]
fn works_for_ever(began: std::sync::mpsc::Sender<FlowRunId>) -> Result<(), RunError> {
    began.send(current_run!(flow).id()).unwrap();
    loop {
        short();
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_flow_that_calls_tasks_ends_at_the_next_of_them() {
    let Some(server) = PrefectServer::shared() else { return };
    let (began, begun) = std::sync::mpsc::channel();
    let state = std::thread::scope(|threads| {
        let running = threads.spawn(|| under_blocking(server, || works_for_ever::state(began)));
        let asked = cancel(server, begun.recv().unwrap());
        let state = running.join().unwrap();
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        state
    });
    assert!(state.is_cancelled(), "{state}");
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Cancelling, Cancelled");
}

#[flow(name = "cancellation: awaiting retry", retries = 3, retry_delay = "1h")]
async fn fails(began: std::sync::Arc<std::sync::Mutex<Option<FlowRunId>>>) -> Result<(), String> {
    *began.lock().unwrap() = Some(current_run!(flow).id());
    Err("no".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_awaits_its_retry_ends_too() {
    let Some(server) = PrefectServer::shared() else { return };
    let id = std::sync::Arc::default();
    let running = context::spawn({
        let id = std::sync::Arc::clone(&id);
        under(server, move || fails::state(id))
    });
    until("it awaits its retry", || {
        let id = *id.lock().unwrap();
        id.is_some_and(|id| Known::new(server, id).states().ends_with("AwaitingRetry"))
    })
    .await;
    let id = id.lock().unwrap().unwrap();
    let state = json!({ "state": { "type": "CANCELLING", "name": "Cancelling" }, "force": false });
    server.post(&format!("/flow_runs/{id}/set_state"), &state);
    let asked = Instant::now();
    let state = running.await.unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert!(state.is_cancelled(), "{state}");
    assert_eq!(Known::new(server, id).flow_run()["state_type"], "CANCELLED");
}
