//! A misspelt option is guessed.

use context::prelude::*;

#[task(retires = 3)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
