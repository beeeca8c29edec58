use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn polls(self: &Arc<Self>, wait: &mut Wait) -> bool {
        let waker = Waker::from(self.clone());
        Pin::new(wait).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    fn wakes(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn clock(auto: bool) -> ManualClock {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    clock.auto_advance(auto);
    clock
}

#[test]
fn clones_are_one_clock() {
    let clock = clock(false);
    let same = clock.clone();
    same.advance(SECOND);
    assert_eq!(clock.elapsed(), SECOND);
    same.set(Timestamp::from_nanos(5));
    assert_eq!(clock.now().as_nanos(), 5);
    clock.set(Timestamp::from_nanos(-5));
    assert_eq!((clock.elapsed(), clock.start()), (Duration::ZERO, Timestamp::UNIX_EPOCH));
}

#[test]
fn a_wait_is_woken_when_its_time_has_come_and_not_before() {
    let (clock, count) = (clock(false), Arc::new(Count::default()));
    let mut wait = Wait::deadline(clock.clone(), 2 * SECOND);
    assert!(!count.polls(&mut wait));
    clock.advance(SECOND);
    assert_eq!((count.wakes(), count.polls(&mut wait)), (0, false));
    clock.advance(SECOND);
    assert_eq!((count.wakes(), count.polls(&mut wait)), (1, true));
}

#[test]
fn a_dropped_wait_is_forgotten() {
    let (clock, count) = (clock(true), Arc::new(Count::default()));
    let mut wait = Wait::deadline(clock.clone(), SECOND);
    assert!(!count.polls(&mut wait));
    drop(wait);
    assert!(clock.0.lock().entries.is_empty());
    clock.advance(SECOND);
    assert_eq!(count.wakes(), 0);
}

#[test]
fn a_deadline_never_moves_the_clock_and_a_pause_waits_if_the_clock_does_not_advance() {
    let count = Arc::new(Count::default());
    let auto = clock(true);
    assert!(!count.polls(&mut Wait::deadline(auto.clone(), SECOND)));
    assert_eq!((count.wakes(), auto.elapsed()), (0, Duration::ZERO));

    let still = clock(false);
    let mut pause = Wait::pause(still.clone(), SECOND);
    assert!(!count.polls(&mut pause) && !count.polls(&mut pause));
    assert_eq!((count.wakes(), still.elapsed()), (0, Duration::ZERO));
    // Told to advance, it does so for who waits already.
    still.auto_advance(true);
    assert_eq!(count.wakes(), 1);
    assert!(!count.polls(&mut pause) && count.polls(&mut pause));
    assert_eq!(still.elapsed(), SECOND);
}

#[test]
fn a_pause_lets_earlier_times_come_first() {
    let (clock, count) = (clock(true), Arc::new(Count::default()));
    let mut deadline = Wait::deadline(clock.clone(), SECOND);
    let mut long = Wait::pause(clock.clone(), 5 * SECOND);
    let mut short = Wait::pause(clock.clone(), 2 * SECOND);
    assert!(!count.polls(&mut long) && !count.polls(&mut deadline));
    // To the deadline, which nobody has to poll for it.
    assert!(!count.polls(&mut long));
    assert_eq!(clock.elapsed(), SECOND);
    assert!(count.polls(&mut deadline));
    // To the other pause, which was never polled.
    assert!(!count.polls(&mut long));
    assert_eq!(clock.elapsed(), 2 * SECOND);
    assert!(count.polls(&mut short));
    assert!(count.polls(&mut long));
    assert_eq!(clock.elapsed(), 5 * SECOND);
}

#[test]
fn a_clock_that_is_set_back_makes_waits_wait_again() {
    let (clock, count) = (clock(false), Arc::new(Count::default()));
    let mut wait = Wait::deadline(clock.clone(), SECOND);
    clock.advance(SECOND);
    clock.set(Timestamp::UNIX_EPOCH);
    assert!(!count.polls(&mut wait));
    clock.advance(SECOND);
    assert_eq!((count.wakes(), count.polls(&mut wait)), (1, true));
}

#[test]
fn the_ends_of_the_range_do_not_panic() {
    let (clock, count) = (clock(true), Arc::new(Count::default()));
    let mut wait = Wait::pause(clock.clone(), Duration::MAX);
    assert!(!count.polls(&mut wait) && count.polls(&mut wait));
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Timestamp::from_nanos(i64::MAX));
    assert!(count.polls(&mut Wait::pause(clock, Duration::ZERO)));
}

#[test]
fn threads_may_move_and_wait_at_once() {
    let clock = clock(true);
    std::thread::scope(|scope| {
        for thread in 1..=4u32 {
            let (clock, count) = (&clock, Arc::new(Count::default()));
            scope.spawn(move || {
                for _ in 0..200 {
                    let begin = clock.now();
                    let mut pause = Wait::pause(clock.clone(), thread * SECOND);
                    while !count.polls(&mut pause) {
                        std::thread::yield_now();
                    }
                    assert!(clock.now().since(begin) >= thread * SECOND);
                }
            });
        }
    });
    assert!(clock.elapsed() >= 800 * SECOND);
    assert!(clock.0.lock().entries.is_empty());
}
