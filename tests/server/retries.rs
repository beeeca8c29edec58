//! Retries: of tasks, as we decide; of flows, as the server decides.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use context::prelude::*;
use prefect_server::PrefectServer;
use serde_json::json;

use crate::support::{Known, flow_run, under, under_blocking};

#[task(retries = 2, retry_delay = "20ms")]
async fn delayed() -> Result<u32, String> {
    third_time()
}

#[task(retries = 2)]
fn at_once() -> Result<u32, String> {
    third_time()
}

fn third_time() -> Result<u32, String> {
    let attempt = current_run!().run_count();
    if attempt == 3 { Ok(attempt) } else { Err("again".to_owned()) }
}

#[flow(name = "retries: tasks")]
async fn tasks() -> Result<u32, String> {
    Ok(delayed().await? + at_once()?)
}

#[tokio::test]
async fn a_task_that_was_retried_has_its_whole_history() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, tasks::state).await;
    let known = Known::new(server, flow_run(&state));
    assert_eq!(
        known.task_states("delayed"),
        "Pending, Running, AwaitingRetry, Retrying, AwaitingRetry, Retrying, Completed"
    );
    assert_eq!(known.task_states("at_once"), "Pending, Running, Retrying, Retrying, Completed");
    assert_eq!(known.task_run("delayed")["run_count"], 3);
    assert_eq!(
        known.task_run("delayed")["empirical_policy"]["retries"],
        2,
        "the policy says how often it may be retried"
    );
}

#[flow(name = "retries: flow", retries = 1, retry_delay = "1s")]
async fn flow_with_retries() -> Result<u32, String> {
    let attempt = current_run!(flow).run_count();
    if attempt == 2 { Ok(attempt) } else { Err("again".to_owned()) }
}

#[tokio::test]
async fn a_flow_is_retried_when_the_server_says_so() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, flow_with_retries::state).await;
    assert_eq!(state.clone().result().unwrap(), 2);
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, AwaitingRetry, Running, Completed");
    let run = known.flow_run();
    assert_eq!((&run["run_count"], &run["empirical_policy"]["retries"]), (&json!(2), &json!(1)));
}

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

#[flow(name = "retries: in vain", retries = 1)]
fn in_vain() -> Result<(), String> {
    ATTEMPTS.fetch_add(1, SeqCst);
    Err("never".to_owned())
}

#[test]
fn a_flow_fails_when_the_server_has_no_more_retries_for_it() {
    let Some(server) = PrefectServer::shared() else { return };
    let error = under_blocking(server, in_vain).unwrap_err();
    assert_eq!((error.as_str(), ATTEMPTS.load(SeqCst)), ("never", 2));
}
