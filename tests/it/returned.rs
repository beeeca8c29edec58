//! Functions that return states, or futures of runs: how their own runs end.

use std::sync::atomic::{AtomicU32, Ordering};

use context::prelude::*;
use context::{PauseEnd, RunErrorKind};

use crate::{panic_text, recorded, recorded_sync};

#[task]
async fn number(n: u32) -> Result<u32, String> {
    if n < 10 { Ok(n) } else { Err(format!("{n} is too much")) }
}

#[tokio::test]
async fn one_state_made_by_hand_is_the_state_of_the_run() {
    #[flow]
    async fn skips() -> State {
        State::completed().with_name("Skipped").with_message("nothing to do")
    }

    #[flow]
    async fn gives_up() -> Result<State<u32>, String> {
        Ok(State::cancelled().with_message("not today").with_data(1))
    }

    #[task]
    fn fails() -> State {
        State::failed("by hand")
    }

    let (state, recorder) = recorded(skips).await;
    assert_eq!(state.name(), "Skipped");
    insta::assert_snapshot!(recorder.transcript(), @"flow skips: Pending, Running, Skipped(nothing to do)");
    let (state, recorder) = recorded(gives_up).await;
    assert!(state.unwrap().result().unwrap_err().is_cancelled());
    insta::assert_snapshot!(recorder.transcript(), @"flow gives-up: Pending, Running, Cancelled(not today)");
    // A task that returns a failed state gives it, and raises nothing.
    let (state, recorder) = recorded_sync(fails);
    assert!(state.is_failed());
    insta::assert_snapshot!(recorder.transcript(), @"task fails: Pending, Running, Failed(by hand)");
}

#[tokio::test]
async fn states_of_other_runs_decide_together() {
    #[flow]
    async fn all_good() -> Vec<State> {
        vec![State::completed(), State::cached()]
    }

    #[flow]
    async fn some_bad() -> [State; 3] {
        [State::completed(), State::failed("a"), State::crashed("b")]
    }

    #[flow]
    fn a_tuple() -> (State, State<u32>) {
        (State::cancelled(), State::failed("no").with_data(1))
    }

    #[flow]
    fn nothing() -> Vec<State> {
        Vec::new()
    }

    #[flow]
    fn mixed() -> (State, u32) {
        (State::failed("data"), 1)
    }

    #[task]
    fn in_a_task() -> Vec<State> {
        vec![State::completed(), State::running()]
    }

    let (states, recorder) = recorded(all_good).await;
    assert_eq!(states.len(), 2);
    insta::assert_snapshot!(recorder.transcript(), @"flow all-good: Pending, Running, Completed(All states completed.)");
    // The call gives the list and raises nothing, though the run has failed.
    let (states, recorder) = recorded(some_bad).await;
    assert!(states[1].is_failed());
    insta::assert_snapshot!(recorder.transcript(), @"flow some-bad: Pending, Running, Failed(2/3 states failed.)");
    let (_, recorder) = recorded_sync(a_tuple);
    insta::assert_snapshot!(recorder.transcript(), @"flow a-tuple: Pending, Running, Cancelled(1/2 states cancelled.)");
    let (_, recorder) = recorded_sync(nothing);
    insta::assert_snapshot!(recorder.transcript(), @"flow nothing: Pending, Running, Completed");
    let (_, recorder) = recorded_sync(mixed);
    insta::assert_snapshot!(recorder.transcript(), @"flow mixed: Pending, Running, Completed");
    let (_, recorder) = recorded_sync(in_a_task);
    insta::assert_snapshot!(recorder.transcript(), @"task in_a_task: Pending, Running, Failed(1/2 states are not final.)");
}

