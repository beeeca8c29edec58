//! What is not kept cannot be found again.

use context::prelude::*;

#[task(cache_policy = inputs(), persist_result = false)]
fn add(x: u8) -> u8 {
    x
}

#[task(persist_result = false, cache_key_fn = key)]
fn sum(x: u8) -> u8 {
    x
}

#[task(persist_result = false, result_storage_key = "report.json")]
fn report() {}

#[task(persist_result = false, cache_expiration = "1d")]
fn expire() {}

fn main() {}
