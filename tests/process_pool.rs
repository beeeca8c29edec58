//! Task runs in processes of their own. Their program is this file: a child is the test `child`, which never ends there.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::unused_async, reason = "tasks of both kinds are alike")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use context::prelude::*;
use context::testing::{Harness, Report};
use context::{
    Asset, Event, FlowRunContext, FlowRunId, ProcessPoolTaskRunner, Recorded, Resource, Secret,
    SerializedCall, Settings, SettingsContext, State, StateType, TagsContext, TaskDefinition,
    TaskFuture, TaskFutures, TaskRun, TaskRunContext, artifacts, emit_event, unmapped,
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::SubscriberExt as _;

/// What children run.
#[test]
fn child() {
    context::init();
}

fn processes(max_workers: usize) -> ProcessPoolTaskRunner {
    ProcessPoolTaskRunner::new(max_workers).with_arguments(["--exact", "child", "--nocapture"])
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    grade: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
#[error("no such row")]
struct NoSuchRow(#[source] std::num::ParseIntError);

#[task(tags = ["own"])]
fn pid() -> u32 {
    std::process::id()
}

#[task(task_run_name = "look at {row_number}")]
async fn look(rows: Vec<Row>, row_number: String) -> Result<Row, NoSuchRow> {
    let number: usize = row_number.parse().map_err(NoSuchRow)?;
    Ok(rows[number].clone())
}

/// What surrounds the code, in a child.
#[task]
fn surroundings(key: Secret<String>) -> serde_json::Value {
    let (task, flow) = (current_run!(task), current_run!(flow));
    json!({
        "process": std::process::id(),
        "task": [task.id(), task.run_count()], "name": task.name(), "tags": task.tags(),
        "flow": [flow.id(), flow.flow_run_id_of_parent()],
        "flow_run": flow.name(), "parameters": flow.parameters(), "start": flow.start_time(),
        "key": key.expose(),
    })
}

trait ParentOf {
    fn flow_run_id_of_parent(&self) -> Option<FlowRunId>;
}

impl ParentOf for FlowRunContext {
    fn flow_run_id_of_parent(&self) -> Option<FlowRunId> {
        self.parent_flow_run_id()
    }
}

#[flow(task_runner = processes(2))]
async fn around(day: u32) -> Result<serde_json::Value, RunError> {
    let _ = day;
    let flow = current_run!(flow);
    let key = Secret::new("hunter2".to_owned());
    let told = tags!("ambient", { surroundings::submit(key).await })?;
    assert_eq!(told["flow"][0], json!(flow.id()));
    assert_eq!(told["start"], json!(flow.start_time()));
    assert_eq!(told["flow_run"], json!(flow.name()));
    Ok(told)
}

#[tokio::test]
async fn a_run_is_in_another_process_with_all_that_surrounds_it() {
    let report = Harness::new().run(|| around(7)).await;
    let told = report.output.as_ref().unwrap();
    assert_ne!(told["process"], json!(std::process::id()));
    let (run, _) = report.task_runs().remove(0);
    assert_eq!(told["task"], json!([run.id, 1]));
    assert_eq!(told["name"], json!(run.name));
    assert_eq!(told["tags"], json!(["ambient"]));
    assert_eq!(told["parameters"], json!({ "day": 7 }));
    assert_eq!(told["key"], "hunter2");
    assert_eq!(run.parameters.get("key"), Some(&json!("********")), "recorders are told nothing");
    assert_eq!(
        report.transcript(),
        "flow around: Pending, Running, Completed\n  task surroundings [ambient]: Pending, Running, Completed\n"
    );
}

#[flow(task_runner = processes(2))]
async fn values() -> Result<(), RunError> {
    let rows = vec![
        Row { name: "ann".to_owned(), grade: Some(1.5) },
        Row { name: "\u{4e2d}".to_owned(), grade: None },
    ];
    assert_eq!(look::submit(rows.clone(), "1".to_owned()).await?, rows[1]);
    let failed = look::submit(rows, "one".to_owned()).await.unwrap_err();
    assert!(failed.is_failed(), "{failed}");
    let cause = std::error::Error::source(&failed).and_then(std::error::Error::source).unwrap();
    assert_eq!(cause.to_string(), "invalid digit found in string");
    Ok(())
}

#[tokio::test]
async fn values_and_errors_come_back() {
    let report = Harness::new().run(values).await;
    report.output.clone().unwrap();
    assert_eq!(
        report.transcript(),
        "flow values: Pending, Running, Completed\n  task look: Pending, Running, Completed\n  task look: Pending, Running, \
         Failed(Task run encountered an exception NoSuchRow: no such row)\n"
    );
    let names: Vec<_> = report.task_runs().into_iter().map(|(run, _)| run.name).collect();
    assert_eq!(names, ["look at 1", "look at one"]);
}

#[flow(task_runner = processes(2))]
fn mapped() -> Result<BTreeSet<u32>, RunError> {
    let pids: TaskFutures<u32> = (0..12).map(|_| pid::submit()).collect();
    Ok(pids.result_blocking()?.into_iter().collect())
}

#[test]
fn at_most_as_many_processes_as_workers_and_they_end_with_the_flow_run() {
    let pids = Harness::new().run_blocking(mapped).output.unwrap();
    assert!((1..=2).contains(&pids.len()), "{pids:?}");
    for pid in pids {
        gone(pid);
    }
}

/// Waits until there is no such process.
fn gone(pid: u32) {
    let began = Instant::now();
    while test_kill_process(Pid::from_raw(pid.cast_signed()).unwrap()).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill_me() -> ! {
    kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
    unreachable!("the process was killed");
}

#[task]
fn dies() -> u32 {
    kill_me()
}

#[task]
fn exits() -> u32 {
    std::process::exit(3)
}

#[task(retries = 2)]
fn dies_at_first() -> u32 {
    if current_run!().run_count() < 3 { kill_me() } else { current_run!().run_count() }
}

fn unless_crashed(_: &'static TaskDefinition, _: TaskRun, state: State) -> bool {
    !state.is_crashed()
}

#[task(retries = 3, retry_condition = unless_crashed)]
fn is_not_tried_again() -> u32 {
    kill_me()
}

#[flow(task_runner = processes(1))]
async fn dying() -> Result<u32, RunError> {
    let killed = dies::submit().await.unwrap_err();
    assert!(killed.is_crashed(), "{killed}");
    assert!(killed.to_string().contains("was killed (SIGKILL)"), "{killed}");
    let exited = exits::submit().await.unwrap_err();
    assert!(exited.to_string().contains("has ended by itself, with exit code 3"), "{exited}");
    assert!(is_not_tried_again::submit().await.unwrap_err().is_crashed());
    dies_at_first::submit().await
}

/// The names of the states of each run of a task.
fn names<T>(report: &Report<T>, task: &str) -> Vec<String> {
    let states = report.recorder().task_states(task);
    states.concat().iter().map(|state| state.name().to_owned()).collect()
}

#[tokio::test]
async fn a_process_that_is_killed_is_a_crash_and_is_tried_again_if_there_are_retries() {
    let report = Harness::new().run(dying).await;
    assert_eq!(report.output.clone().unwrap(), 3);
    assert_eq!(names(&report, "dies"), ["Pending", "Running", "Crashed"]);
    assert_eq!(names(&report, "exits"), ["Pending", "Running", "Crashed"]);
    assert_eq!(names(&report, "is_not_tried_again"), ["Pending", "Running", "Crashed"]);
    assert_eq!(
        names(&report, "dies_at_first"),
        ["Pending", "Running", "Retrying", "Retrying", "Completed"]
    );
}

#[task]
fn panics() -> u32 {
    panic!("out of range")
}

#[task(timeout = "200ms")]
fn never_ends(started: String) -> Result<u32, anyhow::Error> {
    std::fs::write(started, std::process::id().to_string()).unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[flow(task_runner = processes(1))]
async fn ends_badly(started: String) -> Result<u32, RunError> {
    let panicked = panics::submit().await.unwrap_err();
    assert!(panicked.is_crashed() && panicked.to_string().contains("out of range"), "{panicked}");
    let late = never_ends::submit(started).await.unwrap_err();
    assert!(late.is_timed_out(), "{late}");
    pid::submit().await
}

#[tokio::test]
async fn panics_are_crashes_and_a_timeout_ends_also_a_plain_function() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let report = Harness::new().run(|| ends_badly(path)).await;
    let next = report.output.clone().unwrap();
    let late: u32 = std::fs::read_to_string(file.path()).unwrap().parse().unwrap();
    assert_ne!(late, next);
    gone(late);
    assert_eq!(names(&report, "panics"), ["Pending", "Running", "Crashed"]);
    assert_eq!(names(&report, "never_ends"), ["Pending", "Running", "TimedOut"]);
}

#[task]
fn inner(n: u32) -> u32 {
    tracing::info!(target: "shop", n, "inside");
    n + 1
}

#[flow]
fn sub(n: u32) -> u32 {
    inner(n)
}

#[materialize("s3://lake/rows.csv", by = "polars")]
async fn outer(n: u32) -> Result<u32, anyhow::Error> {
    tracing::warn!("begins");
    tracing::info!(send_to_api = false, "between us");
    artifacts::create_markdown_artifact("# done").key("report").await?;
    emit_event(Event::new("shop.rows.made", Resource::new("shop.rows")))?;
    add_asset_metadata("s3://lake/rows.csv", json!({ "rows": 2 }))?;
    let later: TaskFuture<u32> = inner::submit(n);
    Ok(sub(later.await?))
}

#[flow(task_runner = processes(1))]
async fn telling() -> Result<u32, RunError> {
    outer::submit(1).await
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_bool(&mut self, field: &Field, value: bool) {
                self.0 += &format!(" ({}: {value})", field.name());
            }

            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let metadata = event.metadata();
        if metadata.name() == "event of a child process" {
            let mut message = Message(String::new());
            event.record(&mut message);
            let run = TaskRunContext::get().map(|run| run.task_name().to_owned());
            let run = run.unwrap_or_default();
            let line = format!("{} {} [{run}] {}", metadata.level(), metadata.target(), message.0);
            self.0.lock().unwrap().push(line);
        }
    }
}

#[test]
fn what_happens_inside_is_told_as_if_it_had_happened_here() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    // What children tell is heard on other threads. No other test here looks at a log.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(Harness::new().run(telling));
    assert_eq!(report.output.clone().unwrap(), 3);
    assert_eq!(
        report.transcript(),
        "\
flow telling: Pending, Running, Completed
  task outer: Pending, Running, <prefect.artifact.created report>, <shop.rows.made shop.rows>, Completed, \
<prefect.asset.materialization.succeeded s3://lake/rows.csv>
    task inner: Pending, Running, Completed
    subflow sub-*: Pending, Running, Completed
      flow sub: Pending, Running, Completed
        task inner: Pending, Running, Completed
"
    );
    let made = report.recorder().events().into_iter().find_map(|event| match event {
        Recorded::Asset { asset, metadata, .. } => Some((asset, metadata)),
        _ => None,
    });
    let (asset, metadata) = made.unwrap();
    assert_eq!(asset, Asset::new("s3://lake/rows.csv").unwrap());
    assert_eq!(metadata.map(serde_json::Value::Object), Some(json!({ "rows": 2 })));
    let log = log.0.lock().unwrap();
    let ours: Vec<_> = log.iter().filter(|line| !line.contains("context::run")).collect();
    assert_eq!(
        ours,
        [
            "WARN process_pool [outer] begins",
            "INFO process_pool [outer] between us (send_to_api: false)",
            "INFO shop [inner] inside n=1",
            "INFO shop [inner] inside n=2"
        ]
    );
}

#[derive(Debug, Clone)]
struct Opaque;

#[task]
fn takes_opaque(_thing: Opaque) -> u32 {
    1
}

#[task]
fn gives_opaque() -> Opaque {
    Opaque
}

#[task]
fn generic<T: Clone + Serialize + Send + Sync + 'static>(thing: T) -> u32 {
    drop(thing);
    1
}

#[task]
fn wants_a_finite_number(number: f64) -> f64 {
    number
}

#[flow(task_runner = processes(1))]
async fn refused() -> [String; 4] {
    let error = |error: RunError| error.to_string();
    [
        takes_opaque::submit(Opaque).await.map_err(error).unwrap_err(),
        gives_opaque::submit().await.map(drop).map_err(error).unwrap_err(),
        generic::submit(7_u8).await.map_err(error).unwrap_err(),
        wants_a_finite_number::submit(f64::NAN).await.map_err(error).unwrap_err(),
    ]
}

#[tokio::test]
async fn what_cannot_leave_fails_and_says_why() {
    let report = Harness::new().run(refused).await;
    let said = report.output.clone();
    assert_eq!(
        said[0],
        "`takes_opaque` cannot run where its task runner wants it to: all arguments of `takes_opaque` and its value must be \
         `serde::Serialize` and `serde::Deserialize`, and own what they hold"
    );
    assert!(
        said[1].contains("all arguments of `gives_opaque` and its value must be"),
        "{}",
        said[1]
    );
    assert!(said[2].contains("it has generic parameters"), "{}", said[2]);
    assert!(said[3].contains("its argument `number` cannot be read"), "{}", said[3]);
    for (_, state) in report.task_runs() {
        assert_eq!(state.state_type(), StateType::Failed);
    }
}

#[flow]
async fn by_a_program_that_is_no_child() -> Result<u32, RunError> {
    pid::submit().await
}

#[tokio::test]
async fn a_program_that_would_not_know_that_it_is_a_child_is_not_started() {
    // Another test may have been here before: then the program is known, and is asked for a test that is none.
    let flow = by_a_program_that_is_no_child::with_options()
        .task_runner(ProcessPoolTaskRunner::new(1).with_program("/does/not/exist"));
    let report = Harness::new().run(|| flow.call()).await;
    let error = report.output.clone().unwrap_err().to_string();
    assert!(error.contains("no process can be started"), "{error}");
    let flow =
        by_a_program_that_is_no_child::with_options().task_runner(ProcessPoolTaskRunner::new(1));
    let error = Harness::new().run(|| flow.call()).await.output.unwrap_err().to_string();
    assert!(error.contains("call `context::init()` first in `main`"), "{error}");
}

#[task(retries = 50)]
fn counts(n: u32, pids: String) -> u32 {
    let path = Path::new(&pids).join(std::process::id().to_string());
    std::fs::write(path, "").unwrap();
    std::thread::sleep(Duration::from_millis(3));
    n
}

#[flow(task_runner = processes(4))]
async fn many(pids: String) -> Result<Vec<u32>, RunError> {
    counts::map(0..200, unmapped(pids)).result().await
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_are_killed_again_and_again_lose_nothing() {
    let pids = tempfile::tempdir().unwrap();
    let path = pids.path().to_str().unwrap().to_owned();
    let over = Arc::new(AtomicBool::new(false));
    let killer = std::thread::spawn({
        let (over, pids) = (over.clone(), pids.path().to_owned());
        move || {
            let mut killed = 0;
            while !over.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                for pid in std::fs::read_dir(&pids).unwrap() {
                    let pid = pid.unwrap();
                    let id: i32 = pid.file_name().to_str().unwrap().parse().unwrap();
                    if killed < 40 && kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).is_ok()
                    {
                        killed += 1;
                    }
                    std::fs::remove_file(pid.path()).ok();
                }
            }
            killed
        }
    });
    let report = Harness::new().run(|| many(path)).await;
    over.store(true, SeqCst);
    let killed = killer.join().unwrap();
    assert!(killed >= 4, "{killed}");
    assert_eq!(report.output.clone().unwrap(), (0..200).collect::<Vec<_>>());
    assert_eq!(report.task_runs().len(), 200);
    let mut retried = 0;
    for states in report.recorder().task_states("counts") {
        let names: Vec<_> = states.iter().map(State::name).collect();
        assert_eq!(names[..2], ["Pending", "Running"]);
        assert_eq!(names.last(), Some(&"Completed"));
        assert!(names[2..names.len() - 1].iter().all(|name| *name == "Retrying"), "{names:?}");
        retried += names.len() - 3;
    }
    assert!(retried > 0 && retried <= killed, "{retried} of {killed}");
}

