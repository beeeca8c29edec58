//! A timeout is an error, which the function must be able to return.

use context::prelude::*;

#[task(timeout = "1s")]
async fn add(x: u8) -> u8 {
    x
}

fn main() {}
