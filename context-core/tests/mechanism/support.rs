//! What the tests have in common.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use context_core::context::{Context, DeploymentContext, TagScope, TagsContext};
use context_core::parameters::Parameters;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The tags that surround the call, as text: `a, b`.
pub(crate) fn seen() -> String {
    TagsContext::get().current_tags().to_string()
}

/// Tags from a text without blanks: `"ab"` stands for the tags `a` and `b`.
pub(crate) fn tags(letters: &str) -> TagScope {
    TagScope::collect(|list| letters.chars().for_each(|letter| list.add(letter.to_string())))
}

/// Runs `f` with the tags of `letters` added.
pub(crate) fn within<R>(letters: &str, f: impl FnOnce() -> R) -> R {
    tags(letters).in_scope(f)
}

/// A deployment whose id is `number`.
pub(crate) fn deployment(number: u128) -> DeploymentContext {
    DeploymentContext::new(Uuid::from_u128(number), Parameters::EMPTY)
}

/// True if nothing at all surrounds the call.
pub(crate) fn nothing_is_ambient() -> bool {
    // A context without a frame is the only one that is shown as `None`.
    format!("{:?}", Context::current()) == format!("{:?}", Context::empty())
}

/// Panics without a message on the terminal.
pub(crate) fn panic_silently() -> ! {
    resume_unwind(Box::new("silent"))
}

/// True if `f` panics.
pub(crate) fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// What was seen, in order, by whoever notes something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Notes the tags that surround the call.
    pub(crate) fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen());
    }

    /// All notes so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A value whose destructor notes what it sees.
    pub(crate) fn on_drop(&self) -> NoteOnDrop {
        NoteOnDrop(self.clone())
    }
}

/// Notes the surrounding tags when it is dropped.
#[derive(Debug)]
pub(crate) struct NoteOnDrop(Notes);

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        self.0.note();
    }
}

/// Is pending once.
#[derive(Debug, Default)]
#[must_use = "futures do nothing unless they are polled"]
pub(crate) struct Yield(bool);

/// Is pending once.
pub(crate) fn yield_now() -> Yield {
    Yield::default()
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Polls once, by hand.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// A bare `tokio::spawn`, which carries nothing.
pub(crate) fn bare_spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "the tests are about its losing the context")]
    tokio::spawn(future)
}

/// A runtime of the kind that moves tasks between threads.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .expect("a runtime can be made")
}
