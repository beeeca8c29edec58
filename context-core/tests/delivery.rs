//! What is told of task runs arrives at a real server, whatever happens to it on the way.
//!
//! The server is told directly, as the engine does it. Flows as users write them, and their faults, are tested by the
//! facade (`tests/server`); the rules of delivery by the module's own tests, against a server in memory.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use context_core::clock::Timestamp;
use context_core::id::{FlowRunId, TaskRunId};
use context_core::parameters::Parameters;
use context_core::record::{
    DynamicKey, NewFlowRun, Orchestrator as _, Recorder as _, Retries, RunEvent, RunName, RunTags,
    Server, TaskInputs, TaskRunEvent,
};
use context_core::settings::{Settings, TaskRunEvents};
use context_core::state::{State, StateType};
use context_core::tags::TagSet;
use futures::executor::block_on;
use prefect_server::{Options, PrefectServer, RecordingProxy};
use serde_json::{Value, json};

static NO_INPUTS: TaskInputs = TaskInputs::new();

/// A connection, with a home of its own.
struct Teller {
    server: Server,
    home: tempfile::TempDir,
}

impl Teller {
    fn new(api_url: &str, change: impl FnOnce(Settings) -> Settings) -> Self {
        let home = tempfile::tempdir().unwrap();
        let server = connect(api_url, home.path(), change);
        Self { server, home }
    }

    fn finish(&self, id: FlowRunId) {
        block_on(self.server.finish(id)).unwrap();
    }
}

fn connect(api_url: &str, home: &Path, change: impl FnOnce(Settings) -> Settings) -> Server {
    let settings = Settings::default().with_home(home);
    let settings = settings.with_api_url(Some(api_url)).unwrap();
    Server::of(&change(settings)).unwrap().unwrap()
}

/// A server may be started anew on a busy machine; until then nothing is given up.
fn patient(settings: Settings) -> Settings {
    settings.with_delivery_timeout(Duration::from_secs(240)).unwrap()
}

fn register(server: &Server, name: &str) -> FlowRunId {
    let run = NewFlowRun {
        flow_name: format!("delivery: {name}"),
        flow_version: "1".to_owned(),
        parameters: Parameters::EMPTY,
        tags: TagSet::EMPTY,
        retries: 0,
        retry_delay: Duration::ZERO,
        stand_in: None,
    };
    block_on(server.register(run)).unwrap().id
}

/// Tells that a task run has entered a state.
fn enter(server: &Server, id: TaskRunId, flow_run: FlowRunId, name: &'static str) {
    let state_type = match name {
        "AwaitingRetry" => StateType::Scheduled,
        "Retrying" => StateType::Running,
        _ => StateType::Completed,
    };
    let now = Timestamp::now();
    // A copy has an id.
    let state = State::new(state_type, now).with_name(name).fresh_copy(now);
    server.record(&RunEvent::TaskRun(TaskRunEvent {
        id,
        name: RunName::Derived("step", id),
        task_name: "step",
        task_key: ("step", "1a2b3c4d"),
        task_version: None,
        dynamic_key: DynamicKey::Random(id),
        flow_run_id: Some(flow_run),
        parent: None,
        child_flow_run_id: None,
        tags: RunTags { own: None, ambient: None },
        inputs: &NO_INPUTS,
        parameters: &Parameters::EMPTY,
        run_count: 1,
        start_time: Some(now),
        end_time: Some(now),
        total_run_time: Duration::ZERO,
        flow_run_run_count: 1,
        retries: Retries::NONE,
        result: None,
        state: &state,
    }));
}

/// Tells that task runs have ended.
fn end_runs(server: &Server, flow_run: FlowRunId, count: usize) -> Vec<TaskRunId> {
    let ids = (0..count).map(|_| TaskRunId::generate(Timestamp::now()));
    ids.inspect(|id| enter(server, *id, flow_run, "Completed")).collect()
}

/// How many of the flow run's task runs the server has recorded as completed.
fn completed(server: &PrefectServer, id: FlowRunId) -> u64 {
    let wanted = json!({
        "flow_runs": { "id": { "any_": [id] } },
        "task_runs": { "state": { "type": { "any_": ["COMPLETED"] } } },
    });
    server.post("/task_runs/count", &wanted).as_u64().unwrap()
}

