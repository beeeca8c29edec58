//! Places: the slot that one run of a bounded task runner has, or has given back while it waits for another run.
//!
//! A run that waits for a task future does nothing, and what it waits for may need its slot. So it gives the slot back
//! and asks for it again before it goes on. Which place the current code has is noted for each thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::slots::Slots;
use super::task_runner::BoxedRun;

thread_local! {
    /// The place of the run that this thread works for.
    static CURRENT: RefCell<Option<Arc<Place>>> = const { RefCell::new(None) };
    /// Whether the run that is being polled has a place, and has said that it waits.
    static WAITS: Cell<Waits> = const { Cell::new(Waits::NobodyAsks) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    NobodyAsks,
    No,
    Yes,
}

/// Notes that the current code waits for a task run and cannot go on before.
#[inline]
pub(crate) fn note_wait() {
    WAITS.with(|waits| {
        if waits.get() == Waits::No {
            waits.set(Waits::Yes);
        }
    });
}

/// The slot of one run.
pub(crate) struct Place {
    slots: Arc<Slots>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The run has a slot.
    Held,
    /// The run has given it back until its future is woken.
    Given,
    /// The run has given it back until its blocked thread goes on. Its future is only what waits for the thread.
    GivenByThread,
    /// The run wants it again.
    Asked,
    /// The run has ended.
    Gone,
}

impl Place {
    /// The place of a run that has just got a slot.
    pub(super) fn new(slots: Arc<Slots>) -> Arc<Self> {
        let state = Mutex::new(State { phase: Phase::Held, waker: None });
        Arc::new(Self { slots, state, changed: Condvar::new() })
    }

    /// The place of the run that this thread works for.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    pub(super) fn is_of(&self, slots: &Arc<Slots>) -> bool {
        Arc::ptr_eq(&self.slots, slots)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the slot back, if the run has it. True if so.
    fn give_back(&self, phase: Phase) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Held {
            return false;
        }
        state.phase = phase;
        drop(state);
        self.slots.release();
        true
    }

    fn ask(self: &Arc<Self>) {
        let place = self.clone();
        self.slots.request_again(move || place.granted());
    }

    fn granted(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        if state.phase == Phase::Asked {
            state.phase = Phase::Held;
            drop(state);
            self.changed.notify_all();
        } else {
            // Nobody wants it any more.
            drop(state);
            self.slots.release();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready once the run's future may be polled.
    fn poll(self: &Arc<Self>, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        match state.phase {
            Phase::Held | Phase::GivenByThread | Phase::Gone => return Poll::Ready(()),
            Phase::Asked => {
                state.waker = Some(waker.clone());
                return Poll::Pending;
            }
            Phase::Given => {
                state.phase = Phase::Asked;
                state.waker = Some(waker.clone());
            }
        }
        drop(state);
        self.ask();
        if self.lock().phase == Phase::Asked { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Runs `f`, which blocks, without the slot.
    pub(super) fn without<R>(self: &Arc<Self>, f: impl FnOnce() -> R) -> R {
        if !self.give_back(Phase::GivenByThread) {
            return f();
        }
        let value = f();
        let mut state = self.lock();
        if state.phase == Phase::GivenByThread {
            state.phase = Phase::Asked;
            drop(state);
            self.ask();
            state = self.lock();
        }
        let held = self.changed.wait_while(state, |state| state.phase == Phase::Asked);
        drop(held.unwrap_or_else(PoisonError::into_inner));
        value
    }

    /// The run has ended.
    fn leave(&self) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.phase, Phase::Gone);
        drop(state);
        self.changed.notify_all();
        if before == Phase::Held {
            self.slots.release();
        }
    }

    /// Runs `f` as part of the run that has this place.
    fn during<R>(place: Option<Arc<Self>>, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Arc<Place>>);

        impl Drop for Restore {
            fn drop(&mut self) {
                let outer = self.0.take();
                drop(CURRENT.with(|current| current.replace(outer)));
            }
        }

        let outer = CURRENT.with(|current| current.replace(place));
        let _restore = Restore(outer);
        f()
    }

    /// Runs `f`, all of the run that has this place, and leaves it.
    pub(crate) fn occupy<R>(self: Arc<Self>, f: impl FnOnce() -> R) -> R {
        let leaving = Leaving(self);
        Self::during(Some(leaving.0.clone()), f)
    }
}

impl Drop for Place {
    /// For a run that was dropped before it began.
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.lock().phase).finish()
    }
}

/// Makes `f` a closure that belongs to the present run wherever it is called.
pub(crate) fn carrying_place<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let place = Place::current();
    move || match place {
        None => f(),
        place => Place::during(place, f),
    }
}

/// A place that is left on drop.
struct Leaving(Arc<Place>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A run as a future that is polled only while it has its slot.
pub(crate) struct Placed {
    // Before the place: a run has ended when its slot is free.
    run: BoxedRun,
    place: Leaving,
}

impl Placed {
    pub(crate) fn new(run: BoxedRun, place: Arc<Place>) -> Self {
        Self { run, place: Leaving(place) }
    }
}

impl Future for Placed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let place = &this.place.0;
        if place.poll(cx.waker()).is_pending() {
            return Poll::Pending;
        }
        let outer = WAITS.replace(Waits::No);
        let polled = Place::during(Some(place.clone()), || this.run.as_mut().poll(cx));
        let waits = WAITS.replace(outer) == Waits::Yes;
        if polled.is_pending() && waits {
            place.give_back(Phase::Given);
        }
        polled
    }
}
