//! The tables of the lake, how they are read and written, and what is computed. Knows nothing of runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An airport, as the file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Airport {
    pub(crate) iata: String,
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) country: String,
    /// In degrees, north.
    pub(crate) latitude: f64,
    /// In degrees, east.
    pub(crate) longitude: f64,
}

/// The flights of a year from one airport to another, as the file has them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Flights {
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) count: u64,
}

/// A route between two known airports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) flights: u64,
    /// The great-circle distance, in kilometres.
    pub(crate) km: u32,
}

/// How busy an airport was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Busy {
    pub(crate) iata: String,
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) departures: u64,
    pub(crate) arrivals: u64,
    pub(crate) flights: u64,
}

/// The departures of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateTotal {
    pub(crate) state: String,
    pub(crate) airports: u64,
    pub(crate) departures: u64,
}

/// The rows of a CSV file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut reader = csv::Reader::from_path(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let rows: Result<Vec<T>, csv::Error> = reader.deserialize().collect();
    rows.with_context(|| format!("`{}` is not such a table", path.display()))
}

/// Writes rows as a CSV file, with the names of the columns; gives their number.
pub(crate) fn write<T: Serialize>(path: &Path, rows: &[T]) -> anyhow::Result<usize> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let failed = || format!("cannot write `{}`", path.display());
    let mut writer = csv::Writer::from_path(path).with_context(failed)?;
    for row in rows {
        writer.serialize(row).with_context(failed)?;
    }
    writer.flush().with_context(failed)?;
    let mut reader = csv::Reader::from_path(path).with_context(failed)?;
    Ok(reader.headers().with_context(failed)?.len())
}

/// Routes between airports that are known, in order; those that start where they end are left out.
pub(crate) fn routes(airports: &[Airport], flights: Vec<Flights>) -> Vec<Route> {
    let known: HashMap<&str, &Airport> =
        airports.iter().map(|airport| (airport.iata.as_str(), airport)).collect();
    let mut routes: Vec<Route> = flights
        .into_iter()
        .filter(|flights| flights.origin != flights.destination)
        .filter_map(|Flights { origin, destination, count }| {
            let km = distance(known.get(origin.as_str())?, known.get(destination.as_str())?);
            Some(Route { origin, destination, flights: count, km })
        })
        .collect();
    routes.sort_by(|a, b| (&a.origin, &a.destination).cmp(&(&b.origin, &b.destination)));
    routes
}

/// The airports that have a route, in order.
pub(crate) fn served(airports: &[Airport], flights: &[Flights]) -> Vec<Airport> {
    let served: BTreeSet<&str> = flights
        .iter()
        .flat_map(|flights| [flights.origin.as_str(), flights.destination.as_str()])
        .collect();
    let mut kept: Vec<Airport> =
        airports.iter().filter(|airport| served.contains(airport.iata.as_str())).cloned().collect();
    kept.sort_by(|a, b| a.iata.cmp(&b.iata));
    kept
}

/// Along a great circle of a sphere, in whole kilometres.
fn distance(a: &Airport, b: &Airport) -> u32 {
    const EARTH_KM: f64 = 6371.0;
    let (north_a, north_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let (north, east) = (north_b - north_a, (b.longitude - a.longitude).to_radians());
    let half =
        (north / 2.0).sin().powi(2) + north_a.cos() * north_b.cos() * (east / 2.0).sin().powi(2);
    (2.0 * EARTH_KM * half.sqrt().asin()).round() as u32
}

/// The airports by flights, the busiest first.
pub(crate) fn busiest(airports: &[Airport], routes: &[Route]) -> Vec<Busy> {
    let mut departures: HashMap<&str, u64> = HashMap::new();
    let mut arrivals: HashMap<&str, u64> = HashMap::new();
    for route in routes {
        *departures.entry(&route.origin).or_default() += route.flights;
        *arrivals.entry(&route.destination).or_default() += route.flights;
    }
    let count = |of: &HashMap<&str, u64>, iata: &str| of.get(iata).copied().unwrap_or(0);
    let mut busy: Vec<Busy> = airports
        .iter()
        .map(|airport| {
            let (departures, arrivals) =
                (count(&departures, &airport.iata), count(&arrivals, &airport.iata));
            Busy {
                iata: airport.iata.clone(),
                name: airport.name.clone(),
                city: airport.city.clone(),
                state: airport.state.clone(),
                departures,
                arrivals,
                flights: departures + arrivals,
            }
        })
        .collect();
    busy.sort_by(|a, b| (b.flights, &a.iata).cmp(&(a.flights, &b.iata)));
    busy
}

/// The states by departures, the busiest first.
pub(crate) fn states(airports: &[Busy]) -> Vec<StateTotal> {
    let mut totals: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for airport in airports {
        let total = totals.entry(&airport.state).or_default();
        total.0 += 1;
        total.1 += airport.departures;
    }
    let mut states: Vec<StateTotal> = totals
        .into_iter()
        .map(|(state, (airports, departures))| StateTotal {
            state: state.to_owned(),
            airports,
            departures,
        })
        .collect();
    states.sort_by_key(|state| std::cmp::Reverse(state.departures));
    states
}
