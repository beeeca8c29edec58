//! Bodies: the user's function, as something that can be attempted.

mod probes;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::glue::{CarriesRunError, Fallible, Glue};
use super::remote::RemoteFn;
use super::submit::{ArgumentList, FlowCaller, OwnedCall, Submitter};
use crate::definition::{FlowDefinition, TaskDefinition};
use crate::id::TaskRunId;
use crate::parameters::ParameterSink;
use crate::state::Failure;

pub(super) use probes::Bound;
pub use probes::{
    CopiedArguments, CopyProbe, LeaveProbe, LeavingArguments, LeavingFuture, LocalArguments,
    LocalFuture, MovedArguments, SendArguments, SendFuture, SendProbe, StayingArguments,
    StayingFuture,
};

/// A function with its arguments.
pub trait Body {
    /// The arguments, as a tuple.
    type Arguments;
    /// What an attempt gives: a value, or a future of one.
    type Attempt;

    /// The arguments, if they are still here.
    fn arguments(&self) -> Option<&Self::Arguments>;

    /// True if there can be more than one attempt.
    fn is_repeatable(&self) -> bool;

    /// Starts an attempt. `last` says that there will be no other, so that the arguments need not be copied. `None` if
    /// the arguments are gone.
    fn attempt(&mut self, last: bool) -> Option<Self::Attempt>;
}

/// A function that is attempted once.
pub struct Once<A, F>(Option<(A, F)>);

impl<A, F> Once<A, F> {
    /// Ties `function` to its arguments. The bound tells the compiler what a closure takes.
    #[inline]
    pub const fn new<T>(arguments: A, function: F) -> Self
    where
        F: FnOnce(A) -> T,
    {
        Self(Some((arguments, function)))
    }
}

impl<A, T, F: FnOnce(A) -> T> Body for Once<A, F> {
    type Arguments = A;
    type Attempt = T;

    fn arguments(&self) -> Option<&A> {
        self.0.as_ref().map(|(arguments, _)| arguments)
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    #[inline]
    fn attempt(&mut self, _: bool) -> Option<T> {
        let (arguments, function) = self.0.take()?;
        Some(function(arguments))
    }
}

/// How a type can be copied, if it can.
pub type CopyOf<A> = Option<fn(&A) -> A>;

/// A function that is attempted again only if the settings say so, and its arguments can be copied.
pub struct Perhaps<A, F> {
    arguments: Option<A>,
    copy: fn() -> CopyOf<A>,
    function: F,
}

impl<A, F> Perhaps<A, F> {
    /// Ties `function` to its arguments. The bound tells the compiler what a closure takes.
    #[inline]
    pub const fn new<T>(arguments: A, copy: fn() -> CopyOf<A>, function: F) -> Self
    where
        F: FnMut(A) -> T,
    {
        Self { arguments: Some(arguments), copy, function }
    }
}

impl<A, T, F: FnMut(A) -> T> Body for Perhaps<A, F> {
    type Arguments = A;
    type Attempt = T;

    fn arguments(&self) -> Option<&A> {
        self.arguments.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        (self.copy)().is_some()
    }

    #[inline]
    fn attempt(&mut self, last: bool) -> Option<T> {
        let arguments = self.arguments.take()?;
        if !last && let Some(copy) = (self.copy)() {
            self.arguments = Some(copy(&arguments));
        }
        Some((self.function)(arguments))
    }
}

impl<A, F> fmt::Debug for Perhaps<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Perhaps(..)")
    }
}

/// A function that can be attempted again: every attempt gets its own copy of the arguments.
pub struct Retried<A, F> {
    arguments: Option<A>,
    duplicate: fn(&A) -> Option<A>,
    function: F,
}

impl<A, F> Retried<A, F> {
    /// Ties `function` to its arguments. The bound tells the compiler what a closure takes.
    pub const fn new<T>(arguments: A, duplicate: fn(&A) -> Option<A>, function: F) -> Self
    where
        F: FnMut(A) -> T,
    {
        Self { arguments: Some(arguments), duplicate, function }
    }
}

impl<A, T, F: FnMut(A) -> T> Body for Retried<A, F> {
    type Arguments = A;
    type Attempt = T;

    fn arguments(&self) -> Option<&A> {
        self.arguments.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    #[inline]
    fn attempt(&mut self, last: bool) -> Option<T> {
        let arguments =
            if last { self.arguments.take()? } else { (self.duplicate)(self.arguments.as_ref()?)? };
        Some((self.function)(arguments))
    }
}

impl<A, F> fmt::Debug for Once<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once(..)")
    }
}

impl<A, F> fmt::Debug for Retried<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retried(..)")
    }
}

/// Records the arguments of a function.
pub(super) type Encode<A> = fn(&A, &mut ParameterSink);

/// Records the arguments of `body`.
pub(super) fn record<B: Body>(body: &B, encode: Encode<B::Arguments>, sink: &mut ParameterSink) {
    if let Some(arguments) = body.arguments() {
        encode(arguments, sink);
    }
}

/// An attempt of a function that may run on another thread.
pub enum Attempt<R> {
    /// Of an `async fn`.
    Async(Pin<Box<dyn Future<Output = R> + Send>>),
    /// Of a plain `fn`.
    Blocking(Box<dyn FnOnce() -> R + Send>),
}

