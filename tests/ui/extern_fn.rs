//! A run is not called by other languages.

use context::prelude::*;

#[flow]
extern "C" fn add(x: u8) -> u8 {
    x
}

fn main() {}
