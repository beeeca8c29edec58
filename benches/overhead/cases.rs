//! What is measured: one operation after another, on one thread.

#![expect(clippy::unused_async, reason = "a function that does nothing shows what its call costs")]

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use context::{
    AsyncClientContext, Client, ContextModel, FlowRunContext, SyncClientContext, TagsContext,
    current_run, flow, tags, task,
};
use tracing::{Instrument, info_span};

use crate::bars::Bars;
use crate::reads::Reads;
use crate::{Effort, callgrind, mapped, steps, timing};

/// One operation.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What of the log is read. A subscriber that was installed cannot be taken away again.
    reads: Reads,
    /// Repeats the operation; the time that the repetitions took, without what is before and after them.
    repeat: fn(u64) -> Duration,
}

impl Case {
    pub(crate) fn run(&self, operations: u64) -> Duration {
        self.reads.install();
        (self.repeat)(operations)
    }
}

const TASK: &str = "task call, sync";
const TASK_ASYNC: &str = "task call, async";
const SPAN: &str = "span, sync: registry and a no-op layer";
const SPAN_ASYNC: &str = "span, async: registry and a no-op layer";
const TASK_IN_SPAN: &str = "task call, sync, with its span";
const TAGS: &str = "tags! block, sync";
const TAGS_ASYNC: &str = "tags! block, async";
const CURRENT_RUN: &str = "current_run!() in a task";

/// Calls of runs are made inside a flow run, with the recorder off unless the name says otherwise.
const CASES: &[Case] = &[
    case("plain call", |n| repeat(n, plain)),
    case("plain call, async", |n| block_on(plain_async_calls(n))),
    case(TASK, |n| in_flow(&Client::off(), task_calls, n)),
    case(TASK_ASYNC, |n| in_flow_async(Client::off(), task_async_calls(n))),
    case("task call, sync, default client", |n| in_flow(&Client::local(), task_calls, n)),
    case("task call, async, default client", |n| {
        in_flow_async(Client::local(), task_async_calls(n))
    }),
    case("task call, sync, in memory", |n| in_flow(&Client::in_memory().0, task_calls, n)),
    case("task call, async, in memory", |n| {
        in_flow_async(Client::in_memory().0, task_async_calls(n))
    }),
    case("task in task, sync", |n| in_flow(&Client::off(), |n| repeat(n, twice), n)),
    case("task in task, async", |n| in_flow_async(Client::off(), twice_async_calls(n))),
    Case {
        name: TASK_IN_SPAN,
        reads: Reads::SpansOfRuns,
        repeat: |n| in_flow(&Client::off(), task_calls, n),
    },
    Case {
        name: "task call, async, with its span",
        reads: Reads::SpansOfRuns,
        repeat: |n| in_flow_async(Client::off(), task_async_calls(n)),
    },
    case("flow call, sync", |n| off(|| repeat(n, one_flow))),
    case("flow call, async", |n| {
        block_on(AsyncClientContext::new(Client::off()).scope(flow_async_calls(n)))
    }),
    case(TAGS, |n| in_flow(&Client::off(), |n| repeat(n, tagged), n)),
    case(TAGS_ASYNC, |n| in_flow_async(Client::off(), tagged_async_calls(n))),
    case("tags! block, with the first read", |n| {
        in_flow(&Client::off(), |n| repeat(n, tagged_read), n)
    }),
    case(CURRENT_RUN, |n| in_flow(&Client::off(), current_runs, n)),
    case("current_run!().id() in a task", |n| in_flow(&Client::off(), current_run_ids, n)),
    case("FlowRunContext::get() and id()", |n| in_flow(&Client::off(), flow_run_ids, n)),
    case("span, sync: no subscriber", |n| repeat(n, in_span)),
    Case { name: SPAN, reads: Reads::OtherSpans, repeat: |n| repeat(n, in_span) },
    Case {
        name: SPAN_ASYNC,
        reads: Reads::OtherSpans,
        repeat: |n| block_on(in_span_async_calls(n)),
    },
    case("spawn and join, one thread", |n| block_on(spawns(n))),
    case("task::submit() and join, one thread", |n| in_flow_async(Client::off(), submits(n))),
];

pub(crate) const fn case(name: &'static str, repeat: fn(u64) -> Duration) -> Case {
    Case { name, reads: Reads::Nothing, repeat }
}

fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(steps::CASES).chain(mapped::CASES)
}

/// The case of this name.
pub(crate) fn find(name: &str) -> &'static Case {
    all().find(|case| case.name == name).expect("a case of this name")
}

