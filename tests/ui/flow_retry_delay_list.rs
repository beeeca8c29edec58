//! A flow has one delay.

use context::prelude::*;

#[flow(retry_delay = ["1s", "2s"])]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
