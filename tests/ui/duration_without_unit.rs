//! A number is no duration.

use context::prelude::*;

#[task(timeout = 30, retry_delay = [1.5, "2"])]
fn add(x: u8) -> Result<u8, context::RunError> {
    Ok(x)
}

fn main() {}
