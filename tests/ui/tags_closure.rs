//! A closure is no block.

use context::prelude::*;

fn main() {
    tags!("a", || 1);
}
