//! Tasks: called, submitted, failing, retried, cached.

use context::inputs;
use context::prelude::*;
use prefect_server::compare::{Difference, Side, assert_same, prefects};

use super::failures::failures_in_other_words;
use super::{
    RuntimeError, TASK_RUNS, ValueError, and, ends_are_logged_by_their_kind, forget,
    kept_exception, once, said, said_in_full, untracked_results, version_of_the_function,
};

#[task(tags = ["t-deco"])]
async fn add(x: u64, y: u64) -> u64 {
    x + y
}

#[task(task_run_name = "double-{x}")]
async fn double(x: u64) -> u64 {
    2 * x
}

#[flow(name = "wire-a", version = "v1")]
pub(super) async fn two_tasks(n: u64, who: String) -> Result<u64, RunError> {
    drop(who);
    let total = tags!("ctx-tag", { add(n, 1).await });
    let doubled = double::submit(total);
    add::submit(&doubled, 1).await
}

#[tokio::test]
async fn scenario_01_two_tasks() {
    let call = || async { tags!("run-tag", { two_tasks(5, "bob".to_owned()).await }) };
    let Some((sum, said)) = said(call).await else { return };
    assert_eq!(sum.unwrap(), 13);
    let differences = and([Difference::one_event_for_a_short_task(), untracked_results()]);
    assert_same(&prefects("01-flow-two-tasks"), &said, &differences);
}

#[tokio::test]
async fn scenario_01_with_every_state() {
    let call = || async { tags!("run-tag", { two_tasks(5, "bob".to_owned()).await }) };
    let Some((sum, said)) = said_in_full(call).await else { return };
    assert_eq!(sum.unwrap(), 13);
    assert_same(&prefects("01-flow-two-tasks"), &said, &and([untracked_results()]));
}

#[task]
async fn boom() -> Result<(), ValueError> {
    Err(ValueError("nope"))
}

#[flow(name = "wire-b")]
pub(super) async fn failure() -> Result<(), ValueError> {
    boom().await
}

#[tokio::test]
async fn scenario_02_failure() {
    let Some((result, said)) = said(failure).await else { return };
    result.unwrap_err();
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        kept_exception(),
        failures_in_other_words(),
        ends_are_logged_by_their_kind(),
    ]);
    assert_same(&prefects("02-task-failure"), &said, &differences);
}

#[tokio::test]
async fn scenario_02_with_every_state() {
    let Some((result, said)) = said_in_full(failure).await else { return };
    result.unwrap_err();
    let differences = and([
        version_of_the_function(),
        kept_exception(),
        failures_in_other_words(),
        ends_are_logged_by_their_kind(),
    ]);
    assert_same(&prefects("02-task-failure"), &said, &differences);
}

#[task(retries = 2, retry_delay = ["500ms", "1s"])]
async fn flaky() -> Result<String, RuntimeError> {
    match current_run!().run_count() {
        1 => Err(RuntimeError("try 1")),
        2 => Err(RuntimeError("try 2")),
        _ => Ok("at last".to_owned()),
    }
}

#[task(retries = 1)]
async fn flaky_nodelay() -> Result<String, RuntimeError> {
    match current_run!().run_count() {
        1 => Err(RuntimeError("immediately")),
        _ => Ok("at once".to_owned()),
    }
}

#[flow(name = "wire-c")]
pub(super) async fn retried_tasks() -> Result<String, RuntimeError> {
    flaky().await?;
    flaky_nodelay().await
}

#[tokio::test]
async fn scenario_03_retries() {
    let Some((result, said)) = said(retried_tasks).await else { return };
    assert_eq!(result.unwrap(), "at once");
    // The state that waits for the retry says why there is one. It is said in the state's event, and as what was before.
    let why = |field| Difference::only_we_say("why it is retried", TASK_RUNS, field);
    let differences = and([
        version_of_the_function(),
        Difference::new("why it is retried", Side::Ours, |messages| {
            for message in
                messages.iter_mut().filter(|message| message.head().ends_with("AwaitingRetry"))
            {
                forget(&mut message.body, "/payload/validated_state", "message");
                forget(&mut message.body, "/resource", "prefect.state-message");
            }
        }),
        why("payload/initial_state/message"),
        failures_in_other_words(),
    ]);
    assert_same(&prefects("03-task-retries"), &said, &differences);
}

#[task(cache_policy = inputs())]
async fn cached(x: u64) -> String {
    format!("{x}")
}

#[flow(name = "wire-p")]
pub(super) async fn caching(x: u64) -> String {
    cached(x).await
}

#[tokio::test]
async fn scenario_19_a_cache_hit() {
    let twice = || async { (caching(1_795_349_517).await, caching(1_795_349_517).await) };
    let Some(((first, second), said)) = said(twice).await else { return };
    assert_eq!(first, second);
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        once("POST /flows/"),
        Difference::only_we_say(
            "by which key the result is found",
            TASK_RUNS,
            "payload/validated_state/state_details/cache_key",
        ),
        Difference::said_otherwise(
            "results are kept as JSON",
            TASK_RUNS,
            "payload/validated_state/data/serializer/type",
        ),
    ]);
    assert_same(&prefects("19-cache-hit"), &said, &differences);
}
