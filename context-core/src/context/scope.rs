//! The future that `scope` returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::Frame;
use crate::stack::Carried;

pin_project! {
    /// A future inside a context: polled, and dropped, with the context in force. Made by
    /// [`ContextModel::scope`](super::ContextModel::scope) and its relatives.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Scope<F> {
        #[pin]
        carried: Carried<F, Frame>,
        // After the future, so that it is let go of when the future is gone.
        held: Option<Box<dyn Send + Sync>>,
    }
}

impl<F> Scope<F> {
    pub(super) const fn new(future: F, frame: Option<Arc<Frame>>) -> Self {
        Self { carried: Carried::new(future, frame), held: None }
    }

    /// As `new`, and lets go of `held` when the future is dropped.
    pub(super) fn holding(future: F, frame: Arc<Frame>, held: impl Send + Sync + 'static) -> Self {
        Self { carried: Carried::new(future, Some(frame)), held: Some(Box::new(held)) }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.carried.poll(cx);
        if polled.is_ready() {
            // The future is gone, though this may stand where it is for a while.
            *this.held = None;
        }
        polled
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope(..)")
    }
}

/// Implements `in_scope` and `scope` of a kind that has a `fn push(&self, current) -> Arc<Frame>`.
macro_rules! scoped_by_push {
    () => {
        fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
            let frame = crate::stack::peek::<Frame, _>(|current| self.push(current));
            crate::stack::within(Some(frame), f)
        }

        fn scope<F: Future>(&self, future: F) -> Scope<F> {
            let frame = crate::stack::peek::<Frame, _>(|current| self.push(current));
            Scope::new(future, Some(frame))
        }
    };
}
pub(super) use scoped_by_push;