impl<R> fmt::Debug for Attempt<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async(_) => "Attempt::Async(..)",
            Self::Blocking(_) => "Attempt::Blocking(..)",
        })
    }
}

/// How a function is called: at once, or by awaiting it.
pub trait Mode: 'static {
    /// What a call of owned arguments gives.
    type Called<R>;
    /// Makes the call.
    fn make<R>(call: OwnedCall<R>) -> Self::Called<R>;
}

/// An `async fn`: a call gives a future.
#[derive(Debug)]
pub enum Asynchronous {}

/// A plain `fn`: a call blocks.
#[derive(Debug)]
pub enum Blocking {}

impl Mode for Asynchronous {
    type Called<R> = Pin<Box<dyn Future<Output = R> + Send>>;

    fn make<R>(call: OwnedCall<R>) -> Self::Called<R> {
        call.later()
    }
}

impl Mode for Blocking {
    type Called<R> = R;

    fn make<R>(call: OwnedCall<R>) -> R {
        call.now()
    }
}

/// What the handle of a task knows how to do. Implemented by `#[task]`.
pub trait TaskFn<Args>: Sized + 'static {
    /// What the function returns.
    type Output;
    /// The value in it: `T` of a `Result<T, E>`, else the output itself.
    type Value;
    /// The output, with a value that knows its run.
    type Tracked;
    /// How it is called.
    type Mode: Mode;

    /// The task.
    fn definition() -> &'static TaskDefinition;
    /// Records the arguments.
    fn encode(arguments: &Args, sink: &mut ParameterSink);
    /// Starts the function.
    fn attempt(arguments: Args) -> Attempt<Self::Output>;
    /// What the engine must know about the output.
    fn glue() -> Glue<Self::Output>;
    /// Takes the value out of the output.
    ///
    /// # Errors
    ///
    /// If the output is an error.
    fn value(output: Self::Output) -> Result<Self::Value, Failure>;
    /// Says which run has made the value in the output.
    fn track(output: Self::Output, run: TaskRunId) -> Self::Tracked;
    /// Runs it elsewhere.
    fn submitter() -> Submitter<Self, Args>
    where
        Args: ArgumentList;

    /// How it is run in another process, if it can be.
    fn remote() -> Option<RemoteFn<Args, Self::Value>>;
    /// Starts the function for another process; `None` if it must stay on the thread that calls it.
    fn attempt_for_another(arguments: Args) -> Option<Attempt<Self::Output>>;

    /// How the arguments can be copied, if they can.
    fn copies() -> CopyOf<Args>;

    /// A copy of the arguments, if there can be one.
    fn duplicate(arguments: &Args) -> Option<Args> {
        Self::copies().map(|copy| copy(arguments))
    }
}

/// What the handle of a flow knows how to do. Implemented by `#[flow]`.
pub trait FlowFn<Args>: Sized + 'static {
    /// What the function returns.
    type Output;
    /// The value in it: `T` of a `Result<T, E>`, else the output itself.
    type Value;
    /// How it is called.
    type Mode: Mode;

    /// The flow.
    fn definition() -> &'static FlowDefinition;
    /// Records the arguments.
    fn encode(arguments: &Args, sink: &mut ParameterSink);
    /// Starts the function.
    fn attempt(arguments: Args) -> Attempt<Self::Output>;
    /// What the engine must know about the output.
    fn glue() -> Glue<Self::Output>;
    /// Takes the value out of the output.
    ///
    /// # Errors
    ///
    /// If the output is an error.
    fn value(output: Self::Output) -> Result<Self::Value, Failure>;
    /// Calls it with its arguments.
    fn caller() -> FlowCaller<Self, Args>
    where
        Args: ArgumentList;

    /// How the arguments can be copied, if they can.
    fn copies() -> CopyOf<Args>;

    /// A copy of the arguments, if there can be one.
    fn duplicate(arguments: &Args) -> Option<Args> {
        Self::copies().map(|copy| copy(arguments))
    }
}

/// A type that every attempt of a retried function can have a copy of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a retried function",
    label = "every attempt needs its own copy of this argument",
    note = "derive `Clone` for it, or pass an `Arc` of it"
)]
pub trait RetryArgument: Sized {
    /// A copy for another attempt.
    #[must_use]
    fn duplicate(&self) -> Self;
}

impl<T: Clone> RetryArgument for T {
    fn duplicate(&self) -> Self {
        self.clone()
    }
}

/// An argument of a function that owns its arguments. Nothing implements it: it is the bound of what cannot be offered.
#[diagnostic::on_unimplemented(
    message = "`{H}` cannot be submitted, mapped or configured, because its arguments are borrowed, generic in ways that are not known here, or too many",
    label = "a submitted run outlives this call, so it must own its arguments",
    note = "take owned arguments (`String` for `&str`, `Vec<T>` for `&[T]`, `Arc<T>` for `&T`, a type parameter for `impl Trait`; at most 12), or call `{H}(..)` directly"
)]
pub trait OwnedArgument<H> {}

/// Checked by the compiler, at the error type.
#[inline(always)]
pub const fn assert_carries_run_error<E: CarriesRunError>() {}

/// Checked by the compiler, at the return type.
#[inline(always)]
pub const fn assert_output_carries_run_error<R: Fallible<Error: CarriesRunError>>() {}
