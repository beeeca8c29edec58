//! What a snapshot costs: taking it and writing it as JSON, and reading it and putting it into force.
//!
//! `cargo bench --bench snapshot` measures a typical context: a task run of a flow run, three tags, three parameters each,
//! and the settings that a program with a server has. Beside them stands what Prefect 3.8.8 once took for its own; it is not
//! measured here. `valgrind --tool=callgrind` gives instructions, which repeat:
//!
//! ```sh
//! cargo bench --bench snapshot -- --instructions   # needs valgrind
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Instant;

use context::prelude::*;
use context::{SerializedContext, Settings, SettingsContext, hydrated_context};

const ROUNDS: u32 = 2_000;
/// Of how many the fastest counts: the machine has other things to do.
const SERIES: u32 = 15;

/// What an operation is called, how long it may take, and how long it takes Prefect, in microseconds.
struct Operation {
    name: &'static str,
    bar: Option<f64>,
    prefect: f64,
}

#[task(tags = ["io"])]
fn measured(url: String, depth: u32, follow: bool, only: Option<u32>) -> bool {
    black_box((&url, depth, follow));
    let snapshot = black_box(serialized());
    println!("a snapshot has {} bytes", snapshot.len());
    let mut is_met = true;
    let mut run = |index: u32, operation: &Operation, mut f: Box<dyn FnMut()>| match only {
        Some(only) if only == index => (0..ROUNDS).for_each(|_| f()),
        Some(_) => {}
        None => is_met &= operation.measure(&mut *f),
    };
    let (taken, read, hydrated) = (
        Operation { name: "serialize", bar: Some(5.0), prefect: 40_000.0 },
        Operation { name: "read", bar: None, prefect: f64::NAN },
        Operation { name: "read and hydrate", bar: Some(10.0), prefect: 87_000.0 },
    );
    run(0, &taken, Box::new(|| drop(black_box(serialized()))));
    let text = snapshot.clone();
    run(1, &read, Box::new(move || drop(black_box(SerializedContext::from_json(&text)))));
    run(2, &hydrated, Box::new(move || hydrate(&snapshot)));
    is_met
}

fn serialized() -> String {
    context::serialize_context().to_json()
}

fn hydrate(text: &str) {
    let snapshot = SerializedContext::from_json(text).expect("it was just written");
    let hydrated = hydrated_context(&snapshot).expect("all that it names is here");
    hydrated.in_scope(|| black_box(TaskRunContext::get().is_some()));
}

#[flow]
fn surrounding(day: u32, city: String, only: Option<u32>) -> bool {
    black_box((day, &city));
    tags!("nightly", "seattle", {
        measured("https://example.com/data.csv".to_owned(), 3, true, only)
    })
}

impl Operation {
    /// Prints how long it takes; false if that is too long.
    fn measure(&self, f: &mut dyn FnMut()) -> bool {
        let fastest = (0..SERIES)
            .map(|_| {
                let began = Instant::now();
                (0..ROUNDS).for_each(|_| f());
                began.elapsed() / ROUNDS
            })
            .min();
        let micros = fastest.unwrap_or_default().as_secs_f64() * 1e6;
        let verdict = match self.bar {
            None => String::new(),
            Some(bar) if micros <= bar => format!("bar {bar:.0} µs: ok"),
            Some(bar) => format!("bar {bar:.0} µs: missed (time)"),
        };
        let ratio = if self.prefect.is_nan() {
            String::new()
        } else {
            format!("Prefect once took {:.0} µs", self.prefect)
        };
        println!("{:<18}{micros:>9.2} µs   {verdict:<24}{ratio}", self.name);
        self.bar.is_none_or(|bar| micros <= bar)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = Settings::default()
        .with("PREFECT_API_URL", "http://127.0.0.1:4200/api")
        .and_then(|settings| settings.with("PREFECT_API_KEY", "pnu_0123456789"))
        .and_then(|settings| settings.with("PREFECT_TASKS_DEFAULT_RETRIES", 2))
        .expect("these settings exist");
    let run = |only| {
        // Nobody is told of the runs: what is measured is the snapshot.
        let client = context::Client::local();
        SettingsContext::new(settings.clone()).in_scope(|| {
            context::SyncClientContext::new(client)
                .in_scope(|| surrounding(7, "Seattle".to_owned(), only))
        })
    };
    match &*arguments {
        [only] if only.parse::<u32>().is_ok() => {
            run(only.parse().ok());
            ExitCode::SUCCESS
        }
        arguments if arguments.iter().any(|argument| argument == "--instructions") => {
            instructions();
            ExitCode::SUCCESS
        }
        arguments if arguments.iter().any(|argument| argument == "--bench") => {
            run(None);
            ExitCode::SUCCESS
        }
        _ => {
            println!("`cargo bench --bench snapshot` measures");
            ExitCode::SUCCESS
        }
    }
}

/// Runs each operation under callgrind, in a process of its own, and prints what one costs.
fn instructions() {
    let program = std::env::current_exe().expect("this program has a path");
    let count = |only: u32| -> Option<u64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&program)
            .arg(only.to_string())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    // An operation that does not exist costs nothing: what is left is the program.
    let Some(nothing) = count(9) else {
        println!("valgrind is not installed");
        return;
    };
    for (index, name) in ["serialize", "read", "read and hydrate"].into_iter().enumerate() {
        let index = u32::try_from(index).expect("there are three");
        let each = count(index).map(|all| all.saturating_sub(nothing) / u64::from(ROUNDS));
        println!("{name:<18}{:>9} instructions", each.unwrap_or_default());
    }
}
