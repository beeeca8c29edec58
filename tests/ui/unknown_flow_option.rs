//! A flow lists its own options.

use context::prelude::*;

#[flow(retry_jitter = 0.5)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
