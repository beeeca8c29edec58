//! A result can be kept only if serde can write and read it.

use context::prelude::*;

struct Row;

#[derive(Debug)]
struct Oops;

#[task(persist_result = true)]
fn kept() -> Row {
    Row
}

#[task(cache_policy = inputs())]
async fn cached(_id: u32) -> Result<Vec<Row>, Oops> {
    Ok(Vec::new())
}

#[flow(result_storage = "memory://")]
async fn stored() -> &'static str {
    "text"
}

// None of these asks for anything.
#[task(persist_result = false)]
fn never() -> Row {
    Row
}

#[task(cache_policy = no_cache())]
fn uncached() -> Row {
    Row
}

fn main() {}
