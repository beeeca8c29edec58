//! Memory: what runs leave behind, and what a run that waits takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use context::{AsyncClientContext, Client, ContextModel, SyncClientContext, flow, task};
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::Effort;
use crate::bars::Bars;

/// The system's allocator; counts live bytes while it is asked to.
pub(crate) struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);

fn note(bytes: impl FnOnce() -> i64) {
    if COUNTS.load(Ordering::Relaxed) {
        LIVE.fetch_add(bytes(), Ordering::Relaxed);
    }
}

const fn signed(bytes: usize) -> i64 {
    bytes.cast_signed() as i64
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(|| signed(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(|| -signed(layout.size()));
        // SAFETY: `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(|| signed(size) - signed(layout.size()));
        // SAFETY: `at` came from `System`.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}

#[task]
fn add(x: u64) -> u64 {
    x + 1
}

/// Live bytes after each number of runs.
#[flow]
fn many(marks: [u64; 3]) -> [i64; 3] {
    let mut made = 0;
    marks.map(|mark| {
        while made < mark {
            made = add(made);
        }
        live()
    })
}

static GATE: Notify = Notify::const_new();
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The arguments are as large as usual.
async fn plain(name: String, number: u64) -> usize {
    let opened = GATE.notified();
    WAITING.fetch_add(1, Ordering::Relaxed);
    opened.await;
    name.len() + usize::try_from(number).unwrap_or_default()
}

#[task]
async fn parked(name: String, number: u64) -> usize {
    plain(name, number).await
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    SpawnedTask,
    Submit,
    Map,
    AsOne,
}

/// Bytes of each of `count` futures that wait.
#[flow]
#[expect(clippy::disallowed_methods, reason = "plain spawning is what is measured")]
async fn park(way: Way, count: usize) -> i64 {
    let mut spawned = Vec::with_capacity(count);
    let mut submitted = Vec::with_capacity(count);
    let each = || (vec![String::new(); count], 0..count as u64);
    let before = live();
    match way {
        Way::Map => {
            let (names, numbers) = each();
            submitted.extend(parked::map(names, numbers));
        }
        Way::AsOne => {
            let (names, numbers) = each();
            submitted.extend(parked::with_options().reported_as_one().map(names, numbers));
        }
        Way::Plain | Way::SpawnedTask | Way::Submit => {
            for i in 0..count {
                let (name, number) = (String::new(), i as u64);
                match way {
                    Way::Plain => spawned.push(tokio::spawn(plain(name, number))),
                    Way::SpawnedTask => spawned.push(tokio::spawn(parked(name, number))),
                    _ => submitted.push(parked::submit(name, number)),
                }
            }
        }
    }
    while WAITING.load(Ordering::Relaxed) < count {
        yield_now().await;
    }
    WAITING.store(0, Ordering::Relaxed);
    let each = (live() - before) / signed(count);
    GATE.notify_waiters();
    for future in spawned {
        future.await.expect("it ends");
    }
    for future in submitted {
        future.await.expect("it completes");
    }
    each
}

/// Measures what runs leave behind in one flow run, and what parked runs take.
pub(crate) fn measure(effort: Effort, bars: &mut Bars) {
    let marks = effort.choose([1, 10, 20], [100, 10_000, 100_000], [100, 100_000, 1_000_000]);
    let count = effort.choose(10, 10_000, 10_000);
    COUNTS.store(true, Ordering::Relaxed);
    if effort != Effort::Smoke {
        let [_, some, all] = marks;
        println!("\nlive bytes more than after {} runs in one flow run", marks[0]);
        println!("{:<42} {:>9} {:>13}", "", format!("{some}"), format!("{all}"));
    }
    for (name, client) in [("recorder off", Client::off()), ("default client", Client::local())] {
        let [first, some, all] = SyncClientContext::new(client).in_scope(|| many(marks));
        if effort != Effort::Smoke {
            println!("task call, sync, {name:<25} {:>9} {:>13}", some - first, all - first);
        }
        let growth = u32::try_from((all - first).max(0)).map_or(f64::INFINITY, f64::from);
        bars.exact(&format!("memory that runs leave behind, {name}"), 1_024.0, growth, "bytes");
    }
    let mut each = Vec::new();
    for way in [Way::Plain, Way::SpawnedTask, Way::Submit, Way::Map, Way::AsOne] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let client = AsyncClientContext::new(Client::off());
        each.push(runtime.block_on(client.scope(async { park(way, count).await })));
    }
    if effort != Effort::Smoke {
        println!("\nbytes of a run that waits{:>28}{:>14}", "each", "added");
        let names = [
            "tokio::spawn(plain(..))",
            "tokio::spawn(task(..))",
            "task::submit(..)",
            "task::map(..)",
            "task::map(..), reported as one",
        ];
        for (name, bytes) in names.into_iter().zip(&each) {
            println!("  {name:<40} {bytes:>9} {:>13}", bytes - each[0]);
        }
    }
    COUNTS.store(false, Ordering::Relaxed);
    let [.., map, as_one] = *each else { return };
    let added = u32::try_from((as_one - map).max(0)).map_or(f64::INFINITY, f64::from);
    bars.exact("memory of a run reported as one, beside mapped: added", 0.0, added, "bytes");
}
