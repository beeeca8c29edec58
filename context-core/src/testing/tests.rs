use std::time::Duration;

use super::*;
use crate::context::TagsContext;
use crate::limits::{rate_limit, remove_limit, set_limit_with_decay};

#[test]
fn nothing_from_outside_is_seen_inside() {
    let harness = Harness::new().manual_clock();
    TagsContext::new(["outside"]).in_scope(|| {
        let report = harness.run_blocking(|| {
            let settings = SettingsContext::get();
            let home = settings.settings().home().to_owned();
            (TagsContext::get().current_tags().len(), home, Timestamp::now())
        });
        assert_eq!(report.output, (0, report.home().to_owned(), Harness::START));
    });
    assert_ne!(Harness::new().home_path(), harness.home_path());
    assert!(Timestamp::now() > Harness::START);
}

#[tokio::test]
async fn a_future_is_made_and_polled_inside() {
    let harness = Harness::new().manual_clock().home("/somewhere");
    let report = harness
        .run(|| {
            let called = Timestamp::now();
            async move {
                tokio::task::yield_now().await;
                let home = SettingsContext::get().settings().home().to_owned();
                (called, Timestamp::now(), home)
            }
        })
        .await;
    assert_eq!(report.output, (Harness::START, Harness::START, PathBuf::from("/somewhere")));
}

#[tokio::test]
async fn the_clock_goes_along_with_spawned_code() {
    let harness = Harness::new().manual_clock();
    let clock = harness.clock().unwrap().clone();
    let report = harness
        .run(|| async {
            clock.sleep(Duration::from_secs(5)).await;
            let task = crate::context::spawn(async { Timestamp::now() });
            let thread = crate::context::thread::spawn(Timestamp::now);
            (task.await.unwrap(), thread.join().unwrap())
        })
        .await;
    let later = Harness::START.plus(Duration::from_secs(5));
    assert_eq!(report.output, (later, later));
    assert_eq!(report.elapsed(), Duration::from_secs(5));
}

#[test]
fn a_temporary_home_is_removed_with_the_last_who_knows_it() {
    let harness = Harness::new();
    let report = harness.run_blocking(|| {
        let folder = SettingsContext::get().settings().home().join("storage");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    });
    drop(harness);
    assert!(report.output.exists());
    let folder = report.output.clone();
    drop(report);
    assert!(!folder.parent().unwrap().exists());
}

#[test]
#[should_panic(expected = "a flow is called inside the closure")]
fn an_assertion_says_what_may_be_wrong() {
    Harness::new().run_blocking(|| ()).assert_completed();
}

/// One slot now, and one more each hour.
fn hourly(name: &str) {
    set_limit_with_decay(name, 1, 1.0 / HOUR.as_secs_f64()).unwrap();
}

/// Whether it is as if `expected` had passed, but for what a sum of fractions may be off by.
fn about(report: &Report<impl Sized>, expected: Duration) -> bool {
    let elapsed = report.elapsed();
    elapsed.abs_diff(expected) < Duration::from_secs(1)
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn rate_limits_take_no_time_in_async_code() {
    hourly("testing-async");
    let report = Harness::new()
        .manual_clock()
        .run(|| async {
            for _ in 0..5 {
                rate_limit("testing-async", 1).strict().await.unwrap();
            }
        })
        .await;
    assert!(about(&report, 4 * HOUR), "{:?}", report.elapsed());
    remove_limit("testing-async");
}

#[tokio::test]
async fn those_who_wait_for_one_rate_limit_pass_one_after_the_other() {
    hourly("testing-line");
    let harness = Harness::new().manual_clock();
    let clock = harness.clock().unwrap().clone();
    let report = harness
        .run(|| async move {
            let pass = |hours: u32| {
                let clock = &clock;
                async move {
                    rate_limit("testing-line", 1).strict().await.unwrap();
                    (hours, clock.elapsed().as_secs_f64())
                }
            };
            futures::join!(pass(0), pass(1), pass(2))
        })
        .await;
    let (a, b, c) = report.output;
    for (hours, at) in [a, b, c] {
        assert!((at - f64::from(hours) * HOUR.as_secs_f64()).abs() < 1.0, "{hours} at {at}");
    }
    assert!(about(&report, 2 * HOUR), "{:?}", report.elapsed());
    remove_limit("testing-line");
}

#[test]
fn rate_limits_take_no_time_in_blocking_code() {
    hourly("testing-blocking");
    let report = Harness::new().manual_clock().run_blocking(|| {
        for _ in 0..3 {
            rate_limit("testing-blocking", 1).strict().acquire_blocking().unwrap();
        }
    });
    assert!(about(&report, 2 * HOUR), "{:?}", report.elapsed());
    remove_limit("testing-blocking");
}

#[test]
fn a_timeout_of_a_rate_limit_comes_before_its_slots() {
    hourly("testing-timeout");
    let report = Harness::new().manual_clock().run_blocking(|| {
        let take = || rate_limit("testing-timeout", 1).timeout(HOUR / 6).acquire_blocking();
        take().unwrap();
        take().unwrap_err()
    });
    assert!(report.output.is_timeout());
    assert_eq!(report.elapsed(), HOUR / 6);
    remove_limit("testing-timeout");
}
