//! The braces of a storage key match.

use context::prelude::*;

#[task(result_storage_key = "report-{")]
fn add(x: u8) -> u8 {
    x
}

#[task(result_storage_key = "{}.json")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
