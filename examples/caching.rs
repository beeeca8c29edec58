//! Caching: what was done once for the same inputs is not done again.
//!
//! ```text
//! cargo run --example caching [-- DIRECTORY]
//! ```
//!
//! Asks a slow archive for the weather of four years, several times. Look at the times, and at the states: `Cached` is a
//! run whose function was not called. With a `DIRECTORY` the results stay there, and a second start of the program finds
//! them; each is a JSON file that Prefect can read, too. Without one they go to a temporary directory.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use context::prelude::*;
use serde::{Deserialize, Serialize};

/// What is kept: any type that serde can write and read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Year {
    year: i16,
    rain: f64,
    warmest: (String, f64),
}

/// Gets one year from the archive. The key is made of the inputs, but for the mirror: all of them have the same data.
#[task(cache_policy = inputs() - "mirror", cache_expiration = "30d", tags = ["io"])]
async fn fetch_year(year: i16, mirror: &'static str) -> anyhow::Result<Year> {
    tokio::time::sleep(Duration::from_millis(200)).await; // a slow line to the archive
    println!("  ({mirror} was asked for {year})");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv");
    let mut found = Year { year, rain: 0.0, warmest: (String::new(), f64::MIN) };
    for row in csv::Reader::from_path(file)?.deserialize() {
        let (date, rain, highest): (String, f64, f64) = row?;
        if date.starts_with(&year.to_string()) {
            found.rain += rain;
            if highest > found.warmest.1 {
                found.warmest = (date, highest);
            }
        }
    }
    Ok(found)
}

#[flow]
async fn compare(years: Vec<i16>, mirror: &'static str) -> Result<(), RunError> {
    let runs = fetch_year::map(years, unmapped(mirror));
    for run in &runs {
        let state = run.wait().await;
        let Year { year, rain, warmest: (date, highest) } = run.clone().await?;
        println!("  {:<9} {year}: {rain:.0} mm, warmest {date} at {highest} °C", state.name());
    }
    Ok(())
}

/// Whatever the cache has, new data is wanted; and it may be used for a moment only.
#[flow]
async fn refresh(year: i16) -> anyhow::Result<()> {
    let brief = || fetch_year::with_options().cache_expiration(Duration::from_millis(100));
    let state = brief().refresh_cache(true).state(year, "mirror-c").await;
    println!("  {:<9} {year}, to be refreshed", state.name());
    let state = brief().state(year, "mirror-c").await;
    println!("  {:<9} {year}, at once", state.name());
    tokio::time::sleep(Duration::from_millis(150)).await;
    let state = brief().state(year, "mirror-c").await;
    println!("  {:<9} {year}, after it has expired", state.name());
    Ok(())
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let temporary = std::env::temp_dir().join(format!("caching-{}", std::process::id()));
    let directory = given.as_deref().unwrap_or(&temporary);

    for (title, mirror) in [("first time", "mirror-a"), ("again", "mirror-b")] {
        println!("{title}, with {mirror}:");
        let began = Instant::now();
        // Tasks keep results where their flow does.
        let compare = compare::with_options().result_storage(directory);
        compare.call(vec![2012, 2013, 2014, 2015], mirror).await?;
        println!("  it took {} ms", began.elapsed().as_millis());
    }
    println!("one year anew:");
    refresh::with_options().result_storage(directory).call(2015).await?;

    let mut kept = 0;
    for entry in std::fs::read_dir(directory).context("the results are there")? {
        kept += u32::from(entry?.path().is_file());
    }
    println!("{kept} results are kept");
    if given.is_none() {
        std::fs::remove_dir_all(temporary)?;
    }
    Ok(())
}
