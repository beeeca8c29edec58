//! Annotations: inputs that are taken in another way than their type says.

use crate::engine::future::TaskFuture;
use crate::engine::input::{Input, IntoInput};

/// An input that may have failed; made by [`allow_failure`].
#[derive(Clone, Debug)]
#[must_use]
pub struct AllowFailure<F>(F);

/// Passes a failed upstream run on as a value instead of not running at all.
///
/// The parameter it is given for is a `Result<T, RunError>`, or a collection of them for a collection of futures. A run
/// that failed, or was not ready, gives its error. A run that crashed or was cancelled is never let through.
///
/// # Example
///
/// ```
/// use context_core::engine::{IntoInput, TaskFuture, TaskFutures, allow_failure};
/// use context_core::state::RunError;
///
/// fn one(_: impl IntoInput<Result<u32, RunError>>) {}
/// fn many(_: impl IntoInput<Vec<Result<u32, RunError>>>) {}
///
/// fn give(page: TaskFuture<u32>, pages: TaskFutures<u32>) {
///     one(allow_failure(page));
///     many(allow_failure(pages));
/// }
/// ```
pub const fn allow_failure<F>(futures: F) -> AllowFailure<F> {
    AllowFailure(futures)
}

impl<F> AllowFailure<F> {
    pub(in crate::engine) fn into_inner(self) -> F {
        self.0
    }
}

/// A value that is given as it is; made by [`quote`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Quote<T>(T);

/// Gives a value as it is: nothing inside is waited for or replaced.
///
/// For a parameter of type `T`, `quote(x)` is `x`, and so a `TaskFuture<T>` reaches a task that takes the future itself:
/// its run is then neither waited for nor recorded as an input. In `map`, `quote(list)` is iterated as the list would
/// be, and each *element* is given as it is. For one list that all runs share, write `unmapped(quote(list))` or
/// `unmapped(list)`.
///
/// # Example: a parameter that is a future
///
/// ```
/// use context_core::engine::{IntoInput, TaskFuture, quote};
///
/// fn value(_: impl IntoInput<u32>) {}
/// fn future(_: impl IntoInput<TaskFuture<u32>>) {}
///
/// fn give(one: TaskFuture<u32>, other: TaskFuture<u32>) {
///     value(one);
///     future(quote(other));
/// }
/// ```
pub const fn quote<T>(value: T) -> Quote<T> {
    Quote(value)
}

impl<T> Quote<T> {
    pub(in crate::engine) fn into_inner(self) -> T {
        self.0
    }
}

impl<A> IntoInput<A> for Quote<A> {
    fn into_input(self) -> Input<A> {
        Input::ready(self.0)
    }
}

/// A future whose value is given as it is; made by [`opaque`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Opaque<F>(F);

/// Gives the value of a future as it is: the run is waited for, and what is inside its value is left alone.
///
/// Here that holds for every future, because values are never searched for futures: `opaque(future)` means the same as
/// `future`, and is there for those who know it. The value may hold futures itself: `opaque` of a
/// `TaskFuture<Vec<TaskFuture<T>>>` is given for a parameter of type `Vec<TaskFuture<T>>`. In `map`, `opaque(iterable)`
/// is iterated, and each element is taken so.
pub const fn opaque<F>(future: F) -> Opaque<F> {
    Opaque(future)
}

impl<F> Opaque<F> {
    pub(in crate::engine) fn into_inner(self) -> F {
        self.0
    }
}

impl<A: Send + 'static> IntoInput<A> for Opaque<TaskFuture<A>> {
    fn into_input(self) -> Input<A> {
        self.0.into_input()
    }
}

impl<A: Clone + Send + 'static> IntoInput<A> for Opaque<&TaskFuture<A>> {
    fn into_input(self) -> Input<A> {
        self.0.into_input()
    }
}
