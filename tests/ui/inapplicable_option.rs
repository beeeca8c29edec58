//! Options that make no sense here.

use context::prelude::*;

#[flow(validate_parameters = true)]
fn sum(x: u8) -> u8 {
    x
}

#[task(viz_return_value = 1)]
fn add(x: u8) -> u8 {
    x
}

fn main() {}
