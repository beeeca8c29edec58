//! The code of annotated functions that is the same for all of them.
//!
//! The attribute macros check what the user wrote and emit calls of these; an expansion is short because they are here.
//! They are exported under names that begin with `__`, and named as `private::..`.
//!
//! Whether a type can be shown, sent or copied is asked by method resolution (`engine::probe`), which needs the concrete
//! type: that is why these are macros and not functions.

/// Declares the handle of a function. Its name is read by people: rustc shows it below the error that a type of the
/// function's name exists already, or that the function stands in an `impl`.
#[macro_export]
#[doc(hidden)]
macro_rules! if_the_name_is_taken_or_in_an_impl__write__handle_equals_false {
    ($visibility:vis struct $handle:tt) => {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, unreachable_pub)]
        $visibility struct $handle {
            __context_never: ::core::convert::Infallible,
        }
    };
}

/// The definition of a function: as an expression, or as the handle's `definition()`, which is then registered.
///
/// `task { name: "fetch", .. } .retries(3)`, or `pub task fetch { name: "fetch", .. } .retries(3)`.
#[macro_export]
#[doc(hidden)]
macro_rules! __definition {
    ($kind:ident { $($field:ident: $value:expr),* } $($options:tt)*) => {{
        // The user's expressions stand in this scope: no name of theirs is like this one.
        static __CONTEXT_DEFINITION: $crate::private::$kind::Definition =
            $crate::private::$kind::Definition::new(
                $crate::private::$kind::Meta {
                    module: ::core::module_path!(),
                    file: ::core::file!(),
                    $($field: $value,)*
                },
                $crate::private::options!($kind $($options)*),
            );
        &__CONTEXT_DEFINITION
    }};
    ($visibility:vis $kind:ident $handle:tt $meta:tt $($options:tt)*) => {
        impl $handle {
            #[doc(hidden)]
            $visibility fn definition() -> &'static $crate::private::$kind::Definition {
                $crate::private::definition!($kind $meta $($options)*)
            }
        }
        $crate::private::inventory::submit! {
            $crate::private::$kind::Registered(<$handle>::definition)
        }
    };
}

/// How the options are made: `task .retries(3)`.
#[macro_export]
#[doc(hidden)]
macro_rules! __options {
    ($kind:ident) => {
        $crate::private::$kind::Options::new
    };
    ($kind:ident $($options:tt)+) => {
        || $crate::private::$kind::Options::new() $($options)+
    };
}

