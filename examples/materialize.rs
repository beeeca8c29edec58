//! Assets: what tasks make, what it was made from, and what they say about it.
//!
//! Prints the asset events of a flow run: they are recorded like states, and tell the lineage of the data.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::sync::Arc;

use context::prelude::*;
use context::{AsyncClientContext, MemoryRecorder, Recorded, materialize};
use serde_json::{Value, json};

/// Makes an asset from another one that nobody here makes.
#[materialize("file://lake/raw.csv", by = "csv", asset_deps = ["https://example.com/raw"])]
fn download() -> anyhow::Result<Vec<u32>> {
    let rows = vec![3, 1, 2];
    add_asset_metadata("file://lake/raw.csv", json!({ "rows": rows.len() }))?;
    Ok(rows)
}

/// Makes nothing, but carries on what its argument was made from.
#[task]
fn sort(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}

#[materialize("file://lake/sorted.csv")]
fn save(rows: Vec<u32>) -> anyhow::Result<()> {
    add_asset_metadata("file://lake/sorted.csv", json!({ "first": rows.first() }))?;
    // Only what the task makes can be described.
    let error = add_asset_metadata("file://lake/raw.csv", json!({})).expect_err("not its own");
    println!("{error}\n");
    Ok(())
}

/// Lineage follows the futures that are given as arguments.
#[flow]
async fn lake() -> Result<(), RunError> {
    let sorted = sort::submit(download::submit());
    save::submit(sorted).await
}

#[context::main]
async fn main() -> Result<(), RunError> {
    let recorder = Arc::new(MemoryRecorder::new());
    // Beside whoever records already. What is called inside the scope is recorded.
    let client = AsyncClientContext::get_or_create().client().and(recorder.clone());
    AsyncClientContext::new(client).scope(async { lake().await }).await?;
    for recorded in recorder.events() {
        if let Recorded::Asset { event, asset, upstream, materialized_by, metadata, .. } = recorded
        {
            println!("{event} {}", asset.key());
            for asset in upstream {
                println!("    from {}", asset.key());
            }
            if let Some(tool) = materialized_by {
                println!("    by   {tool}");
            }
            if let Some(metadata) = metadata {
                println!("    with {}", Value::Object(metadata));
            }
        }
    }
    Ok(())
}
