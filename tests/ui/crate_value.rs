//! `crate` is a path.

use context::prelude::*;

#[task(crate = "context")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
