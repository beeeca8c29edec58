//! Results that are kept: which, where, in which form, and what happens if they cannot be.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use context::prelude::*;
use context::results::Storage;
use context::testing::Harness;
use context::{
    Client, DefaultSerializer, Recorder, RunErrorKind, RunEvent, Settings, SyncClientContext,
    Transaction,
};
use serde_json::{Value, json};

use crate::support::{Ears, Notes, files, in_both_drivers};

/// A value that cannot be written.
#[derive(Clone, Debug, PartialEq)]
struct Handle(u32);

/// The names of the records in the default storage.
fn records(home: &Path) -> Vec<String> {
    let storage = home.join("storage");
    let name =
        |path: &std::path::PathBuf| path.strip_prefix(&storage).unwrap().display().to_string();
    files(&storage).iter().map(name).collect()
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            #[$($test)*]
            $($async)? fn without_any_option_nothing_is_kept() {
                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[flow]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)* + double(1)$($wait)*
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, 4);
                assert!(!report.home().exists());
                assert_eq!(report.states_of("double")[1], ["Pending", "Running", "Completed"]);
            }

            #[$($test)*]
            $($async)? fn the_result_of_a_flow_is_kept_under_its_run_and_of_its_tasks_under_their_keys() {
                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[flow(persist_result = true)]
                $($async)? fn load() -> Result<u32, String> {
                    Ok(double(1)$($wait)* + 1)
                }

                let report = Harness::new().$run(load)$($wait)*;
                let run = report.flow_runs()[0].0.id.as_uuid().simple().to_string();
                let names = records(report.home());
                assert_eq!(names.len(), 2);
                assert!(names.contains(&run), "{names:?}");
                let text = std::fs::read_to_string(report.home().join("storage").join(&run)).unwrap();
                let record: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(record["result"], "3");
                assert_eq!(record["metadata"]["serializer"]["type"], "json");
                let path = report.home().join("storage").join(&run);
                assert_eq!(record["metadata"]["storage_key"], path.to_str().unwrap());
            }

            #[$($test)*]
            $($async)? fn a_flow_that_fails_leaves_no_result() {
                #[flow(persist_result = true)]
                $($async)? fn load() -> Result<u32, String> {
                    Err("no".to_owned())
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert!(report.output.is_err());
                assert!(records(report.home()).is_empty());
            }

            #[$($test)*]
            $($async)? fn flows_hand_on_whether_results_are_kept() {
                #[task]
                $($async)? fn inner(x: u32) -> u32 {
                    x
                }

                #[task]
                $($async)? fn nested(x: u32) -> u32 {
                    inner(x + 10)$($wait)*
                }

                #[task(persist_result = false)]
                $($async)? fn never(x: u32) -> u32 {
                    inner(x + 20)$($wait)*
                }

                #[flow]
                $($async)? fn sub(x: u32) -> u32 {
                    inner(x + 30)$($wait)*
                }

                #[flow(persist_result = true)]
                $($async)? fn load() {
                    nested(0)$($wait)*;
                    sub(0)$($wait)*;
                }

                #[flow(persist_result = true)]
                $($async)? fn none() {
                    never(0)$($wait)*;
                }

                // The two flows, and three tasks.
                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(records(report.home()).len(), 5, "{}", report.transcript());
                // The flow only.
                let report = Harness::new().$run(none)$($wait)*;
                assert_eq!(records(report.home()).len(), 1, "{}", report.transcript());
            }

            #[$($test)*]
            $($async)? fn a_task_that_is_cached_hands_on_that_results_are_kept() {
                #[task]
                $($async)? fn inner(x: u32) -> u32 {
                    x
                }

                #[task(cache_policy = inputs())]
                $($async)? fn nested(x: u32) -> u32 {
                    inner(x + 10)$($wait)*
                }

                let report = Harness::new().$run(|| nested(0))$($wait)*;
                assert_eq!(records(report.home()).len(), 2, "{}", report.transcript());
            }

            #[$($test)*]
            $($async)? fn flows_hand_on_where_and_how_results_are_kept_and_tasks_may_differ() {
                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[task(cache_policy = inputs(), result_serializer = "json")]
                $($async)? fn triple(x: u32) -> u32 {
                    x * 3
                }

                #[flow]
                $($async)? fn sub(x: u32) -> u32 {
                    triple(x)$($wait)*
                }

                #[flow]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)* + sub(7)$($wait)*
                }

                let harness = Harness::new();
                let (flows, tasks) = (harness.home_path().join("f"), harness.home_path().join("t"));
                let call = || {
                    let options = load::with_options().result_serializer("compressed/json");
                    options.result_storage(flows.clone()).call()
                };
                let report = harness.$run(call)$($wait)*;
                assert_eq!(report.output, 23);
                assert!(records(report.home()).is_empty());
                let texts: Vec<_> =
                    files(&flows).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
                // Two flows, and two tasks: one has a serializer of its own.
                assert_eq!(texts.len(), 4);
                let packed = texts.iter().filter(|text| text.contains("compressed/json"));
                assert_eq!(packed.count(), 3, "{texts:#?}");

                let elsewhere = || double::with_options().result_storage(tasks.clone()).call(2);
                harness.$run(elsewhere)$($wait)*.assert_completed();
                assert_eq!(files(&tasks).len(), 1);
            }

            #[$($test)*]
            $($async)? fn settings_say_what_nobody_else_does() {
                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[flow]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)*
                }

                #[flow(persist_result = false)]
                $($async)? fn never() -> u32 {
                    double(1)$($wait)*
                }

                let harness = Harness::new();
                let folder = harness.home_path().join("elsewhere");
                let settings = Settings::default()
                    .with_results_local_storage_path(Some(folder.clone()))
                    .with_results_default_serializer(DefaultSerializer::CompressedJson);
                let by_default = settings.with_results_persist_by_default(true);
                let count = || {
                    let found = files(&folder);
                    let packed = |file: &std::path::PathBuf| {
                        std::fs::read_to_string(file).unwrap().contains("compressed/json")
                    };
                    assert!(found.iter().all(packed));
                    found.iter().for_each(|file| std::fs::remove_file(file).unwrap());
                    found.len()
                };
                harness.clone().settings(by_default.clone()).$run(load)$($wait)*.assert_completed();
                assert_eq!(count(), 2);
                // The flow's word comes before the setting for all.
                harness.clone().settings(by_default.clone()).$run(never)$($wait)*.assert_completed();
                assert_eq!(count(), 0);
                // The setting for tasks comes before the flow's word, and says nothing of flows.
                let tasks = settings.with_tasks_default_persist_result(Some(true));
                harness.clone().settings(tasks.clone()).$run(load)$($wait)*.assert_completed();
                assert_eq!(count(), 1);
                harness.clone().settings(tasks).$run(never)$($wait)*.assert_completed();
                assert_eq!(count(), 1);
                let tasks = by_default.with_tasks_default_persist_result(Some(false));
                harness.clone().settings(tasks).$run(load)$($wait)*.assert_completed();
                assert_eq!(count(), 1);
            }

            #[$($test)*]
            $($async)? fn a_storage_key_is_filled_in_and_written_also_without_a_policy() {
                #[task(result_storage_key = "of-{parameters[x]}-{flow_run.name}.json")]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[task(cache_policy = no_cache(), result_storage_key = "plain")]
                $($async)? fn plain() -> u32 {
                    7
                }

                #[flow(flow_run_name = "monday")]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)* + plain()$($wait)*
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, 9);
                assert_eq!(records(report.home()), ["of-1-monday.json", "plain"]);
            }

            #[$($test)*]
            $($async)? fn a_storage_key_that_cannot_be_filled_in_is_warned_of() {
                #[task]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                let ears = Ears::new();
                let call = || double::with_options().result_storage_key("{parameters[y]}").call(1);
                let report = Harness::new().$run(call)$($wait)*;
                assert_eq!(report.output, 2);
                assert!(ears.heard(&["double", "storage key", "y"]), "{:?}", ears.warnings());
                assert!(records(report.home()).is_empty());
            }

            #[$($test)*]
            $($async)? fn without_a_key_nothing_is_written_with_a_warning() {
                #[task(persist_result = true, cache_policy = no_cache())]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                let ears = Ears::new();
                let harness = Harness::new();
                let report = harness.$run(|| double(1))$($wait)*;
                harness.$run(|| double(1))$($wait)*.assert_completed();
                assert_eq!(report.output, 2);
                assert!(records(report.home()).is_empty());
                assert_eq!(ears.warnings().len(), 1, "{:?}", ears.warnings());
                assert!(ears.heard(&["`double`", "no key", "cache_policy"]));
            }

            #[$($test)*]
            $($async)? fn a_storage_that_cannot_be_written_leaves_the_task_completed_and_rolled_back() {
                static NOTES: Notes = Notes::new();

                fn undo(_: Transaction) {
                    NOTES.add("undo");
                }

                #[task(cache_policy = inputs(), on_rollback = undo)]
                $($async)? fn double(x: u32) -> u32 {
                    x * 2
                }

                #[flow(persist_result = true)]
                $($async)? fn load() -> u32 {
                    double(1)$($wait)*
                }

                let harness = Harness::new();
                std::fs::create_dir_all(harness.home_path()).unwrap();
                std::fs::write(harness.home_path().join("storage"), "in the way").unwrap();
                let ears = Ears::new();
                let report = harness.$run(load)$($wait)*;
                assert_eq!(report.output, 2);
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task double: Pending, Running, Completed, RolledBack
                ");
                assert_eq!(NOTES.take(), "undo");
                assert!(ears.heard(&["`double", "could not be written"]), "{:?}", ears.warnings());
                assert!(ears.heard(&["flow run", "could not be written"]), "{:?}", ears.warnings());
            }

            #[$($test)*]
            $($async)? fn a_type_that_cannot_be_kept_is_an_error_if_its_own_options_ask_for_it() {
                #[task]
                $($async)? fn open(x: u32) -> Result<Handle, RunError> {
                    Ok(Handle(x))
                }

                #[flow]
                $($async)? fn load() -> Result<Handle, RunError> {
                    Ok(Handle(1))
                }

                let call = || open::with_options().cache_policy(inputs()).call(1);
                let report = Harness::new().$run(call)$($wait)*;
                let error = report.output.as_ref().unwrap_err();
                assert!(matches!(error.kind(), RunErrorKind::InvalidOption(_)), "{error}");
                assert!(error.to_string().contains("`open` asks for a result to be kept"), "{error}");
                assert_eq!(report.states_of("open"), [["Pending", "Failed"]]);

                let call = || load::with_options().persist_result(true).call();
                let report = Harness::new().$run(call)$($wait)*;
                let error = report.output.as_ref().unwrap_err();
                assert!(matches!(error.kind(), RunErrorKind::InvalidOption(_)), "{error}");
            }

            #[$($test)*]
            $($async)? fn a_type_that_cannot_be_kept_is_warned_of_once_if_that_is_inherited() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task]
                $($async)? fn open(x: u32) -> Handle {
                    CALLS.fetch_add(1, SeqCst);
                    Handle(x)
                }

                #[task(persist_result = false)]
                $($async)? fn quiet(x: u32) -> Handle {
                    Handle(x)
                }

                #[flow(persist_result = true)]
                $($async)? fn load() -> u32 {
                    quiet(1)$($wait)*;
                    open(1)$($wait)*.0 + open(1)$($wait)*.0
                }

                let ears = Ears::new();
                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output, 2);
                assert_eq!(CALLS.load(SeqCst), 2);
                report.assert_completed();
                assert_eq!(ears.warnings().len(), 1, "{:?}", ears.warnings());
                assert!(ears.heard(&["`open`", "persist_result = false"]));
            }

            #[$($test)*]
            $($async)? fn a_policy_that_is_switched_off_needs_no_type_that_can_be_kept() {
                #[task]
                $($async)? fn open(x: u32) -> Handle {
                    Handle(x)
                }

                let ears = Ears::new();
                let call = || {
                    let options = open::with_options().cache_policy(inputs());
                    options.persist_result(false).call(1)
                };
                let report = Harness::new().$run(call)$($wait)*;
                assert_eq!(report.output, Handle(1));
                // Other tests have flow runs open, which may be warned of, too.
                let of_results = |warning: &String| warning.contains("results of `open`");
                assert!(!ears.warnings().iter().any(of_results), "{:?}", ears.warnings());
            }

            #[$($test)*]
            $($async)? fn a_storage_that_is_none_is_a_typed_error() {
                #[task]
                $($async)? fn double(x: u32) -> Result<u32, RunError> {
                    Ok(x * 2)
                }

                let call = || double::with_options().result_storage("ftp://nowhere").call(1);
                let report = Harness::new().$run(call)$($wait)*;
                let error = report.output.as_ref().unwrap_err();
                assert!(matches!(error.kind(), RunErrorKind::InvalidOption(_)), "{error}");
                assert!(error.to_string().contains("ftp://nowhere"), "{error}");
            }

            #[$($test)*]
            $($async)? fn results_may_be_kept_in_memory_only() {
                static CALLS: AtomicU32 = AtomicU32::new(0);

                #[task(cache_policy = inputs(), result_storage = Storage::memory())]
                $($async)? fn double(x: u32) -> u32 {
                    CALLS.fetch_add(1, SeqCst);
                    x * 2
                }

                let harness = Harness::new();
                assert_eq!(harness.$run(|| double(1))$($wait)*.output, 2);
                let report = harness.$run(|| double(1))$($wait)*;
                assert_eq!(report.output, 2);
                assert_eq!(CALLS.load(SeqCst), 1);
                assert!(!report.home().exists());
            }
        }
    };
}

