//! A hook is told three things.

use context::prelude::*;

fn note(_: &str) {}

#[task(on_failure = [note])]
fn add(x: u8) -> u8 {
    x
}

#[flow(on_crashed = note)]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
