//! A pool of processes: plain functions that keep a core busy, each in a process of its own, and one that takes its process
//! with it.
//!
//! Searches ranges of numbers for the longest Collatz chain, first one after the other and then in as many processes as the
//! machine has cores. One range is cursed: whoever looks at it first is killed. That run has crashed, not the program, and
//! its next attempt is made by another process. Tags, logs and the runs' names cross over by themselves.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::num::NonZero;
use std::time::Instant;

use context::prelude::*;
use serde::{Deserialize, Serialize};

/// Arguments and values cross over as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Chain {
    steps: u32,
    from: u64,
}

fn steps(mut number: u64) -> u32 {
    let mut steps = 0;
    while number != 1 {
        number = if number.is_multiple_of(2) { number / 2 } else { 3 * number + 1 };
        steps += 1;
    }
    steps
}

#[task(retries = 1, task_run_name = "search {from}")]
fn search(from: u64, to: u64, cursed: bool) -> Option<Chain> {
    let run = current_run!(task);
    if cursed && run.run_count() == 1 {
        context::log_print!(
            "{} is about to be killed, in process {}",
            run.name(),
            std::process::id()
        );
        std::process::abort();
    }
    (from..to).map(|number| Chain { steps: steps(number), from: number }).max()
}

fn ranges() -> impl Iterator<Item = (u64, u64)> {
    (0..8).map(|range| (1 + range * 200_000, 1 + (range + 1) * 200_000))
}

#[flow]
fn one_after_the_other() -> Option<Chain> {
    ranges().filter_map(|(from, to)| search(from, to, false)).max()
}

#[flow]
fn in_processes() -> Result<Option<Chain>, RunError> {
    let (from, to): (Vec<u64>, Vec<u64>) = ranges().unzip();
    let cursed: Vec<bool> = (0..from.len()).map(|range| range == 5).collect();
    let chains = tags!("collatz", { search::map(from, to, cursed).result_blocking() })?;
    Ok(chains.into_iter().flatten().max())
}

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = f();
    println!("{what:<24} {:>6.0} ms", began.elapsed().as_secs_f64() * 1e3);
    value
}

// It must come first in `main`, for a child is this program again: `#[context::main]` looks whether this is one.
#[context::main]
fn main() -> anyhow::Result<()> {
    context::logging::init();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let here = timed("one after the other", one_after_the_other);
    let pool = in_processes::with_options().task_runner(context::ProcessPoolTaskRunner::new(cores));
    let there = timed(&format!("in {cores} processes"), || pool.call())?;
    anyhow::ensure!(here == there, "both find the same");
    if let Some(Chain { steps, from }) = there {
        println!("the longest chain below 1 600 000 has {steps} steps, from {from}");
    }
    Ok(())
}
