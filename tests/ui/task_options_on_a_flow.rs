//! Options that only tasks have.

use context::prelude::*;

#[flow(on_commit = f, on_rollback = [f], retry_condition = f, result_storage_key = "k")]
fn sum(x: u8) -> u8 {
    x
}

#[flow(cache_policy = inputs(), cache_key_fn = f, cache_expiration = "1d", refresh_cache = true)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
