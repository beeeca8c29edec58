//! An attempt must not see what another one left behind.

use context::prelude::*;

#[task(retries = 1)]
fn add(x: &mut u8) -> u8 {
    *x += 1;
    *x
}

fn main() {}
