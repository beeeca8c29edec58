//! A key function is a policy already.

use context::prelude::*;

#[task(cache_policy = inputs(), cache_key_fn = key)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
