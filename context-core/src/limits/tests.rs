use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::FutureExt as _;
use futures::executor::block_on;
use tokio::task::JoinSet;

use super::*;
use crate::clock::Timestamp;
use crate::concurrency::{TagSlots, tag_limits_exist, take_tags};

/// The same for limits of one test.
trait Of {
    fn concurrency(&'static self, names: impl LimitNames, slots: u32) -> Concurrency;
    fn rate_limit(&'static self, names: impl LimitNames, slots: u32) -> RateLimit;
}

impl Of for Limits {
    fn concurrency(&'static self, names: impl LimitNames, slots: u32) -> Concurrency {
        Concurrency::of(self, names, slots)
    }

    fn rate_limit(&'static self, names: impl LimitNames, slots: u32) -> RateLimit {
        RateLimit::of(self, names, slots)
    }
}

/// Limits of one test.
fn own<const N: usize>(limits: [(&str, u32); N]) -> &'static Limits {
    let own: &'static Limits = Box::leak(Box::new(Limits::new()));
    limits.into_iter().for_each(|(name, slots)| own.set(name, slots, None));
    own
}

fn active(limits: &Limits) -> Vec<(String, u64, usize)> {
    let list = limits.list().into_iter();
    list.map(|limit| (limit.name, limit.active_slots, limit.waiting)).collect()
}

fn polled<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_scope_holds_slots_for_its_length() {
    let limits = own([("db", 3), ("gpu", 1)]);
    let inside = limits.concurrency(["gpu", "db"], 1).in_scope(|| active(limits)).unwrap();
    assert_eq!(inside, [("db".to_owned(), 1, 0), ("gpu".to_owned(), 1, 0)]);
    let scope = limits.concurrency("db", 2).scope(async { active(limits) });
    assert_eq!(block_on(scope).unwrap()[0], ("db".to_owned(), 2, 0));
    let slots = limits.concurrency(vec![String::from("db")], 3).acquire_blocking().unwrap();
    assert!(slots.names().eq(["db"]));
    assert_eq!(format!("{slots:?}"), r#"ConcurrencySlots { names: ["db"], slots: 3 }"#);
    drop(slots);
    assert!(active(limits).iter().all(|(_, active, _)| *active == 0));
}

#[test]
fn slots_come_back_on_panic_and_from_dropped_futures() {
    let limits = own([("db", 1)]);
    let panics = || limits.concurrency("db", 1).in_scope(|| panic!("user code"));
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(active(limits)[0].1, 0);

    let mut running = Box::pin(limits.concurrency("db", 1).scope(std::future::pending::<()>()));
    assert!(polled(&mut running).is_pending());
    let mut waiting = Box::pin(limits.concurrency("db", 1).acquire());
    let mut next = Box::pin(limits.concurrency("db", 1).acquire());
    assert!(polled(&mut waiting).is_pending() && polled(&mut next).is_pending());
    assert_eq!(active(limits)[0], ("db".to_owned(), 1, 2));
    drop(running);
    // The slots are those of `waiting` now, though it has not been told.
    assert!(polled(&mut next).is_pending());
    drop(waiting);
    assert!(polled(&mut next).is_ready());
    assert_eq!(active(limits)[0], ("db".to_owned(), 0, 0));
}

#[test]
fn nothing_to_take_is_nothing_to_wait_for() {
    let limits = own([("db", 1)]);
    let _held = limits.concurrency("db", 1).acquire_blocking().unwrap();
    let none: [&str; 0] = [];
    assert_eq!(limits.concurrency(none, 1).strict().in_scope(|| 1), Ok(1));
    assert_eq!(limits.concurrency("db", 0).in_scope(|| 2), Ok(2));
    assert_eq!(limits.concurrency("unknown", 7).in_scope(|| 3), Ok(3));
    assert_eq!(block_on(limits.rate_limit(none, 1).into_future()), Ok(()));
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let limits = own([("db", 2)]);
    let text = |result: Result<(), ConcurrencyError>| result.unwrap_err().to_string();
    assert_eq!(
        text(limits.concurrency(["db"], 3).in_scope(|| ())),
        "3 slots of the concurrency limit `db` can never be had: it has 2"
    );
    assert_eq!(
        text(limits.concurrency(&["db", "x"][..], 1).strict().in_scope(|| ())),
        "there is no concurrency limit `x`; make it with `set_limit`"
    );
    assert_eq!(
        text(block_on(limits.rate_limit("db", 1).acquire())),
        "slots of the concurrency limit `db` do not come back by themselves; \
         set it with `set_limit_with_decay` to use it with `rate_limit`"
    );
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let text = text(set_limit_with_decay("never made", 1, rate));
        assert!(text.contains("must be a number above 0"), "{text}");
    }
    assert_eq!(active(limits), [("db".to_owned(), 0, 0)]);
}

#[tokio::test]
async fn a_timeout_ends_the_wait_and_leaves_the_line() {
    let limits = own([("db", 1)]);
    let held = limits.concurrency("db", 1).acquire().await.unwrap();
    let soon = Duration::from_millis(5);
    let error = limits.concurrency("db", 1).timeout(soon).acquire().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "the slots of `db` were not free within 5ms");
    assert_eq!(active(limits)[0], ("db".to_owned(), 1, 0));
    drop(held);
    assert!(limits.concurrency("db", 1).timeout(soon).acquire().await.is_ok());
}

