//! Glue: what the engine must know about a function's return type.
//!
//! No bound is forced on users. Whether a value is an error, how it is shown, and whether it can carry an error of the
//! engine is found out where the concrete type is known: in the expansion, by method resolution. Each question is a
//! list of traits with one method of one name, implemented for more and more references to a probe; the compiler takes
//! the first implementation whose bounds hold.

use std::fmt;
use std::sync::Arc;

use super::codec::MakesCodec;
use super::input::Upstream;
use crate::state::{Failure, RunError, State};

/// What a value says of its run, where that is not just that it has completed.
pub enum Verdict {
    /// The value is an error.
    Failed(Failure),
    /// The value is the state that the run ends in, or is made of the states of other runs.
    Returned(Box<State>),
    /// There is no value: the process that made the attempt is gone.
    Lost(String),
    /// There is no value: the attempt could not begin where it was to be made.
    Refused(String),
    /// The value holds futures of runs that have not ended.
    Unfinished(Vec<Arc<dyn Upstream>>),
}

/// What the engine knows about a return type `R`.
pub struct Glue<R> {
    /// `Err` if the value is an error, or made of states.
    pub verdict: fn(&R) -> Result<(), Box<Verdict>>,
    /// Makes a value of an error of the engine, or panics with it.
    pub raise: fn(RunError) -> R,
    /// How the value is kept, if it can be.
    pub codec: MakesCodec<R>,
}

impl<R> Clone for Glue<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Glue<R> {}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
            Self::Returned(state) => f.debug_tuple("Returned").field(state).finish(),
            Self::Refused(reason) => f.debug_tuple("Refused").field(reason).finish(),
            Self::Lost(message) => f.debug_tuple("Lost").field(message).finish(),
            Self::Unfinished(runs) => write!(f, "Unfinished({} runs)", runs.len()),
        }
    }
}

impl<R> fmt::Debug for Glue<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Glue(..)")
    }
}

/// A `Result`: what the value and error of a function are.
pub trait Fallible {
    /// The type of a good value.
    type Value;
    /// The type of an error.
    type Error;
    /// The type with another type of good value.
    type With<T>;

    /// The same with what `change` makes of a good value.
    fn map_value<T>(self, change: impl FnOnce(Self::Value) -> T) -> Self::With<T>;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;
    type With<U> = Result<U, E>;

    fn map_value<U>(self, change: impl FnOnce(T) -> U) -> Result<U, E> {
        self.map(change)
    }
}

/// An error type that can carry an error of the engine.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry an error of the engine, but the `timeout` option needs that",
    label = "a timeout has to be reported as this type",
    note = "add `impl From<context::RunError> for {Self}`, or use an error type that has it, such as `anyhow::Error`"
)]
pub trait CarriesRunError {}

impl<E: From<RunError>> CarriesRunError for E {}

/// The last segment of a type's path, without generics: `AppError`.
pub(crate) fn short_type_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let plain = full.split('<').next().unwrap_or(full);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// Raises `error` where the function's return type cannot carry it.
#[cold]
#[track_caller]
pub(crate) fn raise_as_panic(error: RunError) -> ! {
    tracing::error!("{error}");
    std::panic::panic_any(error)
}

