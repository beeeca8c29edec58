//! Artifacts: what a run shows to people: a report, a table, a link, and how far it is. And events, for whoever reacts.
//!
//! Reads the weather of Seattle and shows, for each year, how much it has rained. With `PREFECT_API_URL` set, all of it is
//! on the page of the run, whose address is printed; without, the summary at the end counts the artifacts.

#![expect(clippy::print_stdout, reason = "an example says where to look")]

use std::collections::BTreeMap;

use context::artifacts::{
    ArtifactError, create_link_artifact, create_markdown_artifact, create_progress_artifact,
    create_table_artifact, update_progress_artifact,
};
use context::prelude::*;
use context::{Event, Resource, emit_event, runtime};
use serde::Serialize;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv");

/// What the table has one row of for each year. Its columns are in the order of the fields.
#[derive(Clone, Serialize)]
struct Year {
    year: u16,
    rainy_days: u32,
    millimetres: f64,
}

/// Adds up the rain of each year, and shows how far it is.
#[task]
async fn add_up(file: String) -> anyhow::Result<Vec<Year>> {
    let progress = create_progress_artifact(0.0).description("days read").await?;
    let days: Vec<(String, f64)> = csv::Reader::from_path(file)?
        .into_records()
        .map(|day| {
            let day = day?;
            anyhow::Ok((day[0].to_owned(), day[1].parse()?))
        })
        .collect::<Result<_, _>>()?;
    let mut years: BTreeMap<u16, Year> = BTreeMap::new();
    for (number, (date, rain)) in days.iter().enumerate() {
        let year: u16 = date[..4].parse()?;
        let sum = years.entry(year).or_insert(Year { year, rainy_days: 0, millimetres: 0.0 });
        sum.rainy_days += u32::from(*rain > 0.0);
        sum.millimetres += rain;
        if number % 500 == 0 {
            update_progress_artifact(progress, 100.0 * number as f64 / days.len() as f64).await?;
        }
    }
    update_progress_artifact(progress, 100.0).await?;
    Ok(years.into_values().collect())
}

/// Shows the table. One with a key is a version of what has this key: the page of artifacts has them all.
#[task]
fn show(years: Vec<Year>) -> Result<f64, ArtifactError> {
    let wettest = years.iter().max_by(|a, b| a.millimetres.total_cmp(&b.millimetres));
    let most = wettest.map_or(0.0, |year| year.millimetres);
    create_table_artifact(&years).key("rain-of-seattle").create_blocking()?;
    let report = match wettest {
        Some(year) => format!("# Rain\n\nThe wettest year was **{}**.", year.year),
        None => "# No rain at all".to_owned(),
    };
    create_markdown_artifact(report).description("in short").create_blocking()?;
    Ok(most)
}

#[flow]
async fn rain() -> anyhow::Result<f64> {
    match runtime::flow_run::ui_url() {
        Some(url) => println!("the run, with its artifacts: {url}"),
        None => println!(
            "PREFECT_API_URL is not set: recorders are told of the artifacts, and nobody keeps them"
        ),
    }
    create_link_artifact("https://github.com/vega/vega-datasets")
        .link_text("where the data is from")
        .await?;
    let most = show(add_up(FILE.to_owned()).await?)?;
    // Whoever waits for the figures, such as an automation, is told of them.
    emit_event(
        Event::new("weather.rain.added-up", Resource::new("weather.seattle").with_name("Seattle"))
            .with_payload(serde_json::json!({ "most_millimetres": most })),
    )?;
    Ok(most)
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    println!("most rain in a year: {:.0} mm", rain().await?);
    Ok(())
}
