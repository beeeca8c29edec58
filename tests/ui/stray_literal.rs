//! A value needs its option.

use context::prelude::*;

#[task("add")]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