#[flow(task_runner = processes(2))]
fn sleeps_for_ever(folder: String) -> Result<u32, RunError> {
    let first = never_ends_at_all::submit(format!("{folder}/a"));
    never_ends_at_all::submit(format!("{folder}/b")).result_blocking()?;
    first.result_blocking()
}

#[task]
fn never_ends_at_all(started: String) -> u32 {
    std::fs::write(started, std::process::id().to_string()).unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[flow(task_runner = processes(1))]
async fn waits_for_ever(started: String) -> Result<u32, RunError> {
    never_ends_at_all::submit(started).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_given_up_ends_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let began = async {
        loop {
            if let Some(pid) = contents(&started) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (client, recorder) = context::Client::in_memory();
    let path = started.to_str().unwrap().to_owned();
    let flow = context::AsyncClientContext::new(client).scope(async { waits_for_ever(path).await });
    let pid = tokio::select! {
        ended = flow => panic!("it waits for ever: {ended:?}"),
        pid = began => pid,
    };
    gone(pid);
    let transcript = recorder.transcript();
    assert!(
        transcript.starts_with("flow waits-for-ever: Pending, Running, Cancelled"),
        "{transcript}"
    );
    assert!(
        transcript.contains("task never_ends_at_all: Pending, Running, Cancelled"),
        "{transcript}"
    );
}

/// A program that other tests start, and kill.
#[test]
#[ignore = "a program that other tests start"]
fn program_that_never_ends() {
    #[expect(clippy::disallowed_methods, reason = "said by the test that starts it")]
    let folder = std::env::var("TEST_FOLDER").unwrap();
    sleeps_for_ever(folder).unwrap();
}

fn contents(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.parse().ok()
}

#[test]
fn no_child_is_left_when_its_parent_is_killed() {
    for signal in ["KILL", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program_that_never_ends", "--ignored", "--nocapture"])
            .env("TEST_FOLDER", folder.path())
            .env("PREFECT_HOME", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let children = loop {
            let [a, b] = ["a", "b"].map(|name| contents(&folder.path().join(name)));
            if let (Some(a), Some(b)) = (a, b) {
                break [a, b];
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the children have begun");
            std::thread::sleep(Duration::from_millis(5));
        };
        let status = Command::new("kill")
            .args([format!("-{signal}"), parent.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
        parent.wait().unwrap();
        // Its output has ended, too: no child of it holds the other end.
        for line in BufReader::new(parent.stdout.take().unwrap()).lines() {
            line.unwrap();
        }
        children.into_iter().for_each(gone);
    }
}

#[task(retries = 1)]
async fn adds(a: u32, b: Secret<u32>) -> Result<u32, NoSuchRow> {
    if current_run!().run_count() == 1 {
        return Err(NoSuchRow("x".parse::<u8>().unwrap_err()));
    }
    Ok(a + b.expose())
}

#[test]
fn a_call_is_data_that_another_process_makes() {
    let text = TagsContext::new(["sent"])
        .in_scope(|| SerializedCall::of::<adds, _>((1, Secret::new(2))).unwrap().to_json());
    let call: SerializedCall = text.parse().unwrap();
    let (client, recorder) = context::Client::in_memory();
    let value = context::SyncClientContext::new(client).in_scope(|| call.call_blocking());
    assert_eq!(value.unwrap(), json!(3));
    assert_eq!(recorder.transcript(), "task adds [sent]: Pending, Running, Retrying, Completed\n");
    assert!(!format!("{call:?}").contains("parameters"), "they may be secrets");

    let call: SerializedCall = SerializedCall::of::<pid, _>(()).unwrap().to_json().parse().unwrap();
    assert_eq!(call.call_blocking().unwrap(), json!(std::process::id()));
}

#[test]
fn a_call_that_cannot_be_made_says_why() {
    let refused = SerializedCall::of::<takes_opaque, _>((Opaque,)).unwrap_err().to_string();
    assert!(
        refused
            .starts_with("task `takes_opaque` cannot be called by another process: all arguments"),
        "{refused}"
    );
    let whole = SerializedCall::of::<adds, _>((1, Secret::new(2))).unwrap().to_json();
    for end in 0..whole.len() {
        let error = whole[..end].parse::<SerializedCall>().unwrap_err().to_string();
        assert!(error.starts_with("this is no call"), "{error}");
    }
    for (from, to, error) in [
        ("adds-", "gone-", "has no task `gone-"),
        ("\"a\":1", "\"a\":[]", "its argument `a` cannot be read: "),
        ("\"a\":1", "\"z\":1", "it lacks the argument `a`"),
    ] {
        let call: SerializedCall = whole.replace(from, to).parse().unwrap();
        let said = call.call_blocking().unwrap_err().to_string();
        assert!(said.contains(error), "{said}");
    }
    let error = whole.replace("\"version\":1", "\"version\":9").parse::<SerializedCall>();
    assert!(error.unwrap_err().to_string().contains("version 9"));
}

#[test]
fn the_settings_say_how_many_processes_there_are() {
    let count = |n: u32| {
        let settings = Settings::default().with("PREFECT_TASKS_RUNNER_PROCESS_POOL_MAX_WORKERS", n);
        SettingsContext::new(settings.unwrap()).in_scope(ProcessPoolTaskRunner::default)
    };
    assert_eq!(count(3), ProcessPoolTaskRunner::new(3));
    assert_ne!(count(3), count(4));
}

#[task(
    persist_result = true,
    result_storage_key = "kept-{parameters[name]}",
    result_storage = "memory://calls"
)]
fn keeps_a_secret(name: String) -> Secret<String> {
    Secret::new(format!("hunter2 of {name}"))
}

#[test]
fn secrets_of_a_call_are_not_kept() {
    let call = SerializedCall::of::<keeps_a_secret, _>(("ann".to_owned(),)).unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log);
    let value = tracing::subscriber::with_default(subscriber, || call.call_blocking());
    assert_eq!(value.unwrap(), json!("hunter2 of ann"), "for whoever calls");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = context::ResultStore::new("memory://calls");
    let kept = runtime.block_on(store.exists("kept-ann"));
    assert!(!kept.unwrap());
}

#[task]
fn same(numbers: Vec<f64>) -> Vec<f64> {
    numbers
}

#[flow(task_runner = processes(1))]
async fn crosses(numbers: Vec<f64>) -> Result<Vec<f64>, RunError> {
    same::submit(numbers).await
}

#[tokio::test]
async fn numbers_are_the_same_on_both_sides() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let numbers: Vec<f64> = (0..2_000)
        .map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
        .collect();
    let given = numbers.clone();
    let report = Harness::new().run(|| crosses(given)).await;
    assert!(report.output.unwrap() == numbers);
}

#[task(timeout = "1ms")]
fn is_late(n: u32) -> Result<u32, anyhow::Error> {
    std::thread::sleep(Duration::from_secs(60));
    Ok(n)
}

#[flow(task_runner = processes(3))]
async fn all_late() -> usize {
    let all: Vec<_> = (0..9).map(is_late::submit).collect();
    let mut late = 0;
    for run in all {
        late += usize::from(run.await.unwrap_err().is_timed_out());
    }
    late
}

/// The processes whose parent is this one.
fn children() -> BTreeSet<u32> {
    let own = format!("PPid:\t{}", std::process::id());
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.lines().any(|line| line == own)
    })
    .collect()
}

/// Alone in its process, so that all children are its own.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "a program that another test starts"]
fn program_whose_children_start_too_late() {
    let report = Harness::new().run_blocking(|| {
        tokio::runtime::Runtime::new().unwrap().block_on(async { all_late().await })
    });
    assert_eq!(report.output, 9);
    let began = Instant::now();
    while !children().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", children());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_that_has_started_too_late_ends() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program_whose_children_start_too_late", "--ignored"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}
