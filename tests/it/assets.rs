//! `#[materialize]`, `asset_deps`, the assets of runs, and lineage.

mod events;
mod graph;
mod keys;
mod lineage;
mod rules;
mod tracked;

use context::{MemoryRecorder, Recorded};

/// The asset events of a recorder: what happened to which asset, and of what it was made.
///
/// `+` is a success, `-` a failure, and `>` an asset that was referenced for it.
fn told(recorder: &MemoryRecorder) -> Vec<String> {
    let told = recorder.events().into_iter().filter_map(|event| match event {
        Recorded::Asset { event, asset, mut upstream, .. } => {
            upstream.sort();
            let upstream: Vec<_> = upstream.iter().map(|asset| asset.key()).collect();
            let mark = match event {
                "prefect.asset.materialization.succeeded" => '+',
                "prefect.asset.materialization.failed" => '-',
                "prefect.asset.referenced" => '>',
                other => panic!("{other}"),
            };
            let from = if upstream.is_empty() {
                String::new()
            } else {
                format!(" of {}", upstream.join(", "))
            };
            Some(format!("{mark}{}{from}", asset.key()))
        }
        _ => None,
    });
    told.collect()
}
