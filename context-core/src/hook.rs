//! Hooks: functions of the user that the engine calls at certain moments.
//!
//! A hook is a plain or an `async` function. Whether it is one or the other is found out from what it returns, so both
//! are written in the same place. It may return nothing or a `Result`; an error, like a panic, is told to the log and
//! never changes the run.
//!
//! This module knows how hooks are called, not when, nor what they are told.

use std::fmt::{self, Display};
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::state::panic_message;

/// A call of a hook that has not ended.
type Calling<R> = Pin<Box<dyn Future<Output = Result<R, String>> + Send>>;

/// What a call of a hook gives: an answer, or a future of one.
enum Called<R> {
    Ready(Result<R, String>),
    Later(Calling<R>),
}

/// A function that is told `A` (a tuple, if it takes several arguments) and answers with `R`. Cheap to clone.
pub struct Hook<A, R = ()> {
    name: &'static str,
    call: Arc<dyn Fn(A) -> Called<R> + Send + Sync>,
}

impl<A, R: Send + 'static> Hook<A, R> {
    /// The function's path, for messages.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Calls it and waits for its answer.
    ///
    /// # Errors
    ///
    /// If it returned an error or panicked, with the text of that.
    pub(crate) async fn call(&self, told: A) -> Result<R, String> {
        match catch_unwind(AssertUnwindSafe(|| (self.call)(told))) {
            Ok(Called::Ready(answer)) => answer,
            Ok(Called::Later(calling)) => Guarded(calling).await,
            Err(payload) => Err(format!("it panicked: {}", panic_message(&*payload))),
        }
    }
}

/// A future whose panic is an error.
struct Guarded<R>(Calling<R>);

impl<R> Future for Guarded<R> {
    type Output = Result<R, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))).unwrap_or_else(|payload| {
            Poll::Ready(Err(format!("it panicked: {}", panic_message(&*payload))))
        })
    }
}

impl<A, R> Clone for Hook<A, R> {
    fn clone(&self) -> Self {
        Self { name: self.name, call: self.call.clone() }
    }
}

impl<A, R> fmt::Debug for Hook<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.name)
    }
}

/// What a hook may return in place of `R`: an `R`, or a `Result` of one.
pub trait Answer<R> {
    /// The answer, or the text of the error.
    ///
    /// # Errors
    ///
    /// If the hook returned an error.
    fn answer(self) -> Result<R, String>;
}

impl<R> Answer<R> for R {
    fn answer(self) -> Result<R, String> {
        Ok(self)
    }
}

impl<R, E: Display> Answer<R> for Result<R, E> {
    fn answer(self) -> Result<R, String> {
        self.map_err(|error| error.to_string())
    }
}

/// A plain function that returns `O`.
#[derive(Debug)]
pub struct Plain<O>(PhantomData<O>);

/// A function that returns a future of `O`.
#[derive(Debug)]
pub struct Later<F>(PhantomData<F>);

/// A hook, or several: what may be given where hooks are wanted.
///
/// One function, a tuple of up to six, or an array or vector of [`Hook`]s. `M` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a hook here",
    label = "not a function of the wanted arguments",
    note = "state hooks of a task take `(&'static TaskDefinition, TaskRun, State)`, those of a flow `(&'static FlowDefinition, FlowRun, State)`, transaction hooks take `(Transaction,)`; each is a `fn` or an `async fn` and returns nothing or a `Result<(), E>` with `E: Display`; a retry condition returns a `bool`"
)]
pub trait IntoHooks<A, R, M> {
    /// The hooks, in order.
    fn into_hooks(self) -> Vec<Hook<A, R>>;
}

macro_rules! functions {
    ($(($($argument:ident $value:ident),+);)+) => {$(
        impl<T, O, R, $($argument),+> IntoHooks<($($argument,)+), R, Plain<O>> for T
        where
            T: Fn($($argument),+) -> O + Send + Sync + 'static,
            O: Answer<R>,
        {
            fn into_hooks(self) -> Vec<Hook<($($argument,)+), R>> {
                vec![Hook {
                    name: std::any::type_name::<T>(),
                    call: Arc::new(move |($($value,)+)| Called::Ready(self($($value),+).answer())),
                }]
            }
        }

        impl<T, F, R, $($argument),+> IntoHooks<($($argument,)+), R, Later<F>> for T
        where
            T: Fn($($argument),+) -> F + Send + Sync + 'static,
            F: Future<Output: Answer<R>> + Send + 'static,
        {
            fn into_hooks(self) -> Vec<Hook<($($argument,)+), R>> {
                vec![Hook {
                    name: std::any::type_name::<T>(),
                    call: Arc::new(move |($($value,)+)| {
                        let calling = self($($value),+);
                        Called::Later(Box::pin(async move { calling.await.answer() }))
                    }),
                }]
            }
        }
    )+};
}

