//! A name is not empty.

use context::prelude::*;

#[task(name = "")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
