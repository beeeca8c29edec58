//! Spawning with the context carried on.

use std::future::Future;

use tokio::task::JoinHandle;

use super::{Context, Scope};

/// Spawns `future` on the current tokio runtime with what surrounds this call.
///
/// A plain `tokio::spawn` carries nothing on.
///
/// # Panics
///
/// Outside a tokio runtime, as `tokio::spawn` does.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let future = Context::current().for_spawn().scope(future);
    #[expect(clippy::disallowed_methods, reason = "this is the function that carries the context")]
    tokio::spawn(future)
}

/// Runs `f` on tokio's pool for blocking work with what surrounds this call.
///
/// # Panics
///
/// Outside a tokio runtime, as `tokio::task::spawn_blocking` does.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "this is the function that carries the context")]
    tokio::task::spawn_blocking(Context::current().for_spawn().wrap_once(f))
}

/// Threads with the context carried on.
pub mod thread {
    use std::thread::JoinHandle;

    use super::Context;

    /// Starts a thread with what surrounds this call.
    ///
    /// A plain `std::thread::spawn` carries nothing on.
    ///
    /// ```
    /// use context_core::context::{ContextModel, TagsContext, thread};
    ///
    /// let tags = TagsContext::new(["io"])
    ///     .in_scope(|| thread::spawn(|| TagsContext::get().current_tags().len()).join());
    /// assert_eq!(tags.unwrap(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If the system cannot start a thread, as `std::thread::spawn` does.
    pub fn spawn<F, R>(f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        std::thread::spawn(Context::current().for_spawn().wrap_once(f))
    }
}

/// Ties a future to what surrounds the call, for spawning functions that know nothing of contexts.
///
/// ```
/// use context_core::context::{ContextModel, InCurrentContext, TagsContext};
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
/// # runtime.block_on(async {
/// let future = TagsContext::new(["io"])
///     .in_scope(|| async { TagsContext::get().current_tags().len() }.in_current_context());
/// assert_eq!(tokio::spawn(future).await.unwrap(), 1);
/// # });
/// ```
pub trait InCurrentContext: Future + Sized {
    /// The future, polled and dropped inside what surrounds this call.
    fn in_current_context(self) -> Scope<Self> {
        Context::current().for_spawn().scope(self)
    }
}

impl<F: Future> InCurrentContext for F {}
