//! A submitted argument has the parameter's type.

use context::prelude::*;

#[task]
fn add(x: u8) -> u8 {
    x
}

fn main() {
    let _ = add::submit("one");
}
