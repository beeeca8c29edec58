//! Glue: what the engine must know about a function's return type.
//!
//! No bound is forced on users. Whether a value is an error, how it is shown, and whether it can carry an error of the
//! engine is found out where the concrete type is known: in the expansion, by method resolution. Each question is a
//! list of traits with one method of one name, implemented for more and more references to a probe; the compiler takes
//! the first implementation whose bounds hold.

use std::fmt;

use crate::state::{Failure, RunError};

/// What the engine knows about a return type `R`.
pub struct Glue<R> {
    /// `Err` if the value is an error.
    pub verdict: fn(&R) -> Result<(), Failure>,
    /// Makes a value of an error of the engine, or panics with it.
    pub raise: fn(RunError) -> R,
}

impl<R> Clone for Glue<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Glue<R> {}

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
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;
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
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub mod probe {
    use std::cell::Cell;
    use std::error::Error;
    use std::fmt::{Debug, Display};
    use std::marker::PhantomData;
    use std::sync::Arc;

    use super::{raise_as_panic, short_type_name};
    use crate::state::{Failure, RunError};

    fn failure<E>(message: String) -> Failure {
        Failure { type_name: short_type_name::<E>(), message, source: None }
    }

    /// Asks whether a value is an error, and how it is shown.
    pub struct Outcome<'a, R>(pub &'a R);

    /// An error that can be displayed.
    pub trait DisplayedError {
        fn verdict(&self) -> Result<(), Failure>;
    }

    impl<T, E: Display> DisplayedError for &&&Outcome<'_, Result<T, E>> {
        #[inline]
        fn verdict(&self) -> Result<(), Failure> {
            match self.0 {
                Ok(_) => Ok(()),
                Err(error) => Err(failure::<E>(error.to_string())),
            }
        }
    }

    /// An error that can be debugged.
    pub trait DebuggedError {
        fn verdict(&self) -> Result<(), Failure>;
    }

    impl<T, E: Debug> DebuggedError for &&Outcome<'_, Result<T, E>> {
        #[inline]
        fn verdict(&self) -> Result<(), Failure> {
            match self.0 {
                Ok(_) => Ok(()),
                Err(error) => Err(failure::<E>(format!("{error:?}"))),
            }
        }
    }

    /// An error that says nothing.
    pub trait NamedError {
        fn verdict(&self) -> Result<(), Failure>;
    }

    impl<T, E> NamedError for &Outcome<'_, Result<T, E>> {
        #[inline]
        fn verdict(&self) -> Result<(), Failure> {
            match self.0 {
                Ok(_) => Ok(()),
                Err(_) => Err(failure::<E>(short_type_name::<E>().to_owned())),
            }
        }
    }

    /// Anything that is not a `Result`.
    pub trait PlainValue {
        fn verdict(&self) -> Result<(), Failure>;
    }

    impl<R> PlainValue for Outcome<'_, R> {
        #[inline]
        fn verdict(&self) -> Result<(), Failure> {
            Ok(())
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

    /// A `Result` whose error type can.
    pub trait RaiseAsError<R> {
        fn raise(&self, error: RunError) -> R;
    }

    impl<T, E: From<RunError>> RaiseAsError<Result<T, E>> for &Raise<Result<T, E>> {
        fn raise(&self, error: RunError) -> Result<T, E> {
            Err(E::from(error))
        }
    }

    /// Anything else.
    pub trait RaiseAsPanic<R> {
        fn raise(&self, error: RunError) -> R;
    }

    impl<R> RaiseAsPanic<R> for Raise<R> {
        #[track_caller]
        fn raise(&self, error: RunError) -> R {
            raise_as_panic(error)
        }
    }

    /// Asks how much of an error can be kept.
    pub struct Kept<E>(Cell<Option<E>>);

    impl<E> Kept<E> {
        pub const fn new(error: E) -> Self {
            Self(Cell::new(Some(error)))
        }

        fn take(&self) -> E {
            self.0.take().expect("a probe is asked once")
        }
    }

    /// An error with a source chain.
    pub trait KeptWhole {
        fn keep(&self) -> Failure;
    }

    impl<E: Into<Box<dyn Error + Send + Sync>>> KeptWhole for &&&Kept<E> {
        fn keep(&self) -> Failure {
            let error: Box<dyn Error + Send + Sync> = self.take().into();
            let message = error.to_string();
            Failure { source: Some(Arc::from(error)), ..failure::<E>(message) }
        }
    }

    /// An error that can be displayed.
    pub trait KeptAsText {
        fn keep(&self) -> Failure;
    }

    impl<E: Display> KeptAsText for &&Kept<E> {
        fn keep(&self) -> Failure {
            failure::<E>(self.take().to_string())
        }
    }

    /// An error that can be debugged.
    pub trait KeptAsDebug {
        fn keep(&self) -> Failure;
    }

    impl<E: Debug> KeptAsDebug for &Kept<E> {
        fn keep(&self) -> Failure {
            failure::<E>(format!("{:?}", self.take()))
        }
    }

    /// Anything else.
    pub trait KeptAsName {
        fn keep(&self) -> Failure;
    }

    impl<E> KeptAsName for Kept<E> {
        fn keep(&self) -> Failure {
            drop(self.take());
            failure::<E>(short_type_name::<E>().to_owned())
        }
    }
}

/// The glue of a return type: `__glue!(Result<u32, Oops>)`, or `__glue!()` where the type cannot be written down.
#[macro_export]
#[doc(hidden)]
macro_rules! __glue {
    ($output:ty) => {{
        #[allow(unused_imports, reason = "only one of each kind is chosen")]
        use $crate::engine::probe::{
            DebuggedError as _, DisplayedError as _, NamedError as _, PlainValue as _,
            RaiseAsError as _, RaiseAsPanic as _,
        };
        $crate::engine::Glue {
            verdict: |output: &$output| {
                (&&&&$crate::engine::probe::Outcome::<$output>(output)).verdict()
            },
            raise: |error| (&&$crate::engine::probe::Raise::<$output>::new()).raise(error),
        }
    }};
    () => {{
        #[allow(unused_imports, reason = "only one of each kind is chosen")]
        use $crate::engine::probe::{
            DebuggedError as _, DisplayedError as _, NamedError as _, PlainValue as _,
            RaiseAsPanic as _,
        };
        $crate::engine::Glue {
            verdict: |output| (&&&&$crate::engine::probe::Outcome(output)).verdict(),
            raise: |error| $crate::engine::probe::Raise::new().raise(error),
        }
    }};
}

/// The value of an output: `__value!(result, output)` or `__value!(plain, output)`.
#[macro_export]
#[doc(hidden)]
macro_rules! __value {
    (result, $output:expr) => {
        match $output {
            ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
            ::core::result::Result::Err(error) => {
                #[allow(unused_imports, reason = "only one of them is chosen")]
                use $crate::engine::probe::{
                    KeptAsDebug as _, KeptAsName as _, KeptAsText as _, KeptWhole as _,
                };
                ::core::result::Result::Err((&&&&$crate::engine::probe::Kept::new(error)).keep())
            }
        }
    };
    (plain, $output:expr) => {
        ::core::result::Result::Ok($output)
    };
}
