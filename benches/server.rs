//! What it costs to have a Prefect server record many short tasks, beside the same by Prefect itself.
//!
//! `cargo bench --bench server` starts one server, tuned as the tests' is, and one process after another that runs a
//! flow of 1,000 trivial tasks against it: Prefect's (`tests/bench/python_tasks.py`) and this program's own. A process
//! says how much processor time it has used, by itself and without what it took to start. When everything is recorded,
//! the server tells: it is asked for its count. What it never counts is missing.
//!
//! It needs `CONTEXT_TEST_PYTHON`, a Python with Prefect (`.ci/run` makes one). `-- 5000` takes as many tasks, `-- submit`
//! leaves out the tasks that are called one after another, and `-- --quick` takes 200 tasks. It fails if a run of ours is
//! missing, never because of time.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use context::prelude::*;
use context_core::program::{MainOptions, block_on_main, run_main};
use prefect_server::{Options, PrefectServer, python_command};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Processor time of ours for one task, in microseconds.
const BAR: f64 = 50.0;
/// How often the server is asked.
const GLANCE: Duration = Duration::from_millis(200);
/// After so long without another run, the rest is missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Says to this program that it is to be our side.
const OURS: &str = "ours";

#[task]
fn increment(number: u64) -> u64 {
    number + 1
}

#[flow(name = "ours-call")]
fn call_all(tasks: u64) -> u64 {
    (0..tasks).map(increment).sum()
}

#[flow(name = "ours-submit")]
async fn submit_all(tasks: u64) -> Result<u64, RunError> {
    let futures: Vec<_> = (0..tasks).map(increment::submit).collect();
    let mut total = 0;
    for future in futures {
        total += future.await?;
    }
    Ok(total)
}

#[flow(name = "ours-warm-up")]
fn warm_up_by_call() -> u64 {
    increment(0)
}

#[flow(name = "ours-warm-up-submit")]
async fn warm_up_by_submit() -> Result<u64, RunError> {
    increment::submit(0).await
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let [side, mode, tasks] = &*arguments
        && side == OURS
    {
        ours(mode, tasks.parse().expect("a number of tasks"));
        return ExitCode::SUCCESS;
    }
    if has("--test") || !has("--bench") {
        println!("`cargo bench --bench server` measures");
        return ExitCode::SUCCESS;
    }
    if !PrefectServer::can_start() {
        return ExitCode::SUCCESS;
    }
    let given = arguments.iter().find_map(|argument| argument.parse().ok());
    let tasks = given.unwrap_or(if has("--quick") { 200 } else { 1000 });
    let modes: &[&str] = if has("submit") { &["submit"] } else { &["call", "submit"] };

    let server = PrefectServer::start(Options::new());
    println!(
        "{:<20}{:>14}{:>14}{:>14}{:>10}",
        format!("{tasks} tasks"),
        "flow call",
        "all recorded",
        "cpu per task",
        "missing"
    );
    let mut is_complete = true;
    for mode in modes {
        let theirs = measure(&server, "python", mode, tasks);
        let ours = measure(&server, OURS, mode, tasks);
        if ours.missing > 0 {
            println!("no ratio, because runs of ours are missing");
            is_complete = false;
            continue;
        }
        println!(
            "{:<20}{:>13.1}x{:>13.1}x{:>13.1}x",
            "ratio",
            theirs.flow / ours.flow,
            theirs.recorded / ours.recorded,
            theirs.processor / ours.processor
        );
        let micros = 1e6 * ours.processor / as_float(tasks);
        let verdict = if micros <= BAR { "ok" } else { "missed (time)" };
        println!("bar: {BAR:.0} µs of processor time per task, measured {micros:.1} µs: {verdict}");
    }
    if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Our side: what `python_tasks.py` does and prints.
fn ours(mode: &str, tasks: u64) {
    let begin = || {
        println!("begin {}", processor_seconds());
        Instant::now()
    };
    let finish = |begun: Instant, total| {
        println!("flow {}", begun.elapsed().as_secs_f64());
        assert_eq!(total, tasks * (tasks + 1) / 2);
    };
    match mode {
        "call" => run_main(|| {
            warm_up_by_call();
            let begun = begin();
            finish(begun, call_all(tasks));
        }),
        "submit" => block_on_main(MainOptions::default(), async {
            warm_up_by_submit().await.expect("it cannot fail");
            let begun = begin();
            finish(begun, submit_all(tasks).await.expect("it cannot fail"));
        }),
        _ => panic!("`{mode}` is neither `call` nor `submit`"),
    }
    println!("end {}", processor_seconds());
}

/// What all threads of this process have used.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("it is not negative");
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanos).as_secs_f64()
}

