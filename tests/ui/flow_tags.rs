//! Flows have no tags of their own.

use context::prelude::*;

#[flow(tags = ["a"])]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
