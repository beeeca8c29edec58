//! A configured run owns its arguments.

use context::prelude::*;

#[task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    length::with_options();
}
