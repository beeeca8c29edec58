//! A template of an asset key names parameters.

use context::prelude::*;

#[materialize("s3://lake/{dya}/rows", "s3://my lake/{day}", asset_deps = ["s3://{day", "S3://{day}"])]
fn save(day: u8) -> u8 {
    day
}

#[task(asset_deps = [context::asset("s3://lake/{rows}").with_name("Rows")])]
fn load() {}

fn main() {}
