//! Names of runs.

use context::prelude::*;

use crate::{recorded, recorded_sync};

#[task]
async fn plain() -> String {
    current_run!().name()
}

#[task(task_run_name = "load {day} of {user[name]}, {rows[1]}")]
async fn templated(day: String, user: serde_json::Value, rows: Vec<u32>) -> String {
    drop((day, user, rows));
    current_run!().name()
}

#[task(task_run_name = || format!("seen as {}", current_run!(task).task_name()))]
fn called() -> String {
    current_run!().name()
}

#[flow(flow_run_name = "nightly {day}")]
async fn nightly(day: String) -> (String, String, String, String) {
    let user = serde_json::json!({ "name": "ada" });
    let flow_name = current_run!().name();
    (flow_name, plain().await, templated(day, user, vec![1, 2]).await, called())
}

#[tokio::test]
async fn templates_and_callables_name_runs() {
    let ((flow, plain, templated, called), recorder) =
        recorded(|| nightly("monday".to_owned())).await;
    assert_eq!(flow, "nightly monday");
    assert_eq!(templated, "load monday of ada, 2");
    assert_eq!(called, "seen as called");
    let runs = recorder.task_runs();
    let key = &runs[0].0.dynamic_key;
    assert_eq!(plain, format!("plain-{}", &key[..3]));
    assert_eq!(runs[0].0.name, plain);
    assert_eq!(recorder.flow_runs()[0].0.name, "nightly monday");
}

#[flow]
fn unnamed() -> String {
    current_run!(flow).name().to_owned()
}

#[test]
fn a_flow_run_without_a_name_gets_two_words() {
    let (name, recorder) = recorded_sync(unnamed);
    assert_eq!(name.split('-').count(), 2, "{name}");
    assert_eq!(recorder.flow_runs()[0].0.name, name);
}

#[task]
async fn rows(rows: Vec<u32>) -> Result<usize, RunError> {
    Ok(rows.len())
}

#[tokio::test]
async fn a_template_that_does_not_fit_is_a_typed_error_and_a_failed_run() {
    let (value, recorder) =
        recorded(|| async { rows::with_options().task_run_name("load {day}").call(vec![1]).await })
            .await;
    let error = value.unwrap_err().to_string();
    assert!(error.contains("`rows`") && error.contains("day"), "{error}");
    assert_eq!(recorder.task_states("rows")[0].last().unwrap().name(), "Failed");
}

#[tokio::test]
async fn options_of_one_call_leave_the_task_alone() {
    let (name, recorder) = recorded(|| async {
        let name =
            plain::with_options().name("other").task_run_name("one").tags(["t"]).call().await;
        drop(plain().await);
        name
    })
    .await;
    assert_eq!(name, "one");
    let runs = recorder.task_runs();
    assert_eq!(
        (runs[0].0.task_name.as_str(), runs[0].0.tags.to_string()),
        ("other", "t".to_owned())
    );
    assert_eq!(
        (runs[1].0.task_name.as_str(), runs[1].0.tags.to_string()),
        ("plain", String::new())
    );
    assert_eq!(runs[0].0.task_key, runs[1].0.task_key);
}
