//! What a run of a `map` costs, and one of many that are reported as one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use context::{Client, Interest, Recorder, RunEvent, task};

use crate::bars::Bars;
use crate::cases::{Case, case, in_flow_async};

const MAPPED: &str = "mapped run, one thread";
const AS_ONE: &str = "mapped run, reported as one";
const RECORDED: &str = "mapped run, recorded";
const AS_ONE_RECORDED: &str = "mapped run, recorded, reported as one";

/// All runs of a measurement are of one `map`; the recorder is off unless the name says otherwise.
pub(crate) const CASES: &[Case] = &[
    case(MAPPED, |n| in_flow_async(Client::off(), mapped(n))),
    case(AS_ONE, |n| in_flow_async(Client::off(), as_one(n))),
    case(RECORDED, |n| in_flow_async(recorded(), mapped(n))),
    case(AS_ONE_RECORDED, |n| in_flow_async(recorded(), as_one(n))),
];

/// Looks at every event, and keeps nothing.
#[derive(Debug)]
struct Glances;

impl Recorder for Glances {
    fn interest(&self) -> Interest {
        Interest { every_state: true, parameters: false }
    }

    fn record(&self, event: &RunEvent<'_>) {
        std::hint::black_box(event);
    }
}

fn recorded() -> Client {
    Client::new(Arc::new(Glances))
}

#[task]
async fn add(x: u64) -> u64 {
    std::hint::black_box(x) + 1
}

async fn mapped(n: u64) -> Duration {
    let began = Instant::now();
    let sum: u64 = add::map(0..n).await.expect("the runs complete").iter().sum();
    std::hint::black_box(sum);
    began.elapsed()
}

async fn as_one(n: u64) -> Duration {
    let began = Instant::now();
    let runs = add::with_options().reported_as_one().map(0..n);
    let sum: u64 = runs.await.expect("the runs complete").iter().sum();
    std::hint::black_box(sum);
    began.elapsed()
}

/// One of many that are reported as one costs no more than a run that nobody records.
pub(crate) fn conclude(instructions: impl Fn(&str) -> Option<f64>, bars: &mut Bars) {
    let Some(bar) = instructions(MAPPED) else { return };
    for name in [AS_ONE, AS_ONE_RECORDED] {
        if let Some(measured) = instructions(name) {
            bars.exact(&format!("{name}: of one unrecorded"), 1.0, measured / bar, "times");
        }
    }
}