in_both_drivers!(rules);

/// Notes where the values of task runs are kept, with the state that it is told with.
#[derive(Debug, Default)]
struct Places(Mutex<Vec<(String, Option<Value>)>>);

impl Recorder for Places {
    fn record(&self, event: &RunEvent<'_>) {
        if let RunEvent::TaskRun(run) = event {
            let told = (format!("{} {}", run.task_name, run.state.name()), run.result.cloned());
            self.0.lock().unwrap().push(told);
        }
    }
}

#[task(cache_policy = inputs(), cache_expiration = "1d", result_storage = Storage::memory())]
fn in_memory(x: f64) -> f64 {
    x
}

#[task(result_storage = Storage::memory(), result_storage_key = "named", persist_result = true, retries = 1)]
fn named() -> Result<u32, String> {
    if current_run!().run_count() == 1 { Err("again".to_owned()) } else { Ok(1) }
}

#[task]
fn not_kept() -> u32 {
    1
}

#[flow]
fn places() -> Result<(), String> {
    in_memory(1.0);
    in_memory(1.0);
    in_memory(f64::NAN);
    named()?;
    not_kept();
    Ok(())
}

#[test]
fn recorders_are_told_where_the_value_of_a_task_run_is_kept() {
    let recorder = Arc::new(Places::default());
    SyncClientContext::new(Client::off().and(recorder.clone())).in_scope(places).unwrap();
    let told = recorder.0.lock().unwrap();
    let kept: Vec<_> = told.iter().filter(|(_, place)| place.is_some()).collect();
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["in_memory Completed", "in_memory Cached", "named Completed"]);
    let place = |nth: usize| kept[nth].1.as_ref().unwrap();
    assert_eq!(place(0), place(1));
    assert!(place(0)["expiration"].is_string(), "{}", place(0));
    assert_eq!(
        place(2),
        &json!({
            "storage_key": "named", "expiration": null, "serializer": { "type": "json" },
            "prefect_version": "3.8.8", "storage_block_id": null,
        })
    );
    // What cannot be written, and what is not kept, is nowhere.
    let is_told = |name: &str| told.iter().any(|(told, _)| told == name);
    assert!(is_told("in_memory RolledBack") && is_told("not_kept Completed"), "{told:?}");
}
