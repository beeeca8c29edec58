//! An option has a value.

use context::prelude::*;

#[task(retries)]
fn one(x: u8) -> u8 {
    x
}

#[task(retries = , name = "a")]
fn two(x: u8) -> u8 {
    x
}

fn main() {}
