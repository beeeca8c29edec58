//! Cancellation: the wish that one flow run ends, and everything that it has called.
//!
//! Whoever runs for the flow run finds the wish when it looks, or is told: futures are woken, submitted work is aborted, and
//! the flow runs that this one has called are asked to end, too. A wish is never taken back.
//!
//! This module does not know who has the wish, nor what a flow run is.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::interrupt::Interruptible;

/// What code is unwound with whose flow run is to end.
#[derive(Debug)]
pub(crate) struct Cancelled;

/// The wish, or its absence so far. Cheap to clone.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<Wish>);

#[derive(Default)]
struct Wish {
    requested: AtomicBool,
    told: Mutex<Told>,
    now: Condvar,
}

/// Who is to be told.
#[derive(Default)]
struct Told {
    wakers: Vec<Waker>,
    others: Vec<Weak<dyn Interruptible>>,
}

impl Cancellation {
    /// Nobody has the wish yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is requested with `outer`, too.
    pub(crate) fn inside(outer: &Self) -> Self {
        let inner = Self::new();
        let wish: Arc<dyn Interruptible> = inner.0.clone();
        outer.tell(Arc::downgrade(&wish));
        inner
    }

    /// Asks the flow run to end. Only the first time has an effect.
    pub fn request(&self) {
        self.0.interrupt();
    }

    /// True if the flow run is to end.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// Has `other` told; at once, if that is so already.
    pub(crate) fn tell(&self, other: Weak<dyn Interruptible>) {
        let mut told = self.0.told();
        if !self.is_requested() {
            told.others.retain(|known| known.strong_count() > 0);
            told.others.push(other);
            return;
        }
        drop(told);
        if let Some(other) = other.upgrade() {
            other.interrupt();
        }
    }

    /// Ready once the flow run is to end.
    pub(crate) fn poll_requested(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_requested() {
            return Poll::Ready(());
        }
        let mut told = self.0.told();
        if self.is_requested() {
            return Poll::Ready(());
        }
        if !told.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            told.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Blocks the thread until the flow run is to end, not longer than `duration`. True if it is.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let told = self.0.told();
        let waited = self.0.now.wait_timeout_while(told, duration, |_| !self.is_requested());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.is_requested()
    }
}

impl Wish {
    /// A panic elsewhere never leaves these lists half-changed, so a poisoned lock is as good as any.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interruptible for Wish {
    fn interrupt(&self) {
        let mut told = self.told();
        if self.requested.swap(true, Ordering::AcqRel) {
            return;
        }
        let Told { wakers, others } = std::mem::take(&mut *told);
        drop(told);
        self.now.notify_all();
        for other in others.iter().filter_map(Weak::upgrade) {
            other.interrupt();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancellation({})", if self.is_requested() { "requested" } else { "none" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_reaches_what_is_inside_and_whoever_comes_later() {
        let outer = Cancellation::new();
        let inner = Cancellation::inside(&outer);
        let cx = Context::from_waker(Waker::noop());
        assert!(inner.poll_requested(&cx).is_pending() && !inner.wait(Duration::ZERO));
        inner.request();
        assert!(inner.is_requested() && !outer.is_requested(), "it does not reach outwards");
        let sibling = Cancellation::inside(&outer);
        outer.request();
        assert!(sibling.is_requested() && sibling.poll_requested(&cx).is_ready());
        assert!(Cancellation::inside(&outer).is_requested() && sibling.wait(Duration::MAX));
    }
}
