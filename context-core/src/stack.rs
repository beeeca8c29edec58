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
#[inline(always)]
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::mpsc;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        static SLOT: Slot<Layer> = const { Slot::new() };
    }

    /// A frame that calls a function when it is dropped.
    pub(super) struct Layer {
        name: u32,
        on_drop: Option<Box<dyn Fn() + Send + Sync>>,
    }

    impl Ambient for Layer {
        fn with_slot<R>(f: impl FnOnce(&Slot<Self>) -> R) -> Option<R> {
            SLOT.try_with(f).ok()
        }
    }

    impl Drop for Layer {
        fn drop(&mut self) {
            if let Some(on_drop) = &self.on_drop {
                on_drop();
            }
        }
    }

    pub(super) fn layer(name: u32) -> Option<Arc<Layer>> {
        Some(Arc::new(Layer { name, on_drop: None }))
    }

    fn dropping(name: u32, on_drop: impl Fn() + Send + Sync + 'static) -> Option<Arc<Layer>> {
        Some(Arc::new(Layer { name, on_drop: Some(Box::new(on_drop)) }))
    }

    /// The name of the current frame.
    pub(super) fn top() -> Option<u32> {
        peek::<Layer, _>(|frame| frame.map(|frame| frame.name))
    }

    pub(super) fn panics<R>(f: impl FnOnce() -> R) -> bool {
        catch_unwind(AssertUnwindSafe(f)).is_err()
    }

    pub(super) fn panic_silently() -> ! {
        resume_unwind(Box::new("silent"))
    }

    #[test]
    fn a_frame_is_current_until_its_scope_ends() {
        within(layer(1), || {
            within(layer(2), || assert_eq!(top(), Some(2)));
            within::<Layer, _>(None, || assert_eq!(top(), None));
            assert_eq!(top(), Some(1));
        });
        assert_eq!(top(), None);
    }

    #[test]
    fn a_panic_restores_the_frame() {
        within(layer(1), || {
            assert!(panics(|| within(layer(2), || within(layer(3), || panic_silently()))));
            assert_eq!(top(), Some(1));
        });
        assert_eq!(top(), None);
    }

    #[test]
    fn entering_and_leaving_count_no_references() {
        let frame = layer(1).unwrap();
        within(Some(frame.clone()), || {
            assert_eq!(Arc::strong_count(&frame), 2);
            within(layer(2), || assert_eq!(Arc::strong_count(&frame), 2));
            let held = current::<Layer>();
            assert_eq!(Arc::strong_count(&frame), 3);
            drop(held);
        });
        assert_eq!(Arc::strong_count(&frame), 1);
    }

    #[test]
    fn a_frame_may_use_the_stack_while_it_is_dropped() {
        let (tell, told) = mpsc::channel();
        let use_stack = move || {
            let before = top();
            let inside = within(layer(8), top);
            tell.send((before, inside, current::<Layer>().map(|frame| frame.name))).unwrap();
        };
        within(layer(1), || within(dropping(2, use_stack.clone()), || ()));
        assert_eq!(told.recv(), Ok((Some(1), Some(8), Some(1))));

        // By a swap too, and by a panic.
        drop(replace(dropping(3, use_stack.clone())));
        drop(replace::<Layer>(None));
        assert_eq!(told.recv(), Ok((None, Some(8), None)));
        assert!(panics(|| within(dropping(4, use_stack), || panic_silently())));
        assert_eq!(told.recv(), Ok((None, Some(8), None)));
    }

    #[test]
    fn without_a_slot_a_frame_is_not_entered_and_nothing_is_read() {
        struct AtThreadExit(mpsc::Sender<Option<u32>>);
        impl Drop for AtThreadExit {
            fn drop(&mut self) {
                within(layer(1), || {
                    let mut presence = Presence::new(layer(2));
                    presence.during(|| self.0.send(top()).unwrap());
                });
            }
        }
        thread_local! {
            static EARLY: RefCell<Option<AtThreadExit>> = const { RefCell::new(None) };
            static LATE: RefCell<Option<AtThreadExit>> = const { RefCell::new(None) };
        }

        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            EARLY.set(Some(AtThreadExit(tell.clone())));
            within(layer(1), || assert_eq!(top(), Some(1)));
            LATE.set(Some(AtThreadExit(tell)));
        })
        .join()
        .unwrap();
        // The slot of one of the two may still exist: that is for the system to say.
        let seen: Vec<_> = told.iter().collect();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|top| matches!(top, None | Some(2))), "{seen:?}");
    }

    #[test]
    fn a_frame_left_behind_is_dropped_with_its_thread() {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            drop(replace(dropping(1, move || {
                within(layer(2), || tell.send(top()).unwrap());
            })));
        })
        .join()
        .unwrap();
        assert_eq!(told.iter().count(), 1);
    }

    /// What may happen inside a frame.
    #[derive(Clone, Debug)]
    enum Step {
        Within(u32, Vec<Self>),
        During(u32, Vec<Self>),
        Outside(Vec<Self>),
        Caught(u32, Vec<Self>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let steps = Just(Vec::new()).boxed();
        steps.prop_recursive(6, 64, 3, |steps| {
            let step = prop_oneof![
                (any::<u32>(), steps.clone()).prop_map(|(name, steps)| Step::Within(name, steps)),
                (any::<u32>(), steps.clone()).prop_map(|(name, steps)| Step::During(name, steps)),
                (any::<u32>(), steps.clone()).prop_map(|(name, steps)| Step::Caught(name, steps)),
                steps.prop_map(Step::Outside),
            ];
            proptest::collection::vec(step, 0..4)
        })
    }

    fn take(steps: Vec<Step>, expected: Option<u32>) {
        for step in steps {
            match step {
                Step::Within(name, steps) => within(layer(name), || take(steps, Some(name))),
                Step::During(name, steps) => {
                    let mut presence = Presence::new(layer(name));
                    presence.during(|| take(steps, Some(name)));
                    assert_eq!(presence.frame().map(|frame| frame.name), Some(name));
                    presence.during(|| assert_eq!(top(), Some(name)));
                }
                Step::Outside(steps) => within::<Layer, _>(None, || take(steps, None)),
                Step::Caught(name, steps) => {
                    let mut presence = Presence::new(layer(name));
                    let caught = panics(|| {
                        presence.during(|| {
                            within(layer(name), || {
                                take(steps, Some(name));
                                panic_silently()
                            })
                        })
                    });
                    assert!(caught);
                    assert_eq!(presence.take().map(|frame| frame.name), Some(name));
                }
            }
            assert_eq!(top(), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_nesting_restores_every_frame(steps in steps()) {
            take(steps, None);
            prop_assert_eq!(top(), None);
        }
    }
}
