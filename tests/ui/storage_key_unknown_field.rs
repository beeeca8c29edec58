//! A storage key names parameters and runs.

use context::prelude::*;

#[task(result_storage_key = "{parameters[ulr]}/{url}/{flowrun.id}/{day}")]
fn fetch(url: String) -> usize {
    url.len()
}

#[task(result_storage_key = "{parameters.url}/{parameters}/{flow_run}/{parameters[url}")]
fn load(url: String) -> usize {
    url.len()
}

#[task(result_storage_key = "{parameters[day]}")]
fn list() {}

fn main() {}
