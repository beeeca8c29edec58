//! `retries` counts from zero.

use context::prelude::*;

#[task(retries = -1)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
