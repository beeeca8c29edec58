//! What a run of a `map` costs, and one of many that are reported as one.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use context::{Client, Interest, Recorder, RunError, RunEvent, task};

use crate::bars::Bars;
use crate::cases::{Case, case, in_flow_async};

const MAPPED: &str = "mapped run, one thread";
const AS_ONE: &str = "mapped run, reported as one";
const RECORDED: &str = "mapped run, recorded";
const AS_ONE_RECORDED: &str = "mapped run, recorded, reported as one";

/// The recorder is off unless the name says otherwise.
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

#[expect(clippy::unused_async, reason = "an async task is what is measured")]
#[task]
async fn add(x: u64) -> u64 {
    std::hint::black_box(x) + 1
}

/// How many runs there are at once, at most: memory is then used in the same way by any number of them.
const AT_ONCE: u64 = 4_000;

/// Maps in batches, as `map` says.
async fn batches<F>(n: u64, map: impl Fn(Range<u64>) -> F) -> Duration
where
    F: IntoFuture<Output = Result<Vec<u64>, RunError>>,
{
    let began = Instant::now();
    let mut done = 0;
    while done < n {
        let next = n.min(done + AT_ONCE);
        let sum: u64 = map(done..next).await.expect("the runs complete").iter().sum();
        std::hint::black_box(sum);
        done = next;
    }
    began.elapsed()
}

async fn mapped(n: u64) -> Duration {
    batches(n, add::map).await
}

async fn as_one(n: u64) -> Duration {
    batches(n, |numbers| add::with_options().reported_as_one().map(numbers)).await
}

/// One of many that are reported as one costs no more than a run that nobody records, but for what the allocator makes of
/// other sizes.
pub(crate) fn conclude(instructions: impl Fn(&str) -> Option<f64>, bars: &mut Bars) {
    let Some(bar) = instructions(MAPPED) else { return };
    for name in [AS_ONE, AS_ONE_RECORDED] {
        if let Some(measured) = instructions(name) {
            bars.exact(&format!("{name}: of one unrecorded"), 1.01, measured / bar, "times");
        }
    }
}
