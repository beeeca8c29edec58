//! Defaults from settings: retries and their delays, for what does not say it itself.

use std::time::Duration;

use context::Settings;
use context::prelude::*;
use context::testing::Harness;

use crate::support::in_both_drivers;

/// An argument that cannot be given twice.
struct Once;

fn busy<T>() -> Result<T, String> {
    Err("busy".to_owned())
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            #[task]
            $($async)? fn plain(_x: u32) -> Result<u32, String> {
                busy()
            }

            #[task(retries = 0)]
            $($async)? fn never() -> Result<u32, String> {
                busy()
            }

            #[task(retries = 1)]
            $($async)? fn once() -> Result<u32, String> {
                busy()
            }

            #[task(retries = 1, retry_delay = "1s")]
            $($async)? fn own() -> Result<u32, String> {
                busy()
            }

            #[task]
            $($async)? fn consumes(_once: Once) -> Result<u32, String> {
                busy()
            }

            fn settings() -> Settings {
                let delays = [Duration::from_secs(3600), Duration::from_secs(7200)];
                Settings::default().with_tasks_default_retries(2).with_tasks_default_retry_delay(delays)
            }

            #[$($test)*]
            $($async)? fn tasks_that_do_not_say_are_retried_as_the_settings_say() {
                let harness = Harness::new().manual_clock().settings(settings());
                let report = harness.$run(|| plain(1))$($wait)*;
                let states = ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Failed"];
                report.assert_states("plain", states);
                assert_eq!(report.elapsed(), Duration::from_secs(3 * 3600));
                assert_eq!(report.task_runs()[0].0.run_count, 3);
            }

            #[$($test)*]
            $($async)? fn what_a_task_says_itself_comes_first() {
                let harness = Harness::new().manual_clock().settings(settings());
                let report = harness.$run(never)$($wait)*;
                report.assert_states("never", ["Pending", "Running", "Failed"]);
                // The delay is still that of the settings.
                let report = harness.$run(once)$($wait)*;
                report.assert_states("once", ["Pending", "Running", "AwaitingRetry", "Retrying", "Failed"]);
                assert_eq!(report.elapsed(), Duration::from_secs(3600));
                let report = harness.$run(own)$($wait)*;
                assert_eq!(report.elapsed(), Duration::from_secs(1));
                let report = harness.$run(|| plain::with_options().retries(0).call(1))$($wait)*;
                report.assert_states("plain", ["Pending", "Running", "Failed"]);
            }

            #[$($test)*]
            $($async)? fn without_a_delay_retries_follow_at_once() {
                let settings = Settings::default().with_tasks_default_retries(1);
                let report = Harness::new().settings(settings).$run(|| plain(1))$($wait)*;
                report.assert_states("plain", ["Pending", "Running", "Retrying", "Failed"]);
            }

            #[$($test)*]
            $($async)? fn submitted_and_mapped_runs_are_retried_too() {
                #[flow]
                async fn load() -> bool {
                    let one = plain::submit(1);
                    let all = plain::map([1, 2]);
                    one.await.is_err() && all.result().await.is_err()
                }

                let settings = Settings::default().with_tasks_default_retries(1);
                let report = crate::support::on_a_runtime(Harness::new().settings(settings).run(load));
                assert!(report.output);
                let states = ["Pending", "Running", "Retrying", "Failed"];
                assert_eq!(report.states_of("plain"), [states; 3]);
            }

            #[$($test)*]
            $($async)? fn arguments_that_cannot_be_given_twice_are_not_retried() {
                let settings = Settings::default().with_tasks_default_retries(2);
                let report = Harness::new().settings(settings).$run(|| consumes(Once))$($wait)*;
                assert_eq!(report.output, Err("busy".to_owned()));
                report.assert_states("consumes", ["Pending", "Running", "Failed"]);
            }

            #[$($test)*]
            $($async)? fn flows_that_do_not_say_are_retried_as_the_settings_say() {
                #[flow]
                $($async)? fn load() -> Result<u32, String> {
                    if current_run!().run_count() < 2 { busy() } else { Ok(1) }
                }

                #[flow(retries = 0)]
                $($async)? fn never() -> Result<u32, String> {
                    busy()
                }

                #[flow]
                $($async)? fn outer() -> Result<u32, String> {
                    load()$($wait)*
                }

                let settings = Settings::default()
                    .with_flows_default_retries(2)
                    .with_flows_default_retry_delay([Duration::from_secs(60)]);
                let harness = Harness::new().manual_clock().settings(settings);
                let report = harness.$run(load)$($wait)*;
                assert_eq!(report.output, Ok(1));
                report.assert_states("load", ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]);
                assert_eq!(report.elapsed(), Duration::from_secs(60));
                let report = harness.$run(outer)$($wait)*;
                assert_eq!(report.states_of("outer"), [["Pending", "Running", "Completed"]]);
                assert_eq!(report.states_of("load")[0].len(), 5);
                let report = harness.$run(never)$($wait)*;
                report.assert_states("never", ["Pending", "Running", "Failed"]);
            }

            #[$($test)*]
            $($async)? fn retries_of_tasks_are_not_those_of_flows() {
                #[flow]
                $($async)? fn load() -> Result<u32, String> {
                    busy()
                }

                let report = Harness::new().settings(settings()).$run(load)$($wait)*;
                report.assert_states("load", ["Pending", "Running", "Failed"]);
                let settings = Settings::default().with_flows_default_retries(2);
                let report = Harness::new().settings(settings).$run(|| plain(1))$($wait)*;
                report.assert_states("plain", ["Pending", "Running", "Failed"]);
            }
        }
    };
}

in_both_drivers!(rules);
