//! A small data lake: which airports were the busiest of 2008, and what was each file made of?
//!
//! ```text
//! cargo run --example lake [-- FOLDER]
//! ```
//!
//! Takes `data/airports.csv` and `data/flights-airport.csv` into a lake of CSV files below `FOLDER` (default: one of its own
//! among the temporary files) in three layers: raw, clean and mart. Each file is an asset that a task materializes, with
//! its rows and columns as metadata. Afterwards the lineage of all files is printed, and written beside them:
//! `lineage.mmd` (Mermaid), `lineage.dot` (Graphviz) and `lineage.json` (OpenLineage).

#![expect(clippy::print_stdout, reason = "an example prints its answer")]

mod flow;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use context::assets::{LineageGraph, lineage};

/// Writes the graph in all its forms.
fn write(graph: &LineageGraph, lake: &Path) -> anyhow::Result<()> {
    let events = serde_json::to_string_pretty(&graph.to_open_lineage())?;
    let files = [
        ("lineage.mmd", graph.to_mermaid()),
        ("lineage.dot", graph.to_dot()),
        ("lineage.json", events),
    ];
    for (name, text) in files {
        let path = lake.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    let lake = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join(format!("context-lake-{}", std::process::id())),
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let report = flow::lake(data, lake.clone()).await?;
    println!("flights from and to   of 2008");
    for airport in report.airports.iter().take(5) {
        println!("{:>9} {}  {}, {}", airport.flights, airport.iata, airport.name, airport.city);
    }
    println!("\n{} departures in all, most of them in", report.departures);
    for state in report.states.iter().take(3) {
        println!("{:>9} {}  from {} airports", state.departures, state.state, state.airports);
    }
    let graph = lineage(report.flow_run);
    write(&graph, &lake)?;
    println!("\n{}", graph.to_mermaid());
    println!("The files are in {}", lake.display());
    Ok(())
}
