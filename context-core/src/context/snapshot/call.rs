//! `with_context`: a function that takes its context along.

use std::fmt;
use std::future::Future;

use super::hydrate::{HydratedContext, hydrated_context};
use super::{SerializedContext, SnapshotError};
use crate::context::Scope;
use crate::secret::Secrets;

/// A function with the context that surrounded [`with_context`]. Every call happens inside of it.
#[derive(Clone)]
pub struct WithContext<F> {
    function: F,
    context: HydratedContext,
    snapshot: SerializedContext,
}

/// Takes a snapshot of what surrounds this call, and gives `function` with it: to be called on threads that this program
/// does not start itself, such as those of a pool.
///
/// The context is the one of *this* call, whatever surrounds the calls of what is returned. Where threads are started here,
/// [`Context::wrap`](crate::context::Context::wrap) and [`context::spawn`](crate::context::spawn) cost less and carry on the
/// run itself; here the run is a copy that counts for itself.
///
/// # Errors
///
/// If what surrounds the call cannot be hydrated: a run of a function that is not registered, which is one with generic
/// parameters, or several of one name in one module.
///
/// # Example: a pool of threads
///
/// ```
/// use context_core::context::{ContextModel, TagsContext, with_context};
///
/// let count = TagsContext::new(["io", "nightly"])
///     .in_scope(|| with_context(|more: usize| TagsContext::get().current_tags().len() + more))?;
/// let counted = std::thread::spawn(move || count.call(1)).join().unwrap();
/// assert_eq!(counted, 3);
/// # Ok::<(), context_core::context::SnapshotError>(())
/// ```
pub fn with_context<F>(function: F) -> Result<WithContext<F>, SnapshotError> {
    // It stays in this process.
    let snapshot = SerializedContext::of_current(Secrets::Included);
    let context = hydrated_context(&snapshot)?;
    Ok(WithContext { function, context, snapshot })
}

impl<F> WithContext<F> {
    /// Calls the function, in its context.
    pub fn call<A, R>(&self, argument: A) -> R
    where
        F: Fn(A) -> R,
    {
        self.context.in_scope(|| (self.function)(argument))
    }

    /// Calls the function, which takes nothing, in its context.
    pub fn call_once<R>(self) -> R
    where
        F: FnOnce() -> R,
    {
        self.context.in_scope(self.function)
    }

    /// Calls the asynchronous function, in its context.
    pub fn call_async<A, R>(&self, argument: A) -> Scope<impl Future<Output = R::Output>>
    where
        F: Fn(A) -> R,
        R: Future,
    {
        // Called inside, too: what it calls captures what surrounds that.
        self.context.scope(async { (self.function)(argument).await })
    }

    /// The snapshot that was taken. It holds secrets.
    pub const fn snapshot(&self) -> &SerializedContext {
        &self.snapshot
    }
}

impl<F> fmt::Debug for WithContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithContext").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}
