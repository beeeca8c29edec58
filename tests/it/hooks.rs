//! Hooks: functions that are told of the states of a run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use context::prelude::*;
use context::{FlowDefinition, FlowRun, TaskDefinition, TaskRun};

use crate::{recorded, recorded_sync};

/// What hooks have said, in order.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Said {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn say(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[task]
async fn work(good: bool) -> Result<u32, String> {
    if good { Ok(1) } else { Err("no luck".to_owned()) }
}

#[task]
fn work_sync(good: bool) -> Result<u32, String> {
    if good { Ok(1) } else { Err("no luck".to_owned()) }
}

#[tokio::test]
async fn hooks_of_a_task_are_told_task_run_and_state() {
    static SAID: Said = Said::new();

    fn running(task: &'static TaskDefinition, run: TaskRun, state: State) {
        assert_eq!(current_run!(task).id(), run.id, "hooks run inside the run");
        assert_eq!(state.details().task_run_id, Some(run.id));
        SAID.say(format!("{}: {state}, attempt {}", task.name(), run.run_count));
    }

    async fn completed(_: &'static TaskDefinition, run: TaskRun, state: State) {
        tokio::task::yield_now().await;
        assert_eq!(current_run!(task).id(), run.id, "also after an await");
        SAID.say(format!("{}: {state}", run.task_name));
    }

    fn failed(_: &'static TaskDefinition, _: TaskRun, state: State) {
        SAID.say(format!("{state}: {}", state.error().unwrap()));
    }

    let configured =
        || work::with_options().on_running(running).on_completion(completed).on_failure(failed);
    let (output, _) = recorded(|| configured().call(true)).await;
    assert_eq!(output, Ok(1));
    let (output, _) = recorded(|| configured().call(false)).await;
    assert!(output.is_err());
    assert_eq!(
        SAID.all(),
        [
            "work: Running(), attempt 1",
            "work: Completed()",
            "work: Running(), attempt 1",
            "Failed('Task run encountered an exception String: no luck'): task run 'work' failed: no luck",
        ]
    );
}

#[test]
fn hooks_of_a_sync_task_may_be_async() {
    static SAID: Said = Said::new();

    async fn slow(_: &'static TaskDefinition, run: TaskRun, state: State) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(current_run!(task).id(), run.id);
        SAID.say(state.to_string());
    }

    let configured = || work_sync::with_options().on_running(slow).on_completion((slow, slow));
    let (output, recorder) = recorded_sync(|| configured().call(true));
    assert_eq!(output, Ok(1));
    assert_eq!(SAID.all(), ["Running()", "Completed()", "Completed()"]);
    insta::assert_snapshot!(recorder.transcript(), @"task work_sync: Pending, Running, Completed");
}

#[tokio::test]
async fn running_hooks_fire_on_every_attempt_and_failure_hooks_once() {
    static SAID: Said = Said::new();

    fn note(_: &'static TaskDefinition, run: TaskRun, state: State) {
        SAID.say(format!("{} {}", state.name(), run.run_count));
    }

    let tried = work::with_options()
        .retries(2)
        .retry_delay([Duration::ZERO, Duration::from_millis(1)])
        .on_running(note)
        .on_failure(note);
    let (output, recorder) = recorded(|| tried.call(false)).await;
    assert!(output.is_err());
    assert_eq!(SAID.all(), ["Running 1", "Retrying 2", "Retrying 3", "Failed 3"]);
    let names: Vec<_> =
        recorder.task_states("work")[0].iter().map(|state| state.name().to_owned()).collect();
    let waits = ["AwaitingRetry", "Retrying"];
    assert_eq!(names, [&["Pending", "Running"][..], &waits, &waits, &["Failed"]].concat());
}

#[tokio::test]
async fn a_hook_that_fails_or_panics_changes_nothing_and_the_others_run() {
    static SAID: Said = Said::new();

    fn fails(_: &'static TaskDefinition, _: TaskRun, _: State) -> Result<(), String> {
        Err("hook".to_owned())
    }

    async fn panics(_: &'static TaskDefinition, _: TaskRun, _: State) {
        panic!("hook")
    }

    fn last(_: &'static TaskDefinition, _: TaskRun, _: State) {
        SAID.say("last");
    }

    let configured = work::with_options().on_completion((fails, panics, last));
    let (output, recorder) = recorded(|| configured.call(true)).await;
    assert_eq!(output, Ok(1));
    assert_eq!(SAID.all(), ["last"]);
    insta::assert_snapshot!(recorder.transcript(), @"task work: Pending, Running, Completed");
}

#[flow]
async fn outer(how: &'static str) -> Result<u32, String> {
    match how {
        "ends" => Ok(1),
        "fails" => Err("no luck".to_owned()),
        "panics" => panic!("boom"),
        _ => std::future::pending().await,
    }
}

#[flow]
fn outer_sync(how: &'static str) -> Result<u32, String> {
    match how {
        "fails" => Err("no luck".to_owned()),
        "panics" => panic!("boom"),
        _ => Ok(1),
    }
}

fn tell(said: &Said, flow: &FlowDefinition, run: &FlowRun, state: &State) {
    assert_eq!(current_run!(flow).id(), run.id, "hooks run inside the run");
    assert_eq!(state.details().flow_run_id, Some(run.id));
    said.say(format!("{}: {state}", flow.name()));
}

