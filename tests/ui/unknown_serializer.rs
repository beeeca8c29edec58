//! A serializer is known by its name.

use context::prelude::*;

#[task(result_serializer = "jsno")]
fn add(x: u8) -> u8 {
    x
}

#[flow(result_serializer = "yaml")]
fn sum(x: u8) -> u8 {
    x
}

#[task(result_serializer = 3)]
fn third() {}

fn main() {}