/// What the handle of a task offers, and how core runs the task.
///
/// `pub Blocking fn add(x: u8 = "x") -> u8 as Whole { body }`: the mode, the name that each argument is recorded under,
/// where the value is in the output, and a call of the user's function. Generics and bounds are in brackets. Items after
/// the body are more of the trait's.
#[macro_export]
#[doc(hidden)]
macro_rules! __task_fn {
    (
        $visibility:vis $mode:ident fn $handle:tt $([$($generics:tt)*])?
        ($($name:tt: $type:ty = $recorded:literal),*) -> $output:ty as $value:ident
        $(, $kept:ident)? $(; $stays:ident)? $([$($bounds:tt)*])? $body:block $($more:tt)*
    ) => {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl $handle {
            $visibility fn with_options $($($generics)*)? (
            ) -> $crate::private::WithOptions<$handle, ($($type,)*)> $($($bounds)*)? {
                $crate::private::WithOptions::new()
            }

            $visibility fn submit $($($generics)*)? (
                $($name: impl $crate::private::IntoInput<$type>),*
            ) -> $crate::private::TaskFuture<$crate::private::$value<$output>> $($($bounds)*)? {
                $crate::private::WithOptions::<$handle, ($($type,)*)>::new().submit_with(($($name,)*))
            }

            $visibility fn state $($($generics)*)? (
                $($name: impl $crate::private::IntoInput<$type>),*
            ) -> $crate::private::Called<
                $crate::private::$mode,
                $crate::private::State<$crate::private::$value<$output>>,
            > $($($bounds)*)? {
                $crate::private::WithOptions::<$handle, ($($type,)*)>::new().state_with(($($name,)*))
            }

            $visibility fn tracked $($($generics)*)? (
                $($name: impl $crate::private::IntoInput<$type>),*
            ) -> $crate::private::Called<
                $crate::private::$mode,
                $crate::private::tracked::$value<$output>,
            > $($($bounds)*)? {
                $crate::private::WithOptions::<$handle, ($($type,)*)>::new().tracked_with(($($name,)*))
            }

            $crate::private::map! {
                $visibility fn $handle [$($($generics)*)?] ($($name: $type),*)
                -> $crate::private::$value<$output>, [$($($bounds)*)?]
            }
        }

        const _: () = {
            use $crate::private::probes::*;

            impl $($($generics)*)? $crate::private::TaskFn<($($type,)*)> for $handle $($($bounds)*)? {
                type Value = $crate::private::$value<$output>;
                type Tracked = $crate::private::tracked::$value<$output>;

                $crate::private::function! {
                    task $mode $handle ($($name: $type = $recorded),*) $output, $($kept)? $body
                }

                fn value(
                    output: $output,
                ) -> ::core::result::Result<Self::Value, $crate::private::Failure> {
                    $crate::private::value!($value<$output>, output)
                }

                fn track(
                    output: $output,
                    run: $crate::private::tracked::TaskRunId,
                ) -> Self::Tracked {
                    $crate::private::track!($value output, run)
                }

                fn submitter() -> $crate::private::Submitter<Self, ($($type,)*)> {
                    (&&$crate::engine::SubmitProbe::<$handle, ($($type,)*)>::new()).submitter()
                }

                fn attempt_for_another(
                    ($($name,)*): ($($type,)*)
                ) -> ::core::option::Option<$crate::private::Attempt<$output>> {
                    $crate::private::attempt!(for_another $mode ($($name),*) $body)
                }

                fn remote() -> ::core::option::Option<
                    $crate::engine::RemoteFn<($($type,)*), $crate::private::$value<$output>>,
                > {
                    $crate::private::remote_fn! {
                        ($($type,)*), $crate::private::$value<$output> $(, $stays)?
                    }
                }

                $($more)*
            }

            $crate::private::remote_task! { $handle [$([$($generics)*])?] ($($type),*) }
        };
    };
}

/// How a task is run in another process, if it can be. `stays` says that it cannot: a type has a lifetime, and of that
/// nothing can be asked.
#[macro_export]
#[doc(hidden)]
macro_rules! __remote_fn {
    ($arguments:ty, $value:ty) => {
        (&&$crate::engine::RemoteProbe::<$arguments, $value>::new()).remote()
    };
    ($arguments:ty, $value:ty, stays) => {
        ::core::option::Option::None
    };
}

/// Lets other processes find a task. One with generic parameters is many functions, and none of them has a name.
#[macro_export]
#[doc(hidden)]
macro_rules! __remote_task {
    ($handle:tt [] ($($type:ty),*)) => {
        $crate::private::inventory::submit! {
            $crate::engine::RemoteTask::of::<$handle, ($($type,)*)>()
        }
    };
    ($handle:tt $generics:tt $types:tt) => {};
}

