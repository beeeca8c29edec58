//! Many runs at once, beside as many plain spawned futures.

use std::time::{Duration, Instant};

use context::{AsyncClientContext, Client, ConcurrentTaskRunner, ContextModel, flow, task};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use crate::Effort;
use crate::bars::Bars;
use crate::timing::per_operation;

/// A way to run `count` functions at once.
#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    SpawnedTask,
    Submit,
    Map,
}

const WAYS: [(Way, &str); 4] = [
    (Way::Plain, "tokio::spawn(plain(i))"),
    (Way::SpawnedTask, "tokio::spawn(task(i))"),
    (Way::Submit, "task::submit(i)"),
    (Way::Map, "task::map(0..n)"),
];

async fn plain(i: u32, yields: u32) -> u32 {
    for _ in 0..yields {
        yield_now().await;
    }
    i
}

#[task]
async fn one(i: u32, yields: u32) -> u32 {
    plain(i, yields).await
}

#[flow]
#[expect(clippy::disallowed_methods, reason = "plain spawning is what is measured")]
async fn all(way: Way, count: u32, yields: u32) -> Duration {
    let began = Instant::now();
    let sum: u32 = match way {
        Way::Plain => joined((0..count).map(|i| tokio::spawn(plain(i, yields)))).await,
        Way::SpawnedTask => joined((0..count).map(|i| tokio::spawn(one(i, yields)))).await,
        Way::Submit => joined((0..count).map(|i| one::submit(i, yields))).await,
        Way::Map => {
            let each: Vec<u32> = (0..count).collect();
            joined(one::map(each, context::unmapped(yields))).await
        }
    };
    let took = began.elapsed();
    assert_eq!(sum, count * (count - 1) / 2, "{way:?}");
    took
}

async fn joined<F, E>(futures: impl IntoIterator<Item = F>) -> u32
where
    F: Future<Output = Result<u32, E>>,
    E: std::fmt::Debug,
{
    let started: Vec<F> = futures.into_iter().collect();
    let mut sum = 0;
    for future in started {
        sum += future.await.expect("the run completes");
    }
    sum
}

/// Runs the flow on a worker of `runtime`, as a server would.
#[expect(clippy::disallowed_methods, reason = "the flow is where the context begins")]
fn run(runtime: &Runtime, way: Way, count: u32, yields: u32) -> Duration {
    let client = AsyncClientContext::new(Client::off());
    let flow = async move { client.scope(async { all(way, count, yields).await }).await };
    runtime.block_on(async { tokio::spawn(flow).await }).expect("the flow completes")
}

/// Measures every way on each runtime, in turns.
pub(crate) fn measure(effort: Effort, bars: &mut Bars) {
    let count = effort.choose(10, 10_000, 10_000);
    let rounds = effort.choose(1, 5, 25);
    let runtimes = [
        ("two workers", Builder::new_multi_thread().worker_threads(2).build()),
        ("current thread", Builder::new_current_thread().build()),
    ];
    if effort != Effort::Smoke {
        println!("\n{count} runs at once, ns for each{:>21}{:>10}", "least", "median");
    }
    for (runtime_name, runtime) in runtimes {
        let runtime = runtime.expect("a runtime");
        for yields in [0, 10] {
            let mut samples = WAYS.map(|_| Vec::new());
            for _ in 0..=rounds {
                for ((way, _), samples) in WAYS.iter().zip(&mut samples) {
                    samples.push(per_operation(run(&runtime, *way, count, yields), count.into()));
                }
            }
            if effort == Effort::Smoke {
                continue;
            }
            let summary = samples.map(summarize);
            let [plain, others @ ..] = summary;
            println!("{runtime_name}, {yields} yields");
            for ((_, name), (least, median)) in WAYS.iter().zip(summary) {
                let added = format!("{:+.0} / {:+.0}", least - plain.0, median - plain.1);
                println!("  {name:<42} {least:>9.0} {median:>9.0} {added:>18}");
            }
            for ((_, way), (least, _)) in WAYS[1..].iter().zip(others) {
                let what = format!("{way}, {runtime_name}, {yields} yields: added");
                bars.time(&what, 1_000.0, least - plain.0, "ns");
            }
        }
    }
}

/// What 100,000 submitted runs may take, beside as many plain spawned futures.
const BAR: f64 = 3.0;

/// Measures submitted runs, without a bound and with one, all at once, beside plain spawned futures.
pub(crate) fn measure_many(effort: Effort, bars: &mut Bars) {
    let count = effort.choose(10, 100_000, 100_000);
    let rounds = effort.choose(1, 5, 15);
    let runtimes = [
        ("two workers", Builder::new_multi_thread().worker_threads(2).build()),
        ("current thread", Builder::new_current_thread().build()),
    ];
    let sides = [
        ("tokio::spawn(plain(i))", Way::Plain, None),
        ("task::submit(i)", Way::Submit, None),
        ("the same, at most 64 workers", Way::Submit, Some(64)),
    ];
    if effort != Effort::Smoke {
        println!(
            "\n{count} runs at once, ns for each{:>20}{:>10}{:>19}",
            "least", "median", "ratio"
        );
    }
    for (runtime_name, runtime) in runtimes {
        let runtime = runtime.expect("a runtime");
        let mut samples = [const { Vec::new() }; 3];
        for _ in 0..=rounds {
            for ((_, way, workers), samples) in sides.iter().zip(&mut samples) {
                let took = run_on(&runtime, *workers, *way, count);
                samples.push(per_operation(took, count.into()));
            }
        }
        if effort == Effort::Smoke {
            continue;
        }
        println!("{runtime_name}");
        let summary = samples.map(summarize);
        for ((name, way, _), (least, median)) in sides.iter().zip(summary) {
            let ratio = least / summary[0].0;
            println!("  {name:<42} {least:>9.0} {median:>9.0} {ratio:>18.2}");
            if matches!(way, Way::Submit) {
                bars.time(&format!("{name}, {runtime_name}: of plain"), BAR, ratio, "times");
            }
        }
    }
}

/// As `run`, with so many workers at most.
#[expect(clippy::disallowed_methods, reason = "the flow is where the context begins")]
fn run_on(runtime: &Runtime, workers: Option<usize>, way: Way, count: u32) -> Duration {
    let Some(workers) = workers else { return run(runtime, way, count, 0) };
    let client = AsyncClientContext::new(Client::off());
    let runner = ConcurrentTaskRunner::new().max_workers(workers);
    let flow = async move {
        let call = || all::with_options().task_runner(runner).call(way, count, 0);
        client.scope(async move { call().await }).await
    };
    runtime.block_on(async { tokio::spawn(flow).await }).expect("the flow completes")
}

/// The least and the median.
fn summarize(mut samples: Vec<f64>) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    (samples[0], samples[samples.len() / 2])
}