#[test]
fn a_timeout_works_without_a_runtime() {
    let limits = own([("db", 1)]);
    let _held = limits.concurrency("db", 1).acquire_blocking().unwrap();
    let soon = Duration::from_millis(5);
    let error = limits.concurrency("db", 1).timeout(soon).in_scope(|| ()).unwrap_err();
    assert!(error.is_timeout());
}

#[tokio::test]
async fn a_rate_lets_the_first_pass_and_the_others_later() {
    let limits = own([]);
    limits.set("api", 3, Some(100.0));
    let start = Timestamp::now();
    for _ in 0..8 {
        limits.rate_limit("api", 1).strict().await.unwrap();
    }
    let waited = Timestamp::now().since(start);
    assert!(waited >= Duration::from_millis(49), "{waited:?}");
    let slow = Duration::from_millis(1);
    limits.set("api", 3, Some(0.001));
    let error = limits.rate_limit("api", 3).timeout(slow).acquire().await.unwrap_err();
    assert!(error.is_timeout());
}

#[test]
fn a_faster_rate_reaches_those_who_wait() {
    let limits = own([]);
    limits.set("api", 1, Some(0.001));
    limits.rate_limit("api", 1).acquire_blocking().unwrap();
    let (done, is_done) = mpsc::channel();
    let waiting = thread::spawn(move || {
        limits.rate_limit("api", 1).acquire_blocking().unwrap();
        done.send(()).unwrap();
    });
    while active(limits)[0].2 == 0 {
        thread::yield_now();
    }
    is_done.try_recv().unwrap_err();
    limits.set("api", 1, Some(1_000_000.0));
    waiting.join().unwrap();
    is_done.try_recv().unwrap();
}

#[test]
fn held_slots_of_a_rate_do_not_come_back_by_themselves() {
    let limits = own([]);
    limits.set("api", 1, Some(1_000_000.0));
    let held = limits.concurrency("api", 1).acquire_blocking().unwrap();
    let mut rate = Box::pin(limits.rate_limit("api", 1).acquire());
    assert!(polled(&mut rate).is_pending());
    drop(held);
    assert!(polled(&mut rate).is_ready());
}

#[test]
fn tags_take_a_slot_of_each_limit_there_is() {
    let limits = own([("gpu", 0)]);
    assert!(!limits.has_tags());
    assert!(limits.try_take_tags(&["gpu", "x"]).is_some());
    limits.set(&local::limit_name("gpu"), 1, None);
    limits.set(&local::limit_name("io"), 2, None);
    assert!(limits.has_tags());
    let held = limits.try_take_tags(&["x", "io", "gpu", "gpu"]).unwrap();
    assert!(limits.try_take_tags(&["gpu", "io"]).is_none());
    let other = limits.try_take_tags(&["io"]).unwrap();
    let mut waiting = Box::pin(limits.take_tags(&["io", "gpu"]));
    assert!(polled(&mut waiting).is_pending());
    drop(other);
    // The slot is free, but somebody is in line for it.
    assert!(limits.try_take_tags(&["io"]).is_none());
    drop(held);
    assert!(polled(&mut waiting).is_ready());
    limits.set("tag:gpu", 0, None);
    let mut paused = Box::pin(limits.take_tags(&["gpu"]));
    assert!(polled(&mut paused).is_pending());
    limits.set("tag:gpu", 1, None);
    assert!(polled(&mut paused).is_ready());
    let _last = limits.try_take_tags(&["gpu"]).unwrap();
    let mut gone = Box::pin(limits.take_tags(&["gpu"]));
    assert!(polled(&mut gone).is_pending());
    assert!(limits.remove("tag:gpu") && limits.remove("tag:io"));
    assert!(polled(&mut gone).is_ready() && !limits.has_tags());
    let names: Vec<_> = limits.list().into_iter().map(|limit| limit.name).collect();
    assert_eq!(names, ["gpu"]);
}

