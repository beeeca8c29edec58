//! Options that only flows have.

use context::prelude::*;

#[task(on_cancellation = [f], on_crashed = f, task_runner = threads())]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
