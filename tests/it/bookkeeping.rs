//! What a run's record says of its times and counts.

use std::time::Duration;

use context::prelude::*;
use context::testing::{Harness, Report};
use context::{ClockContext, TaskRun};

const SECOND: Duration = Duration::from_secs(1);

/// Lets two seconds pass on the harness' clock; good from the second attempt on.
fn work() -> Result<u32, String> {
    ClockContext::get().unwrap().clock().advance(2 * SECOND);
    let attempt = current_run!().run_count();
    if attempt < 2 { Err("not yet".to_owned()) } else { Ok(attempt) }
}

#[task(retries = 1, retry_delay = "1h")]
async fn slow() -> Result<u32, String> {
    work()
}

#[task(retries = 1, retry_delay = "1h")]
fn slow_sync() -> Result<u32, String> {
    work()
}

#[flow]
async fn load() -> Result<u32, String> {
    slow().await
}

#[flow]
fn load_sync() -> Result<u32, String> {
    slow_sync()
}

fn check(report: &Report<Result<u32, String>>) {
    assert_eq!(report.output, Ok(2));
    let (run, state) = report.task_runs().remove(0);
    // States of one run are at least a microsecond apart.
    let seconds = |time: Duration| time.as_secs_f64().round();
    assert_eq!(seconds(run.total_run_time), 4.0, "two attempts, and not the wait between them");
    assert_eq!(run.end_time, Some(state.timestamp()));
    assert_eq!(seconds(run.end_time.unwrap().since(run.start_time.unwrap())), 3604.0);
    assert_eq!((run.run_count, run.flow_run_run_count), (2, 1));
    let (flow, _) = report.flow_runs().remove(0);
    assert_eq!(seconds(flow.total_run_time), 3604.0);
    assert_eq!(seconds(flow.end_time.unwrap().since(flow.start_time.unwrap())), 3604.0);
}

#[tokio::test]
async fn the_time_of_a_run_is_that_of_its_attempts() {
    check(&Harness::new().manual_clock().run(load).await);
}

#[test]
fn the_time_of_a_sync_run_is_that_of_its_attempts() {
    check(&Harness::new().manual_clock().run_blocking(load_sync));
}

#[test]
fn a_run_that_never_ran_has_neither_start_nor_end() {
    #[task]
    fn needs(value: u32) -> Result<u32, RunError> {
        Ok(value)
    }

    #[task]
    fn fails() -> Result<u32, String> {
        Err("no".to_owned())
    }

    #[flow]
    fn chain() -> bool {
        needs::submit(fails::submit()).result_blocking().is_err()
    }

    let report = Harness::new().run_blocking(chain);
    let of = |name: &str| -> TaskRun {
        let runs = report.task_runs().into_iter().map(|(run, _)| run);
        runs.filter(|run| run.task_name == name).last().unwrap()
    };
    let unready = of("needs");
    assert_eq!((unready.start_time, unready.end_time, unready.run_count), (None, None, 0));
    assert_eq!(unready.total_run_time, Duration::ZERO);
    assert!(of("fails").end_time.is_some());
}

#[test]
fn the_runs_of_a_retried_flow_say_to_which_attempt_they_belong() {
    #[task]
    fn step(good: bool) -> Result<(), String> {
        if good { Ok(()) } else { Err("again".to_owned()) }
    }

    #[flow(retries = 1)]
    fn twice() -> Result<(), String> {
        step(current_run!(flow).run_count() == 2)
    }

    let report = Harness::new().run_blocking(twice);
    let attempts: Vec<_> =
        report.task_runs().into_iter().map(|(run, _)| run.flow_run_run_count).collect();
    assert_eq!(attempts, [1, 2]);
}
