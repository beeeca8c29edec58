//! The ambient stack: one frame per thread, moved in and out by whoever runs.
//!
//! A *frame* is an immutable value that describes everything ambient at once. The thread's [`Slot`] owns the current
//! frame; entering a scope swaps another frame in and leaving swaps it back. Because frames are swapped and never
//! patched, what a scope sees cannot be changed by anyone else, and a scope restores exactly what it found: on return,
//! on unwind, and while a future that is dropped half-way runs its destructors.
//!
//! Nothing here clones a frame's reference count on the way in or out, and no foreign code runs while the slot is
//! borrowed: values are moved out first and dropped afterwards.
//!
//! This module does not know what a frame contains. [`Ambient`] names the thread-local slot of a frame type.

mod carried;
mod suspend;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use carried::{Carried, Presence};
pub use suspend::{SuspendExt, Suspendable};

/// The place of a thread's current frame.
pub(crate) struct Slot<F>(RefCell<Option<Arc<F>>>);

impl<F> Slot<F> {
    /// A slot with no frame in it.
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Puts `frame` in and takes out what was there.
    #[inline]
    pub(crate) fn replace(&self, frame: Option<Arc<F>>) -> Option<Arc<F>> {
        self.0.replace(frame)
    }
}

impl<F> fmt::Debug for Slot<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot(..)")
    }
}

/// A frame type that has a thread-local slot.
pub(crate) trait Ambient: Sized + Send + Sync + 'static {
    /// Calls `f` with this thread's slot, or returns `None` while the thread is being torn down.
    fn with_slot<R>(f: impl FnOnce(&Slot<Self>) -> R) -> Option<R>;
}

/// Puts `frame` in this thread's slot and returns what was there.
///
/// During thread teardown the slot is gone: `frame` is dropped and `None` comes back.
#[inline]
pub(crate) fn replace<F: Ambient>(frame: Option<Arc<F>>) -> Option<Arc<F>> {
    let mut frame = frame;
    let old = F::with_slot(|slot| slot.replace(frame.take()));
    // Two steps: a frame that could not be placed is dropped here, outside the slot's borrow.
    drop(frame);
    old.flatten()
}

/// Reads the current frame in place. `f` must not run foreign code: the slot is borrowed meanwhile.
#[inline]
pub(crate) fn peek<F: Ambient, R>(f: impl FnOnce(Option<&Arc<F>>) -> R) -> R {
    let mut f = Some(f);
    let read = F::with_slot(|slot| {
        let current = slot.0.borrow();
        f.take().map(|f| f(current.as_ref()))
    });
    match (read.flatten(), f) {
        (Some(value), _) => value,
        (None, Some(f)) => f(None),
        (None, None) => unreachable!("`f` is taken only where its value is returned"),
    }
}

/// The current frame, kept alive for the caller.
#[inline]
pub(crate) fn current<F: Ambient>() -> Option<Arc<F>> {
    peek::<F, _>(|frame| frame.cloned())
}

/// A frame that is in place until this guard is dropped.
///
/// The guard lives on the stack of one synchronous call, so guards nest by construction. It is `!Send`: a future
/// that holds one across an `.await` cannot be spawned on a multi-thread runtime.
pub(crate) struct Entered<F: Ambient> {
    outer: Option<Arc<F>>,
    not_send: PhantomData<*const ()>,
}

impl<F: Ambient> Entered<F> {
    /// Makes `frame` current.
    #[inline]
    pub(crate) fn enter(frame: Option<Arc<F>>) -> Self {
        Self { outer: replace(frame), not_send: PhantomData }
    }
}

impl<F: Ambient> Drop for Entered<F> {
    #[inline]
    fn drop(&mut self) {
        let inner = replace(self.outer.take());
        drop(inner);
    }
}

impl<F: Ambient> fmt::Debug for Entered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered(..)")
    }
}

/// Runs `f` with `frame` current.
#[inline]
pub(crate) fn within<F: Ambient, R>(frame: Option<Arc<F>>, f: impl FnOnce() -> R) -> R {
    let _entered = Entered::enter(frame);
    f()
}
