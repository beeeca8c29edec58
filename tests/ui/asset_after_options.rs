//! Asset keys come first.

use context::prelude::*;

#[materialize("s3://a/b", by = "polars", "s3://a/c")]
fn save(x: u8) -> u8 {
    x
}

fn main() {}
