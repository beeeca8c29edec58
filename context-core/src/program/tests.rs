use std::process::{Command, Output};

use super::*;
use crate::clock::Timestamp;
use crate::id::FlowRunId;
use crate::parameters::Parameters;
use crate::record::{FlowRunEvent, RunEvent, RunTags};
use crate::state::{State, StateType};

/// Runs the ignored test `name` of this program with other variables: what it wrote on the standard error stream.
fn child(name: &str, variables: &[(&str, &str)]) -> (Output, String) {
    let program = std::env::current_exe().unwrap();
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["--exact", &format!("program::tests::{name}"), "--ignored", "--nocapture"])
        .env("PREFECT_HOME", home.path())
        .env_remove("PREFECT_PROFILE")
        .env_remove("PREFECT_API_URL")
        .env_remove("CONTEXT_SUMMARY")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    (output, stderr)
}

/// A flow run of no length, told to the process's client. It is not flushed.
fn flow_run() {
    let client = Client::process_default();
    for state_type in [StateType::Pending, StateType::Completed] {
        client.record(&RunEvent::FlowRun(FlowRunEvent {
            end_time: None,
            total_run_time: Duration::ZERO,
            id: FlowRunId::from(uuid::Uuid::from_u128(1)),
            name: "brave-otter",
            flow_name: "crawl",
            flow_version: "1",
            parent_task_run_id: None,
            tags: RunTags { own: None, ambient: None },
            parameters: &Parameters::EMPTY,
            run_count: 1,
            start_time: Some(Timestamp::UNIX_EPOCH),
            state: &State::new(state_type, Timestamp::UNIX_EPOCH),
        }));
    }
}

const SUMMARY: &str = "✓ crawl 'brave-otter' · completed · 0 ns\nno task runs · 0 ns\n";

#[test]
#[ignore = "run by others"]
fn two_mains() {
    let twice = run_main(|| block_on_main(MainOptions::default(), async { 2 }));
    assert_eq!(twice, 2);
    run_main(flow_run);
}

#[test]
#[ignore = "run by others"]
fn panicking_main() {
    run_main(|| {
        flow_run();
        panic!("on purpose");
    });
}

#[test]
fn a_summary_is_shown_once_however_often_main_is_entered() {
    let (output, stderr) = child("two_mains", &[]);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, SUMMARY);
}

#[test]
fn summaries_can_be_turned_off() {
    let (_, stderr) = child("two_mains", &[("CONTEXT_SUMMARY", "never")]);
    assert_eq!(stderr, "");
    let (_, stderr) = child("two_mains", &[("CONTEXT_SUMMARY", "always")]);
    assert_eq!(stderr, SUMMARY);
}

#[test]
fn what_is_held_back_is_flushed_after_a_panic() {
    let (output, stderr) = child("panicking_main", &[]);
    assert!(!output.status.success());
    assert!(stderr.contains("on purpose") && stderr.contains(SUMMARY), "{stderr}");
}

#[test]
fn problems_are_told_once_and_stop_nothing() {
    let variables = [("PREFECT_TASKS_DEFAULT_RETRIES", "many"), ("CONTEXT_SUMMARY", "never")];
    let (output, stderr) = child("two_mains", &variables);
    assert!(output.status.success(), "{stderr}");
    let expected = "warning: setting `PREFECT_TASKS_DEFAULT_RETRIES` is \"many\", but must be a whole number from 0 \
                    to 4294967295; its default is used\n";
    assert_eq!(stderr, expected);
}

#[test]
fn the_options_choose_the_runtime() {
    use tokio::runtime::{Handle, RuntimeFlavor};

    let options = MainOptions { worker_threads: Some(3), ..MainOptions::default() };
    let (flavor, threads) = started(options);
    assert_eq!((flavor, threads), (RuntimeFlavor::MultiThread, 3));
    let options = MainOptions { current_thread: true, ..MainOptions::default() };
    assert_eq!(started(options).0, RuntimeFlavor::CurrentThread);

    /// Without the preparation, which would change this process for other tests.
    fn started(options: MainOptions) -> (RuntimeFlavor, usize) {
        runtime(options).block_on(async {
            tokio::time::sleep(Duration::ZERO).await;
            let handle = Handle::current();
            (handle.runtime_flavor(), handle.metrics().num_workers())
        })
    }
}
