//! Only `#[materialize]` makes assets.

use context::prelude::*;

#[task(assets = ["s3://a/b"], by = "polars")]
fn save(x: u8) -> u8 {
    x
}

fn main() {}