#[tokio::test]
async fn returned_futures_are_waited_for_and_decide() {
    #[flow]
    async fn one(n: u32) -> TaskFuture<u32> {
        number::submit(n)
    }

    #[flow]
    async fn many() -> Result<TaskFutures<u32>, String> {
        Ok(number::map([1, 20, 30]))
    }

    #[flow]
    fn sync_pair() -> (TaskFuture<u32>, TaskFuture<u32>) {
        (number::submit(1), number::submit(2))
    }

    let (future, recorder) = recorded(|| one(3)).await;
    assert_eq!(future.await.unwrap(), 3);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow one: Pending, Running, Completed(All states completed.)
      task number: Pending, Running, Completed
    ");
    let (future, recorder) = recorded(|| one(30)).await;
    assert!(future.await.unwrap_err().is_failed());
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow one: Pending, Running, Failed(1/1 states failed.)
      task number: Pending, Running, Failed(Task run encountered an exception String: 30 is too much)
    ");
    let (futures, recorder) = recorded(many).await;
    assert_eq!(futures.unwrap().len(), 3);
    assert_eq!(recorder.flow_runs()[0].1.message(), Some("2/3 states failed."));
    let (_, recorder) = recorded_sync(sync_pair);
    assert_eq!(recorder.flow_runs()[0].1.message(), Some("All states completed."));
}

#[tokio::test]
async fn plain_data_completes_a_flow_whose_tasks_failed() {
    #[flow]
    async fn swallows() -> u32 {
        number(99).await.unwrap_or(0)
    }

    let (output, recorder) = recorded(swallows).await;
    assert_eq!(output, 0);
    assert!(recorder.flow_runs()[0].1.is_completed());
}

#[tokio::test]
async fn a_returned_failure_is_retried() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    fn attempt(calls: &AtomicU32) -> State {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => State::failed("first"),
            _ => State::completed().with_message("second"),
        }
    }

    #[flow(retries = 1)]
    async fn again() -> State {
        attempt(&CALLS)
    }

    #[task(retries = 1)]
    fn again_sync() -> State {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        attempt(&CALLS)
    }

    let (state, recorder) = recorded(again).await;
    assert_eq!(state.message(), Some("second"), "the state of the last attempt");
    insta::assert_snapshot!(recorder.transcript(), @"flow again: Pending, Running, AwaitingRetry(first), Running, Completed(second)");
    let (state, recorder) = recorded_sync(again_sync);
    assert!(state.is_completed());
    insta::assert_snapshot!(recorder.transcript(), @"task again_sync: Pending, Running, Retrying, Completed(second)");
}

#[tokio::test]
async fn a_state_no_run_can_end_in_is_a_typed_error() {
    #[flow]
    async fn runs_on() -> State {
        State::running()
    }

    #[task]
    fn pends() -> Result<State, RunError> {
        Ok(State::pending())
    }

    #[task]
    fn pends_without_error_type() -> Vec<State> {
        vec![State::running()]
    }

    let (state, recorder) = recorded(runs_on).await;
    let error = state.result().unwrap_err();
    assert!(matches!(error.kind(), RunErrorKind::ReturnedState { .. }), "{error}");
    assert!(error.to_string().contains("returned the state `Running`"), "{error}");
    assert!(recorder.flow_runs()[0].1.is_failed());
    let (state, _) = recorded_sync(pends);
    assert!(matches!(state.unwrap_err().kind(), RunErrorKind::ReturnedState { .. }));
    // Several are aggregated, so that the run fails instead.
    let (_, recorder) = recorded_sync(pends_without_error_type);
    assert!(recorder.task_runs()[0].1.is_failed());
}

#[tokio::test]
async fn a_paused_run_says_so() {
    #[flow]
    async fn pauses() -> State {
        State::paused(PauseEnd::Never)
    }

    let (state, recorder) = recorded(pauses).await;
    assert!(matches!(state.result().unwrap_err().kind(), RunErrorKind::Paused { .. }));
    insta::assert_snapshot!(recorder.transcript(), @"flow pauses: Pending, Running, Paused");
}

#[test]
fn a_verdict_that_panics_is_a_crash() {
    struct Wild;

    impl std::fmt::Display for Wild {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("unprintable")
        }
    }

    #[task]
    fn wild() -> Result<State, Wild> {
        Err(Wild)
    }

    let (caught, recorder) = recorded_sync(|| std::panic::catch_unwind(wild));
    assert_eq!(panic_text(caught.err().unwrap()), "unprintable");
    assert!(recorder.task_runs()[0].1.is_crashed());
}
