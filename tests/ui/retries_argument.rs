//! Every attempt needs its own arguments.

use context::prelude::*;

struct Once;

#[task(retries = 1)]
fn add(x: Once, y: u8) -> u8 {
    drop(x);
    y
}

fn main() {}
