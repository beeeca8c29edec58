//! Options whose part of the engine does not exist yet.

use context::prelude::*;

#[task(cache_policy = inputs(), log_prints = true, on_failure = [f])]
fn add(x: u8) -> u8 {
    x
}

#[flow(task_runner = threads(), persist_result = true)]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
