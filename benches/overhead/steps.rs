//! What is measured of runs that do more than their attempts: caches, hooks, transactions.

#![expect(clippy::unused_async, reason = "a function that does nothing shows what its call costs")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use context::cache::KeyInputs;
use context::{
    Client, KeyContext, State, Storage, TaskDefinition, TaskRun, TransactionError, current_run,
    inputs, task, transaction,
};

use crate::bars::Bars;
use crate::cases::{Case, case, in_flow, in_flow_async, repeat, repeat_async};

const HIT: &str = "cached hit, sync";
const HIT_ASYNC: &str = "cached hit, async";
const UNCACHED: &str = "the same without a cache, sync";
const UNCACHED_ASYNC: &str = "the same without a cache, async";
const KEY: &str = "key of the cached hit";

/// All with the recorder off.
pub(crate) const CASES: &[Case] = &[
    case(HIT, |n| in_flow(&Client::off(), hits, n)),
    case(UNCACHED, |n| in_flow(&Client::off(), |n| repeat(n, |_| uncached(7)), n)),
    case(HIT_ASYNC, |n| in_flow_async(Client::off(), hits_async(n))),
    case(UNCACHED_ASYNC, |n| in_flow_async(Client::off(), uncached_calls(n))),
    case(KEY, |n| in_flow(&Client::off(), keys, n)),
    case("cache miss, sync", |n| in_flow(&Client::off(), misses, n)),
    case("task call, sync, with a hook", |n| in_flow(&Client::off(), |n| repeat(n, hooked), n)),
    case("task call, async, with a hook", |n| in_flow_async(Client::off(), hooked_calls(n))),
    case("transaction() block, sync", |n| in_flow(&Client::off(), |n| repeat(n, in_block), n)),
    case("task in a transaction() block, sync", |n| {
        in_flow(&Client::off(), |n| repeat(n, task_in_block), n)
    }),
    case("task in one transaction(), sync", |n| in_flow(&Client::off(), in_one_block, n)),
    case("task in one transaction(), async", |n| {
        in_flow_async(Client::off(), in_one_block_async(n))
    }),
];

/// Compares what can be compared. `of` is the time of a case in nanoseconds, if it was measured.
pub(crate) fn conclude(of: impl Fn(&str) -> Option<f64>, bars: &mut Bars) {
    for (hit, uncached) in [(HIT, UNCACHED), (HIT_ASYNC, UNCACHED_ASYNC)] {
        let Some(time) = of(hit) else { continue };
        bars.time(hit, 5_000.0, time, "ns");
        if let (Some(uncached), Some(key)) = (of(uncached), of(KEY)) {
            let (ratio, share) = (time / uncached, 100.0 * key / time);
            println!(
                "{hit}: {ratio:.1} times the call without a cache; the key is {share:.0} % of it"
            );
        }
    }
}

// Caches.

#[task(cache_policy = inputs(), result_storage = Storage::memory())]
fn cached(x: u64) -> u64 {
    black_box(x) + 1
}

#[task(cache_policy = inputs(), result_storage = Storage::memory())]
async fn cached_async(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
fn uncached(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
async fn uncached_async(x: u64) -> u64 {
    black_box(x) + 1
}

fn hits(n: u64) -> Duration {
    // The first call writes the result.
    cached(7);
    repeat(n, |_| cached(black_box(7)))
}

async fn hits_async(n: u64) -> Duration {
    cached_async(7).await;
    repeated_hits(n).await
}

fn misses(n: u64) -> Duration {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    repeat(n, |_| cached(NEXT.fetch_add(1, Ordering::Relaxed)))
}

repeat_async!(repeated_hits, |_i| cached_async(black_box(7)).await);
repeat_async!(uncached_calls, |_i| uncached_async(black_box(7)).await);

/// Computes the key of `cached(x)`, as a run does whose policy is `inputs()`.
#[task]
fn keys(n: u64) -> Duration {
    let (id, policy) = (current_run!(task).id(), inputs());
    repeat(n, |x| {
        let mut arguments = KeyInputs::new();
        arguments.add("x", &x);
        black_box(policy.compute_key(&KeyContext::new(id, &arguments))).is_ok().into()
    })
}

// Hooks.

fn done(_: &'static TaskDefinition, run: TaskRun, _: State) {
    black_box(run);
}

#[task(on_completion = done)]
fn hooked(x: u64) -> u64 {
    black_box(x) + 1
}

#[task(on_completion = done)]
async fn hooked_async(x: u64) -> u64 {
    black_box(x) + 1
}

repeat_async!(hooked_calls, |i| hooked_async(i).await);

// Transactions.

fn in_block(x: u64) -> u64 {
    transaction().in_scope(|_| Ok::<_, TransactionError>(black_box(x) + 1)).unwrap_or(0)
}

fn task_in_block(x: u64) -> u64 {
    transaction().in_scope(|_| Ok::<_, TransactionError>(uncached(x))).unwrap_or(0)
}

fn in_one_block(n: u64) -> Duration {
    let all = |_| Ok::<_, TransactionError>(repeat(n, uncached));
    transaction().in_scope(all).unwrap_or_default()
}

async fn in_one_block_async(n: u64) -> Duration {
    let all = async move |_| Ok::<_, TransactionError>(repeated_uncached(n).await);
    transaction().scope(all).await.unwrap_or_default()
}

repeat_async!(repeated_uncached, |i| uncached_async(i).await);
