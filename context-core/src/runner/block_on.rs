//! `block_on`: a future, awaited by a thread.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::{Runner, blocking};

/// How long a thread is parked whose runtime might have been asked to wake it.
const LONGEST_PARK: Duration = Duration::from_millis(2);

/// Wakes a thread that is parked.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Blocks the thread until `future` is ready.
///
/// Works on any thread. On a worker of a multi-thread runtime, the runtime's other work is moved elsewhere meanwhile.
/// Elsewhere the future sees the background runtime as the current one, so timers and I/O that it *makes* work. What it
/// was handed and what only a blocked thread could move on (a timer or a task of a current-thread runtime) never ends.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    if let Some(halts) = STANDING_IN.get() {
        return poll_or_park(future, halts);
    }
    let halts = match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => return poll_or_park(future, false),
        Ok(_) => true,
        Err(_) => false,
    };
    let background = Runner::background();
    let _entered = background.handle.enter();
    let _standing_in = StandingIn::begin(halts);
    poll_or_park(future, halts)
}

thread_local! {
    /// Set while the thread sees the background runtime as the current one without being a worker of it: whether it
    /// is the only thread of another runtime, which halts while the thread is blocked.
    static STANDING_IN: Cell<Option<bool>> = const { Cell::new(None) };
}

struct StandingIn;

impl StandingIn {
    fn begin(halts: bool) -> Self {
        STANDING_IN.set(Some(halts));
        Self
    }
}

impl Drop for StandingIn {
    fn drop(&mut self) {
        STANDING_IN.set(None);
    }
}

/// True if the thread is not a worker of the current runtime.
pub(super) fn is_standing_in() -> bool {
    STANDING_IN.get().is_some()
}

fn poll_or_park<F: Future>(future: F, halts: bool) -> F::Output {
    // The budget that a tokio task has before it should yield is for code that can.
    let mut future = pin!(tokio::task::unconstrained(future));
    // What is ready at once costs no more than a poll.
    if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return value;
    }
    blocking(|| {
        let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
        let waker = Waker::from(unpark.clone());
        let mut cx = Context::from_waker(&waker);
        // `tokio::task::yield_now` has the runtime of the thread wake it, and that does nothing before this returns.
        let shortest = halts.then_some(Duration::from_micros(20));
        let mut longest = shortest;
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            longest = match unpark.park(longest) {
                true => shortest,
                false => longest.map(|longest| (longest * 2).min(LONGEST_PARK)),
            };
        }
    })
}

impl Unpark {
    /// Returns when woken, or after `longest`. True if woken.
    fn park(&self, longest: Option<Duration>) -> bool {
        match longest {
            Some(longest) => {
                if !self.woken.load(Ordering::Acquire) {
                    thread::park_timeout(longest);
                }
                self.woken.swap(false, Ordering::Acquire)
            }
            None => {
                // Whoever parked the thread before may have left a token.
                while !self.woken.swap(false, Ordering::Acquire) {
                    thread::park();
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;
