//! A flow run as the server shows it: states, tags, parameters, task runs, the graph.

use context::prelude::*;
use context::{SettingsContext, inputs};
use prefect_server::PrefectServer;
use serde_json::json;

use crate::support::{Known, flow_run, settings, text, under, under_blocking};

#[task(tags = ["t-deco"])]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn double(x: i64) -> i64 {
    2 * x
}

/// Adds and doubles.
#[flow(name = "states: two tasks", version = "v1")]
async fn two_tasks(n: i64, who: String) -> Result<i64, RunError> {
    let doubled = double::submit(n);
    let sum = tags!("ctx-tag", { add::submit(&doubled, 1) });
    let direct = add(1, 2).await;
    tracing::info!(who, direct, "added");
    sum.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_its_task_runs_and_their_graph_can_be_read_back() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, || async {
        tags!("run-tag", { two_tasks::state(5, "bob".to_owned()).await })
    })
    .await;
    assert_eq!(state.clone().result().unwrap(), 11);

    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Completed");
    let run = known.flow_run();
    assert_eq!(run["state_type"], "COMPLETED");
    assert_eq!(run["parameters"], json!({ "n": 5, "who": "bob" }));
    assert_eq!(run["tags"], json!(["run-tag"]));
    assert_eq!((&run["run_count"], &run["flow_version"]), (&json!(1), &json!("v1")));
    assert_eq!(
        run["state_id"],
        json!(state.id()),
        "the state that the caller gets is the server's"
    );

    let doubled = known.task_run("double");
    let runs = known.task_runs();
    assert_eq!(runs.len(), 3, "{runs:#?}");
    for run in &runs {
        assert_eq!((&run["state_type"], &run["run_count"]), (&json!("COMPLETED"), &json!(1)));
        assert_eq!(run["flow_run_run_count"], 1);
        for time in ["start_time", "end_time", "expected_start_time"] {
            assert!(run[time].is_string(), "{time} of {run:#}");
        }
    }
    let from_a_run = |run: &&serde_json::Value| run["task_inputs"]["x"][0].is_object();
    let submitted = runs.iter().find(from_a_run).unwrap();
    assert_eq!(
        submitted["task_inputs"]["x"],
        json!([{ "input_type": "task_run", "id": doubled["id"] }])
    );
    let mut tags: Vec<&str> = submitted["tags"].as_array().unwrap().iter().map(text).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["ctx-tag", "run-tag", "t-deco"]);

    let graph = known.graph();
    assert_eq!(graph.len(), 3, "{graph:#?}");
    let node = graph.iter().find(|node| node["id"] == submitted["id"]).unwrap();
    assert_eq!(node["parents"], json!([{ "id": doubled["id"] }]));
}

#[task]
fn fail() -> Result<(), String> {
    Err("nope".to_owned())
}

#[flow(name = "states: failure")]
fn failing() -> Result<(), String> {
    fail()
}

#[test]
fn a_failure_says_why_in_prefects_words() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under_blocking(server, failing::state);
    assert!(state.is_failed(), "{state}");
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Failed");
    let message = known.flow_run()["state"]["message"].clone();
    assert_eq!(message, "Flow run encountered an exception: String: nope");
    let task = known.task_run("fail");
    assert_eq!(task["state"]["message"], "Task run encountered an exception String: nope");
    assert_eq!(task["state"]["state_details"]["retriable"], false);
}

#[flow(name = "states: panic")]
async fn panicking() {
    panic!("at once");
}

#[tokio::test]
async fn a_panic_is_a_crash() {
    let Some(server) = PrefectServer::shared() else { return };
    let (told, ended) = std::sync::mpsc::channel();
    let noted = panicking::with_options().on_crashed(move |_, run: context::FlowRun, _| {
        told.send(run.id).unwrap();
    });
    let running = context::spawn(under(server, || noted.call()));
    assert!(running.await.unwrap_err().is_panic());
    let known = Known::new(server, ended.recv().unwrap());
    assert_eq!(known.states(), "Pending, Running, Crashed");
    assert_eq!(
        known.flow_run()["state"]["message"],
        "Execution was interrupted by a panic: at once"
    );
}

#[task(timeout = "50ms")]
async fn slow() -> Result<(), RunError> {
    std::future::pending().await
}

#[flow(name = "states: named", flow_run_name = "for {who}")]
async fn named(who: String) -> Result<(), RunError> {
    drop(who);
    slow().await
}

#[tokio::test]
async fn a_run_has_the_name_that_its_flow_gives_it_and_a_timeout_its_own_state() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, || named::state("bob".to_owned())).await;
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.flow_run()["name"], "for bob");
    assert_eq!(known.states(), "Pending, Running, Failed");
    let task = known.task_run("slow");
    assert_eq!((&task["state_type"], &task["state_name"]), (&json!("FAILED"), &json!("TimedOut")));
}

#[flow(name = "states: refused")]
async fn refused(_n: u8) -> Result<(), RunError> {
    Ok(())
}

#[tokio::test]
async fn a_run_that_cannot_be_named_has_failed_on_the_server_too() {
    let Some(server) = PrefectServer::shared() else { return };
    let named = refused::with_options().flow_run_name("for {nobody}");
    let state = under(server, || named.state(1)).await;
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Failed");
    assert!(text(&known.flow_run()["state"]["message"]).contains("`nobody`"));
}

#[task(persist_result = true, cache_policy = inputs())]
fn kept(x: u64) -> u64 {
    x + 1
}

#[task]
fn not_kept(x: u64) -> u64 {
    x + 1
}

#[flow(name = "states: kept results", persist_result = true)]
fn keeps() -> u64 {
    kept(1) + kept(1) + not_kept::with_options().persist_result(false).call(1)
}

#[test]
fn where_results_are_kept_is_told_of_task_runs() {
    let Some(server) = PrefectServer::shared() else { return };
    let (settings, home) = settings(server.api_url());
    let state = SettingsContext::new(settings).in_scope(keeps::state);
    let known = Known::new(server, flow_run(&state));
    let runs = known.task_runs();
    let of = |state_name: &str| {
        let run = runs.iter().find(|run| {
            run["state_name"] == state_name && text(&run["task_key"]).starts_with("kept-")
        });
        run.unwrap()["state"]["data"].clone()
    };
    let made = of("Completed");
    assert_eq!(of("Cached"), made);
    assert_eq!(made["serializer"]["type"], "json");
    let record = std::fs::read(text(&made["storage_key"])).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!((&record["metadata"], &record["result"]), (&made, &json!("2")));
    assert!(text(&made["storage_key"]).starts_with(home.path().to_str().unwrap()));

    assert_eq!(known.task_run("not_kept")["state"]["data"], json!(null));
    assert_eq!(known.flow_run()["state"]["data"], json!(null));
}
