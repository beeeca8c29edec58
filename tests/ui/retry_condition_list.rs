//! One function decides.

use context::prelude::*;

#[task(retries = 2, retry_condition = [is_network, is_busy])]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