/// The probes; named only by expansions.
///
/// Each asks about a type, not a value, and answers with a function pointer: what an expansion makes the compiler check
/// is one call for each question.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub mod probe {
    use std::error::Error;
    use std::fmt::{Debug, Display};
    use std::marker::PhantomData;
    use std::sync::Arc;

    use super::{Verdict as Said, raise_as_panic, short_type_name};
    use crate::engine::returned::ReturnedStates;
    use crate::state::{Failure, RunError, State};

    fn failure<E>(message: String) -> Failure {
        Failure { type_name: short_type_name::<E>(), message, source: None }
    }

    /// Asks whether a value of type `R` is an error, how it is shown, and how much of it can be kept.
    pub struct Outcome<R>(PhantomData<fn() -> R>);

    impl<R> Outcome<R> {
        pub const fn new() -> Self {
            Self(PhantomData)
        }

        /// Of a value whose type cannot be written down.
        pub const fn of(_: &R) -> Self {
            Self::new()
        }
    }

    impl<R> Default for Outcome<R> {
        fn default() -> Self {
            Self::new()
        }
    }

    /// How to tell whether a value is an error.
    pub type Verdict<R> = fn(&R) -> Result<(), Box<Said>>;

    /// States or futures, or an error that can be displayed.
    pub trait StatesOrDisplayed<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<S: ReturnedStates, E: Display> StatesOrDisplayed<Result<S, E>>
        for &&&&&&Outcome<Result<S, E>>
    {
        fn verdict(&self) -> Verdict<Result<S, E>> {
            |output| match output {
                Ok(states) => states.verdict(),
                Err(error) => Err(Box::new(Said::Failed(failure::<E>(error.to_string())))),
            }
        }
    }

    /// States or futures, or an error that can be debugged.
    pub trait StatesOrDebugged<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<S: ReturnedStates, E: Debug> StatesOrDebugged<Result<S, E>> for &&&&&Outcome<Result<S, E>> {
        fn verdict(&self) -> Verdict<Result<S, E>> {
            |output| match output {
                Ok(states) => states.verdict(),
                Err(error) => Err(Box::new(Said::Failed(failure::<E>(format!("{error:?}"))))),
            }
        }
    }

    /// States or futures.
    pub trait States<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<S: ReturnedStates> States<S> for &&&&Outcome<S> {
        fn verdict(&self) -> Verdict<S> {
            |states| states.verdict()
        }
    }

    /// An error that can be displayed.
    pub trait DisplayedError<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<T, E: Display> DisplayedError<Result<T, E>> for &&&Outcome<Result<T, E>> {
        fn verdict(&self) -> Verdict<Result<T, E>> {
            |output| match output {
                Ok(_) => Ok(()),
                Err(error) => Err(Box::new(Said::Failed(failure::<E>(error.to_string())))),
            }
        }
    }

    /// An error that can be debugged.
    pub trait DebuggedError<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<T, E: Debug> DebuggedError<Result<T, E>> for &&Outcome<Result<T, E>> {
        fn verdict(&self) -> Verdict<Result<T, E>> {
            |output| match output {
                Ok(_) => Ok(()),
                Err(error) => Err(Box::new(Said::Failed(failure::<E>(format!("{error:?}"))))),
            }
        }
    }

    /// An error that says nothing.
    pub trait NamedError<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<T, E> NamedError<Result<T, E>> for &Outcome<Result<T, E>> {
        fn verdict(&self) -> Verdict<Result<T, E>> {
            |output| match output {
                Ok(_) => Ok(()),
                Err(_) => {
                    Err(Box::new(Said::Failed(failure::<E>(short_type_name::<E>().to_owned()))))
                }
            }
        }
    }

    /// Anything that is not a `Result`.
    pub trait PlainValue<R> {
        fn verdict(&self) -> Verdict<R>;
    }

    impl<R> PlainValue<R> for Outcome<R> {
        fn verdict(&self) -> Verdict<R> {
            |_| Ok(())
        }
    }

    /// Asks whether a return type can carry an error of the engine.
    pub struct Raise<R>(PhantomData<fn() -> R>);

    impl<R> Raise<R> {
        pub const fn new() -> Self {
            Self(PhantomData)
        }
    }

    impl<R> Default for Raise<R> {
        fn default() -> Self {
            Self::new()
        }
    }

    /// A state.
    pub trait RaiseAsState<R> {
        fn raise(&self) -> fn(RunError) -> R;
    }

    impl<T> RaiseAsState<State<T>> for &&Raise<State<T>> {
        fn raise(&self) -> fn(RunError) -> State<T> {
            |error| State::from_parts(State::failed(error.to_string()), Err(error))
        }
    }

    /// A `Result` whose error type can.
    pub trait RaiseAsError<R> {
        fn raise(&self) -> fn(RunError) -> R;
    }

    impl<T, E: From<RunError>> RaiseAsError<Result<T, E>> for &Raise<Result<T, E>> {
        fn raise(&self) -> fn(RunError) -> Result<T, E> {
            |error| Err(E::from(error))
        }
    }

    /// Anything else.
    pub trait RaiseAsPanic<R> {
        fn raise(&self) -> fn(RunError) -> R;
    }

    impl<R> RaiseAsPanic<R> for Raise<R> {
        fn raise(&self) -> fn(RunError) -> R {
            |error| raise_as_panic(error)
        }
    }

    /// How to take the value out of a `Result`.
    pub type Keep<T, E> = fn(Result<T, E>) -> Result<T, Failure>;

    /// An error with a source chain.
    pub trait KeptWhole<T, E> {
        fn keep(&self) -> Keep<T, E>;
    }

    impl<T, E: Into<Box<dyn Error + Send + Sync>>> KeptWhole<T, E> for &&&Outcome<Result<T, E>> {
        fn keep(&self) -> Keep<T, E> {
            |output| {
                output.map_err(|error| {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    let message = error.to_string();
                    Failure { source: Some(Arc::from(error)), ..failure::<E>(message) }
                })
            }
        }
    }

    /// An error that can be displayed.
    pub trait KeptAsText<T, E> {
        fn keep(&self) -> Keep<T, E>;
    }

    impl<T, E: Display> KeptAsText<T, E> for &&Outcome<Result<T, E>> {
        fn keep(&self) -> Keep<T, E> {
            |output| output.map_err(|error| failure::<E>(error.to_string()))
        }
    }

    /// An error that can be debugged.
    pub trait KeptAsDebug<T, E> {
        fn keep(&self) -> Keep<T, E>;
    }

    impl<T, E: Debug> KeptAsDebug<T, E> for &Outcome<Result<T, E>> {
        fn keep(&self) -> Keep<T, E> {
            |output| output.map_err(|error| failure::<E>(format!("{error:?}")))
        }
    }

    /// Anything else.
    pub trait KeptAsName<T, E> {
        fn keep(&self) -> Keep<T, E>;
    }

    impl<T, E> KeptAsName<T, E> for Outcome<Result<T, E>> {
        fn keep(&self) -> Keep<T, E> {
            |output| output.map_err(|_| failure::<E>(short_type_name::<E>().to_owned()))
        }
    }
}
