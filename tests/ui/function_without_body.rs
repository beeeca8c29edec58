//! A declaration cannot run.

use context::prelude::*;

trait Add {
    #[task]
    fn add(&self) -> u8;
}

fn main() {}
