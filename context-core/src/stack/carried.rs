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
