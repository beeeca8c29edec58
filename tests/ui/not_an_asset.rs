//! An asset is declared by what names one.

use context::prelude::*;

const PARTS: u32 = 3;

#[materialize(PARTS)]
fn save(x: u8) -> u8 {
    x
}

fn main() {}
