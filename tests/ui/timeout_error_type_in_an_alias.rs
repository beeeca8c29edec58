//! The error type is found behind an alias.

use context::prelude::*;

#[derive(Debug)]
struct Oops;
type Result<T> = std::result::Result<T, Oops>;

#[task(timeout = "1s")]
async fn add(x: u8) -> Result<u8> {
    if x == 0 { Err(Oops) } else { Ok(x) }
}

fn main() {}
