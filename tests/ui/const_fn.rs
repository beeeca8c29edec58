//! A run is no constant.

use context::prelude::*;

#[task]
const fn add(x: u8) -> u8 {
    x
}

fn main() {
    add(1);
}
