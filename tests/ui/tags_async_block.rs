//! An `async` block is no block to run.

use context::prelude::*;

fn main() {
    tags!("a", async { 1 });
}
