//! Some options are `true` or `false`.

use context::prelude::*;

#[task(persist_result = "yes", refresh_cache = 1, log_prints = "off")]
fn add(x: u8) -> u8 {
    x
}

#[flow(cache_result_in_memory = 0)]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