#[tokio::test]
async fn hooks_of_a_flow_are_told_of_every_kind_of_end() {
    static SAID: Said = Said::new();

    fn note(flow: &'static FlowDefinition, run: FlowRun, state: State) {
        tell(&SAID, flow, &run, &state);
    }

    async fn later(flow: &'static FlowDefinition, run: FlowRun, state: State) {
        tokio::task::yield_now().await;
        tell(&SAID, flow, &run, &state);
    }

    let configured = || {
        outer::with_options()
            .on_running(note)
            .on_completion(later)
            .on_failure(note)
            .on_cancellation(later)
            .on_crashed(note)
    };
    assert!(configured().call("ends").await.is_ok());
    assert!(configured().call("fails").await.is_err());
    let panicked = configured().call("panics");
    let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panicked)).await;
    assert!(caught.is_err());
    let mut dropped = configured().call("pends");
    assert!(futures::poll!(&mut dropped).is_pending());
    assert!(futures::poll!(&mut dropped).is_pending());
    drop(dropped);
    insta::assert_snapshot!(SAID.all().join("\n"), @r"
    outer: Running()
    outer: Completed()
    outer: Running()
    outer: Failed('Flow run encountered an exception: String: no luck')
    outer: Running()
    outer: Crashed('Execution was interrupted by a panic: boom')
    outer: Running()
    outer: Cancelled('Execution was cancelled: its future was dropped.')
    ");
}

#[test]
fn hooks_of_a_sync_flow_are_told_of_every_kind_of_end() {
    static SAID: Said = Said::new();

    fn note(flow: &'static FlowDefinition, run: FlowRun, state: State) {
        tell(&SAID, flow, &run, &state);
    }

    let configured = || {
        outer_sync::with_options()
            .retries(1)
            .on_running(note)
            .on_completion(note)
            .on_failure(note)
            .on_crashed(note)
    };
    assert!(configured().call("ends").is_ok());
    assert!(configured().call("fails").is_err());
    let panicked = std::panic::catch_unwind(|| configured().call("panics"));
    assert!(panicked.is_err());
    insta::assert_snapshot!(SAID.all().join("\n"), @r"
    outer-sync: Running()
    outer-sync: Completed()
    outer-sync: Running()
    outer-sync: Running()
    outer-sync: Failed('Flow run encountered an exception: String: no luck')
    outer-sync: Running()
    outer-sync: Crashed('Execution was interrupted by a panic: boom')
    ");
}

#[tokio::test]
async fn a_run_that_is_not_ready_calls_no_hooks() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task]
    async fn needs(value: u32) -> Result<u32, RunError> {
        Ok(value)
    }

    #[flow]
    async fn chain() -> bool {
        let bad = work::submit(false);
        let note = |_: &'static TaskDefinition, _: TaskRun, _: State| {
            CALLS.fetch_add(1, Ordering::SeqCst);
        };
        needs::with_options().on_running(note).on_failure(note).call(bad).await.is_err()
    }

    let (unready, _) = recorded(chain).await;
    assert!(unready);
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn hooks_of_submitted_runs_are_called_before_their_futures_end() {
    static SAID: Said = Said::new();

    async fn note(_: &'static TaskDefinition, _: TaskRun, state: State) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        SAID.say(state.name());
    }

    #[flow]
    async fn submits() -> Result<u32, RunError> {
        let value = work::with_options().on_completion(note).submit(true).await?;
        SAID.say("value");
        Ok(value)
    }

    let (output, _) = recorded(submits).await;
    assert_eq!(output.unwrap(), 1);
    assert_eq!(SAID.all(), ["Completed", "value"]);
}

mod conditions {
    use super::*;

    fn never(_: &'static TaskDefinition, _: TaskRun, _: State) -> bool {
        false
    }

    #[tokio::test]
    async fn a_condition_may_refuse_a_retry() {
        let configured = work::with_options().retries(3).retry_condition(never);
        let (output, recorder) = recorded(|| configured.call(false)).await;
        assert!(output.is_err());
        insta::assert_snapshot!(recorder.transcript(), @"task work: Pending, Running, Failed(Task run encountered an exception String: no luck)");
    }

    #[test]
    fn a_condition_sees_the_error_and_may_be_a_closure() {
        static SEEN: Said = Said::new();
        let twice = |_: &'static TaskDefinition, run: TaskRun, state: State| {
            SEEN.say(format!("{state} / {}", state.error().unwrap()));
            run.run_count < 3
        };
        let configured = work_sync::with_options().retries(9).retry_condition(twice);
        let (output, recorder) = recorded_sync(|| configured.call(false));
        assert!(output.is_err());
        assert_eq!(recorder.task_runs()[0].0.run_count, 3);
        assert_eq!(
            SEEN.all()[0],
            "Failed('Task run encountered unexpected exception: no luck') / task run 'work_sync' failed: no luck"
        );
        assert_eq!(SEEN.all().len(), 3);
    }

    #[tokio::test]
    async fn a_condition_may_be_async_and_one_that_fails_refuses() {
        let asked = |_: &'static TaskDefinition, run: TaskRun, _: State| async move {
            tokio::task::yield_now().await;
            if run.run_count == 1 { Ok(true) } else { Err("cannot say") }
        };
        let configured = work::with_options().retries(9).retry_condition(asked);
        let (output, recorder) = recorded(|| configured.call(false)).await;
        assert!(output.is_err());
        assert_eq!(recorder.task_runs()[0].0.run_count, 2);
    }

    #[tokio::test]
    async fn no_condition_is_asked_when_no_retry_is_left() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let count = |_: &'static TaskDefinition, _: TaskRun, _: State| {
            CALLS.fetch_add(1, Ordering::SeqCst);
            true
        };
        let configured = work::with_options().retries(1).retry_condition(count);
        let (output, _) = recorded(|| configured.call(false)).await;
        assert!(output.is_err());
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    }
}
