//! A submitted run has arguments of named types.

use context::prelude::*;

#[task]
fn length(text: impl ToString) -> usize {
    text.to_string().len()
}

fn main() {
    let _ = length::submit("a");
}
