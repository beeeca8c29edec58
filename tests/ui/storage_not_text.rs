//! Storages and keys of results are text, or made.

use context::prelude::*;

#[task(result_storage = 3, result_storage_key = true)]
fn add(x: u8) -> u8 {
    x
}

#[task(result_storage = "", result_storage_key = "")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
