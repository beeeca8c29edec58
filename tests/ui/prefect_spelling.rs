//! Options that Prefect spells otherwise.

use context::prelude::*;

#[task(retry_delay_seconds = 10, timeout_seconds = 3, retry_jitter_factor = 0.5, retry_condition_fn = f)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
