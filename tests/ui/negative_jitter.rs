//! `retry_jitter` is a fraction of at least zero.

use context::prelude::*;

#[task(retry_jitter = -0.5)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