/// What the handle of a flow offers, and how core runs the flow: `pub Blocking fn crawl(x: u8 = "x") -> u8 as Whole { body }`.
#[macro_export]
#[doc(hidden)]
macro_rules! __flow_fn {
    (
        $visibility:vis $mode:ident fn $handle:tt $([$($generics:tt)*])?
        ($($name:tt: $type:ty = $recorded:literal),*) -> $output:ty as $value:ident
        $(, $kept:ident)? $([$($bounds:tt)*])? $body:block $($more:tt)*
    ) => {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl $handle {
            $visibility fn with_options $($($generics)*)? (
            ) -> $crate::private::FlowWithOptions<$handle, ($($type,)*)> $($($bounds)*)? {
                $crate::private::FlowWithOptions::new()
            }

            $visibility fn state $($($generics)*)? (
                $($name: impl $crate::private::IntoInput<$type>),*
            ) -> $crate::private::Called<
                $crate::private::$mode,
                $crate::private::State<$crate::private::$value<$output>>,
            > $($($bounds)*)? {
                $crate::private::FlowWithOptions::<$handle, ($($type,)*)>::new().state_with(($($name,)*))
            }
        }

        const _: () = {
            use $crate::private::probes::*;

            impl $($($generics)*)? $crate::private::FlowFn<($($type,)*)> for $handle $($($bounds)*)? {
                type Value = $crate::private::$value<$output>;

                $crate::private::function! {
                    flow $mode $handle ($($name: $type = $recorded),*) $output, $($kept)? $body
                }

                fn value(
                    output: $output,
                ) -> ::core::result::Result<Self::Value, $crate::private::Failure> {
                    $crate::private::value!($value<$output>, output)
                }

                fn caller() -> $crate::private::FlowCaller<Self, ($($type,)*)> {
                    (&&$crate::engine::SubmitProbe::<$handle, ($($type,)*)>::new()).caller()
                }

                $($more)*
            }
        };
    };
}

/// What `TaskFn` and `FlowFn` have in common.
#[macro_export]
#[doc(hidden)]
macro_rules! __function {
    (
        $kind:ident $mode:ident $handle:tt
        ($($name:tt: $type:ty = $recorded:literal),*) $output:ty, $($kept:ident)? $body:block
    ) => {
        type Output = $output;
        type Mode = $crate::private::$mode;

        fn definition() -> &'static $crate::private::$kind::Definition {
            <$handle>::definition()
        }

        fn encode(($($name,)*): &($($type,)*), sink: &mut $crate::private::ParameterSink) {
            $((&&$crate::parameters::probe::Probe($name)).add_to(sink, $recorded);)*
        }

        #[inline]
        fn attempt(($($name,)*): ($($type,)*)) -> $crate::private::Attempt<$output> {
            $crate::private::attempt!($mode ($($name),*) $body)
        }

        fn copies() -> $crate::engine::CopyOf<($($type,)*)> {
            (&&$crate::engine::CopyProbe::<($($type,)*)>::new()).copies()
        }

        fn glue() -> $crate::private::Glue<$output> {
            $crate::private::glue!(@with_probes $output $(, $kept)?)
        }
    };
}

/// The handle's `map`. Without parameters there is nothing to map over.
#[macro_export]
#[doc(hidden)]
macro_rules! __map {
    (
        $visibility:vis fn $handle:tt [$($generics:tt)*] ($($name:tt: $type:ty),+)
        -> $value:ty, [$($bounds:tt)*]
    ) => {
        $visibility fn map $($generics)* (
            $($name: impl $crate::private::IntoMapInput<$type>),+
        ) -> $crate::private::TaskFutures<$value> $($bounds)* {
            $crate::private::WithOptions::<$handle, ($($type,)+)>::new().map_with(($($name,)+))
        }
    };
    ($visibility:vis fn $handle:tt $generics:tt () -> $value:ty, $bounds:tt) => {};
}

/// An attempt that may run on another thread: `Asynchronous (url) { call of an async fn }`.
#[macro_export]
#[doc(hidden)]
macro_rules! __attempt {
    (Asynchronous ($($name:tt),*) $body:block) => {
        (&&$crate::engine::SendProbe::new($body)).start_async()
    };
    (for_another Asynchronous ($($name:tt),*) $body:block) => {
        (&&$crate::engine::LeaveProbe::new($body)).leave_async()
    };
    (for_another Blocking ($($name:tt),*) $body:block) => {
        (&&$crate::engine::LeaveProbe::of_call(($($name,)*), |($($name,)*)| $body)).leave_blocking()
    };
    (Blocking ($($name:tt),*) $body:block) => {
        (&&$crate::engine::SendProbe::of_call(($($name,)*), |($($name,)*)| $body)).start_blocking()
    };
}

