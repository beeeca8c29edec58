//! An option that does not exist.

use context::prelude::*;

#[task(bogus = 1)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
