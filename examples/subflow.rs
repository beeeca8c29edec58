//! Subflows: flows called by flows, each with its own runs, tags and end.
//!
//! Prints what the flow returns, then every run with the states it went through, indented under the run that called it.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::sync::Arc;

use context::prelude::*;
use context::{AsyncClientContext, MemoryRecorder};

#[derive(Debug, thiserror::Error)]
#[error("region `{0}` has no harvest")]
struct NoHarvest(String);

#[task]
async fn weigh(region: String) -> Result<u32, NoHarvest> {
    tokio::task::yield_now().await; // Where a real one would ask the scale.
    match region.as_str() {
        "north" => Ok(12),
        "south" => Ok(30),
        _ => Err(NoHarvest(region)),
    }
}

/// A flow of its own, wherever it is called from.
#[flow(flow_run_name = "harvest of {region}")]
async fn harvest(region: String) -> Result<u32, NoHarvest> {
    let parent = current_run!(flow).parent_flow_run_id();
    println!("{} has a parent: {}", current_run!().name(), parent.is_some());
    weigh(region).await
}

/// A failed subflow is an error like any other: the caller decides what it means.
#[flow]
async fn all_harvests() -> u32 {
    let north = tags!("cold", { harvest("north".to_owned()).await });
    // Concurrent subflows are joined like any futures.
    let (south, sea) = futures::join!(harvest("south".to_owned()), harvest("sea".to_owned()));
    [north, south, sea].into_iter().flatten().sum()
}

#[context::main]
async fn main() {
    let recorder = Arc::new(MemoryRecorder::new());
    // Beside whoever records already. What is called inside the scope is recorded.
    let client = AsyncClientContext::get_or_create().client().and(recorder.clone());
    let all = AsyncClientContext::new(client).scope(async { all_harvests().await }).await;
    println!("all harvests: {all}\n\n{}", recorder.transcript());
}
