//! Policies, runners and functions are values, not their names.

use context::prelude::*;

#[task(cache_policy = "inputs", retry_condition = "decide")]
fn add(x: u8) -> u8 {
    x
}

#[flow(task_runner = 4)]
fn sum(x: u8) -> u8 {
    x
}

#[task(cache_key_fn = "{x}")]
fn key() {}

fn main() {}
