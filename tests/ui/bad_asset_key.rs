//! Asset keys are URIs.

use context::prelude::*;

#[materialize("s3://a b", "S3://x", "rows", asset_deps = ["http://a?b"])]
fn save(x: u8) -> u8 {
    x
}

fn main() {}
