//! Cached results: when a run finds what an earlier one has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use context::prelude::*;
use context::results::{FileSystemLockManager, MemoryLockManager};
use context::testing::Harness;
use context::{
    CacheKeyError, IntoStorage as _, IsolationLevel, KeyContext, Settings, TaskDefinition, TaskRun,
    Transaction,
};
use serde::{Deserialize, Serialize};

use crate::support::{Ears, Notes, files, in_both_drivers};

/// The key of `INPUTS` for one argument `x` of 1, as Prefect computes it.
const X_IS_1: &str = "599d6780d743a1b50a942acff196a0f1";

/// A value that cannot be an input of a key.
#[derive(Clone)]
struct Opaque;

/// Says when it is written, and cannot be.
#[derive(Debug, PartialEq, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("cannot be written"))
    }
}

fn parity(context: &KeyContext<'_>) -> Result<String, CacheKeyError> {
    Ok(format!("parity-{}", context.parameter::<u32>("x")? % 2))
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            #[$($test)*]
            $($async)? fn a_hit_is_cached_calls_no_function_and_completes_without_a_commit() {
                static CALLS: AtomicU32 = AtomicU32::new(0);
                static NOTES: Notes = Notes::new();

                fn completed(_: &'static TaskDefinition, _: TaskRun, state: State) {
                    NOTES.add(state.name());
                }

                fn committed(_: Transaction) {
                    NOTES.add("commit");
                }

                #[task(cache_policy = inputs(), on_completion = completed, on_commit = committed)]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                #[flow]
                $($async)? fn load() -> [u32; 3] {
                    [double(1)$($wait)*, double(1)$($wait)*, double(2)$($wait)*]
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, [2, 2, 4]);
                assert_eq!(CALLS.load(SeqCst), 2);
                assert_eq!(NOTES.take(), "commit, Completed, Cached, commit, Completed");
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task double: Pending, Running, Completed
                  task double: Pending, Running, Cached
                  task double: Pending, Running, Completed
                ");
            }

            #[$($test)*]
            $($async)? fn submitted_runs_are_cached_too() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs())]
                $($async)? fn double(x: u32) -> Result<u32, RunError> {
                    CALLS.fetch_add(1, SeqCst);
                    Ok(x * 2)
                }

                #[flow]
                async fn load() -> Result<[u32; 2], RunError> {
                    Ok([double::submit(1).await?, double::submit(1).await?])
                }

                let report = crate::support::on_a_runtime(Harness::new().run(load));
                assert_eq!(report.output.as_ref().ok(), Some(&[2, 2]));
                assert_eq!(CALLS.load(SeqCst), 1);
                let states = report.states_of("double");
                assert_eq!(states[1], ["Pending", "Running", "Cached"]);
            }

            #[$($test)*]
            $($async)? fn by_default_a_result_is_found_again_within_its_flow_run_only() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(persist_result = true)]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                #[flow]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)* + double(1)$($wait)*
                }

                #[flow]
                $($async)? fn twice() -> u32 {
                    load()$($wait)* + load()$($wait)*
                }

                let harness = Harness::new();
                assert_eq!(harness.$run(load)$($wait)*.output, 4);
                assert_eq!(CALLS.load(SeqCst), 1);
                assert_eq!(harness.$run(load)$($wait)*.output, 4);
                assert_eq!(CALLS.load(SeqCst), 2);
                // A subflow is a run of its own.
                assert_eq!(harness.$run(twice)$($wait)*.output, 8);
                assert_eq!(CALLS.load(SeqCst), 4);
            }

            #[$($test)*]
            $($async)? fn a_retried_flow_finds_what_its_last_attempt_has_made() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                #[flow(persist_result = true, retries = 1)]
                $($async)? fn load() -> Result<u32, String> {
                    let doubled = double(1)$($wait)*;
                    if current_run!().run_count() == 1 { Err("once".to_owned()) } else { Ok(doubled) }
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, Ok(2));
                assert_eq!(CALLS.load(SeqCst), 1);
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, AwaitingRetry(Flow run encountered an exception: String: once), Running, Completed
                  task double: Pending, Running, Completed
                  task double: Pending, Running, Cached
                ");
            }

            #[$($test)*]
            $($async)? fn inputs_are_found_again_across_flows_and_across_tasks() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs())]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                #[task(cache_policy = inputs())]
                $($async)? fn other(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x + 100
                }

                #[flow]
                $($async)? fn first() -> u32 {
                    double(1)$($wait)*
                }

                #[flow]
                $($async)? fn second() -> [u32; 2] {
                    [double(1)$($wait)*, other(1)$($wait)*]
                }

                let harness = Harness::new();
                assert_eq!(harness.$run(first)$($wait)*.output, 2);
                assert_eq!(harness.$run(second)$($wait)*.output, [2, 2]);
                assert_eq!(CALLS.load(SeqCst), 1);
                let names = files(&harness.home_path().join("storage"));
                assert_eq!(names, [harness.home_path().join("storage").join(X_IS_1)]);
            }

            #[$($test)*]
            $($async)? fn the_source_tells_tasks_apart() {
                #[task(cache_policy = task_source() + inputs())]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[task(cache_policy = task_source() + inputs())]
                $($async)? fn other(x: u32) -> u32 {
                    x + 100
                }

                #[flow]
                $($async)? fn load() -> [u32; 3] {
                    [double(1)$($wait)*, other(1)$($wait)*, double(1)$($wait)*]
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, [2, 101, 2]);
                assert_eq!(report.states_of("double")[1], ["Pending", "Running", "Cached"]);
            }

            #[$($test)*]
            $($async)? fn an_excluded_input_does_not_count() {
                #[task(cache_policy = inputs() - "verbose")]
                $($async)? fn double(x: u32, verbose: bool) -> (u32, bool) {
                    (x * 2, verbose)
                }

                #[flow]
                $($async)? fn load() -> [(u32, bool); 3] {
                    [double(1, true)$($wait)*, double(1, false)$($wait)*, double(2, false)$($wait)*]
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, [(2, true), (2, true), (4, false)]);
            }

            #[$($test)*]
            $($async)? fn parameters_of_the_flow_are_a_key() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = flow_parameters())]
                $($async)? fn count() -> u32 {
                    CALLS.fetch_add(1, SeqCst) + 1
                }

                #[flow]
                $($async)? fn load(_day: u32) -> u32 {
                    count()$($wait)*
                }

                let harness = Harness::new();
                let days = [
                    harness.$run(|| load(1))$($wait)*.output,
                    harness.$run(|| load(1))$($wait)*.output,
                    harness.$run(|| load(2))$($wait)*.output,
                ];
                assert_eq!(days, [1, 1, 2]);
                // Outside a flow there is no key.
                assert_eq!(harness.$run(count)$($wait)*.output, 3);
            }

            #[$($test)*]
            $($async)? fn a_key_function_makes_the_key() {
                #[task(cache_key_fn = parity)]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                let harness = Harness::new();
                let report = harness.$run(|| double(1))$($wait)*;
                assert_eq!(report.output, 2);
                let report = harness.$run(|| double(3))$($wait)*;
                assert_eq!(report.output, 2);
                report.assert_states("double", ["Pending", "Running", "Cached"]);
                assert!(harness.home_path().join("storage/parity-1").is_file());
            }

            #[$($test)*]
            $($async)? fn a_key_that_cannot_be_made_leaves_the_run_uncached_with_a_warning() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs())]
                $($async)? fn count(_opaque: Opaque) -> u32 {
                    CALLS.fetch_add(1, SeqCst)
                }

                #[task]
                $($async)? fn plain(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst) + x
                }

                let ears = Ears::new();
                let harness = Harness::new();
                harness.$run(|| count(Opaque))$($wait)*.assert_completed();
                harness.$run(|| count(Opaque))$($wait)*.assert_completed();
                assert_eq!(CALLS.load(SeqCst), 2);
                assert!(ears.heard(&["count", "_opaque", "Opaque"]), "{:?}", ears.warnings());

                fn fails(_: &KeyContext<'_>) -> Result<String, String> {
                    Err("no key today".to_owned())
                }
                let configured = || plain::with_options().cache_key_fn(fails).call(0);
                harness.$run(configured)$($wait)*.assert_completed();
                assert!(ears.heard(&["plain", "no key today"]), "{:?}", ears.warnings());

                fn panics(_: &KeyContext<'_>) -> Option<String> {
                    panic!("the key burst")
                }
                let configured = || plain::with_options().cache_key_fn(panics).call(0);
                harness.$run(configured)$($wait)*.assert_completed();
                assert!(ears.heard(&["plain", "the key burst"]), "{:?}", ears.warnings());
                assert_eq!(CALLS.load(SeqCst), 4);
                assert!(files(harness.home_path()).is_empty());
            }

            #[$($test)*]
            $($async)? fn inputs_of_a_task_without_any_give_no_key() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs())]
                $($async)? fn count() -> u32 {
                    CALLS.fetch_add(1, SeqCst)
                }

                let harness = Harness::new();
                harness.$run(count)$($wait)*.assert_states("count", ["Pending", "Running", "Completed"]);
                harness.$run(count)$($wait)*.assert_states("count", ["Pending", "Running", "Completed"]);
                assert!(files(harness.home_path()).is_empty());
            }

            #[$($test)*]
            $($async)? fn a_refreshed_result_is_made_anew_and_replaces_the_old_one() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs())]
                $($async)? fn count(_x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst) + 1
                }

                let harness = Harness::new();
                let refreshed = || count::with_options().refresh_cache(true).call(1);
                assert_eq!(harness.$run(|| count(1))$($wait)*.output, 1);
                assert_eq!(harness.$run(refreshed)$($wait)*.output, 2);
                assert_eq!(harness.$run(|| count(1))$($wait)*.output, 2);
                let settings = Settings::default().with_tasks_refresh_cache(true);
                let setting = harness.clone().settings(settings);
                assert_eq!(setting.$run(|| count(1))$($wait)*.output, 3);
                let kept = || count::with_options().refresh_cache(false).call(1);
                assert_eq!(setting.$run(kept)$($wait)*.output, 3);
            }

            #[$($test)*]
            $($async)? fn a_result_expires() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs(), cache_expiration = "1d")]
                $($async)? fn count(_x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst) + 1
                }

                let harness = Harness::new().manual_clock();
                let clock = harness.clock().unwrap().clone();
                assert_eq!(harness.$run(|| count(1))$($wait)*.output, 1);
                clock.advance(Duration::from_secs(86_399));
                assert_eq!(harness.$run(|| count(1))$($wait)*.output, 1);
                clock.advance(Duration::from_secs(1));
                let report = harness.$run(|| count(1))$($wait)*;
                assert_eq!(report.output, 2);
                report.assert_states("count", ["Pending", "Running", "Completed"]);
                clock.advance(Duration::from_secs(86_399));
                assert_eq!(harness.$run(|| count(1))$($wait)*.output, 2);
            }

            #[$($test)*]
            $($async)? fn a_retried_task_leaves_one_record_and_a_failed_one_none() {
                static NOTES: Notes = Notes::new();

                fn committed(_: Transaction) {
                    NOTES.add("commit");
                }

                #[task(cache_policy = inputs(), retries = 1, on_commit = committed)]
                $($async)? fn flaky(x: u32) -> Result<u32, String> {
                    if current_run!().run_count() <= x { Err("busy".to_owned()) } else { Ok(x) }
                }

                let harness = Harness::new();
                assert_eq!(harness.$run(|| flaky(1))$($wait)*.output, Ok(1));
                assert_eq!(NOTES.take(), "commit");
                assert!(harness.$run(|| flaky(2))$($wait)*.output.is_err());
                assert_eq!(NOTES.take(), "");
                assert_eq!(files(harness.home_path()).len(), 1);
                let report = harness.$run(|| flaky(1))$($wait)*;
                assert_eq!(report.output, Ok(1));
                report.assert_states("flaky", ["Pending", "Running", "Cached"]);
            }

            #[$($test)*]
            $($async)? fn settings_switch_caching_off() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(persist_result = true)]
                $($async)? fn plain(_x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst)
                }

                #[task(cache_policy = inputs())]
                $($async)? fn cached(_x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst)
                }

                #[flow]
                $($async)? fn load() {
                    for _ in 0..2 {
                        plain(1)$($wait)*;
                        cached(1)$($wait)*;
                    }
                }

                let calls = || CALLS.swap(0, SeqCst);
                Harness::new().$run(load)$($wait)*.assert_completed();
                assert_eq!(calls(), 2);
                let settings = Settings::default().with_tasks_default_no_cache(true);
                Harness::new().settings(settings).$run(load)$($wait)*.assert_completed();
                assert_eq!(calls(), 3);
                let settings = Settings::default().with_tasks_disable_caching(true);
                let harness = Harness::new().settings(settings);
                harness.$run(load)$($wait)*.assert_completed();
                assert_eq!(calls(), 4);
                assert!(files(harness.home_path()).is_empty());
            }

            #[$($test)*]
            $($async)? fn what_is_not_a_whole_record_is_a_miss_with_a_warning_and_is_replaced() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs(), cache_result_in_memory = false)]
                $($async)? fn double(x: u32) -> Result<u32, RunError> {
                    CALLS.fetch_add(1, SeqCst);
                    Ok(x * 2)
                }

                let harness = Harness::new();
                let record = harness.home_path().join("storage").join(X_IS_1);
                harness.$run(|| double(1))$($wait)*.assert_completed();
                assert_eq!(CALLS.swap(0, SeqCst), 1);
                let whole = std::fs::read_to_string(&record).unwrap();
                let damaged = [
                    ("empty", String::new()),
                    ("truncated", whole[..whole.len() / 2].to_owned()),
                    ("not text", "\u{0}\u{1}\u{2}".to_owned()),
                    ("foreign", r#"{"name": "somebody else's"}"#.to_owned()),
                    ("another type", whole.replace(r#""result":"2""#, r#""result":"[\"two\"]""#)),
                    ("pickled", whole.replace(r#""type":"json""#, r#""type":"pickle""#)),
                    ("unknown", whole.replace(r#""type":"json""#, r#""type":"of-the-future""#)),
                ];
                for (what, text) in damaged {
                    assert_ne!(text, whole, "{what}");
                    std::fs::write(&record, text).unwrap();
                    let ears = Ears::new();
                    let report = harness.$run(|| double(1))$($wait)*;
                    assert_eq!(report.output.as_ref().ok(), Some(&2), "{what}");
                    assert_eq!(CALLS.swap(0, SeqCst), 1, "{what}");
                    report.assert_states("double", ["Pending", "Running", "Completed"]);
                    assert_eq!(ears.warnings().len(), 1, "{what}: {:?}", ears.warnings());
                    assert!(ears.heard(&["task run 'double'", "cannot be used"]), "{what}");
                    let report = harness.$run(|| double(1))$($wait)*;
                    assert_eq!(report.output.as_ref().ok(), Some(&2), "{what}");
                    report.assert_states("double", ["Pending", "Running", "Cached"]);
                }
                assert_eq!(CALLS.load(SeqCst), 0);
            }

            #[$($test)*]
            $($async)? fn concurrent_runs_of_one_key_compute_once_under_serializable_isolation() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task]
                $($async)? fn slow(x: u32) -> Result<u32, RunError> {
                    CALLS.fetch_add(1, SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    Ok(x * 2)
                }

                #[flow]
                async fn load(policy: context::CachePolicy) -> Result<Vec<u32>, RunError> {
                    slow::with_options().cache_policy(policy).map([1; 8]).result().await
                }

                let harness = Harness::new();
                let policy = || inputs().configure().isolation_level(IsolationLevel::Serializable);
                let policies = [
                    policy().lock_manager(Arc::new(MemoryLockManager::isolated())),
                    policy().lock_manager(Arc::new(FileSystemLockManager::new(harness.home_path().join("locks")))),
                ];
                for policy in policies {
                    let harness = Harness::new();
                    let run = harness.run(|| load(policy.into()));
                    let report = crate::support::on_threads(run);
                    assert_eq!(report.output.as_ref().ok(), Some(&vec![2; 8]));
                    assert_eq!(CALLS.swap(0, SeqCst), 1);
                    let states = report.states_of("slow");
                    let cached = states.iter().filter(|run| run.ends_with(&["Cached".to_owned()]));
                    assert_eq!(cached.count(), 7, "{}", report.transcript());
                }
                let is_lock = |file: &std::path::PathBuf| file.extension().is_some_and(|end| end == "lock");
                assert!(!files(harness.home_path()).iter().any(is_lock), "locks are given back");
            }

            #[$($test)*]
            $($async)? fn serializable_isolation_without_locks_is_a_typed_error() {
                #[task(cache_policy = inputs().configure().isolation_level(IsolationLevel::Serializable))]
                $($async)? fn double(x: u32) -> Result<u32, RunError> {
                    Ok(x * 2)
                }

                let report = Harness::new().$run(|| double(1))$($wait)*;
                let error = report.output.as_ref().unwrap_err();
                assert!(matches!(error.kind(), context::RunErrorKind::InvalidOption(_)), "{error}");
                insta::assert_snapshot!(error, @"option `cache_policy` of `double` asks for SERIALIZABLE isolation, which needs locks: add `.configure().lock_manager(..)`");
            }

            #[$($test)*]
            $($async)? fn a_lock_is_free_again_after_an_error_and_after_a_panic() {
                #[task]
                $($async)? fn fails(panics: bool) -> Result<u32, String> {
                    assert!(!panics, "boom");
                    Err("no".to_owned())
                }

                let locks = Arc::new(MemoryLockManager::isolated());
                let policy = inputs().configure().isolation_level(IsolationLevel::Serializable);
                let policy = &context::CachePolicy::from(policy.lock_manager(locks));
                let harness = &Harness::new();
                for panics in [false, true] {
                    for _ in 0..2 {
                        let call = || fails::with_options().cache_policy(policy.clone()).call(panics);
                        // Would wait for ever if the lock had been kept.
                        $run::ends(move || harness.$run(call))$($wait)*;
                    }
                }
            }

            #[$($test)*]
            $($async)? fn key_storage_keeps_the_record_apart_from_the_value() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                let harness = Harness::new();
                let keys = harness.home_path().join("keys");
                let policy = context::CachePolicy::from(inputs().configure().key_storage(keys.clone().into_storage()));
                for _ in 0..2 {
                    let call = || {
                        let options = double::with_options().cache_result_in_memory(false);
                        options.cache_policy(policy.clone()).call(1)
                    };
                    assert_eq!(harness.$run(call)$($wait)*.output, 2);
                }
                assert_eq!(CALLS.load(SeqCst), 1);
                assert!(std::fs::read_to_string(keys.join(X_IS_1)).unwrap().contains("storage_key"));
                let value = harness.home_path().join("storage").join(X_IS_1);
                assert_eq!(std::fs::read_to_string(value).unwrap(), "2");
            }

            #[$($test)*]
            $($async)? fn a_value_that_cannot_be_written_is_returned_and_the_record_rolled_back() {
                static NOTES: Notes = Notes::new();

                fn undo(_: Transaction) {
                    NOTES.add("undo");
                }

                #[task(cache_policy = inputs(), on_rollback = undo)]
                $($async)? fn make(_x: u32) -> Unwritable {
                    Unwritable
                }

                let ears = Ears::new();
                let harness = Harness::new();
                let report = harness.$run(|| make(1))$($wait)*;
                assert_eq!(report.output, Unwritable);
                report.assert_states("make", ["Pending", "Running", "Completed", "RolledBack"]);
                assert_eq!(NOTES.take(), "undo");
                assert!(ears.heard(&["make", "cannot be written"]), "{:?}", ears.warnings());
                assert!(files(harness.home_path()).is_empty());
            }
        }
    };
}

in_both_drivers!(rules);

/// Runs what may panic to its end.
mod run_blocking {
    pub(super) fn ends<R>(run: impl FnOnce() -> R) {
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)));
    }
}

