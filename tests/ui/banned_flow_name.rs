//! Some characters cannot be in a flow's name.

use context::prelude::*;

#[flow(name = "a/b")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
