//! An option is given once.

use context::prelude::*;

#[task(retries = 1, name = "a", retries = 2)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
