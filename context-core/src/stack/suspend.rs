//! Blocks that are left while their function is suspended.
//!
//! A block scope in an async function cannot simply stay entered across an `.await`: sibling futures polled by the same
//! task would run inside it. The block macro therefore wraps every await of the block in [`Suspend`], which takes the
//! block's frame off when the awaited future is pending and puts it back, on top of whoever polls now, when the
//! function is resumed.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// A scope that can be left while the function it stands in is suspended.
pub trait Suspendable {
    /// Takes the scope off. Does nothing if it is off already.
    fn suspend(&mut self);
    /// Puts the scope back on top of the current one. Does nothing if it is on already.
    fn resume(&mut self);
}

pin_project! {
    /// An awaited future inside a block scope; made by [`SuspendExt`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Suspend<'a, Fut, S>
    where
        S: Suspendable,
    {
        #[pin]
        future: Fut,
        scope: &'a mut S,
    }

    impl<Fut, S> PinnedDrop for Suspend<'_, Fut, S>
    where
        S: Suspendable,
    {
        fn drop(this: Pin<&mut Self>) {
            // Dropped while pending means that the whole function is being dropped: the awaited future and the
            // block's locals must be destroyed inside the scope. After a completed await this changes nothing.
            this.project().scope.resume();
        }
    }
}

impl<Fut: Future, S: Suspendable> Future for Suspend<'_, Fut, S> {
    type Output = Fut::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let this = self.project();
        this.scope.resume();
        // No guard for a panic: it unwinds through the block, and dropping the block leaves the scope.
        let polled = this.future.poll(cx);
        if polled.is_pending() {
            this.scope.suspend();
        }
        polled
    }
}

impl<Fut, S: Suspendable> fmt::Debug for Suspend<'_, Fut, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Suspend(..)")
    }
}

/// What the block macro writes in front of every `.await` of its block.
pub trait SuspendExt: IntoFuture + Sized {
    /// Makes the await leave `scope` while it is pending.
    fn __context_suspend<S: Suspendable>(self, scope: &mut S) -> Suspend<'_, Self::IntoFuture, S> {
        Suspend { future: self.into_future(), scope }
    }
}

impl<F: IntoFuture> SuspendExt for F {}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::task::Waker;

    use super::*;

    /// A scope that notes what is done to it.
    #[derive(Debug, Default)]
    struct Noted(Vec<&'static str>);

    impl Suspendable for Noted {
        fn suspend(&mut self) {
            self.0.push("suspend");
        }

        fn resume(&mut self) {
            self.0.push("resume");
        }
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_scope_is_left_exactly_while_the_future_is_pending() {
        let mut scope = Noted::default();
        let mut polls = 0;
        let future = std::future::poll_fn(|_| {
            polls += 1;
            if polls == 3 { Poll::Ready(7) } else { Poll::Pending }
        });
        let mut future = Box::pin(future.__context_suspend(&mut scope));
        assert_eq!(poll(future.as_mut()), Poll::Pending);
        assert_eq!(poll(future.as_mut()), Poll::Pending);
        assert_eq!(poll(future.as_mut()), Poll::Ready(7));
        drop(future);
        let on_again = "resume";
        assert_eq!(scope.0, ["resume", "suspend", "resume", "suspend", "resume", on_again]);
    }

    #[test]
    fn a_scope_is_entered_again_before_a_pending_future_is_destroyed() {
        let mut scope = Noted::default();
        let mut future = Box::pin(std::future::pending::<()>().__context_suspend(&mut scope));
        assert!(poll(future.as_mut()).is_pending());
        drop(future);
        assert_eq!(scope.0, ["resume", "suspend", "resume"]);
    }

    #[test]
    fn a_panic_does_not_leave_the_scope() {
        let mut scope = Noted::default();
        let future = std::future::poll_fn(|_| -> Poll<()> { resume_unwind(Box::new("silent")) });
        let mut future = Box::pin(future.__context_suspend(&mut scope));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err());
        drop(future);
        assert_eq!(scope.0, ["resume", "resume"]);
    }
}
