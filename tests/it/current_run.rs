//! `current_run!()`, `get_run_context()` and the contexts of runs.

use std::panic::catch_unwind;

use context::prelude::*;
use context::{AssetContext, RunContext, Secrets};

use crate::{panic_text, recorded};

#[flow]
async fn inner() -> &'static str {
    kind()
}

#[task]
async fn calls_a_flow() -> (&'static str, &'static str, &'static str) {
    let before = kind();
    let inside = inner().await;
    (before, inside, kind())
}

#[flow]
async fn outer() -> (&'static str, (&'static str, &'static str, &'static str), &'static str) {
    (kind(), calls_a_flow().await, kind())
}

fn kind() -> &'static str {
    match get_run_context() {
        Ok(RunContext::Flow(_)) => "flow",
        Ok(RunContext::Task(_)) => "task",
        _ => "none",
    }
}

#[tokio::test]
async fn a_task_wins_except_in_a_subflow_that_it_has_called() {
    assert_eq!(outer().await, ("flow", ("task", "flow", "task"), "flow"));
    assert_eq!(kind(), "none");
    assert_eq!(calls_a_flow().await, ("task", "flow", "task"));
}

#[task]
async fn shows() -> (String, serde_json::Value, u32) {
    let run = current_run!();
    let task = current_run!(task);
    assert_eq!(run.id(), task.id().as_uuid());
    assert_eq!(task.flow_run_id(), Some(current_run!(flow).id()));
    assert!(run.start_time() <= context::Timestamp::now());
    (run.name(), run.serialize(Secrets::Masked), run.run_count())
}

#[flow]
async fn showing(day: String) -> (String, serde_json::Value, u32) {
    assert_eq!(current_run!().parameters().get("day"), Some(&day.into()));
    shows().await
}

#[tokio::test]
async fn a_run_shows_what_it_is() {
    let ((name, json, count), recorder) = recorded(|| showing("monday".to_owned())).await;
    let (run, _) = recorder.task_runs().remove(0);
    assert_eq!((name.as_str(), count), (run.name.as_str(), 1));
    assert_eq!(json["task_run_context"]["task_run"]["id"], run.id.to_string());
    assert_eq!(json["task_run_context"]["task"]["name"], "shows");
}

#[test]
fn outside_a_run_the_error_names_both_usual_causes() {
    let error = get_run_context().unwrap_err().to_string();
    assert!(error.contains("outside a flow or task"), "{error}");
    assert!(error.contains("spawned without the context"), "{error}");
    let panic = catch_unwind(|| current_run!().name()).unwrap_err();
    assert!(panic_text(panic).contains("`current_run!()`"));
    let panic = catch_unwind(|| current_run!(flow).id()).unwrap_err();
    assert!(panic_text(panic).contains("active flow run"));
    let panic = catch_unwind(|| current_run!(task).id()).unwrap_err();
    assert!(panic_text(panic).contains("active task run"));
}

#[tokio::test]
async fn a_copy_is_changed_and_entered_without_touching_the_original() {
    #[task]
    async fn copies() -> (String, String, String) {
        let original = current_run!(task);
        let copy = original.model_copy().with_name("renamed");
        let inside = copy.in_scope(|| current_run!().name());
        let scoped = copy.scope(async { current_run!().name() }).await;
        (inside, scoped, current_run!().name())
    }
    let (inside, scoped, after) = copies().await;
    assert_eq!(
        (inside.as_str(), scoped.as_str(), after.as_str()),
        ("renamed", "renamed", "copies")
    );
}

#[tokio::test]
async fn a_context_can_be_kept_after_its_run() {
    #[flow]
    async fn gives() -> FlowRunContext {
        current_run!(flow)
    }
    let context = gives().await;
    assert_eq!(context.flow_name(), "gives");
    assert!(FlowRunContext::get().is_none() && AssetContext::get().is_none());
    assert_eq!(context.in_scope(|| current_run!().id()), context.id().as_uuid());
}

#[tokio::test]
async fn nobody_pays_for_parameters_under_a_client_that_is_off() {
    let client = context::AsyncClientContext::new(context::Client::off());
    let parameters = client
        .scope(async {
            #[flow]
            async fn quiet(day: String) -> usize {
                drop(day);
                current_run!().parameters().len()
            }
            quiet("monday".to_owned()).await
        })
        .await;
    assert_eq!(parameters, 0);
}
