//! Calls of functions whose handle has the full interface: everything but the body is known from the handle's type.
//!
//! An expansion that names the handle once instead of its parts is shorter, and quicker to compile.

use std::future::Future;

use crate::engine::{self, FlowFn, Perhaps, TaskFn};

/// Calls a plain `fn` annotated with `#[task]`.
#[inline]
pub fn call_task_blocking<H, Args, F>(arguments: Args, body: F) -> H::Output
where
    H: TaskFn<Args>,
    F: FnMut(Args) -> H::Output,
{
    engine::task_blocking(
        H::definition(),
        H::encode,
        Perhaps::new(arguments, H::copies, body),
        H::glue(),
    )
}

/// Calls an `async fn` annotated with `#[task]`.
#[inline]
pub fn call_task_async<H, Args, F, A>(
    arguments: Args,
    body: F,
) -> impl Future<Output = H::Output> + use<H, Args, F, A>
where
    H: TaskFn<Args>,
    F: FnMut(Args) -> A,
    A: Future<Output = H::Output>,
{
    engine::task_async(
        H::definition(),
        H::encode,
        Perhaps::new(arguments, H::copies, body),
        H::glue(),
    )
}

/// Calls a plain `fn` annotated with `#[flow]`.
#[inline]
pub fn call_flow_blocking<H, Args, F>(arguments: Args, body: F) -> H::Output
where
    H: FlowFn<Args>,
    F: FnMut(Args) -> H::Output,
{
    engine::flow_blocking(
        H::definition(),
        H::encode,
        Perhaps::new(arguments, H::copies, body),
        H::glue(),
    )
}

/// Calls an `async fn` annotated with `#[flow]`.
#[inline]
pub fn call_flow_async<H, Args, F, A>(
    arguments: Args,
    body: F,
) -> impl Future<Output = H::Output> + use<H, Args, F, A>
where
    H: FlowFn<Args>,
    F: FnMut(Args) -> A,
    A: Future<Output = H::Output>,
{
    engine::flow_async(
        H::definition(),
        H::encode,
        Perhaps::new(arguments, H::copies, body),
        H::glue(),
    )
}
