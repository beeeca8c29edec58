//! A module of the same name.

use context::prelude::*;

mod fetch {}

#[task]
fn fetch(x: u8) -> u8 {
    x
}

fn main() {}
