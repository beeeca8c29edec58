//! Progress: told now and then, and at the end.

use std::time::Duration;

use context::prelude::*;
use context::testing::{Harness, Report};
use context::{ManualClock, Recorded};

use super::shown;

#[task]
async fn takes(n: u64, clock: ManualClock) -> Result<u64, String> {
    clock.advance(Duration::from_millis(100));
    if n.is_multiple_of(4) { Err("every fourth".to_owned()) } else { Ok(n) }
}

#[flow]
async fn mapped(count: u64, clock: ManualClock) {
    let runs = takes::with_options().reported_as_one().map(1..=count, unmapped(clock));
    runs.wait().await;
}

/// What is told of so many runs, of which each takes a tenth of a second.
async fn told(count: u64) -> Report<()> {
    let clock = ManualClock::new(Harness::START);
    Harness::new().with_clock(clock.clone()).run(|| mapped(count, clock.clone())).await
}

#[tokio::test]
async fn the_end_is_told_once_also_if_progress_is_due() {
    let told: Vec<_> = told(9).await.recorder().events().into_iter().map(shown).collect();
    assert_eq!(told[4..7], ["3 of 9", "6 of 9", "9 of 9"]);
    assert_eq!(told[7..], ["takes Failed", "mapped Completed"]);
}

#[tokio::test]
async fn progress_is_told_at_most_four_times_in_a_second() {
    let report = told(10).await;
    let events = report.recorder().events();
    let told: Vec<_> = events.iter().cloned().map(shown).collect();
    assert_eq!(
        told,
        [
            "mapped Pending",
            "mapped Running",
            "takes Pending",
            "takes Running",
            "3 of 10",
            "6 of 10",
            "9 of 10",
            "10 of 10",
            "takes Failed",
            "mapped Completed",
        ]
    );
    let one = report.task_runs().remove(0).0;
    let failures: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event {
            Recorded::Progress { task_run_id, flow_run_id, name, failed, .. } => {
                assert_eq!((task_run_id, Some(flow_run_id)), (one.id, one.flow_run_id));
                assert_eq!(name, one.name);
                Some(failed)
            }
            _ => None,
        })
        .collect();
    assert_eq!(failures, [0, 1, 2, 2]);
    insta::assert_snapshot!(report.timeline(), @r"
    flow mapped: Pending, Running, +1s Completed
      task takes: Pending, Running, <10 runs, 2 failed>, +1s Failed(2 of 10 runs failed; the first: Task run encountered an exception String: every fourth)
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn progress_never_goes_back_and_the_end_comes_last() {
    #[task]
    async fn quick(n: u64, clock: ManualClock) -> u64 {
        // Each run is late enough for progress to be told.
        clock.advance(Duration::from_millis(300));
        tokio::task::yield_now().await;
        n
    }
    #[flow]
    async fn many(clock: ManualClock) -> Result<usize, RunError> {
        let runs = quick::with_options().reported_as_one().map(0..3_000_u64, unmapped(clock));
        runs.await.map(|values| values.len())
    }
    let clock = ManualClock::new(Harness::START);
    let report = Harness::new().with_clock(clock.clone()).run(|| many(clock.clone())).await;
    assert_eq!(*report.output.as_ref().unwrap(), 3_000);
    let told: Vec<_> = report.recorder().events().into_iter().map(shown).collect();
    let progress: Vec<usize> =
        told.iter().filter_map(|event| event.split_once(" of ")?.0.parse().ok()).collect();
    assert!(progress.len() > 1, "{told:?}");
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!(progress.last(), Some(&3_000));
    assert_eq!(told[..4], ["many Pending", "many Running", "quick Pending", "quick Running"]);
    let end = told.len() - 3;
    assert_eq!(told[end..], ["3000 of 3000", "quick Completed", "many Completed"]);
}
