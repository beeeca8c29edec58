//! What was the weather in Seattle like, from 2012 to 2015?
//!
//! ```text
//! cargo run --example weather [-- [--steady] [FILE]]
//! ```
//!
//! Reads `data/seattle-weather.csv` (or `FILE`, with the same columns) in a flow: `read` is retried, the statistics of
//! the years are mapped, each season is a subflow, and tags tell the two parts apart. The answer goes to standard
//! output, the summary of the runs to standard error.
//!
//! The first attempt to read the file fails on purpose, so that there is a retry to see. `--steady` turns that off.

#![expect(clippy::print_stdout, reason = "an example prints its answer")]

mod analysis;
mod flow;

use std::path::PathBuf;

#[context::main]
async fn main() -> anyhow::Result<()> {
    let mut file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv"));
    let mut flaky = true;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--steady" => flaky = false,
            option if option.starts_with('-') => {
                anyhow::bail!("unknown option `{option}`; usage: weather [--steady] [FILE]")
            }
            path => file = path.into(),
        }
    }
    print!("{}", flow::seattle_weather(file, flaky).await?);
    Ok(())
}