/// Measures the cases with `filter` in their names.
pub(crate) fn measure(effort: Effort, filter: Option<&str>, bars: &mut Bars) {
    let cases: Vec<&Case> =
        all().filter(|case| filter.is_none_or(|filter| case.name.contains(filter))).collect();
    if effort == Effort::Smoke {
        for case in cases {
            case.run(1);
        }
        return;
    }
    // What must be measured without a subscriber comes first.
    let (bare, others): (Vec<&Case>, _) =
        cases.iter().partition(|case| case.name.ends_with("no subscriber"));
    let mut nanoseconds = timing::nanoseconds(&bare, effort);
    nanoseconds.extend(timing::nanoseconds(&others, effort));
    let measured: Vec<&Case> = bare.into_iter().chain(others).collect();
    let valgrind = callgrind::is_there();
    if !valgrind {
        println!("valgrind is not installed: no instructions are counted");
    }
    println!("{:<42} {:>9} {:>13} {:>18}", "operation", "ns", "instructions", "of the span (ir)");
    let mut results = Vec::new();
    for case in cases {
        let at = measured.iter().position(|other| other.name == case.name);
        let nanoseconds = at.map_or(f64::NAN, |at| nanoseconds[at]);
        let instructions = valgrind.then(|| callgrind::instructions(case.name, effort));
        results.push((case.name, nanoseconds, instructions));
    }
    let of = |name: &str| results.iter().find(|result| result.0 == name);
    for (name, nanoseconds, instructions) in &results {
        let span = of(if name.contains("async") { SPAN_ASYNC } else { SPAN });
        let instructions_text = instructions.map(|it| format!("{it:.0}")).unwrap_or_default();
        let ratio = span
            .and_then(|span| Some((*instructions)? / span.2?))
            .map(|ratio| format!("{ratio:.2}"))
            .unwrap_or_default();
        println!("{name:<42} {nanoseconds:>9.1} {instructions_text:>13} {ratio:>18}");
    }
    for (task, span) in [(TASK, SPAN), (TASK_ASYNC, SPAN_ASYNC)] {
        let (Some(task), Some(span)) = (of(task), of(span)) else { continue };
        if let (Some(measured), Some(bar)) = (task.2, span.2) {
            bars.exact(&format!("{}: instructions of a span", task.0), 1.0, measured / bar, "");
        }
        bars.time(&format!("{}: time of a span", task.0), 1.0, task.1 / span.1, "");
    }
    for (name, bar) in [(TAGS, 150.0), (TAGS_ASYNC, 150.0), (CURRENT_RUN, 15.0)] {
        if let Some((_, nanoseconds, _)) = of(name) {
            bars.time(name, bar, *nanoseconds, "ns");
        }
    }
    steps::conclude(|name| of(name).map(|result| result.1), bars);
    mapped::conclude(|name| of(name)?.2, bars);
}

/// Repeats `operation`.
#[inline]
pub(crate) fn repeat(n: u64, operation: impl Fn(u64) -> u64) -> Duration {
    let began = Instant::now();
    for i in 0..n {
        black_box(operation(black_box(i)));
    }
    began.elapsed()
}

/// An async function that repeats an operation.
macro_rules! repeat_async {
    ($function:ident, |$i:ident| $operation:expr) => {
        async fn $function(n: u64) -> Duration {
            let began = Instant::now();
            for i in 0..n {
                let $i = black_box(i);
                black_box($operation);
            }
            began.elapsed()
        }
    };
}

pub(crate) use repeat_async;

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

pub(crate) fn off<T>(f: impl FnOnce() -> T) -> T {
    SyncClientContext::new(Client::off()).in_scope(f)
}

pub(crate) fn in_flow(client: &Client, repeat: fn(u64) -> Duration, n: u64) -> Duration {
    SyncClientContext::new(client.clone()).in_scope(|| flow_around(repeat, n))
}

pub(crate) fn in_flow_async(client: Client, repeat: impl Future<Output = Duration>) -> Duration {
    block_on(AsyncClientContext::new(client).scope(async { flow_around_async(repeat).await }))
}

#[flow]
fn flow_around(repeat: fn(u64) -> Duration, n: u64) -> Duration {
    repeat(n)
}

#[flow]
async fn flow_around_async<F: Future<Output = Duration>>(repeat: F) -> Duration {
    repeat.await
}

// Plain functions.

#[inline(never)]
fn plain(x: u64) -> u64 {
    black_box(x) + 1
}

#[inline(never)]
async fn plain_async(x: u64) -> u64 {
    black_box(x) + 1
}

repeat_async!(plain_async_calls, |i| plain_async(i).await);

// Tasks.

#[task]
fn add(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
async fn add_async(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
fn twice(x: u64) -> u64 {
    add(x)
}

#[task]
async fn twice_async(x: u64) -> u64 {
    add_async(x).await
}

fn task_calls(n: u64) -> Duration {
    repeat(n, add)
}

repeat_async!(task_async_calls, |i| add_async(i).await);
repeat_async!(submits, |i| add_async::submit(i).await.is_ok());
repeat_async!(twice_async_calls, |i| twice_async(i).await);

// Flows.

#[flow]
fn one_flow(x: u64) -> u64 {
    black_box(x) + 1
}

#[flow]
async fn one_flow_async(x: u64) -> u64 {
    black_box(x) + 1
}

repeat_async!(flow_async_calls, |i| one_flow_async(i).await);

// Tags.

fn tagged(x: u64) -> u64 {
    tags!("cpu", "nightly", { black_box(x) + 1 })
}

fn tagged_read(x: u64) -> u64 {
    tags!("cpu", "nightly", {
        black_box(TagsContext::get());
        black_box(x) + 1
    })
}

async fn tagged_async(x: u64) -> u64 {
    tags!("cpu", "nightly", { std::future::ready(black_box(x)).await + 1 })
}

repeat_async!(tagged_async_calls, |i| tagged_async(i).await);

// Reads.

#[task]
fn current_runs(n: u64) -> Duration {
    repeat(n, |x| {
        black_box(current_run!());
        x
    })
}

#[task]
fn current_run_ids(n: u64) -> Duration {
    repeat(n, |x| {
        black_box(current_run!().id());
        x
    })
}

fn flow_run_ids(n: u64) -> Duration {
    repeat(n, |x| {
        black_box(FlowRunContext::get().map(|flow| flow.id()));
        x
    })
}

// Tracing.

fn in_span(x: u64) -> u64 {
    info_span!("add").in_scope(|| plain(x))
}

repeat_async!(in_span_async_calls, |i| plain_async(i).instrument(info_span!("add_async")).await);

// Tokio.

#[expect(clippy::disallowed_methods, reason = "plain spawning is what is measured")]
async fn spawns(n: u64) -> Duration {
    let began = Instant::now();
    for i in 0..n {
        drop(black_box(tokio::spawn(plain_async(black_box(i))).await));
    }
    began.elapsed()
}
