//! After `=>` comes a block.

use context::prelude::*;

fn main() {
    tags!("a" =>);
}
