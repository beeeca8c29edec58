//! Many runs that the server is told of as one, with a progress artifact.

use context::prelude::*;
use prefect_server::PrefectServer;
use serde_json::{Value, json};

use crate::support::{Known, flow_run, under};

#[task]
async fn square(n: u64) -> Result<u64, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(n * n) }
}

#[task]
fn count(squares: Vec<u64>) -> usize {
    squares.len()
}

#[flow(name = "fan out: as one")]
async fn squares(runs: u64) -> Result<usize, RunError> {
    let squares = square::with_options().reported_as_one().map(100..100 + runs);
    count::submit(squares).await
}

fn artifacts(server: &PrefectServer, known: Known<'_>) -> Vec<Value> {
    let wanted = json!({ "flow_runs": { "id": { "any_": [known.id] } } });
    server.post("/artifacts/filter", &wanted).as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_runs_are_one_task_run_and_a_bar() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, || squares::state(2_000)).await;
    assert_eq!(state.clone().result().unwrap(), 2_000);
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.task_runs().len(), 2, "the runs of the map, and the one after");
    let (one, after) = (known.task_run("square"), known.task_run("count"));
    assert_eq!((&one["state_type"], &one["run_count"]), (&json!("COMPLETED"), &json!(1)));
    assert_eq!(
        after["task_inputs"]["squares"],
        json!([{ "input_type": "task_run", "id": one["id"] }])
    );
    let artifacts = artifacts(server, known);
    assert_eq!(artifacts.len(), 1, "{artifacts:#?}");
    assert_eq!(artifacts[0]["type"], "progress");
    assert_eq!(artifacts[0]["data"].as_f64(), Some(100.0));
    assert_eq!(artifacts[0]["task_run_id"], one["id"]);
}

#[flow(name = "fan out: unlucky")]
async fn unlucky() -> Result<Vec<u64>, RunError> {
    square::with_options().reported_as_one().map(0..20).result().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_counted() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, unlucky::state).await;
    let known = Known::new(server, flow_run(&state));
    let one = known.task_run("square");
    assert_eq!(one["state_type"], "FAILED");
    let message = one["state"]["message"].as_str().unwrap();
    assert!(message.starts_with("1 of 20 runs failed"), "{message}");
    let artifacts = artifacts(server, known);
    let description = artifacts[0]["description"].as_str().unwrap();
    assert!(description.ends_with("20 of 20 runs, 1 failed"), "{description}");
}
