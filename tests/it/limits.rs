//! Concurrency limits: what waits for a slot, and when slots come back.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use context::concurrency::{limits, remove_limit, set_limit, set_limit_with_decay, set_tag_limit};
use context::prelude::*;
use context::testing::Harness;
use context::{ConcurrencyError, TaskDefinition, TaskRun, concurrency, rate_limit};

use crate::support::{Notes, in_both_drivers, on_threads};

/// How many slots of the limit are taken, and how many wait.
fn taken(name: &str) -> (u64, usize) {
    let limit = limits().into_iter().find(|limit| limit.name == name).unwrap();
    (limit.active_slots, limit.waiting)
}

/// The most that were inside at the same time.
#[derive(Default)]
struct Most {
    now: AtomicU32,
    most: AtomicU32,
}

impl Most {
    const fn new() -> Self {
        Self { now: AtomicU32::new(0), most: AtomicU32::new(0) }
    }

    fn inside(&self) {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        self.now.fetch_sub(1, SeqCst);
    }
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            const MODE: &str = stringify!($mode);

            #[$($test)*]
            $($async)? fn a_run_holds_a_slot_of_each_limited_tag_until_its_hooks_were_called() {
                static NOTES: Notes = Notes::new();

                fn note(_: &'static TaskDefinition, _: TaskRun, state: State) {
                    let taken = [taken(&format!("tag:held-{MODE}")).0, taken(&format!("tag:also-{MODE}")).0];
                    NOTES.add(format!("{} {taken:?}", state.name()));
                }

                #[task(tags = [format!("held-{MODE}"), "not-limited".to_owned()], on_running = note, on_completion = note)]
                $($async)? fn work() {}

                set_tag_limit(&format!("held-{MODE}"), 1);
                set_tag_limit(&format!("also-{MODE}"), 1);
                let report = Harness::new().$run(work)$($wait)*;
                report.assert_completed();
                assert_eq!(NOTES.take(), "Running [1, 0], Completed [1, 0]");
                assert_eq!(taken(&format!("tag:held-{MODE}")), (0, 0));
                // Tags around the call count, too.
                let tag = format!("also-{MODE}");
                let report = Harness::new().$run(|| context::prelude::tags!(tag).in_scope(work))$($wait)*;
                report.assert_completed();
                assert_eq!(NOTES.take(), "Running [1, 1], Completed [1, 1]");
                assert_eq!(taken(&format!("tag:also-{MODE}")), (0, 0));
                remove_limit(&format!("tag:held-{MODE}"));
                remove_limit(&format!("tag:also-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn no_more_runs_of_a_tag_are_running_than_its_limit_says() {
                static MOST: Most = Most::new();

                #[task(tags = [format!("many-{MODE}")])]
                $($async)? fn work(_n: u32) -> Result<(), RunError> {
                    MOST.inside();
                    Ok(())
                }

                #[flow]
                async fn load() -> Result<(), RunError> {
                    work::map(0..12).result().await.map(drop)
                }

                set_tag_limit(&format!("many-{MODE}"), 2);
                let report = on_threads(Harness::new().run(load));
                report.assert_completed();
                report.assert_runs("work", 12);
                assert_eq!(MOST.most.load(SeqCst), 2);
                assert_eq!(taken(&format!("tag:many-{MODE}")), (0, 0));
                remove_limit(&format!("tag:many-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn a_waiting_run_is_pending() {
                #[task(tags = [format!("pending-{MODE}")])]
                $($async)? fn work() -> Result<(), RunError> {
                    Ok(())
                }

                #[flow]
                async fn load() -> Result<(String, usize), RunError> {
                    let name = format!("tag:pending-{MODE}");
                    let slot = concurrency(name.as_str(), 1).acquire().await.unwrap();
                    let waiting = work::submit();
                    while taken(&name).1 == 0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    let (state, waits) = (waiting.state().name().to_owned(), taken(&name).1);
                    drop(slot);
                    waiting.await?;
                    Ok((state, waits))
                }

                set_tag_limit(&format!("pending-{MODE}"), 1);
                let report = on_threads(Harness::new().run(load));
                let (state, waiting) = report.output.as_ref().unwrap();
                assert_eq!((state.as_str(), *waiting), ("Pending", 1));
                report.assert_states("work", ["Pending", "Running", "Completed"]);
                remove_limit(&format!("tag:pending-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn slots_come_back_after_failures_retries_and_panics() {
                #[task(tags = [format!("back-{MODE}")], retries = 1)]
                $($async)? fn work(how: &'static str) -> Result<(), String> {
                    assert_eq!(taken(&format!("tag:back-{MODE}")).0, 1);
                    match how {
                        "fails" => Err("no".to_owned()),
                        _ => panic!("boom"),
                    }
                }

                set_tag_limit(&format!("back-{MODE}"), 1);
                let report = Harness::new().$run(|| work("fails"))$($wait)*;
                report.assert_states("work", ["Pending", "Running", "Retrying", "Failed"]);
                assert_eq!(taken(&format!("tag:back-{MODE}")), (0, 0));
                $run::ends(|| work("panics"))$($wait)*;
                assert_eq!(taken(&format!("tag:back-{MODE}")), (0, 0));
                remove_limit(&format!("tag:back-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn the_slot_of_a_submitted_run_is_back_when_its_future_is_ready() {
                #[task(tags = [format!("ready-{MODE}")])]
                $($async)? fn work() -> Result<(), RunError> {
                    Ok(())
                }

                #[flow]
                async fn load() -> Result<Vec<u64>, RunError> {
                    let mut seen = Vec::new();
                    for _ in 0..50 {
                        work::submit().await?;
                        seen.push(taken(&format!("tag:ready-{MODE}")).0);
                    }
                    Ok(seen)
                }

                set_tag_limit(&format!("ready-{MODE}"), 1);
                let report = on_threads(Harness::new().run(load));
                assert_eq!(report.output.unwrap(), [0; 50]);
                remove_limit(&format!("tag:ready-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn tasks_under_one_scope_each_take_slots_of_their_own() {
                static MOST: Most = Most::new();

                #[task]
                $($async)? fn work(_n: u32) -> Result<(), RunError> {
                    let limit = format!("scope-{MODE}");
                    concurrency(limit.as_str(), 1).in_scope(|| MOST.inside()).unwrap();
                    Ok(())
                }

                #[flow]
                async fn load() -> Result<(), RunError> {
                    work::map(0..8).result().await.map(drop)
                }

                set_limit(&format!("scope-{MODE}"), 1);
                on_threads(Harness::new().run(load)).assert_completed();
                assert_eq!(MOST.most.load(SeqCst), 1);
                assert_eq!(taken(&format!("scope-{MODE}")), (0, 0));
                remove_limit(&format!("scope-{MODE}"));
            }

            #[$($test)*]
            $($async)? fn a_rate_limit_lets_runs_in_at_its_rate() {
                #[task]
                $($async)? fn work() {
                    rate_limit(format!("rate-{MODE}").as_str(), 1).acquire_blocking().unwrap();
                }

                set_limit_with_decay(&format!("rate-{MODE}"), 1, 0.1).unwrap();
                let harness = Harness::new().manual_clock();
                let report = harness.$run(work)$($wait)*;
                assert_eq!(report.elapsed(), Duration::ZERO);
                remove_limit(&format!("rate-{MODE}"));
            }
        }
    };
}

in_both_drivers!(rules);

mod run_blocking {
    pub(super) fn ends<R>(run: impl FnOnce() -> R) {
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)));
    }
}

mod run {
    use futures::FutureExt as _;

    pub(super) async fn ends<F: Future>(run: impl FnOnce() -> F) {
        drop(std::panic::AssertUnwindSafe(run()).catch_unwind().await);
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_gives_its_slot_back_and_its_place_in_the_line() {
    #[task(tags = ["dropped"])]
    async fn work() {
        tokio::task::yield_now().await;
    }

    set_tag_limit("dropped", 1);
    let report = Harness::new()
        .run(|| async {
            let mut first = Box::pin(work());
            assert!(futures::poll!(&mut first).is_pending());
            let mut second = Box::pin(work());
            assert!(futures::poll!(&mut second).is_pending());
            assert_eq!(taken("tag:dropped"), (1, 1));
            drop(second);
            assert_eq!(taken("tag:dropped"), (1, 0));
            drop(first);
            assert_eq!(taken("tag:dropped"), (0, 0));
            work().await;
        })
        .await;
    insta::assert_snapshot!(report.transcript(), @r"
    task work [dropped]: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
    task work [dropped]: Pending, Cancelled(Execution was cancelled: its future was dropped.)
    task work [dropped]: Pending, Running, Completed
    ");
    remove_limit("tag:dropped");
}

#[tokio::test]
async fn a_scope_around_a_task_limits_it() {
    #[task]
    async fn work() -> u64 {
        tokio::task::yield_now().await;
        taken("around").0
    }

    #[flow]
    async fn load() -> Result<u64, ConcurrencyError> {
        concurrency("around", 2).strict().scope(work()).await
    }

    set_limit("around", 2);
    let report = Harness::new().run(load).await;
    assert_eq!(report.output, Ok(2));
    assert_eq!(taken("around"), (0, 0));
    remove_limit("around");
    let report = Harness::new().run(load).await;
    assert!(matches!(report.output, Err(ConcurrencyError::UnknownLimit { .. })));
    report.assert_runs("work", 0);
}

#[tokio::test]
async fn waiting_for_a_slot_can_be_limited_in_time() {
    set_limit("busy", 1);
    let _slot = concurrency("busy", 1).acquire().await.unwrap();
    let late = concurrency("busy", 1).timeout(Duration::from_millis(5)).acquire().await;
    assert!(late.is_err_and(|error| error.is_timeout()));
    assert_eq!(taken("busy"), (1, 0));
    remove_limit("busy");
}