/// The glue of a return type: `glue!(Result<u32, Oops>)`, or `glue!()` where the type cannot be written down.
#[macro_export]
#[doc(hidden)]
macro_rules! __glue {
    (@with_probes $output:ty) => {
        $crate::engine::Glue {
            verdict: (&&&&&&&$crate::engine::probe::Outcome::<$output>::new()).verdict(),
            raise: (&&&$crate::engine::probe::Raise::<$output>::new()).raise(),
            codec: (&&&$crate::engine::CodecProbe::<$output>::new()).codec(),
        }
    };
    // A type with a lifetime: whether it can be kept cannot be asked.
    (@with_probes $output:ty, unkept) => {
        $crate::engine::Glue {
            verdict: (&&&&&&&$crate::engine::probe::Outcome::<$output>::new()).verdict(),
            raise: (&&&$crate::engine::probe::Raise::<$output>::new()).raise(),
            codec: || ::core::option::Option::None,
        }
    };
    ($output:ty $(, $kept:ident)?) => {{
        use $crate::private::probes::*;
        $crate::private::glue!(@with_probes $output $(, $kept)?)
    }};
    () => {{
        use $crate::private::probes::*;
        $crate::engine::Glue {
            verdict: |output| (&&&&&&&$crate::engine::probe::Outcome::of(output)).verdict()(output),
            raise: $crate::engine::probe::Raise::new().raise(),
            codec: || ::core::option::Option::None,
        }
    }};
}

/// The value of an output: `Success<Result<u32, Oops>>, output` or `Whole<u32>, output`.
#[macro_export]
#[doc(hidden)]
macro_rules! __value {
    (Whole<$type:ty>, $output:ident) => {
        ::core::result::Result::Ok($output)
    };
    (Success<$type:ty>, $output:ident) => {
        (&&&&$crate::engine::probe::Outcome::<$type>::new()).keep()($output)
    };
}

/// The output with a value that knows its run: `Success output, run` or `Whole output, run`.
#[macro_export]
#[doc(hidden)]
macro_rules! __track {
    (Whole $output:ident, $run:ident) => {
        $crate::engine::Tracked::new($output, $run)
    };
    (Success $output:ident, $run:ident) => {
        $crate::engine::track_success($output, $run)
    };
}

/// Methods that cannot be called, because no type is an `OwnedArgument`: the error says why.
///
/// `pub task length(A0, A1) [A0]` names the argument that is borrowed, `[for<'a> &'a ()]` none: a bound on nothing of
/// the caller's would be an error here and not there, but for the lifetime.
#[macro_export]
#[doc(hidden)]
macro_rules! __refusals {
    ($visibility:vis task $handle:tt ($($argument:tt),*) [$($refused:tt)*]) => {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl $handle {
            $visibility fn submit<$($argument),*>(
                $(_: $argument),*
            ) -> $crate::private::TaskFuture<()>
            where
                $($refused)*: $crate::private::OwnedArgument<$handle>,
            {
                ::core::unreachable!()
            }

            $visibility fn tracked<$($argument),*>($(_: $argument),*)
            where
                $($refused)*: $crate::private::OwnedArgument<$handle>,
            {
            }

            $visibility fn map<$($argument),*>(
                $(_: $argument),*
            ) -> $crate::private::TaskFutures<()>
            where
                $($refused)*: $crate::private::OwnedArgument<$handle>,
            {
                ::core::unreachable!()
            }
        }

        $crate::private::refusals! { $visibility flow $handle ($($argument),*) [$($refused)*] }
    };
    ($visibility:vis flow $handle:tt ($($argument:tt),*) [$($refused:tt)*]) => {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl $handle {
            $visibility fn state<$($argument),*>($(_: $argument),*)
            where
                $($refused)*: $crate::private::OwnedArgument<$handle>,
            {
            }

            $visibility fn with_options()
            where
                for<'context> &'context (): $crate::private::OwnedArgument<$handle>,
            {
            }
        }
    };
}
