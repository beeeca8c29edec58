//! Hooks are functions, not their names.

use context::prelude::*;

fn note() {}

#[task(on_failure = "page_me", on_commit = [note, "publish"])]
fn add(x: u8) -> u8 {
    x
}

#[flow(on_crashed = true)]
fn sum(x: u8) -> u8 {
    x
}

fn main() {}
