//! A tracked call owns its arguments, as a submitted one does.

use context::prelude::*;

#[task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    length::tracked("a");
}
