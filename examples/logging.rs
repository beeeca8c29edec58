//! Logging: what runs log says which run it is of.
//!
//! ```text
//! cargo run --example logging
//! PREFECT_LOGGING_LEVEL=DEBUG cargo run --example logging
//! RUST_LOG=warn cargo run --example logging
//! ```
//!
//! Look at the standard error stream: each line names the innermost run, also in a thread and in a function that knows
//! nothing of runs. `log_print!` is a `println!` that becomes a line of the log in the flow that asks for it.

use context::log_print;
use context::prelude::*;

/// Knows nothing of runs. Its events belong to the run that calls it.
fn parse(line: &str) -> Option<(&str, u32)> {
    let (name, litres) = line.split_once('=')?;
    match litres.trim().parse() {
        Ok(litres) => Some((name, litres)),
        Err(error) => {
            tracing::warn!(line, %error, "the line is left out");
            None
        }
    }
}

#[task(task_run_name = "read {tank}")]
fn read_levels(tank: &'static str, report: &'static str) -> u32 {
    tracing::debug!(tank, bytes = report.len(), "reading"); // shown at the level DEBUG only
    let litres = report.lines().filter_map(parse).map(|(_, litres)| litres).sum();
    tracing::info!(litres, "the report is read");
    litres
}

/// Spawned work keeps its run if it is spawned by `context`.
#[task]
fn sound_alarm(litres: u32) {
    let thread = context::thread::spawn(move || {
        tracing::error!(litres, "the tanks are nearly empty");
    });
    thread.join().expect("it does not panic");
}

#[flow(flow_run_name = "morning round", log_prints = true)]
fn inspect() -> u32 {
    let north = read_levels("north", "upper=120\nlower=80\n");
    let south = read_levels("south", "upper=40\nlower=none\n");
    log_print!("{} litres in all", north + south); // logged, as `log_prints` says
    if north + south < 500 {
        sound_alarm(north + south);
    }
    north + south
}

#[context::main]
fn main() {
    context::logging::init();
    tracing::info!("outside of all runs, the line says where it comes from");
    let litres = inspect();
    log_print!("{litres} litres are left"); // printed: there is no run here
}
