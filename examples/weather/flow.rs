//! The flow: what is a run, what is retried, what runs at the same time.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use context::prelude::*;
use futures::future::try_join_all;

use crate::analysis::{self, Day, DrySpell, Month, Report, Season, SeasonReport, YearStatistics};

/// Reads the file. If it is `flaky`, the first attempt breaks off, as with a file on a network.
#[task(retries = 2, retry_delay = ["20ms", "100ms"], tags = ["io"])]
fn read(file: PathBuf, flaky: bool) -> anyhow::Result<String> {
    if flaky && current_run!(task).run_count() == 1 {
        bail!("the connection broke off (simulated; `--steady` turns this off)");
    }
    std::fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))
}

#[task]
fn parse(text: String) -> anyhow::Result<Arc<[Day]>> {
    Ok(analysis::parse(&text)?)
}

#[task(task_run_name = "statistics of {year}")]
fn year_statistics(year: i16, days: Arc<[Day]>) -> anyhow::Result<YearStatistics> {
    analysis::year_statistics(year, &days).context("the year has no days")
}

#[task]
fn wettest_month(days: Arc<[Day]>) -> anyhow::Result<Month> {
    analysis::wettest_month(&days).context("there are no days")
}

#[task]
fn warmest_day(days: Arc<[Day]>) -> anyhow::Result<Day> {
    analysis::warmest_day(&days).context("there are no days")
}

#[task]
fn longest_dry_spell(days: Arc<[Day]>) -> anyhow::Result<DrySpell> {
    analysis::longest_dry_spell(&days).context("there is no dry day")
}

/// Looks at one season of all years.
#[flow(flow_run_name = "{season}")]
async fn season_report(season: Season, days: Arc<[Day]>) -> anyhow::Result<SeasonReport> {
    let wettest = wettest_month::submit(days.clone());
    let warmest = warmest_day::submit(days.clone());
    let dry_spell = longest_dry_spell::submit(days.clone());
    Ok(SeasonReport {
        season,
        days: days.len(),
        rain: analysis::rain(&days),
        wettest: wettest.await?,
        warmest: warmest.await?,
        dry_spell: dry_spell.await?,
    })
}

/// Finds out what the weather in Seattle was like.
#[flow]
pub(crate) async fn seattle_weather(file: PathBuf, flaky: bool) -> anyhow::Result<Report> {
    // A future is an input: `parse` waits for `read`.
    let days = parse::submit(read::submit(file, flaky)).await?;
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        bail!("the file has no rows");
    };
    let (first, last) = (first.date, last.date);

    // One run for each year. They begin now, and share the days.
    let years = tags!("statistics", {
        year_statistics::map(analysis::years(&days), unmapped(days.clone()))
    });

    // One subflow for each season, meanwhile. Its runs have its tags.
    let seasons = Season::ALL.map(|season| {
        tags!("seasons", season.name(), { season_report(season, season.of_days(&days)) })
    });
    let seasons = try_join_all(seasons).await?;

    Ok(Report {
        first,
        last,
        days: days.len(),
        years: years.await?,
        seasons,
        dry_spell: longest_dry_spell(days)?,
    })
}
