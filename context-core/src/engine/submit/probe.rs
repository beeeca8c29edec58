//! Probes: whether a function may run elsewhere.

use std::marker::PhantomData;

use super::{
    ArgumentList, FlowCaller, Submitter, call_flow, call_task, state_of_flow, state_of_task,
    submit_task, tracked_task,
};
use crate::engine::body::{Bound, FlowFn, TaskFn};

/// Asks whether a function may run elsewhere. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct SubmitProbe<H, Args>(PhantomData<fn(H, Args)>);

impl<H, Args> SubmitProbe<H, Args> {
    /// A probe of the handle `H`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H, Args> Default for SubmitProbe<H, Args> {
    fn default() -> Self {
        Self::new()
    }
}

/// A task that may.
pub trait MaySubmit<H: TaskFn<Args>, Args: ArgumentList> {
    /// How.
    fn submitter(&self) -> Submitter<H, Args>;
}

impl<H, Args> MaySubmit<H, Args> for &SubmitProbe<H, Args>
where
    H: TaskFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    fn submitter(&self) -> Submitter<H, Args> {
        Submitter {
            submit: submit_task::<H, Args>,
            call: call_task::<H, Args>,
            state: state_of_task::<H, Args>,
            tracked: tracked_task::<H, Args>,
        }
    }
}

/// A task that may not.
pub trait MayNotSubmit<H: TaskFn<Args>, Args: ArgumentList> {
    /// Does not compile.
    fn submitter(&self) -> Submitter<H, Args>;
}

impl<H: TaskFn<Args>, Args: ArgumentList> MayNotSubmit<H, Args> for SubmitProbe<H, Args> {
    fn submitter(&self) -> Submitter<H, Args> {
        const { Bound::<(H, Args)>::VALUES };
        unreachable!("the line above does not compile")
    }
}

/// A flow that may.
pub trait MayCall<H: FlowFn<Args>, Args: ArgumentList> {
    /// How.
    fn caller(&self) -> FlowCaller<H, Args>;
}

impl<H, Args> MayCall<H, Args> for &SubmitProbe<H, Args>
where
    H: FlowFn<Args, Output: Send + 'static, Value: Send + 'static>,
    Args: ArgumentList<Inputs: Send + 'static> + Send + 'static,
{
    fn caller(&self) -> FlowCaller<H, Args> {
        FlowCaller { call: call_flow::<H, Args>, state: state_of_flow::<H, Args> }
    }
}

/// A flow that may not.
pub trait MayNotCall<H: FlowFn<Args>, Args: ArgumentList> {
    /// Does not compile.
    fn caller(&self) -> FlowCaller<H, Args>;
}

impl<H: FlowFn<Args>, Args: ArgumentList> MayNotCall<H, Args> for SubmitProbe<H, Args> {
    fn caller(&self) -> FlowCaller<H, Args> {
        const { Bound::<(H, Args)>::VALUES };
        unreachable!("the line above does not compile")
    }
}
