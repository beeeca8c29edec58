//! The flow: which task makes which file of the lake.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use context::prelude::*;
use context::{FlowRunId, asset};
use serde::Serialize;
use serde_json::json;

use crate::tables::{self, Airport, Busy, Flights, Route, StateTotal};

/// What the lake was made for.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) airports: Vec<Busy>,
    pub(crate) states: Vec<StateTotal>,
    pub(crate) departures: u64,
    pub(crate) flow_run: FlowRunId,
}

/// Writes a table of the lake, and says what there is to know of it.
fn make<T: Serialize>(lake: &Path, layer: &str, name: &str, rows: &[T]) -> anyhow::Result<()> {
    let columns = tables::write(&lake.join(layer).join(format!("{name}.csv")), rows)?;
    let metadata = json!({ "rows": rows.len(), "columns": columns });
    Ok(add_asset_metadata(format!("lake://{layer}/{name}.csv"), metadata)?)
}

/// Copies a file as it is. Its key, and that of what it is a copy of, depend on the name.
#[materialize(
    "lake://raw/{name}.csv",
    by = "copy",
    asset_deps = [asset("vega://{name}.csv").with_owners(["U.S. government"])],
    task_run_name = "take in {name}",
    retries = 1
)]
fn take_in(name: String, data: PathBuf, lake: PathBuf) -> anyhow::Result<PathBuf> {
    let (from, to) = (data.join(format!("{name}.csv")), lake.join(format!("raw/{name}.csv")));
    std::fs::create_dir_all(lake.join("raw")).context("cannot make the lake")?;
    let copied = std::fs::copy(&from, &to);
    let bytes = copied.with_context(|| format!("cannot copy `{}`", from.display()))?;
    let text = std::fs::read_to_string(&to)?;
    let columns = text.lines().next().map_or(0, |line| line.split(',').count());
    let metadata =
        json!({ "rows": text.lines().skip(1).count(), "columns": columns, "bytes": bytes });
    add_asset_metadata(format!("lake://raw/{name}.csv"), metadata)?;
    Ok(to)
}

/// Makes no file, but what it reads flows through it.
#[task]
fn parse_airports(raw: PathBuf) -> anyhow::Result<Vec<Airport>> {
    tables::read(&raw)
}

#[task]
fn parse_flights(raw: PathBuf) -> anyhow::Result<Vec<Flights>> {
    tables::read(&raw)
}

#[materialize(
    asset("lake://clean/airports.csv").with_name("Airports with flights"),
    by = "csv",
    task_run_name = "clean airports"
)]
fn clean_airports(
    airports: Vec<Airport>,
    flights: Vec<Flights>,
    lake: PathBuf,
) -> anyhow::Result<Vec<Airport>> {
    let served = tables::served(&airports, &flights);
    make(&lake, "clean", "airports", &served)?;
    Ok(served)
}

#[materialize("lake://clean/routes.csv", by = "csv", task_run_name = "clean routes")]
fn clean_routes(
    airports: Vec<Airport>,
    flights: Vec<Flights>,
    lake: PathBuf,
) -> anyhow::Result<Vec<Route>> {
    let routes = tables::routes(&airports, flights);
    make(&lake, "clean", "routes", &routes)?;
    Ok(routes)
}

#[materialize(
    asset("lake://mart/airports.csv").with_name("Busiest airports"),
    by = "csv",
    task_run_name = "busiest airports"
)]
async fn busiest_airports(
    airports: Vec<Airport>,
    routes: Vec<Route>,
    lake: PathBuf,
) -> anyhow::Result<Vec<Busy>> {
    let busiest = move || {
        let busiest = tables::busiest(&airports, &routes);
        make(&lake, "mart", "airports", &busiest)?;
        Ok(busiest)
    };
    // On a thread where it may block. It carries the run on, so that the metadata is this run's.
    context::spawn_blocking(busiest).await?
}

#[materialize(
    asset("lake://mart/states.csv").with_name("Departures of states"),
    by = "csv",
    task_run_name = "departures of states"
)]
async fn departures_of_states(
    airports: Vec<Busy>,
    lake: PathBuf,
) -> anyhow::Result<Vec<StateTotal>> {
    let states = move || {
        let states = tables::states(&airports);
        make(&lake, "mart", "states", &states)?;
        Ok(states)
    };
    context::spawn_blocking(states).await?
}

/// Raw and clean by futures, the marts by direct calls: both keep lineage.
#[flow]
pub(crate) async fn lake(data: PathBuf, lake: PathBuf) -> anyhow::Result<Report> {
    let raw = |name: &str| take_in::submit(name, data.clone(), lake.clone());
    let parsed = parse_airports::submit(raw("airports"));
    let flights = parse_flights::submit(raw("flights-airport"));
    let routes = clean_routes::submit(&parsed, &flights, lake.clone());
    let airports = clean_airports::submit(parsed, flights, lake.clone());
    let airports = busiest_airports::tracked(airports, routes, lake.clone()).await?;
    let states = departures_of_states::tracked(&airports, lake).await?;
    Ok(Report {
        departures: states.iter().map(|state| state.departures).sum(),
        airports: airports.into_inner(),
        states: states.into_inner(),
        flow_run: FlowRunContext::get().context("no flow run")?.id(),
    })
}
