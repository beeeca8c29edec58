//! `Context`: everything that surrounds a piece of code, as one value.

use std::future::Future;
use std::sync::Arc;

use super::{Frame, Scope};
use crate::stack;

/// Everything that surrounds a piece of code: run, tags, assets, settings, clients.
///
/// Capturing costs one reference count. The value can be kept, sent to other threads and entered any number of times.
///
/// # Example: a thread of your own
///
/// ```
/// use context_core::context::{Context, ContextModel, TagsContext};
///
/// TagsContext::new(["io"]).in_scope(|| {
///     let context = Context::current();
///     std::thread::spawn(move || {
///         assert_eq!(TagsContext::get().current_tags().len(), 0);
///         context.run(|| assert_eq!(TagsContext::get().current_tags().to_string(), "io"));
///     })
///     .join()
///     .unwrap();
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context(Option<Arc<Frame>>);

impl Context {
    /// What surrounds this call.
    pub fn current() -> Self {
        Self(stack::current())
    }

    /// What surrounds the code that runs with `frame`.
    pub(crate) fn of(frame: Option<&Arc<Frame>>) -> Self {
        Self(frame.cloned())
    }

    /// No context at all.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// The same without the kinds that belong to their scope; what the spawning functions carry on.
    #[must_use]
    pub fn for_spawn(self) -> Self {
        Self(self.0.map(Frame::for_spawn))
    }

    /// Runs `f` inside this context and nothing else.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        stack::within(self.0.clone(), f)
    }

    /// Makes `f` a closure that runs inside this context wherever it is called, for example on a rayon thread.
    ///
    /// ```
    /// use context_core::context::{Context, ContextModel, TagsContext};
    ///
    /// let count = TagsContext::new(["io"])
    ///     .in_scope(|| Context::current().wrap(|_: u32| TagsContext::get().current_tags().len()));
    /// assert_eq!(count(0), 1);
    /// ```
    pub fn wrap<A, R>(self, f: impl Fn(A) -> R) -> impl Fn(A) -> R {
        move |argument| self.run(|| f(argument))
    }

    /// As [`wrap`](Self::wrap), for a closure without arguments that is called once.
    pub fn wrap_once<R>(self, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || stack::within(self.0, f)
    }

    /// Ties `future` to this context and nothing else: it is polled and dropped inside, on whatever thread.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope::new(future, self.0)
    }
}
