//! Probes: what is asked of a function's arguments and future where their concrete types are known.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;

use super::{Attempt, CopyOf};

/// Asks whether arguments can be copied. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct CopyProbe<A>(PhantomData<fn() -> A>);

impl<A> CopyProbe<A> {
    /// A probe of `A`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A> Default for CopyProbe<A> {
    fn default() -> Self {
        Self::new()
    }
}

/// Arguments that can be copied.
pub trait CopiedArguments<A> {
    /// How.
    fn copies(&self) -> CopyOf<A>;
}

impl<A: Clone> CopiedArguments<A> for &CopyProbe<A> {
    fn copies(&self) -> CopyOf<A> {
        Some(A::clone)
    }
}

/// Arguments that cannot.
pub trait MovedArguments<A> {
    /// Not at all.
    fn copies(&self) -> CopyOf<A>;
}

impl<A> MovedArguments<A> for CopyProbe<A> {
    fn copies(&self) -> CopyOf<A> {
        None
    }
}

/// Asks whether an attempt may run on another thread. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct SendProbe<T>(Cell<Option<T>>);

impl<T> SendProbe<T> {
    /// A probe of a future, or of arguments and a function.
    pub const fn new(subject: T) -> Self {
        Self(Cell::new(Some(subject)))
    }

    fn take(&self) -> T {
        self.0.take().expect("a probe is asked once")
    }
}

impl<A, F> SendProbe<(A, F)> {
    /// A probe of a plain function with its arguments. The bound tells the compiler what a closure takes.
    pub const fn of_call<R>(arguments: A, function: F) -> Self
    where
        F: FnOnce(A) -> R,
    {
        Self::new((arguments, function))
    }
}

/// A future that may move between threads.
pub trait SendFuture<R> {
    /// The attempt.
    fn start_async(&self) -> Attempt<R>;
}

impl<R, F: Future<Output = R> + Send + 'static> SendFuture<R> for &SendProbe<F> {
    fn start_async(&self) -> Attempt<R> {
        Attempt::Async(Box::pin(self.take()))
    }
}

/// A future that may not.
pub trait LocalFuture<R> {
    /// Does not compile.
    fn start_async(&self) -> Attempt<R>;
}

impl<R, F: Future<Output = R>> LocalFuture<R> for SendProbe<F> {
    fn start_async(&self) -> Attempt<R> {
        const { Bound::<F>::FUTURE };
        unreachable!("the line above does not compile")
    }
}

/// Arguments that may move to another thread.
pub trait SendArguments<R> {
    /// The attempt.
    fn start_blocking(&self) -> Attempt<R>;
}

impl<R, A, F> SendArguments<R> for &SendProbe<(A, F)>
where
    A: Send + 'static,
    F: FnOnce(A) -> R + Send + 'static,
{
    fn start_blocking(&self) -> Attempt<R> {
        let (arguments, function) = self.take();
        Attempt::Blocking(Box::new(move || function(arguments)))
    }
}

/// Arguments that may not.
pub trait LocalArguments<R> {
    /// Does not compile.
    fn start_blocking(&self) -> Attempt<R>;
}

impl<R, A, F: FnOnce(A) -> R> LocalArguments<R> for SendProbe<(A, F)> {
    fn start_blocking(&self) -> Attempt<R> {
        const { Bound::<(A, F)>::ARGUMENTS };
        unreachable!("the line above does not compile")
    }
}

/// Asks whether an attempt may be made by a process that has not called it. Named only by expansions.
///
/// As [`SendProbe`], where a function that must stay on its thread is no mistake.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct LeaveProbe<T>(SendProbe<T>);

impl<T> LeaveProbe<T> {
    /// A probe of a future.
    pub const fn new(subject: T) -> Self {
        Self(SendProbe::new(subject))
    }
}

impl<A, F> LeaveProbe<(A, F)> {
    /// A probe of a plain function with its arguments. The bound tells the compiler what a closure takes.
    pub const fn of_call<R>(arguments: A, function: F) -> Self
    where
        F: FnOnce(A) -> R,
    {
        Self(SendProbe::of_call(arguments, function))
    }
}

/// A future that may move between threads.
pub trait LeavingFuture<R> {
    /// The attempt.
    fn leave_async(&self) -> Option<Attempt<R>>;
}

impl<R, F: Future<Output = R> + Send + 'static> LeavingFuture<R> for &LeaveProbe<F> {
    fn leave_async(&self) -> Option<Attempt<R>> {
        Some(Attempt::Async(Box::pin(self.0.take())))
    }
}

/// A future that may not.
pub trait StayingFuture<R> {
    /// There is none.
    fn leave_async(&self) -> Option<Attempt<R>>;
}

impl<R, F: Future<Output = R>> StayingFuture<R> for LeaveProbe<F> {
    fn leave_async(&self) -> Option<Attempt<R>> {
        None
    }
}

/// Arguments that may move to another thread.
pub trait LeavingArguments<R> {
    /// The attempt.
    fn leave_blocking(&self) -> Option<Attempt<R>>;
}

impl<R, A, F> LeavingArguments<R> for &LeaveProbe<(A, F)>
where
    A: Send + 'static,
    F: FnOnce(A) -> R + Send + 'static,
{
    fn leave_blocking(&self) -> Option<Attempt<R>> {
        let (arguments, function) = self.0.take();
        Some(Attempt::Blocking(Box::new(move || function(arguments))))
    }
}

/// Arguments that may not.
pub trait StayingArguments<R> {
    /// There is none.
    fn leave_blocking(&self) -> Option<Attempt<R>>;
}

impl<R, A, F: FnOnce(A) -> R> StayingArguments<R> for LeaveProbe<(A, F)> {
    fn leave_blocking(&self) -> Option<Attempt<R>> {
        None
    }
}

/// What is reported where a function that stays on its thread is to be moved to another.
pub(in crate::engine) struct Bound<T>(PhantomData<T>);

impl<T> Bound<T> {
    const FUTURE: () = panic!(
        "this function cannot be submitted, mapped or configured: its future is not `Send + 'static`. \
         Do not keep values such as `Rc` or `RefCell` borrows across an `.await` (use `Arc`, `Mutex`), or call the function directly"
    );
    const ARGUMENTS: () = panic!(
        "this function cannot be submitted, mapped or configured: an argument is not `Send + 'static`. \
         Use `Arc` for `Rc` and `Mutex` for `RefCell`, or call the function directly"
    );
    pub(in crate::engine) const VALUES: () = panic!(
        "this function cannot be submitted, mapped or configured: an argument or its return type is not `Send + 'static`. \
         Use `Arc` for `Rc` and `Mutex` for `RefCell`, or call the function directly"
    );
}
