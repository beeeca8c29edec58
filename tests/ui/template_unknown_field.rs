//! A run name's fields are parameters.

use context::prelude::*;

#[task(task_run_name = "fetch {ulr} {day}")]
fn fetch(url: String) -> usize {
    url.len()
}

#[flow(flow_run_name = "run {day}")]
fn sum() {}

fn main() {}
