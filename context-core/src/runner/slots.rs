//! Slots: how many runs of a bounded task runner may be on their way at once.
//!
//! Whoever wants a slot leaves a function, which is called with a slot taken: at once if one is free, else in the order
//! of the requests. Runs that have given their slot back to wait, and want it again, come before runs that are new.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::place::Place;
use super::task_runner::{AbortHandle, Relay, SubmittedRun};

/// A limited number of slots.
pub(crate) struct Slots {
    limit: usize,
    queue: Mutex<Queue>,
    warned: AtomicBool,
}

/// Called when there is a slot for it, which it then has.
type Grant = Box<dyn FnOnce() + Send>;

struct Queue {
    free: usize,
    /// By the order in which they get their slot. New requests are from zero up, returning ones below.
    waiting: BTreeMap<i64, Grant>,
    next_new: i64,
    next_returning: i64,
    /// True while somebody calls grants, so that a grant that releases a slot does not call the next one from within.
    granting: bool,
    /// True once new requests are dropped.
    closed: bool,
}

impl Slots {
    /// `limit` slots, but at least one.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let limit = limit.max(1);
        let queue = Queue {
            free: limit,
            waiting: BTreeMap::new(),
            next_new: 0,
            next_returning: -1,
            granting: false,
            closed: false,
        };
        Arc::new(Self { limit, queue: Mutex::new(queue), warned: AtomicBool::new(false) })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `run` with `start` once there is a slot for it. Gives the means to abort it, before and after.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        run: SubmittedRun,
        start: impl FnOnce(SubmittedRun, Arc<Place>) -> AbortHandle + Send + 'static,
    ) -> AbortHandle {
        self.warn_of_deadlock(&run);
        let relay = Arc::new(Relay::default());
        let (slots, started) = (self.clone(), relay.clone());
        let grant = Box::new(move || started.pass(start(run, Place::new(slots))));
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            drop(grant);
            return relay.into();
        }
        let ticket = queue.next_new;
        queue.next_new += 1;
        // Before it can be granted, which passes it on.
        let slots = self.clone();
        relay.begin(AbortHandle::new(move || slots.withdraw(ticket)));
        queue.waiting.insert(ticket, grant);
        drop(queue);
        self.grant();
        relay.into()
    }

    /// Calls `grant` as soon as there is a slot, before all new requests.
    pub(super) fn request_again(&self, grant: impl FnOnce() + Send + 'static) {
        let mut queue = self.lock();
        let ticket = queue.next_returning;
        queue.next_returning -= 1;
        queue.waiting.insert(ticket, Box::new(grant));
        drop(queue);
        self.grant();
    }

    /// Takes a slot back.
    pub(super) fn release(&self) {
        self.lock().free += 1;
        self.grant();
    }

    /// Drops a request that was not granted.
    fn withdraw(&self, ticket: i64) {
        let grant = self.lock().waiting.remove(&ticket);
        drop(grant);
    }

    /// Drops all new requests, and every one from now on.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut queue = self.lock();
            queue.closed = true;
            queue.waiting.split_off(&0)
        };
        drop(dropped);
    }

    /// Grants as many requests as there are slots.
    fn grant(&self) {
        /// Lets others grant, also if a grant panics.
        struct Granting<'a>(Option<&'a Slots>);

        impl Drop for Granting<'_> {
            fn drop(&mut self) {
                if let Some(slots) = self.0 {
                    slots.lock().granting = false;
                }
            }
        }

        let mut queue = self.lock();
        if queue.granting {
            // Whoever grants looks again before it is done.
            return;
        }
        queue.granting = true;
        drop(queue);
        let mut granting = Granting(Some(self));
        loop {
            let mut queue = self.lock();
            let next = if queue.free > 0 { queue.waiting.pop_first() } else { None };
            let Some((_, grant)) = next else {
                // Under the same lock, so that no request is overlooked.
                queue.granting = false;
                drop(queue);
                granting.0 = None;
                return;
            };
            queue.free -= 1;
            drop(queue);
            grant();
        }
    }

    /// Warns, once, if `run` is submitted by a run that has a slot while there is no other.
    fn warn_of_deadlock(self: &Arc<Self>, run: &SubmittedRun) {
        let nested = run.submitter().is_some_and(|place| place.is_of(self));
        if nested && self.lock().free == 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a task run of flow `{}` submits `{}` while all {} workers of its task runner are busy: if it waits for that in another way than through the future, for example through a channel or a spawned future, both may wait for ever; give the task runner more workers, or call the task directly",
                run.flow_name(),
                run.task_name(),
                self.limit,
            );
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.lock();
        f.debug_struct("Slots")
            .field("limit", &self.limit)
            .field("free", &queue.free)
            .field("waiting", &queue.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll, Waker};

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::Notify;

    use super::super::place::{Placed, note_wait};
    use super::super::task_runner::{BoxedRun, NotRemote, RemoteAttempts, Work};
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::TaskRunId;

    /// A run that notes its number when it begins, and that it is gone.
    struct Noted {
        number: usize,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl Noted {
        fn note(&self, what: &str) {
            self.log.lock().unwrap().push(format!("{what} {}", self.number));
        }
    }

    impl Drop for Noted {
        fn drop(&mut self) {
            self.note("end");
        }
    }

    impl Work for Noted {
        fn task_run_id(&self) -> TaskRunId {
            TaskRunId::generate(Timestamp::now())
        }

        fn task_name(&self) -> &str {
            "noted"
        }

        fn task_key(&self) -> String {
            "noted-1".to_owned()
        }

        fn flow_name(&self) -> String {
            "flow".to_owned()
        }

        fn blocks(&self) -> bool {
            false
        }

        fn into_future(self: Box<Self>) -> BoxedRun {
            Box::pin(async move { self.note("run") })
        }

        fn run_here(self: Box<Self>) {
            self.note("run");
        }

        fn into_remote(
            self: Box<Self>,
            _: Arc<dyn RemoteAttempts>,
        ) -> Result<BoxedRun, (Box<dyn Work>, NotRemote)> {
            let not = NotRemote { task: "noted".to_owned(), reason: "it stays".to_owned() };
            Err((self, not))
        }

        fn refuse(self: Box<Self>, _: String) {
            self.note("refused");
        }
    }

    type Places = Arc<Mutex<Vec<(SubmittedRun, Arc<Place>)>>>;

    struct Bench {
        slots: Arc<Slots>,
        runtime: Runtime,
        log: Arc<Mutex<Vec<String>>>,
        started: Places,
    }

    impl Bench {
        fn new(limit: usize) -> Self {
            Self {
                slots: Slots::new(limit),
                runtime: Builder::new_current_thread().build().unwrap(),
                log: Arc::default(),
                started: Arc::default(),
            }
        }

        fn submit(&self, number: usize) -> AbortHandle {
            let work = Box::new(Noted { number, log: self.log.clone() });
            let run = SubmittedRun::new(work, self.runtime.handle().clone(), None);
            let started = self.started.clone();
            self.slots.enqueue(run, move |run, place| {
                started.lock().unwrap().push((run, place));
                AbortHandle::new(|| ())
            })
        }

        fn started(&self) -> usize {
            self.started.lock().unwrap().len()
        }

        /// Runs the oldest that has started.
        fn run_one(&self) {
            let (run, place) = self.started.lock().unwrap().remove(0);
            place.occupy(|| self.runtime.block_on(run.into_future()));
        }

        fn log(&self) -> Vec<String> {
            self.log.lock().unwrap().clone()
        }
    }

    #[test]
    fn not_more_than_the_limit_and_in_order() {
        let bench = Bench::new(2);
        for number in 0..5 {
            drop(bench.submit(number));
        }
        for _ in 0..5 {
            assert!(bench.started() <= 2);
            bench.run_one();
        }
        let expected: Vec<_> =
            (0..5).flat_map(|n| [format!("run {n}"), format!("end {n}")]).collect();
        assert_eq!(bench.log(), expected);
        assert_eq!(bench.slots.lock().free, 2);
    }

    #[test]
    fn what_is_aborted_or_closed_while_it_waits_never_starts() {
        let bench = Bench::new(1);
        let handles: Vec<_> = (0..4).map(|number| bench.submit(number)).collect();
        handles[1].abort();
        assert_eq!(bench.log(), ["end 1"]);
        bench.slots.close();
        drop(bench.submit(4));
        assert_eq!(bench.log(), ["end 1", "end 2", "end 3", "end 4"]);
        bench.run_one();
        assert_eq!((bench.started(), bench.slots.lock().free), (0, 1));
    }

    #[test]
    fn a_run_that_is_dropped_before_it_begins_leaves_its_place() {
        let bench = Bench::new(1);
        drop((bench.submit(0), bench.submit(1)));
        let dropped = bench.started.lock().unwrap().pop();
        drop(dropped);
        assert_eq!(bench.started(), 1);
    }

    #[test]
    fn many_runs_that_end_as_they_start_do_not_overflow_the_stack() {
        let bench = Bench::new(1);
        let ended = Arc::new(AtomicUsize::new(0));
        for number in 0..100_000 {
            let work = Box::new(Noted { number, log: Arc::default() });
            let run = SubmittedRun::new(work, bench.runtime.handle().clone(), None);
            let count = ended.clone();
            drop(bench.slots.enqueue(run, move |run, place| {
                // As on a runtime that was shut down: the run is dropped where it should start.
                drop(run);
                drop(place);
                count.fetch_add(1, Ordering::Relaxed);
                AbortHandle::new(|| ())
            }));
            if number == 0 {
                // All others wait for this one.
                assert_eq!(ended.load(Ordering::Relaxed), 1);
                bench.slots.lock().free -= 1;
            }
        }
        assert_eq!(ended.load(Ordering::Relaxed), 1);
        bench.slots.release();
        assert_eq!(ended.load(Ordering::Relaxed), 100_000);
    }

    /// Waits for `gate`; notes that it waits for a task run, if so.
    fn placed(place: Arc<Place>, gate: Arc<Notify>, waits_for_a_run: bool) -> Placed {
        let run: BoxedRun = Box::pin(async move {
            let mut opened = pin!(gate.notified());
            std::future::poll_fn(|cx| {
                let polled = opened.as_mut().poll(cx);
                if polled.is_pending() && waits_for_a_run {
                    note_wait();
                }
                polled
            })
            .await;
        });
        Placed::new(run, place)
    }

    fn poll(placed: &mut Placed) -> Poll<()> {
        Pin::new(placed).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn only_a_run_that_waits_for_a_run_gives_its_slot_back_and_gets_it_again_before_new_ones() {
        for waits in [false, true] {
            let bench = Bench::new(1);
            drop((bench.submit(0), bench.submit(1), bench.submit(2)));
            let (run, place) = bench.started.lock().unwrap().remove(0);
            drop(run);
            let gate = Arc::new(Notify::new());
            let mut first = placed(place, gate.clone(), waits);
            assert!(poll(&mut first).is_pending());
            assert_eq!(bench.started(), usize::from(waits));
            gate.notify_one();
            if waits {
                // Another has the slot now.
                assert!(poll(&mut first).is_pending());
                bench.run_one();
                assert_eq!(bench.started(), 0, "it comes before the third");
            }
            assert!(poll(&mut first).is_ready());
            drop(first);
            assert_eq!(bench.started(), 1);
        }
    }

    #[test]
    fn a_run_that_is_dropped_while_it_wants_its_slot_again_takes_none() {
        let bench = Bench::new(1);
        drop((bench.submit(0), bench.submit(1)));
        let (run, place) = bench.started.lock().unwrap().remove(0);
        drop(run);
        let mut first = placed(place, Arc::default(), true);
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut first).is_pending());
        drop(first);
        bench.run_one();
        assert_eq!(bench.slots.lock().free, 1);
    }

    #[test]
    fn a_thread_that_waits_gives_its_slot_back_meanwhile() {
        let bench = Bench::new(1);
        drop((bench.submit(0), bench.submit(1)));
        let (run, place) = bench.started.lock().unwrap().remove(0);
        drop(run);
        place.occupy(|| {
            let inner = Place::current().unwrap();
            inner.without(|| bench.run_one());
            assert_eq!(bench.slots.lock().free, 0);
        });
        assert_eq!(bench.slots.lock().free, 1);
        assert!(Place::current().is_none());
    }
}
