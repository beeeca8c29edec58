//! What a run costs beside a plain call, a `tracing` span and a plain spawned future.
//!
//! `cargo bench --bench overhead` measures everything in one process, so that the sides of a comparison share their
//! noise, and prints nanoseconds (the least of many interleaved batches) and instructions. For instructions it starts
//! itself again under callgrind, with two numbers of iterations, and divides the differences: the same figure in every
//! run, on a busy machine too. It fails if a bar in instructions is missed, never because of time.
//!
//! `-- --quick` takes a tenth of the time. Without cargo's `--bench`, as under `cargo test --benches`, everything runs
//! once. `-- task` measures only the cases with "task" in their names, and no more than the cases; `-- many` only the
//! 100,000 submitted runs.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod bars;
mod callgrind;
mod cases;
mod concurrency;
mod mapped;
mod memory;
mod reads;
mod steps;
mod timing;

use std::process::ExitCode;

use bars::Bars;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// How thorough the measurements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Everything runs once; nothing is printed but that it did.
    Smoke,
    Quick,
    Full,
}

impl Effort {
    /// One of three numbers.
    pub(crate) const fn choose<T: Copy>(self, smoke: T, quick: T, full: T) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let [case, name, iterations, count] = &*arguments
        && case == callgrind::CASE
        && iterations == callgrind::ITERATIONS
    {
        callgrind::run(cases::find(name), count.parse().expect("a number of iterations"));
        return ExitCode::SUCCESS;
    }
    let effort = match () {
        () if has("--test") || !has("--bench") => Effort::Smoke,
        () if has("--quick") => Effort::Quick,
        () => Effort::Full,
    };
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut bars = Bars::default();
    if filter.is_some_and(|filter| filter == "many") {
        concurrency::measure_many(effort, &mut bars);
        return bars.conclude();
    }
    cases::measure(effort, filter.map(String::as_str), &mut bars);
    if filter.is_none() {
        concurrency::measure(effort, &mut bars);
        concurrency::measure_many(effort, &mut bars);
        memory::measure(effort, &mut bars);
    }
    if effort == Effort::Smoke {
        println!("every case has run once; `cargo bench` measures");
        return ExitCode::SUCCESS;
    }
    bars.conclude()
}
