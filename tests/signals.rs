//! What becomes of runs when the process is asked to end. Each test starts this file again as a child, in which a program
//! runs as `#[context::main]` would run it, and sends it a real signal.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::unused_async,
    reason = "small programs under test"
)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use context::prelude::*;
use context::{Client, FlowDefinition, FlowRun, Interest, Recorder, RunEvent};
use context_core::program::{MainOptions, block_on_main, run_main};

/// Prints every state, and `ready` when a task says so.
#[derive(Debug)]
struct Printed;

impl Recorder for Printed {
    fn interest(&self) -> Interest {
        Interest { every_state: true, parameters: false }
    }

    fn record(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::FlowRun(run) => println!("| flow {}: {}", run.flow_name, run.state),
            RunEvent::TaskRun(run) => println!("| task {}: {}", run.task_name, run.state),
            _ => {}
        }
    }

    fn flush(&self) {
        println!("| flushed");
    }
}

fn record() {
    Client::set_process_default(Client::new(Arc::new(Printed)));
}

/// Starts the program `name` of this file, waits until it is ready, and has `signals` sent to it. What it printed, and
/// the signal that has ended it.
fn interrupted(name: &str, signals: &[&str]) -> (Vec<String>, Option<i32>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said: Vec<String> = Vec::new();
    let mut next = |said: &mut Vec<String>| match lines.next() {
        Some(line) => {
            // The harness of tests prints its own lines, the first of which has no end.
            if let Some((_, line)) = line.split_once("| ") {
                said.push(line.to_owned());
            }
            true
        }
        None => false,
    };
    while !said.iter().any(|line| line == "ready") {
        assert!(next(&mut said), "the program has ended before it was ready: {said:?}");
    }
    for signal in signals {
        send(&child, signal);
    }
    while next(&mut said) {}
    let status = child.wait().unwrap();
    (said, status.signal())
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[task]
async fn waits() {
    println!("| ready");
    std::future::pending::<()>().await;
}

async fn told(_: &'static FlowDefinition, _: FlowRun, state: State) {
    tokio::time::sleep(Duration::from_millis(1)).await;
    println!("| on_crashed: {}", state.name());
}

#[flow(on_crashed = told)]
async fn submits() -> Result<(), RunError> {
    waits::submit().await
}

#[test]
#[ignore = "a program that other tests start"]
fn async_program() {
    record();
    block_on_main(MainOptions::default(), async { submits().await.unwrap() });
}

#[test]
#[ignore = "a program that other tests start"]
fn async_program_on_one_thread() {
    record();
    let options = MainOptions { current_thread: true, ..MainOptions::default() };
    block_on_main(options, async { submits().await.unwrap() });
}

const CRASHED: &str = "Crashed('Execution was aborted by an interrupt signal.')";

#[test]
fn ctrl_c_ends_the_runs_of_an_async_program_children_first() {
    for program in ["async_program", "async_program_on_one_thread"] {
        let (said, signal) = interrupted(program, &["-INT"]);
        assert_eq!(
            said,
            [
                "flow submits: Pending()",
                "flow submits: Running()",
                "task waits: Pending()",
                "task waits: Running()",
                "ready",
                &format!("task waits: {CRASHED}"),
                &format!("flow submits: {CRASHED}"),
                "flushed",
                "on_crashed: Crashed",
                "flushed",
            ],
            "{program}"
        );
        assert_eq!(signal, Some(2), "it ends as Ctrl-C would have ended it");
    }
}

#[test]
fn sigterm_says_that_it_was_a_termination() {
    let (said, signal) = interrupted("async_program", &["-TERM"]);
    let ends: Vec<_> = said.iter().filter(|line| line.contains("Crashed('")).collect();
    assert_eq!(ends.len(), 2, "{said:?}");
    assert!(ends.iter().all(|line| line.contains("aborted by a termination signal")), "{said:?}");
    assert_eq!(signal, Some(15));
}

#[task]
async fn waits_as_one(n: u32) {
    if n == 2 {
        println!("| ready");
    }
    std::future::pending::<()>().await;
}

#[flow]
async fn maps() -> Result<(), RunError> {
    waits_as_one::with_options().reported_as_one().map([1, 2]).await.map(drop)
}

#[test]
#[ignore = "a program that other tests start"]
fn program_that_maps_as_one() {
    record();
    let options = MainOptions { current_thread: true, ..MainOptions::default() };
    block_on_main(options, async { maps().await.unwrap() });
}

#[test]
fn ctrl_c_ends_runs_that_are_reported_as_one() {
    let (said, signal) = interrupted("program_that_maps_as_one", &["-INT"]);
    assert_eq!(
        said[2..],
        [
            "task waits_as_one: Pending()",
            "task waits_as_one: Running()",
            "ready",
            "task waits_as_one: Crashed('2 of 2 runs crashed; the first: Execution was aborted by an interrupt signal.')",
            &format!("flow maps: {CRASHED}"),
            "flushed",
            "flushed",
        ]
    );
    assert_eq!(signal, Some(2));
}

#[flow]
fn blocks() -> Result<(), RunError> {
    waits::submit().result_blocking()
}

#[test]
#[ignore = "a program that other tests start"]
fn sync_program() {
    record();
    run_main(|| blocks().unwrap());
}

#[test]
fn ctrl_c_ends_a_sync_flow_that_waits_for_what_it_has_submitted() {
    let (said, signal) = interrupted("sync_program", &["-INT"]);
    assert_eq!(
        said[5..],
        [
            &format!("task waits: {CRASHED}"),
            &format!("flow blocks: {CRASHED}"),
            "flushed",
            "flushed"
        ]
    );
    assert_eq!(signal, Some(2));
}

#[task(retries = 1, retry_delay = "1h")]
fn fails() -> Result<(), String> {
    println!("| ready");
    Err("no".to_owned())
}

#[flow]
fn retries() -> Result<(), String> {
    fails()
}

#[test]
#[ignore = "a program that other tests start"]
fn sync_program_that_retries() {
    record();
    run_main(|| retries().unwrap());
}

#[test]
fn ctrl_c_ends_the_wait_for_a_retry() {
    let (said, signal) = interrupted("sync_program_that_retries", &["-INT"]);
    let ends: Vec<_> = said.iter().filter(|line| line.contains(CRASHED)).collect();
    assert_eq!(ends, [&format!("task fails: {CRASHED}"), &format!("flow retries: {CRASHED}")]);
    assert_eq!(signal, Some(2));
}

#[task]
fn step() {}

#[flow]
fn computes() {
    println!("| ready");
    loop {
        step();
    }
}

#[test]
#[ignore = "a program that other tests start"]
fn sync_program_that_computes() {
    Client::set_process_default(Client::off());
    run_main(|| {
        record();
        computes();
    });
}

#[test]
fn ctrl_c_unwinds_code_that_calls_tasks() {
    let (said, signal) = interrupted("sync_program_that_computes", &["-INT"]);
    assert_eq!(
        said[said.len() - 3..],
        [&format!("flow computes: {CRASHED}"), "flushed", "flushed"]
    );
    assert_eq!(signal, Some(2));
}

#[flow]
async fn stuck() {
    println!("| ready");
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "a program that other tests start"]
fn program_that_is_stuck() {
    record();
    block_on_main(MainOptions::default(), stuck());
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let (said, signal) = interrupted("program_that_is_stuck", &["-INT", "-TERM"]);
    assert!(!said.iter().any(|line| line == "flushed"), "{said:?}");
    assert!(matches!(signal, Some(2 | 15)), "{signal:?}");
}