/// Awaits what may panic to its end.
mod run {
    use futures::FutureExt as _;

    pub(super) async fn ends<F: Future>(run: impl FnOnce() -> F) {
        drop(std::panic::AssertUnwindSafe(run()).catch_unwind().await);
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_while_it_waits_for_a_lock_leaves_no_lock() {
    #[task]
    async fn double(x: u32) -> u32 {
        if x == 1 {
            tokio::task::yield_now().await;
        }
        x * 2
    }

    let policy = inputs().configure().isolation_level(IsolationLevel::Serializable);
    let policy =
        context::CachePolicy::from(policy.lock_manager(Arc::new(MemoryLockManager::isolated())));
    let harness = Harness::new();
    let call = || double::with_options().cache_policy(policy.clone()).call(1);
    let report = harness
        .run(|| async {
            let mut first = Box::pin(call());
            assert!(futures::poll!(&mut first).is_pending());
            let mut second = Box::pin(call());
            for _ in 0..3 {
                assert!(futures::poll!(&mut second).is_pending(), "it waits for the lock");
            }
            drop(second);
            // Dropped in the middle, with the lock.
            drop(first);
            call().await
        })
        .await;
    assert_eq!(report.output, 2);
    insta::assert_snapshot!(report.transcript(), @r"
    task double: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
    task double: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
    task double: Pending, Running, Completed
    ");
}