/// The names of a task run's states, in their order.
fn states(server: &PrefectServer, id: TaskRunId) -> Vec<String> {
    let states = server.get(&format!("/task_run_states/?task_run_id={id}"));
    let names = states.as_array().unwrap().iter().map(|state| state["name"].as_str().unwrap());
    names.map(ToOwned::to_owned).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(240), "{what} takes too long");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What is kept for servers.
fn kept(home: &Path) -> Vec<PathBuf> {
    let servers = std::fs::read_dir(home.join("context/spool")).into_iter().flatten();
    let files = servers.flat_map(|server| std::fs::read_dir(server.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// A server as it is without any settings, which records a state in each transaction: some fifty in a second.
fn burst_on_an_untuned_server(runs: usize) {
    if !PrefectServer::can_start() {
        return;
    }
    let server = PrefectServer::start(Options::new().default_recorder(true));
    let teller = Teller::new(server.api_url(), patient);
    let flow_run = register(&teller.server, "burst");
    end_runs(&teller.server, flow_run, runs);
    teller.finish(flow_run);
    assert_eq!(completed(&server, flow_run), runs as u64);
    assert_eq!(kept(teller.home.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_burst_is_recorded_by_an_untuned_server() {
    burst_on_an_untuned_server(2_500);
}

#[test]
#[ignore = "takes some minutes; the smaller one fills the window, too"]
fn a_burst_of_fifteen_thousand_is_recorded_by_an_untuned_server() {
    burst_on_an_untuned_server(15_000);
}

#[test]
fn what_a_server_has_lost_because_it_was_killed_it_gets_again() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut server = PrefectServer::start(Options::new());
    let teller = Teller::new(server.api_url(), patient);
    let flow_run = register(&teller.server, "killed");
    let mut runs = end_runs(&teller.server, flow_run, 2_000);
    let retried = TaskRunId::generate(Timestamp::now());
    for name in ["AwaitingRetry", "Retrying", "Completed"] {
        enter(&teller.server, retried, flow_run, name);
    }
    until("the first runs", || completed(&server, flow_run) > 300);
    server.kill();
    runs.extend(end_runs(&teller.server, flow_run, 500));
    server.restart();
    let before = completed(&server, flow_run);
    assert!(before < 2_000, "{before}: it had all of them before it was killed");
    teller.finish(flow_run);
    assert_eq!(completed(&server, flow_run), 2_501);
    assert_eq!(states(&server, retried), ["AwaitingRetry", "Retrying", "Completed"]);
    for id in runs.iter().step_by(100) {
        assert_eq!(states(&server, *id), ["Completed"], "once");
    }
}

#[test]
fn what_was_on_its_way_over_a_websocket_that_is_cut_arrives_once() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let teller = Teller::new(&proxy.api_url(), patient);
    let flow_run = register(&teller.server, "cut");
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.extend(end_runs(&teller.server, flow_run, 500));
        let frames = proxy.frames().len();
        until("the next events", || proxy.frames().len() > frames);
        assert!(proxy.drop_websockets() > 0);
    }
    teller.finish(flow_run);
    assert_eq!(completed(server, flow_run), 1_500);
    for id in runs.iter().step_by(50) {
        assert_eq!(states(server, *id), ["Completed"]);
    }
}

#[test]
fn a_server_that_answers_nothing_but_503_for_ten_seconds_is_waited_for() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let teller = Teller::new(&proxy.api_url(), patient);
    let flow_run = register(&teller.server, "busy");
    proxy.answer_503_for(Duration::from_secs(10));
    proxy.drop_websockets();
    end_runs(&teller.server, flow_run, 300);
    let began = Instant::now();
    teller.finish(flow_run);
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(completed(server, flow_run), 300);
    assert_eq!(kept(teller.home.path()), Vec::<PathBuf>::new());
}

#[test]
fn every_state_is_told_if_that_is_wanted() {
    let Some(server) = PrefectServer::shared() else { return };
    let teller =
        Teller::new(server.api_url(), |it| patient(it).with_task_run_events(TaskRunEvents::Every));
    let flow_run = register(&teller.server, "every");
    let run = TaskRunId::generate(Timestamp::now());
    for name in ["AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"] {
        enter(&teller.server, run, flow_run, name);
    }
    teller.finish(flow_run);
    let expected = ["AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"];
    until("its history", || states(server, run).len() == expected.len());
    assert_eq!(states(server, run), expected);
}

/// What is relied on when something is sent again: a state has one id and is recorded once, whatever ids events have.
#[test]
fn a_server_records_a_state_once_whatever_the_ids_of_its_events() {
    let Some(server) = PrefectServer::shared() else { return };
    let teller = Teller::new(server.api_url(), patient);
    let flow_run = register(&teller.server, "again");
    let event = |run: TaskRunId, id: &str, state: Option<&str>| {
        let mut entered = json!({ "type": "COMPLETED", "name": "Completed" });
        if let Some(state) = state {
            entered["id"] = state.into();
        }
        json!({
            "id": id, "occurred": "2026-11-22T12:10:13.234462Z", "event": "prefect.task-run.Completed",
            "resource": {
                "prefect.resource.id": format!("prefect.task-run.{run}"),
                "prefect.orchestration": "client",
            },
            "related": [{
                "prefect.resource.id": format!("prefect.flow-run.{flow_run}"),
                "prefect.resource.role": "flow-run",
            }],
            "payload": {
                "validated_state": entered,
                "task_run": { "task_key": "step", "dynamic_key": run.to_string() },
            },
        })
    };
    let fresh = || TaskRunId::generate(Timestamp::now()).to_string();
    let [recorded, lost] = [(); 2].map(|()| TaskRunId::generate(Timestamp::now()));
    let [first, second] = [(); 2].map(|()| fresh());
    server.post("/events", &json!([event(recorded, &first, None)]));
    until("the first state", || completed(server, flow_run) == 1);
    // One is sent again that was recorded, and one that was not.
    server.post("/events", &json!([event(recorded, &fresh(), Some(&first))]));
    server.post("/events", &json!([event(lost, &fresh(), Some(&second))]));
    until("the second state", || completed(server, flow_run) == 2);
    // Events are recorded in their order, so that the one before has been looked at.
    for (run, state) in [(recorded, first), (lost, second)] {
        let known = server.get(&format!("/task_run_states/?task_run_id={run}"));
        let ids: Vec<&Value> = known.as_array().unwrap().iter().map(|state| &state["id"]).collect();
        assert_eq!(ids, [&Value::from(state)]);
    }
}

/// A program that runs in a process of its own.
struct Program {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(api_url: &str, home: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process_whose_server_goes_away", "--exact", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, output };
        program.say(api_url);
        program.say(&home.display().to_string());
        program
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What stands after `key` in the line that has it.
    fn hear(&mut self, key: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the process says {key}");
            if let Some((_, value)) = line.split_once(key) {
                return value.trim().to_owned();
            }
        }
    }
}

/// Not a test, but a program: it is told where its server is, and when that has gone.
#[test]
#[ignore = "another test runs it as a process of its own"]
fn process_whose_server_goes_away() {
    let mut lines = std::io::stdin().lines().map(Result::unwrap);
    let (api_url, home) = (lines.next().unwrap(), lines.next().unwrap());
    let server = connect(&api_url, Path::new(&home), |settings| {
        settings.with_delivery_timeout(Duration::from_secs(1)).unwrap().with_client_max_retries(0)
    });
    let flow_run = register(&server, "absent");
    println!("flow run: {flow_run}");
    assert_eq!(lines.next().unwrap(), "it is gone");
    end_runs(&server, flow_run, 700);
    block_on(server.finish(flow_run)).unwrap();
    println!("it is: over");
}

#[test]
fn what_a_process_could_not_tell_an_absent_server_the_next_one_tells() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut server = PrefectServer::start(Options::new());
    let teller = Teller::new(server.api_url(), patient);
    let mut program = Program::start(server.api_url(), teller.home.path());
    let flow_run: FlowRunId = program.hear("flow run: ").parse().unwrap();
    server.stop();
    program.say("it is gone");
    assert_eq!(program.hear("it is: "), "over");
    assert!(program.child.wait().unwrap().success());
    assert_eq!(kept(teller.home.path()).len(), 1);

    server.restart();
    assert_eq!(completed(&server, flow_run), 0);
    let own = register(&teller.server, "present");
    end_runs(&teller.server, own, 1);
    teller.finish(own);
    until("what was kept", || kept(teller.home.path()).is_empty());
    assert_eq!(completed(&server, flow_run), 700);
}