functions! {
    (A a);
    (A a, B b, C c);
}

/// Hooks that are hooks already.
#[derive(Debug)]
pub enum Made {}

impl<A, R> IntoHooks<A, R, Made> for Hook<A, R> {
    fn into_hooks(self) -> Vec<Self> {
        vec![self]
    }
}

impl<A, R> IntoHooks<A, R, Made> for Vec<Hook<A, R>> {
    fn into_hooks(self) -> Self {
        self
    }
}

/// Several hooks of one type.
#[derive(Debug)]
pub struct Each<M>(PhantomData<M>);

impl<A, R, M, H: IntoHooks<A, R, M>, const N: usize> IntoHooks<A, R, Each<M>> for [H; N] {
    fn into_hooks(self) -> Vec<Hook<A, R>> {
        self.into_iter().flat_map(IntoHooks::into_hooks).collect()
    }
}

macro_rules! tuples {
    ($($($hook:ident $marker:ident $value:ident),+;)+) => {$(
        impl<Args, Out, $($hook, $marker),+> IntoHooks<Args, Out, ($($marker,)+)> for ($($hook,)+)
        where
            $($hook: IntoHooks<Args, Out, $marker>),+
        {
            fn into_hooks(self) -> Vec<Hook<Args, Out>> {
                let ($($value,)+) = self;
                let mut hooks = Vec::new();
                $(hooks.extend($value.into_hooks());)+
                hooks
            }
        }
    )+};
}

tuples! {
    A M a;
    A M a, B N b;
    A M a, B N b, C O c;
    A M a, B N b, C O c, D P d;
    A M a, B N b, C O c, D P d, E Q e;
    A M a, B N b, C O c, D P d, E Q e, F S f;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks<M, I: IntoHooks<(u32,), (), M>>(hooks: I) -> Vec<Hook<(u32,)>> {
        hooks.into_hooks()
    }

    fn plain(_: u32) {}

    fn fails(number: u32) -> Result<(), String> {
        Err(format!("no {number}"))
    }

    async fn later(number: u32) -> Result<(), fmt::Error> {
        tokio::task::yield_now().await;
        if number == 1 { Err(fmt::Error) } else { Ok(()) }
    }

    fn panics(_: u32) {
        panic!("boom")
    }

    async fn panics_later(_: u32) {
        tokio::task::yield_now().await;
        panic!("bang")
    }

    #[tokio::test]
    async fn plain_and_async_functions_are_hooks_and_their_errors_are_texts() {
        let mut told = Vec::new();
        for hook in hooks((plain, fails, later, panics, panics_later)) {
            told.push(hook.call((1,)).await);
        }
        let no = |text: &str| Err(text.to_owned());
        assert_eq!(
            told,
            [
                Ok(()),
                no("no 1"),
                no("an error occurred when formatting an argument"),
                no("it panicked: boom"),
                no("it panicked: bang"),
            ]
        );
    }

    #[tokio::test]
    async fn a_condition_answers() {
        fn decide<M, I: IntoHooks<(u32,), bool, M>>(hook: I) -> Hook<(u32,), bool> {
            hook.into_hooks().remove(0)
        }
        assert_eq!(decide(|n| n > 1).call((2,)).await, Ok(true));
        assert_eq!(decide(|n| async move { n > 2 }).call((2,)).await, Ok(false));
        assert_eq!(decide(|_| Err::<bool, _>("no")).call((2,)).await, Err("no".to_owned()));
    }

    #[test]
    fn lists_and_hooks_are_hooks() {
        assert_eq!(hooks([plain, plain]).len(), 2);
        assert_eq!(hooks(hooks((plain, later))).len(), 2);
        assert!(hooks(plain)[0].name().ends_with("plain"));
    }
}
