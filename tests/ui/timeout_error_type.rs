//! The error type must be able to carry a timeout.

use context::prelude::*;

#[derive(Debug)]
struct Oops;

#[task(timeout = "1s")]
async fn add(x: u8) -> Result<u8, Oops> {
    if x == 0 { Err(Oops) } else { Ok(x) }
}

fn main() {}
