//! Braces in a run name come in pairs.

use context::prelude::*;

#[task(task_run_name = "fetch {url")]
fn one(url: String) -> usize {
    url.len()
}

#[task(task_run_name = "fetch url}")]
fn two(url: String) -> usize {
    url.len()
}

fn main() {}
