//! `handle` is a name or `false`.

use context::prelude::*;

#[task(handle = "Add")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
