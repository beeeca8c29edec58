//! Timeouts.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use context::prelude::*;
use futures::FutureExt as _;

use crate::{recorded, recorded_sync};

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_timed_out() {
    #[task(timeout = "200ms")]
    async fn slow() -> Result<u32, RunError> {
        pending().await
    }

    #[flow]
    async fn waits() -> Result<u32, RunError> {
        slow().await
    }

    let (value, recorder) = recorded(waits).await;
    let error = value.unwrap_err();
    assert!(error.is_timed_out());
    assert!(error.to_string().contains("exceeded timeout of 0.2 second(s)"), "{error}");
    let states = &recorder.task_states("slow")[0];
    assert_eq!(
        states.last().unwrap().to_string(),
        "TimedOut('Task run exceeded timeout of 0.2 second(s)', type=FAILED)"
    );
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_the_whole_time() {
    #[task(retries = 1, timeout = "1s")]
    async fn slow() -> Result<u32, anyhow::Error> {
        if current_run!().run_count() == 1 {
            pending().await
        } else {
            tokio::time::sleep(Duration::from_millis(900)).await;
            Ok(1)
        }
    }

    let (value, recorder) = recorded(slow).await;
    assert_eq!(value.unwrap(), 1);
    insta::assert_snapshot!(recorder.transcript(), @"task slow: Pending, Running, Retrying, Completed");
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_takes_too_long_is_timed_out_and_its_tasks_are_cancelled() {
    #[task]
    async fn endless() -> u32 {
        pending().await
    }

    #[flow(timeout = "1s")]
    async fn slow() -> Result<u32, RunError> {
        Ok(endless().await)
    }

    let (value, recorder) = recorded(slow).await;
    assert!(value.unwrap_err().is_timed_out());
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow slow: Pending, Running, TimedOut(Flow run exceeded timeout of 1.0 second(s))
      task endless: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
    ");
}

#[test]
fn a_sync_attempt_that_took_too_long_is_timed_out_when_it_returns() {
    #[task(timeout = "1ms")]
    fn slow() -> Result<u32, RunError> {
        // Not a synchronisation: the test is about time that passes.
        std::thread::sleep(Duration::from_millis(5));
        Ok(1)
    }

    let (value, recorder) = recorded_sync(slow);
    assert!(value.unwrap_err().is_timed_out());
    insta::assert_snapshot!(recorder.transcript(), @"task slow: Pending, Running, TimedOut(Task run exceeded timeout of 0.001 second(s))");
}

#[tokio::test(start_paused = true)]
async fn zero_means_no_timeout() {
    #[task]
    async fn slow() -> u32 {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        1
    }

    assert_eq!(slow::with_options().timeout(Duration::ZERO).call().await, 1);
    let limited = slow::with_options().timeout(Duration::from_secs(1)).call();
    let caught = AssertUnwindSafe(limited).catch_unwind().await;
    assert!(caught.unwrap_err().downcast::<RunError>().unwrap().is_timed_out());
}

#[tokio::test(start_paused = true)]
async fn runs_that_a_flow_has_submitted_take_of_its_time() {
    #[task]
    async fn endless() -> u32 {
        pending().await
    }
    #[flow(timeout = "1s")]
    async fn forgets() -> Result<u32, RunError> {
        drop(endless::submit());
        Ok(1)
    }

    let (value, recorder) = recorded(forgets).await;
    assert!(value.unwrap_err().is_timed_out());
    while recorder.task_runs()[0].1.name() != "Cancelled" {
        tokio::task::yield_now().await;
    }
}

#[test]
fn runs_that_a_sync_flow_has_submitted_take_of_its_time() {
    #[task]
    async fn endless() -> u32 {
        pending().await
    }
    #[flow(timeout = "20ms")]
    fn forgets() -> Result<u32, RunError> {
        drop(endless::submit());
        Ok(1)
    }

    assert!(recorded_sync(forgets).0.unwrap_err().is_timed_out());
}
