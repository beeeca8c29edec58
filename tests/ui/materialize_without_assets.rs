//! There is no materialization of nothing.

use context::prelude::*;

#[materialize(by = "polars")]
fn save(x: u8) -> u8 {
    x
}

fn main() {}
