//! Fan-out: ten thousand runs that recorders, and so a server, are told of as one.
//!
//! How sure is it that a day in Seattle has 3 mm of rain? The bootstrap answers with 10,000 samples, drawn from four
//! years of days, and looks how far their means are apart. Each sample is a run, with a future, retries and an id of its
//! own. The summary has one line for all of them; what is told on the way is printed by a recorder that is made here.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::sync::Arc;

use context::prelude::*;
use context::{AsyncClientContext, Client, Interest, Recorder, RunEvent, ThreadPoolTaskRunner};

const SAMPLES: u64 = 10_000;

/// Millimetres of rain, day by day. Not `Serialize`: it would be written down as a parameter of each run.
#[derive(Clone, Debug)]
struct Rain(Arc<[f64]>);

#[task]
fn read(path: &str) -> Result<Rain, anyhow::Error> {
    let mut table = csv::Reader::from_path(path)?;
    let days = table.deserialize::<(String, f64)>();
    Ok(Rain(days.map(|day| day.map(|(_, rain)| rain)).collect::<Result<_, _>>()?))
}

/// The mean of as many days as there are, each drawn from all of them.
#[task(retries = 2)]
fn resample(seed: u64, rain: Rain) -> f64 {
    let days = &rain.0;
    let mut random = seed;
    let drawn = days.iter().map(|_| {
        let at = split_mix(&mut random) % days.len() as u64;
        days[usize::try_from(at).unwrap_or_default()]
    });
    drawn.sum::<f64>() / days.len() as f64
}

/// A random number, the next each time.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Where 95 of 100 means are. Its input, as recorders are told, is the one run.
#[task]
fn interval(mut means: Vec<f64>) -> Option<(f64, f64)> {
    means.sort_by(f64::total_cmp);
    Some((*means.get(means.len() / 40)?, *means.get(means.len() * 39 / 40)?))
}

#[flow(task_runner = ThreadPoolTaskRunner::new(4))]
async fn bootstrap() -> Result<(), anyhow::Error> {
    let rain = read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv"))?;
    let mean = rain.0.iter().sum::<f64>() / rain.0.len() as f64;
    let samples = resample::with_options().reported_as_one().map(0..SAMPLES, unmapped(rain));
    let (low, high) = interval::submit(&samples).await?.unwrap_or_default();
    println!("{mean:.2} mm of rain on a day, and 95 % sure: {low:.2} to {high:.2} mm");

    // For the program, they are as many runs as ever.
    let completed = samples.iter().filter(|sample| sample.state().is_completed()).count();
    println!("{completed} of {} runs have completed", samples.len());
    Ok(())
}

/// Prints how far runs are that are reported as one.
#[derive(Debug)]
struct Progress;

impl Recorder for Progress {
    fn interest(&self) -> Interest {
        // Without this it is told at the end only.
        Interest { every_state: true, parameters: false }
    }

    fn record(&self, event: &RunEvent<'_>) {
        if let RunEvent::Progress(progress) = event {
            println!("{}: {} of {}", progress.name, progress.done, progress.total);
        }
    }
}

#[context::main]
async fn main() -> Result<(), anyhow::Error> {
    let client = Client::process_default().and(Arc::new(Progress));
    AsyncClientContext::new(client).scope(async { bootstrap().await }).await
}
