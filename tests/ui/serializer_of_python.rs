//! Only Python reads its pickles.

use context::prelude::*;

#[task(result_serializer = "pickle")]
fn add(x: u8) -> u8 {
    x
}

#[flow(result_serializer = "compressed/pickle")]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
