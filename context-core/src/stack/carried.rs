//! Futures that bring their own frame to every poll.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Ambient, replace};

/// A frame that belongs to a future: either parked in here, or in the thread's slot while the future is polled.
///
/// Moving it in and out moves ownership; no reference is counted.
pub(crate) struct Presence<F: Ambient> {
    parked: Option<Arc<F>>,
}

impl<F: Ambient> Presence<F> {
    /// Parks `frame`.
    pub(crate) const fn new(frame: Option<Arc<F>>) -> Self {
        Self { parked: frame }
    }

    /// The frame, while it is parked.
    pub(crate) const fn frame(&self) -> Option<&Arc<F>> {
        self.parked.as_ref()
    }

    /// Takes the parked frame out.
    pub(crate) const fn take(&mut self) -> Option<Arc<F>> {
        self.parked.take()
    }

    /// Runs `f` with the frame in the slot. Afterwards, and also when `f` panics, the slot has its former frame again
    /// and whatever `f` left in the slot is parked here.
    #[inline]
    pub(crate) fn during<R>(&mut self, f: impl FnOnce() -> R) -> R {
        struct Restore<'a, F: Ambient> {
            presence: &'a mut Presence<F>,
            outer: Option<Arc<F>>,
        }

        impl<F: Ambient> Drop for Restore<'_, F> {
            #[inline]
            fn drop(&mut self) {
                self.presence.parked = replace(self.outer.take());
            }
        }

        let outer = replace(self.parked.take());
        let _restore = Restore { presence: self, outer };
        f()
    }
}

impl<F: Ambient> fmt::Debug for Presence<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("parked", &self.parked.is_some()).finish()
    }
}

pin_project! {
    /// A future that is polled, and dropped, with its own frame in the slot.
    pub(crate) struct Carried<Fut, F>
    where
        F: Ambient,
    {
        #[pin]
        future: Option<Fut>,
        presence: Presence<F>,
    }

    impl<Fut, F> PinnedDrop for Carried<Fut, F>
    where
        F: Ambient,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut future = this.future;
            // A destructor of the inner future must see the context it ran in.
            this.presence.during(|| future.set(None));
        }
    }
}

impl<Fut, F: Ambient> Carried<Fut, F> {
    /// Ties `future` to `frame`.
    pub(crate) const fn new(future: Fut, frame: Option<Arc<F>>) -> Self {
        Self { future: Some(future), presence: Presence::new(frame) }
    }
}

impl<Fut: Future, F: Ambient> Future for Carried<Fut, F> {
    type Output = Fut::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let this = self.project();
        let mut future = this.future;
        this.presence.during(|| {
            let polled = future
                .as_mut()
                .as_pin_mut()
                .expect("a future is polled only until it is ready")
                .poll(cx);
            if polled.is_ready() {
                future.set(None);
            }
            polled
        })
    }
}

impl<Fut, F: Ambient> fmt::Debug for Carried<Fut, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carried").field("presence", &self.presence).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Waker;

    use super::super::tests::{Layer, layer, panic_silently, panics, top};
    use super::super::{Entered, within};
    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Is pending once.
    async fn pause() {
        let mut paused = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        })
        .await;
    }

    /// Notes the current frame when it is dropped.
    struct Note<'a>(&'a Mutex<Vec<Option<u32>>>);

    impl Drop for Note<'_> {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(top());
        }
    }

    #[test]
    fn what_was_left_in_the_slot_comes_back_with_the_next_poll() {
        // A guard that stays in force across an await: the future that carries it must not lose it, nor its poller
        // get it.
        let mut future = Box::pin(Carried::new(
            async {
                let inner = Entered::<Layer>::enter(layer(2));
                pause().await;
                assert_eq!(top(), Some(2));
                pause().await;
                drop(inner);
                assert_eq!(top(), Some(1));
                pause().await;
                assert_eq!(top(), Some(1));
            },
            layer(1),
        ));
        for polls in 0..4 {
            let ready = within(layer(9), || {
                let ready = poll(future.as_mut()).is_ready();
                assert_eq!(top(), Some(9));
                ready
            });
            assert_eq!(ready, polls == 3);
            assert_eq!(top(), None);
        }
    }

    #[test]
    fn a_panic_parks_the_frame_again() {
        let notes = Mutex::new(Vec::new());
        let mut future = Box::pin(Carried::new(
            async {
                let _note = Note(&notes);
                pause().await;
                panic_silently()
            },
            layer(1),
        ));
        within(layer(9), || {
            let poll = |future: Pin<&mut _>| -> Poll<()> { poll(future) };
            assert!(poll(future.as_mut()).is_pending());
            assert!(panics(|| poll(future.as_mut())));
            assert_eq!(top(), Some(9));
            assert_eq!(future.presence.frame().map(|_| ()), Some(()));
            drop(future);
            assert_eq!(top(), Some(9));
        });
        assert_eq!(*notes.lock().unwrap(), [Some(1)]);
    }

    #[test]
    fn a_future_is_destroyed_inside_its_frame_however_far_it_came() {
        for polls in 0..4 {
            let notes = Mutex::new(Vec::new());
            let captured = Note(&notes);
            let mut future = Box::pin(Carried::new(
                async {
                    let _captured = captured;
                    pause().await;
                    pause().await;
                },
                layer(1),
            ));
            for step in 0..polls {
                assert_eq!(poll(future.as_mut()).is_ready(), step == 2);
            }
            within(layer(9), || drop(future));
            assert_eq!(*notes.lock().unwrap(), [Some(1)], "after {polls} polls");
        }
    }

    #[test]
    fn polling_after_the_end_panics_and_restores_the_frame() {
        let mut future = Box::pin(Carried::new(std::future::ready(()), layer(1)));
        assert!(poll(future.as_mut()).is_ready());
        within(layer(9), || {
            assert!(panics(|| poll(future.as_mut())));
            assert_eq!(top(), Some(9));
        });
    }
}
