//! Which states a run goes through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use context::StateType;
use context::prelude::*;
use futures::FutureExt as _;

use crate::{panic_text, recorded, recorded_sync};

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct Unlucky;

#[task]
async fn lucky(n: u32) -> Result<u32, Unlucky> {
    Ok(n + 1)
}

#[task]
fn lucky_sync(n: u32) -> Result<u32, Unlucky> {
    Ok(n + 1)
}

#[task]
async fn unlucky() -> Result<u32, Unlucky> {
    Err(Unlucky)
}

#[task]
fn unlucky_sync() -> Result<u32, Unlucky> {
    Err(Unlucky)
}

#[task]
async fn explodes() -> u32 {
    panic!("boom {}", 1)
}

#[task]
fn explodes_sync() -> u32 {
    panic!("boom {}", 1)
}

#[flow]
async fn good() -> Result<u32, Unlucky> {
    lucky(1).await
}

#[flow]
fn good_sync() -> Result<u32, Unlucky> {
    lucky_sync(1)
}

#[flow]
async fn bad() -> Result<u32, Unlucky> {
    unlucky().await
}

#[flow]
fn bad_sync() -> Result<u32, Unlucky> {
    unlucky_sync()
}

#[flow]
async fn swallows() -> u32 {
    unlucky().await.unwrap_or(7)
}

#[flow]
async fn burning() -> u32 {
    explodes().await
}

#[flow]
fn burning_sync() -> u32 {
    explodes_sync()
}

#[tokio::test]
async fn a_run_that_returns_a_value_is_pending_running_completed() {
    let (value, recorder) = recorded(good).await;
    assert_eq!(value.unwrap(), 2);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow good: Pending, Running, Completed
      task lucky: Pending, Running, Completed
    ");
}

#[test]
fn a_sync_run_that_returns_a_value_is_pending_running_completed() {
    let (value, recorder) = recorded_sync(good_sync);
    assert_eq!(value.unwrap(), 2);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow good-sync: Pending, Running, Completed
      task lucky_sync: Pending, Running, Completed
    ");
}

#[tokio::test]
async fn an_error_is_a_failed_run_and_reaches_the_caller_untouched() {
    let (value, recorder) = recorded(bad).await;
    assert!(matches!(value, Err(Unlucky)));
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow bad: Pending, Running, Failed(Flow run encountered an exception: Unlucky: no luck)
      task unlucky: Pending, Running, Failed(Task run encountered an exception Unlucky: no luck)
    ");
}

#[test]
fn a_sync_error_is_a_failed_run_and_reaches_the_caller_untouched() {
    let (value, recorder) = recorded_sync(bad_sync);
    assert!(matches!(value, Err(Unlucky)));
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow bad-sync: Pending, Running, Failed(Flow run encountered an exception: Unlucky: no luck)
      task unlucky_sync: Pending, Running, Failed(Task run encountered an exception Unlucky: no luck)
    ");
}

#[tokio::test]
async fn a_failed_task_does_not_fail_a_flow_that_goes_on() {
    let (value, recorder) = recorded(swallows).await;
    assert_eq!(value, 7);
    assert_eq!(recorder.flow_runs()[0].1.state_type(), StateType::Completed);
}

#[tokio::test]
async fn a_panic_is_a_crashed_run_and_is_raised_again() {
    let (caught, recorder) = recorded(|| AssertUnwindSafe(burning()).catch_unwind()).await;
    assert_eq!(panic_text(caught.unwrap_err()), "boom 1");
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow burning: Pending, Running, Crashed(Execution was interrupted by a panic: boom 1)
      task explodes: Pending, Running, Crashed(Execution was interrupted by a panic: boom 1)
    ");
}

