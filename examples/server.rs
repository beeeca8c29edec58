//! The weather flow, told to a Prefect server.
//!
//! ```text
//! prefect server start                                                   # or any other server
//! PREFECT_API_URL=http://127.0.0.1:4200/api cargo run --example server
//! ```
//!
//! The program is the one of the example `weather`. What it takes to have a server decide about its flow runs, and show
//! states, task runs, logs and the graph, is the setting: `PREFECT_API_URL` in the environment or in the active profile.
//! Without it, the same runs happen in this process alone.

#![expect(clippy::print_stdout, reason = "an example prints its answer")]

#[path = "weather/analysis.rs"]
mod analysis;
#[path = "weather/flow.rs"]
mod flow;

use std::path::PathBuf;

use context::prelude::*;
use context::runtime;

/// Looks at the weather, and says where to look at the run.
#[flow]
async fn weather_report(file: PathBuf) -> anyhow::Result<String> {
    match runtime::flow_run::ui_url() {
        Some(url) => println!("the run: {url}\n"),
        None => println!("PREFECT_API_URL is not set, so nobody else is told of this run\n"),
    }
    tracing::info!(file = %file.display(), "reading the weather of Seattle");
    Ok(flow::seattle_weather(file, true).await?.to_string())
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    context::logging::init();
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv"));
    print!("{}", weather_report(file).await?);
    Ok(())
}
