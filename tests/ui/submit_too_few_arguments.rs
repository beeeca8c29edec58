//! A submitted run has all its arguments.

use context::prelude::*;

#[task]
fn add(x: u8) -> u8 {
    x
}

fn main() {
    let _ = add::submit();
}
