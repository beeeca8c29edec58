//! What expansions of the macros name. Not for people: anything here may change in any release.

mod calls;
mod macros;
pub mod probes;

pub use calls::{call_flow_async, call_flow_blocking, call_task_async, call_task_blocking};
pub use inventory;

pub use crate::context::{
    TagScope as Tags, TagsBlock, current_flow_run, current_run, current_task_run, enter_tags,
};
pub use crate::engine::{
    ArgumentList, Asynchronous, Attempt, Blocking, Fallible, FlowCaller, FlowFn, FlowWithOptions,
    Glue, IntoInput, IntoMapInput, Mode, Once, OwnedArgument, Retried, RetryArgument, Submitter,
    TaskFn, TaskFuture, TaskFutures, WithOptions, assert_carries_run_error, assert_is_kept,
    assert_output_carries_run_error, flow_async, flow_blocking, task_async, task_blocking,
};
pub use crate::parameters::ParameterSink;
pub use crate::program::{MainOptions, block_on_main, run_main};
pub use crate::stack::{SuspendExt, Suspendable};
pub use crate::state::{Failure, State};
pub use crate::tags::TagList;

pub use crate::__attempt as attempt;
pub use crate::__definition as definition;
pub use crate::__flow_fn as flow_fn;
pub use crate::__function as function;
pub use crate::__glue as glue;
pub use crate::__map as map;
pub use crate::__options as options;
pub use crate::__parameter as parameter;
pub use crate::__refusals as refusals;
pub use crate::__remote_fn as remote_fn;
pub use crate::__remote_task as remote_task;
pub use crate::__task_fn as task_fn;
pub use crate::__track as track;
pub use crate::__value as value;
pub use crate::if_the_name_is_taken_or_in_an_impl__write__handle_equals_false;

/// What a task is defined by.
pub mod task {
    pub use crate::definition::{Meta, TaskDefinition as Definition, TaskOptions as Options};
    pub use crate::registry::Registered::Task as Registered;
}

/// What a flow is defined by.
pub mod flow {
    pub use crate::definition::{FlowDefinition as Definition, FlowOptions as Options, Meta};
    pub use crate::registry::Registered::Flow as Registered;
}

/// The value of a function that cannot fail: what it returns.
pub type Whole<R> = R;

/// The value of a function that can fail: what is in its `Ok`.
pub type Success<R> = <R as Fallible>::Value;

/// What a tracked call gives, by where the value is in the output.
pub mod tracked {
    pub use crate::engine::{TrackedSuccess as Success, TrackedWhole as Whole};
    pub use crate::id::TaskRunId;
}

/// What a call gives: at once, or a future of it.
pub type Called<M, R> = <M as Mode>::Called<R>;
