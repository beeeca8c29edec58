//! Inputs: arguments that may not be there yet.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::future::TaskFuture;
use super::futures::TaskFutures;
use crate::id::TaskRunId;
use crate::state::{NotReady, RunError, RunErrorKind, State, StateType};

/// A run that others can wait for, whatever its value's type.
pub trait Upstream: Send + Sync {
    /// The run.
    fn task_run_id(&self) -> TaskRunId;
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given for a parameter of type `{A}`",
    label = "expected `{A}`, or a task future of it",
    note = "a `TaskFuture<T>` is an input for `T`, a `TaskFutures<T>` or `Vec<TaskFuture<T>>` for `Vec<T>`, and `allow_failure(future)` for `Result<T, RunError>`"
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

impl<A: Send + 'static> IntoInput<Vec<A>> for Vec<TaskFuture<A>> {
    fn into_input(self) -> Input<Vec<A>> {
        let upstreams = self.iter().map(TaskFuture::upstream).collect();
        Input::later(upstreams, move || self.into_iter().map(TaskFuture::take_completed).collect())
    }
}

impl<A: Send + 'static> IntoInput<Vec<A>> for TaskFutures<A> {
    fn into_input(self) -> Input<Vec<A>> {
        match self.into_futures() {
            Ok(futures) => futures.into_input(),
            Err(error) => Input::later(Vec::new(), move || Err(error)),
        }
    }
}

impl<A: Clone + Send + 'static> IntoInput<Vec<A>> for &TaskFutures<A> {
    fn into_input(self) -> Input<Vec<A>> {
        self.clone().into_input()
    }
}

impl<A: Send + 'static> IntoInput<Option<A>> for Option<TaskFuture<A>> {
    fn into_input(self) -> Input<Option<A>> {
        match self {
            None => Input::ready(None),
            Some(future) => {
                Input::later(vec![future.upstream()], move || future.take_completed().map(Some))
            }
        }
    }
}

/// An input that may have failed; made by [`allow_failure`].
#[derive(Clone, Debug)]
#[must_use]
pub struct AllowFailure<F>(F);

/// Passes a failed upstream run on as a value instead of not running at all.
///
/// The parameter it is given for is a `Result<T, RunError>`. A run that failed, or was not ready, gives its error. A run
/// that crashed or was cancelled is never let through.
pub const fn allow_failure<F>(future: F) -> AllowFailure<F> {
    AllowFailure(future)
}

impl<F> AllowFailure<F> {
    pub(super) fn into_inner(self) -> F {
        self.0
    }
}

impl<A: Send + 'static> IntoInput<Result<A, RunError>> for AllowFailure<TaskFuture<A>> {
    fn into_input(self) -> Input<Result<A, RunError>> {
        let future = self.0;
        Input::later(vec![future.upstream()], move || {
            let state = future.state();
            if state.is_completed()
                || state.state_type() == StateType::Failed
                || state.name() == "NotReady"
            {
                Ok(future.take())
            } else {
                future.take_completed().map(Ok)
            }
        })
    }
}

impl<A: Clone + Send + 'static> IntoInput<Result<A, RunError>> for AllowFailure<&TaskFuture<A>> {
    fn into_input(self) -> Input<Result<A, RunError>> {
        AllowFailure(self.0.clone()).into_input()
    }
}

/// The error of a run whose upstream run ended in `state`.
pub(super) fn not_ready(upstream: TaskRunId, state: State) -> RunError {
    RunErrorKind::NotReady(NotReady { upstream, state }).into()
}

/// What can be waited for without using its value.
pub trait WaitFor {
    /// Adds the runs to wait for.
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>);
}

impl<T: Send + 'static> WaitFor for TaskFuture<T> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        upstreams.push(self.upstream());
    }
}

impl<T: Send + 'static> WaitFor for TaskFutures<T> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        upstreams.extend(self.iter().map(TaskFuture::upstream));
    }
}

impl<W: WaitFor + ?Sized> WaitFor for &W {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        (**self).add_to(upstreams);
    }
}

impl<W: WaitFor> WaitFor for [W] {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.iter().for_each(|each| each.add_to(upstreams));
    }
}

impl<W: WaitFor, const N: usize> WaitFor for [W; N] {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.as_slice().add_to(upstreams);
    }
}

impl<W: WaitFor> WaitFor for Vec<W> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.as_slice().add_to(upstreams);
    }
}

macro_rules! wait_for_tuples {
    ($($($name:ident),+;)+) => {$(
        impl<$($name: WaitFor),+> WaitFor for ($($name,)+) {
            fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
                #[expect(non_snake_case, reason = "a variable for each type parameter")]
                let ($($name,)+) = self;
                $($name.add_to(upstreams);)+
            }
        }
    )+};
}

wait_for_tuples! {
    A;
    A, B;
    A, B, C;
    A, B, C, D;
    A, B, C, D, E;
    A, B, C, D, E, F;
}
