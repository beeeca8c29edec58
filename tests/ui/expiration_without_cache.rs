//! What is never found again does not expire.

use context::prelude::*;

#[task(cache_policy = no_cache(), cache_expiration = "1d")]
fn add(x: u8) -> u8 {
    x
}

#[task(cache_policy = None, cache_expiration = "1d")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