#[test]
fn a_sync_panic_is_a_crashed_run_and_is_raised_again() {
    let (caught, recorder) = recorded_sync(|| catch_unwind(burning_sync));
    assert_eq!(panic_text(caught.unwrap_err()), "boom 1");
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow burning-sync: Pending, Running, Crashed(Execution was interrupted by a panic: boom 1)
      task explodes_sync: Pending, Running, Crashed(Execution was interrupted by a panic: boom 1)
    ");
}

#[test]
fn the_engine_goes_on_after_a_panic() {
    let (_, recorder) = recorded_sync(|| {
        drop(catch_unwind(burning_sync));
        good_sync().unwrap()
    });
    assert_eq!(recorder.flow_runs()[1].1.state_type(), StateType::Completed);
    assert!(get_run_context().is_err());
}

#[tokio::test]
async fn a_task_outside_a_flow_is_a_run_of_its_own() {
    let (value, recorder) = recorded(|| lucky(1)).await;
    assert_eq!(value.unwrap(), 2);
    let (run, state) = recorder.task_runs().remove(0);
    assert_eq!((run.flow_run_id, run.name.as_str()), (None, "lucky"));
    assert!(run.dynamic_key.starts_with(&format!("{}-", run.task_key)));
    assert!(state.is_completed());
}

#[tokio::test]
async fn states_of_a_run_are_at_least_a_microsecond_apart() {
    let (_, recorder) = recorded(good).await;
    for states in recorder.task_states("lucky") {
        for pair in states.windows(2) {
            assert!(pair[1].timestamp().since(pair[0].timestamp()).as_micros() >= 1);
        }
    }
}

#[task]
async fn outer(n: u32) -> u32 {
    inner(n).await
}

#[task]
async fn inner(n: u32) -> u32 {
    n
}

#[flow]
async fn nested() -> u32 {
    outer(3).await
}

#[tokio::test]
async fn a_task_called_in_a_task_is_its_child() {
    let (_, recorder) = recorded(nested).await;
    let runs = recorder.task_runs();
    let find = |name: &str| &runs.iter().find(|(run, _)| run.task_name == name).unwrap().0;
    assert_eq!(find("inner").parent, Some(find("outer").id));
    assert_eq!(find("inner").inputs.get("__parents__"), [find("outer").id]);
    assert_eq!(find("outer").parent, None);
    assert_eq!(find("inner").flow_run_id, find("outer").flow_run_id);
}

#[flow]
async fn takes(day: String, limit: u32, opaque: Unlucky) -> usize {
    let Unlucky = opaque;
    day.len() + limit as usize
}

#[tokio::test]
async fn parameters_are_recorded_as_json_or_by_their_type() {
    let (_, recorder) = recorded(|| takes("monday".to_owned(), 3, Unlucky)).await;
    let (run, _) = recorder.flow_runs().remove(0);
    assert_eq!(
        serde_json::to_value(&run.parameters).unwrap(),
        serde_json::json!({ "day": "monday", "limit": 3, "opaque": "<Unlucky>" })
    );
}

#[task(retries = 0 - std::hint::black_box(1))]
async fn impossible() -> Result<u32, RunError> {
    Ok(1)
}

#[task(retry_jitter = 0.0 - std::hint::black_box(1.0))]
async fn impossible_without_result() -> u32 {
    1
}

#[tokio::test]
async fn an_option_out_of_range_is_a_typed_error() {
    let (value, recorder) = recorded(impossible).await;
    assert_eq!(
        value.unwrap_err().to_string(),
        "option `retries` of `impossible` is -1, but must be from 0 to 4294967295"
    );
    assert_eq!(recorder.task_runs()[0].1.state_type(), StateType::Failed);
}

#[tokio::test]
async fn an_engine_error_that_the_type_cannot_carry_is_a_panic_that_carries_it() {
    let caught = AssertUnwindSafe(impossible_without_result()).catch_unwind().await;
    let error = caught.unwrap_err().downcast::<RunError>().unwrap();
    assert!(error.to_string().contains("`retry_jitter`"), "{error}");
}
