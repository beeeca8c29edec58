//! Run names have one spelling for tasks and one for flows.

use context::prelude::*;

#[flow(task_run_name = "a")]
fn sum(x: u8) -> u8 {
    x
}

#[task(flow_run_name = "a")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
