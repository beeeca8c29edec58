//! A future of a collection is awaited before it is mapped over: its length is not known before.
use context::prelude::*;

#[task]
fn rows() -> Vec<u8> {
    vec![1, 2]
}

#[task]
fn double(n: u8) -> u8 {
    n * 2
}

fn main() {
    let _ = double::map(rows::submit());
}
