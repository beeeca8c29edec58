//! What expansions of the macros name. Not for people: anything here may change in any release.

pub use inventory;

pub use crate::context::{
    TagScope as Tags, TagsBlock, current_flow_run, current_run, current_task_run, enter_tags,
};
pub use crate::definition::{
    FlowDefinition, FlowOptions, Meta as FlowMeta, Meta as TaskMeta, TaskDefinition, TaskOptions,
};
pub use crate::engine::{
    ArgumentList, Asynchronous, Attempt, Blocking, Fallible, FlowCaller, FlowFn, FlowWithOptions,
    Glue, IntoInput, IntoMapInput, Once, OwnedArgument, OwnedCall, Retried, Submitter, TaskFn,
    TaskFuture, TaskFutures, WithOptions, assert_carries_run_error,
    assert_output_carries_run_error, assert_retry_argument, flow_async, flow_blocking, task_async,
    task_blocking, typed_future,
};
pub use crate::parameters::ParameterSink;
pub use crate::program::{MainOptions, block_on_main, run_main};
pub use crate::registry::Registered;
pub use crate::stack::{SuspendExt, Suspendable};
pub use crate::state::Failure;
pub use crate::tags::TagList;

pub use crate::__async_attempt as async_attempt;
pub use crate::__blocking_attempt as blocking_attempt;
pub use crate::__caller as caller;
pub use crate::__glue as glue;
pub use crate::__parameter as parameter;
pub use crate::__submitter as submitter;
pub use crate::__value as value;

/// Declares the handle of a function. Its name is read by people: rustc shows it below the error that a type of the
/// function's name exists already, or that the function stands in an `impl`.
#[macro_export]
#[doc(hidden)]
macro_rules! if_the_name_is_taken_or_in_an_impl__write__handle_equals_false {
    ($visibility:vis $name:ident) => {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, unreachable_pub)]
        $visibility struct $name {
            __context_never: ::core::convert::Infallible,
        }
    };
}

pub use crate::if_the_name_is_taken_or_in_an_impl__write__handle_equals_false;
