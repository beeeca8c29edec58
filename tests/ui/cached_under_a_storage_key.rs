//! A storage key is the key: no policy makes another.

use context::prelude::*;

#[task(cache_policy = inputs(), result_storage_key = "report.json")]
fn add(x: u8) -> u8 {
    x
}

#[task(result_storage_key = "sum.json", cache_key_fn = key)]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
