//! Names of call options cannot be parameters.

use context::prelude::*;

#[task]
fn add(wait_for: u8, return_state: u8) -> u8 {
    wait_for + return_state
}

fn main() {}