/// What a side has taken, in seconds.
struct Taken {
    /// The call of the flow.
    flow: f64,
    /// From the call of the flow until the server had everything, or would get no more.
    recorded: f64,
    /// Of the process, from the call of the flow to its end.
    processor: f64,
    missing: u64,
}

/// Runs a side, prints what it has taken and returns it.
fn measure(server: &PrefectServer, side: &str, mode: &str, tasks: u64) -> Taken {
    let home = tempfile::tempdir().expect("a directory for temporary files");
    let mut program = program(side);
    program.args([mode, &tasks.to_string()]);
    program.env("PREFECT_API_URL", server.api_url()).env("PREFECT_HOME", home.path());
    // As a program runs that is measured: nobody reads its logs.
    program.env("PREFECT_LOGGING_LEVEL", "ERROR").env("PREFECT_LOGGING_TO_API_ENABLED", "false");
    program.env("CONTEXT_SUMMARY", "never").stdout(Stdio::piped());
    let mut process = program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));

    let output = BufReader::new(process.stdout.take().expect("it is piped"));
    let (say, said) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let (moment, value) = line.split_once(' ').expect("a moment and a number");
            let value: f64 = value.parse().expect("a number");
            say.send((moment.to_owned(), value, Instant::now())).expect("it is listened to");
        }
    });
    let mut moments: Vec<(String, f64, Instant)> = Vec::new();
    let (mut is_running, mut count, mut counted) = (true, 0, Instant::now());
    while is_running || (count < tasks && counted.elapsed() < PATIENCE) {
        if is_running {
            match said.recv_timeout(GLANCE) {
                Ok(moment) => moments.push(moment),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => is_running = false,
            }
        } else {
            thread::sleep(GLANCE);
        }
        if !moments.is_empty() && count < tasks {
            let recorded = recorded(server, &format!("{side}-{mode}"));
            if recorded > count {
                (count, counted) = (recorded, Instant::now());
            }
        }
    }
    reader.join().expect("every line was understood");
    let status = process.wait().expect("it was started");
    assert!(status.success(), "{program:?} has ended with {status}");

    let moment = |name: &str| {
        let found = moments.iter().find(|(moment, ..)| moment == name);
        let (_, value, at) = found.unwrap_or_else(|| panic!("{program:?} has not said `{name}`"));
        (*value, *at)
    };
    let (begin, begun) = moment("begin");
    let taken = Taken {
        flow: moment("flow").0,
        recorded: counted.saturating_duration_since(begun).as_secs_f64(),
        processor: moment("end").0 - begin,
        missing: tasks - count,
    };
    println!(
        "{:<20}{:>12.2} s{:>12.2} s{:>11.1} µs{:>10}",
        format!("{side}, {mode}"),
        taken.flow,
        taken.recorded,
        1e6 * taken.processor / as_float(tasks),
        taken.missing
    );
    taken
}

fn program(side: &str) -> Command {
    if side == OURS {
        let mut program = Command::new(std::env::current_exe().expect("this program has a path"));
        program.arg(OURS);
        return program;
    }
    let mut program = python_command().expect("there is a Python");
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/python_tasks.py"));
    program
}

/// How many task runs of the flow have been recorded with their end.
fn recorded(server: &PrefectServer, flow: &str) -> u64 {
    let filter = json!({
        "flows": {"name": {"any_": [flow]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    });
    server.post("/task_runs/count", &filter).as_u64().expect("a count")
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 tasks")]
const fn as_float(tasks: u64) -> f64 {
    tasks as f64
}