#[test]
fn limits_of_the_process() {
    set_tag_limit("of the process", 1);
    assert!(tag_limits_exist());
    let held: TagSlots = block_on(take_tags(&["of the process"]));
    assert!(take_tags(&["of the process"]).now_or_never().is_none());
    drop(held);
    drop(block_on(take_tags(&["of the process"])));
    set_limit("of the process", 1);
    set_limit_with_decay("rate of the process", 2, 0.001).unwrap();
    rate_limit("rate of the process", 1).acquire_blocking().unwrap();
    concurrency("of the process", 1).strict().in_scope(|| ()).unwrap();
    let mut limits = limits();
    limits.retain(|limit| limit.name.contains("of the process"));
    let shown: Vec<_> = limits
        .iter()
        .map(|limit| (&*limit.name, limit.limit, limit.active_slots, limit.slot_decay_per_second))
        .collect();
    let expected = [
        ("of the process", 1, 0, 0.0),
        ("rate of the process", 2, 1, 0.001),
        ("tag:of the process", 1, 0, 0.0),
    ];
    assert_eq!(shown, expected);
    assert!(limits.iter().all(|limit| remove_limit(&limit.name)));
}

/// Counts who is inside, and remembers whether there were ever more than slots.
struct Room {
    total: u32,
    inside: AtomicU32,
    overfull: AtomicUsize,
}

impl Room {
    fn enter(&self, slots: u32) -> impl Drop {
        struct Leave<'a>(&'a Room, u32);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.inside.fetch_sub(self.1, Ordering::SeqCst);
            }
        }
        if self.inside.fetch_add(slots, Ordering::SeqCst) + slots > self.total {
            self.overfull.fetch_add(1, Ordering::SeqCst);
        }
        Leave(self, slots)
    }
}

#[test]
fn a_thousand_of_both_kinds_are_served_and_never_too_many_at_once() {
    const EACH: usize = 500;
    const TOTALS: [u32; 3] = [1, 3, 7];
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let limits = own([(NAMES[0], TOTALS[0]), (NAMES[1], TOTALS[1]), (NAMES[2], TOTALS[2])]);
    let rooms: &'static [Room; 3] = Box::leak(Box::new(TOTALS.map(|total| Room {
        total,
        inside: AtomicU32::new(0),
        overfull: AtomicUsize::new(0),
    })));
    let served: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    // One to three of the limits, in any order.
    let wanted = |number: usize| -> (Vec<usize>, u32) {
        let mask = 1 + number % 7;
        let mut rooms: Vec<_> = (0..3).filter(|room| mask & (1 << room) != 0).collect();
        if number.is_multiple_of(2) {
            rooms.reverse();
        }
        let slots = if rooms.contains(&0) { 1 } else { 1 + u32::try_from(number % 3).unwrap() };
        (rooms, slots)
    };
    let request = move |number: usize| {
        let (rooms, slots) = wanted(number);
        let names: Vec<_> = rooms.iter().map(|room| NAMES[*room]).collect();
        (rooms, slots, limits.concurrency(names, slots))
    };
    let barrier = Barrier::new(EACH + 1);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    thread::scope(|scope| {
        for number in 0..EACH {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let (wanted, slots, request) = request(number);
                let inside = || {
                    let _inside: Vec<_> =
                        wanted.iter().map(|room| rooms[*room].enter(slots)).collect();
                    thread::yield_now();
                };
                if number.is_multiple_of(50) {
                    catch_unwind(AssertUnwindSafe(|| {
                        request.in_scope(|| {
                            inside();
                            std::panic::resume_unwind(Box::new("user code"));
                        })
                    }))
                    .unwrap_err();
                } else {
                    request.in_scope(inside).unwrap();
                }
                served.fetch_add(1, Ordering::SeqCst);
            });
        }
        runtime.block_on(async {
            barrier.wait();
            let mut tasks = JoinSet::new();
            for number in 0..EACH {
                let (wanted, slots, request) = request(number);
                let work = request.scope(async move {
                    let inside: Vec<_> =
                        wanted.iter().map(|room| rooms[*room].enter(slots)).collect();
                    tokio::task::yield_now().await;
                    drop(inside);
                });
                tasks.spawn(async move {
                    work.await.unwrap();
                    served.fetch_add(1, Ordering::SeqCst);
                });
                // And some who give up: at once, or in the middle.
                let request = limits.concurrency([NAMES[number % 3], NAMES[(number + 1) % 3]], 1);
                let abort = tasks.spawn(async move {
                    let _slots = request.acquire().await;
                    tokio::task::yield_now().await;
                });
                if number.is_multiple_of(3) {
                    abort.abort();
                }
            }
            while let Some(ended) = tasks.join_next().await {
                assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
            }
        });
    });
    assert_eq!(served.load(Ordering::SeqCst), 2 * EACH);
    assert!(rooms.iter().all(|room| room.overfull.load(Ordering::SeqCst) == 0));
    assert!(active(limits).iter().all(|(_, active, waiting)| *active == 0 && *waiting == 0));
}
