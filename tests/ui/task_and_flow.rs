//! A function is one thing.

use context::prelude::*;

#[task]
#[flow]
fn add(x: u8) -> u8 {
    x
}

fn main() {
    add(1);
}
