//! A clock that stands still until it is moved.
//!
//! A [`ManualClock`] replaces the system clock for the code that it surrounds: [`Timestamp::now`] reads it, and what the
//! engine waits for (a retry's delay, a timeout) is waited for on it. A test of a retry after an hour therefore takes no
//! time, and its timestamps are the same in every run.
//!
//! The clock moves when [`advance`](ManualClock::advance) or [`set`](ManualClock::set) is called. With
//! [`auto_advance`](ManualClock::auto_advance) it also moves by itself, whenever somebody *pauses* on it: it then jumps
//! to the nearest time that anybody waits for, one after the other, so a timeout of ten seconds still fires before a
//! pause of a minute ends. A *deadline* never moves the clock.
//!
//! This module does not know what surrounds a piece of code. Whoever does installs a way to ask, at the first use of a
//! manual clock; until then, nobody asks.
//!
//! [`Timestamp::now`]: super::Timestamp::now

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Timestamp;

/// True once a manual clock surrounds any code of this process; from then on, readers of the time ask for theirs.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// How the manual clock that surrounds the code is found.
static AMBIENT: OnceLock<fn() -> Option<ManualClock>> = OnceLock::new();

/// Has `find` asked for the manual clock that surrounds the code, from now on. Only the first call counts.
///
/// It is called wherever the time is read, so it must not read the time itself.
pub(crate) fn install_ambient(find: fn() -> Option<ManualClock>) {
    AMBIENT.get_or_init(|| find);
    IN_USE.store(true, Ordering::Release);
}

/// True if a manual clock may surround the code.
#[inline(always)]
pub(super) fn is_in_use() -> bool {
    // A thread that sees this late was not handed the clock yet: handing over synchronizes.
    IN_USE.load(Ordering::Relaxed)
}

/// The manual clock that surrounds the code.
#[inline]
pub(crate) fn ambient() -> Option<ManualClock> {
    if is_in_use() { find() } else { None }
}

#[cold]
#[inline(never)]
fn find() -> Option<ManualClock> {
    AMBIENT.get().and_then(|find| find())
}

/// The time of the manual clock that surrounds the code.
#[cold]
#[inline(never)]
pub(super) fn ambient_nanos() -> Option<i64> {
    find().map(|clock| clock.0.nanos())
}

/// A clock that stands still until it is moved. A clone is the same clock.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use context_core::clock::{ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "1970-01-01T00:01:30.000000Z");
/// assert_eq!(clock.elapsed(), Duration::from_secs(90));
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Shared>);

struct Shared {
    start: Timestamp,
    /// Written with `waiting` locked, read without.
    nanos: AtomicI64,
    auto: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Who waits for what time, earliest first.
#[derive(Default)]
struct Waiting {
    last: u64,
    /// Invariant: all in the future. Without a waker, nobody has polled yet.
    entries: BTreeMap<(Timestamp, u64), Option<Waker>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Shared {
            start,
            nanos: AtomicI64::new(start.as_nanos()),
            auto: AtomicBool::new(false),
            waiting: Mutex::default(),
        }))
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.nanos())
    }

    /// How far the clock has moved since it was made; zero if it was set to an earlier time.
    pub fn elapsed(&self) -> Duration {
        self.now().since(self.0.start)
    }

    /// The time at which the clock was made.
    pub fn start(&self) -> Timestamp {
        self.0.start
    }

    /// Moves the clock forward and wakes who waits for a time that is now past.
    pub fn advance(&self, span: Duration) {
        let mut waiting = self.0.lock();
        let to = self.now().plus(span);
        let past = self.0.move_to(to, &mut waiting);
        drop(waiting);
        past.into_iter().for_each(Waker::wake);
    }

    /// Sets the clock, also back, and wakes who waits for a time that is now past.
    pub fn set(&self, to: Timestamp) {
        let mut waiting = self.0.lock();
        let past = self.0.move_to(to, &mut waiting);
        drop(waiting);
        past.into_iter().for_each(Waker::wake);
    }

    /// Says whether the clock moves by itself when somebody pauses on it. A new clock does not.
    pub fn auto_advance(&self, on: bool) {
        let mut waiting = self.0.lock();
        self.0.auto.store(on, Ordering::Relaxed);
        // Pauses look at it when they are polled.
        let wakers: Vec<_> = waiting.entries.values_mut().filter_map(Option::take).collect();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A pause on this clock, for code under test: ready once the clock has moved by `duration`, which an
    /// [auto-advancing](Self::auto_advance) clock does by itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use context_core::clock::{ManualClock, Timestamp};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    /// clock.auto_advance(true);
    /// clock.sleep(Duration::from_secs(3600)).await; // takes no time
    /// assert_eq!(clock.elapsed(), Duration::from_secs(3600));
    /// # });
    /// ```
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + Sync + use<> {
        Wait::pause(self.clone(), duration)
    }
}

