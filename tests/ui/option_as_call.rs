//! Options are not calls.

use context::prelude::*;

#[task(retries(3))]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
