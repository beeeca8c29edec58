//! A submitted run owns its arguments.

use context::prelude::*;

#[task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    let _ = length::submit("a");
    let _ = length::map(["a"]);
}
