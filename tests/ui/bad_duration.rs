//! Text that is no duration.

use context::prelude::*;

#[task(retry_delay = ["soon", "-3s", "2mo"])]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
