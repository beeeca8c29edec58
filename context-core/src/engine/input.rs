//! Inputs: arguments that may not be there yet.
//!
//! What may be given for a parameter is decided by its type: [`IntoInput`] has one implementation for each form. A value
//! is never searched for futures; a collection of futures is an input because its type says so.

mod annotated;
mod collections;
mod wait_for;

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::future::TaskFuture;
use crate::id::TaskRunId;
use crate::state::{NotReady, RunError, RunErrorKind, State};

pub use annotated::{AllowFailure, Opaque, Quote, allow_failure, opaque, quote};
pub use wait_for::WaitFor;

/// A run that others can wait for, whatever its value's type.
pub trait Upstream: Send + Sync {
    /// The run.
    fn task_run_id(&self) -> TaskRunId;
    /// The run that recorders know in its place, if it is one of several that are reported as one.
    fn reported_as(&self) -> Option<TaskRunId>;
    /// The state it has ended in, or `None` and `waker` is woken when it ends.
    fn poll_end(&self, waker: &Waker) -> Option<State>;
    /// Blocks until it ends.
    fn wait_end(&self) -> State;
    /// An error if blocking here would stop the only thread it could run on.
    ///
    /// # Errors
    ///
    /// If so.
    fn check_blocking(&self) -> Result<(), RunError>;
}

/// What gives the value once all upstream runs have ended.
type Take<A> = Box<dyn FnOnce() -> Result<A, RunError> + Send>;

/// One argument: a value, or what it will be made of.
pub struct Input<A>(Inner<A>);

enum Inner<A> {
    Ready(A),
    Later { upstreams: Vec<Arc<dyn Upstream>>, take: Take<A> },
}

impl<A> Input<A> {
    /// A value that is there.
    pub const fn ready(value: A) -> Self {
        Self(Inner::Ready(value))
    }

    /// A value that `take` gives once `upstreams` have ended.
    pub(super) fn later(
        upstreams: Vec<Arc<dyn Upstream>>,
        take: impl FnOnce() -> Result<A, RunError> + Send + 'static,
    ) -> Self {
        Self(Inner::Later { upstreams, take: Box::new(take) })
    }

    /// The runs that it waits for.
    pub(super) fn upstreams(&self) -> &[Arc<dyn Upstream>] {
        match &self.0 {
            Inner::Ready(_) => &[],
            Inner::Later { upstreams, .. } => upstreams,
        }
    }

    /// The value. All upstream runs must have ended.
    pub(super) fn take(self) -> Result<A, RunError> {
        match self.0 {
            Inner::Ready(value) => Ok(value),
            Inner::Later { take, .. } => take(),
        }
    }
}

impl<A> fmt::Debug for Input<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Ready(_) => f.write_str("Input::Ready(..)"),
            Inner::Later { upstreams, .. } => {
                write!(f, "Input::Later({} upstream runs)", upstreams.len())
            }
        }
    }
}

/// What can be given for a parameter of type `A`: an `A`, a future of one, or a collection of futures for a collection.
///
/// | given | for a parameter of type |
/// |---|---|
/// | `T` | `T` |
/// | `TaskFuture<T>`, `&TaskFuture<T>`, [`opaque`]`(future)` | `T` |
/// | `TaskFutures<T>`, `&TaskFutures<T>`, `Vec<TaskFuture<T>>` | `Vec<T>` |
/// | `[TaskFuture<T>; N]` | `[T; N]` |
/// | `(TaskFuture<A>, TaskFuture<B>)`, up to four | `(A, B)` |
/// | `HashMap<K, TaskFuture<T>>`, `BTreeMap<K, TaskFuture<T>>` | `HashMap<K, T>`, `BTreeMap<K, T>` |
/// | `Option<TaskFuture<T>>` | `Option<T>` |
/// | [`allow_failure`] of any of these | the same with `Result<T, RunError>` for `T` |
/// | [`quote`]`(x)`, `x` of type `T` | `T`, also where `T` is a `TaskFuture<_>` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a parameter of type `{A}`",
    label = "expected `{A}`, or a task future of it",
    note = "a `TaskFuture<T>` is an input for `T`; a `TaskFutures<T>`, or a vector, array, map, option or tuple of futures, for the same collection of values; `allow_failure(future)` for `Result<T, RunError>`"
)]
pub trait IntoInput<A> {
    /// The input.
    fn into_input(self) -> Input<A>;
}

impl<A> IntoInput<A> for A {
    fn into_input(self) -> Input<A> {
        Input::ready(self)
    }
}

impl<A> IntoInput<A> for Input<A> {
    fn into_input(self) -> Self {
        self
    }
}

impl IntoInput<String> for &str {
    fn into_input(self) -> Input<String> {
        Input::ready(self.to_owned())
    }
}

impl<A: Send + 'static> IntoInput<A> for TaskFuture<A> {
    fn into_input(self) -> Input<A> {
        Input::later(vec![self.upstream()], move || self.take_completed())
    }
}

impl<A: Clone + Send + 'static> IntoInput<A> for &TaskFuture<A> {
    fn into_input(self) -> Input<A> {
        self.clone().into_input()
    }
}

/// The error of a run whose upstream run ended in `state`.
pub(super) fn not_ready(upstream: TaskRunId, state: State) -> RunError {
    RunErrorKind::NotReady(NotReady { upstream, state }).into()
}
