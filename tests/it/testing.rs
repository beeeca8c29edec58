//! The harness for users' tests: a manual clock, recorded runs, and text that is the same every time.

use std::time::{Duration, Instant};

use context::ManualClock;
use context::prelude::*;
use context::testing::Harness;

const HOUR: Duration = Duration::from_secs(3600);

/// Fails twice.
#[task(retries = 2, retry_delay = ["1h", "3h"])]
async fn flaky() -> Result<u32, String> {
    if current_run!().run_count() < 3 { Err("busy".to_owned()) } else { Ok(1) }
}

/// Fails twice.
#[task(retries = 2, retry_delay = ["1h", "3h"])]
fn flaky_sync() -> Result<u32, String> {
    if current_run!().run_count() < 3 { Err("busy".to_owned()) } else { Ok(1) }
}

#[tokio::test]
async fn retries_take_no_time_and_show_the_time_they_would() {
    #[flow]
    async fn load() -> Result<u32, String> {
        flaky().await
    }

    let began = Instant::now();
    let harness = Harness::new().manual_clock();
    let report = harness.run(load).await;
    assert_eq!(report.output, Ok(1));
    insta::assert_snapshot!(report.timeline(), @r"
    flow load: Pending, Running, +14400s Completed
      task flaky: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, AwaitingRetry(Task run encountered an exception String: busy), +14400s Retrying, Completed
    ");
    assert_eq!(report.elapsed(), 4 * HOUR);
    assert!(began.elapsed() < Duration::from_secs(10));
    report.assert_completed();
    report.assert_runs("flaky", 1);
    assert_eq!(report.states_of("load"), [["Pending", "Running", "Completed"]]);
}

#[test]
fn sync_retries_take_no_time_either() {
    #[flow]
    fn load() -> Result<u32, String> {
        flaky_sync()
    }

    let report = Harness::new().manual_clock().run_blocking(load);
    assert_eq!(report.output, Ok(1));
    insta::assert_snapshot!(report.timeline(), @r"
    flow load: Pending, Running, +14400s Completed
      task flaky_sync: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, AwaitingRetry(Task run encountered an exception String: busy), +14400s Retrying, Completed
    ");
    report.assert_states(
        "flaky_sync",
        [
            "Pending",
            "Running",
            "AwaitingRetry",
            "Retrying",
            "AwaitingRetry",
            "Retrying",
            "Completed",
        ],
    );
}

#[tokio::test]
async fn submitted_runs_are_under_the_clock_and_wait_at_the_same_time() {
    #[task(retries = 1, retry_delay = "1h")]
    async fn fetch(page: u32) -> Result<u32, String> {
        if current_run!().run_count() == 1 { Err("busy".to_owned()) } else { Ok(page) }
    }

    #[flow]
    async fn load() -> Result<u32, RunError> {
        let pages = fetch::map([1, 2, 3]);
        Ok(pages.result().await?.into_iter().sum())
    }

    let report = Harness::new().manual_clock().run(load).await;
    assert_eq!(report.output.as_ref().ok(), Some(&6));
    assert_eq!(report.elapsed(), HOUR);
    insta::assert_snapshot!(report.timeline(), @r"
    flow load: Pending, Running, +3600s Completed
      task fetch: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, Completed
      task fetch: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, Completed
      task fetch: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, Completed
    ");
}

#[tokio::test]
async fn a_timeout_fires_at_its_time_though_a_longer_delay_is_waited_for() {
    #[flow(timeout = "90s")]
    async fn load() -> Result<u32, RunError> {
        flaky().await.map_err(|error| panic!("{error}"))
    }

    let report = Harness::new().manual_clock().run(load).await;
    assert!(report.output.is_err());
    assert_eq!(report.elapsed(), Duration::from_secs(90));
    insta::assert_snapshot!(report.timeline(), @r"
    flow load: Pending, Running, +90s TimedOut(Flow run exceeded timeout of 90.0 second(s))
      task flaky: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +90s Cancelled(Execution was cancelled: its future was dropped.)
    ");
}

#[tokio::test]
async fn a_test_may_move_the_clock_itself() {
    #[task(timeout = "10s")]
    async fn stuck() -> Result<(), RunError> {
        std::future::pending().await
    }

    let clock = ManualClock::new(Harness::START);
    let harness = Harness::new().with_clock(clock.clone());
    let moves = async {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1));
    };
    let (report, ()) = futures::join!(harness.run(stuck), moves);
    assert!(report.output.is_err());
    report.assert_states("stuck", ["Pending", "Running", "TimedOut"]);
    assert_eq!(report.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn text_has_no_ids_and_no_random_names() {
    #[task]
    async fn fails() -> Result<(), String> {
        let run = current_run!(task);
        Err(format!(
            "{} {} {}",
            run.id(),
            run.name(),
            context::SettingsContext::get().settings().home().display()
        ))
    }

    #[flow]
    async fn load() -> Result<(), String> {
        fails().await
    }

    let report = Harness::new().run(load).await;
    insta::assert_snapshot!(report.transcript(), @"
    flow load: Pending, Running, Failed(Flow run encountered an exception: String: <id> fails-* <home>)
      task fails: Pending, Running, Failed(Task run encountered an exception String: <id> fails-* <home>)
    ");
}

#[tokio::test]
async fn assertions_show_what_happened() {
    #[flow]
    async fn load() -> Result<u32, String> {
        Err("no".to_owned())
    }

    let report = Harness::new().run(load).await;
    let message = |f: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        crate::panic_text(caught.unwrap_err())
    };
    insta::assert_snapshot!(message(&|| report.assert_completed()), @"
    expected every run to complete, but `load` is Failed and 0 more are not completed
    what happened:
    flow load: Pending, Running, Failed(Flow run encountered an exception: String: no)
    ");
    insta::assert_snapshot!(message(&|| report.assert_states("load", ["Pending", "Completed"])), @"
    `load` entered the states Pending, Running, Failed, expected Pending, Completed
    what happened:
    flow load: Pending, Running, Failed(Flow run encountered an exception: String: no)
    ");
    insta::assert_snapshot!(message(&|| report.assert_runs("lode", 1)), @"
    expected 1 runs of `lode`, found 0
    what happened:
    flow load: Pending, Running, Failed(Flow run encountered an exception: String: no)
    ");
}
