//! `retries` counts.

use context::prelude::*;

#[task(retries = "three")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