impl Shared {
    #[inline]
    fn nanos(&self) -> i64 {
        self.nanos.load(Ordering::Acquire)
    }

    /// No foreign code runs while it is locked, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock. Who is to be woken for it comes back: to wake is foreign code, so `waiting` is unlocked first.
    fn move_to(&self, to: Timestamp, waiting: &mut Waiting) -> Vec<Waker> {
        self.nanos.store(to.as_nanos(), Ordering::Release);
        let mut later = waiting.entries.split_off(&(to, u64::MAX));
        std::mem::swap(&mut waiting.entries, &mut later);
        later.into_values().flatten().collect()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// A wait for a time on a manual clock.
pub(crate) struct Wait {
    clock: ManualClock,
    deadline: Timestamp,
    /// Tells apart who waits for the same time.
    key: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Deadline,
    /// A pause that was not polled before. It lets others run first, who may wait for an earlier time.
    NewPause,
    Pause,
}

impl Wait {
    /// Ready once the clock has moved by `duration`.
    pub(crate) fn deadline(clock: ManualClock, duration: Duration) -> Self {
        Self::new(clock, duration, Kind::Deadline)
    }

    /// As `deadline`, and a clock that advances by itself does so for it.
    pub(crate) fn pause(clock: ManualClock, duration: Duration) -> Self {
        Self::new(clock, duration, Kind::NewPause)
    }

    fn new(clock: ManualClock, duration: Duration, kind: Kind) -> Self {
        let mut waiting = clock.0.lock();
        let deadline = clock.now().plus(duration);
        waiting.last += 1;
        let key = waiting.last;
        // Known from the start: a pause that others begin before this is polled must not jump over it.
        if !duration.is_zero() {
            waiting.entries.insert((deadline, key), None);
        }
        drop(waiting);
        Self { clock, deadline, key, kind }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let shared = &*this.clock.0;
        let waker = cx.waker().clone();
        let mut waiting = shared.lock();
        if shared.nanos() >= this.deadline.as_nanos() {
            return Poll::Ready(());
        }
        let moves = this.kind != Kind::Deadline && shared.auto.load(Ordering::Relaxed);
        let mut past = Vec::new();
        let mut now = shared.nanos();
        if moves && this.kind == Kind::Pause {
            // Others that wait for an earlier time get there first.
            let next = waiting.entries.keys().next().map_or(this.deadline, |(at, _)| *at);
            let next = next.min(this.deadline);
            past = shared.move_to(next, &mut waiting);
            now = next.as_nanos();
        }
        let waits = now < this.deadline.as_nanos();
        let former = if waits {
            waiting.entries.insert((this.deadline, this.key), Some(waker))
        } else {
            None
        };
        drop(waiting);
        drop(former);
        past.into_iter().for_each(Waker::wake);
        if !waits {
            return Poll::Ready(());
        }
        if moves {
            // The next poll moves the clock; whoever was woken runs before.
            this.kind = Kind::Pause;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let former = self.clock.0.lock().entries.remove(&(self.deadline, self.key));
        drop(former);
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
