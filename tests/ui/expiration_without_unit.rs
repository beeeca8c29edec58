//! An expiration is a duration.

use context::prelude::*;

#[task(cache_expiration = 3600)]
fn add(x: u8) -> u8 {
    x
}

#[task(cache_expiration = "a day")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
