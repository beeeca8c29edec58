//! `get_run_context`: the run that surrounds the code, flow or task.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{ContextModel, FlowRunContext, Frame, TaskRunContext};
use crate::clock::Timestamp;
use crate::parameters::Parameters;
use crate::secret::Secrets;
use crate::stack;
use crate::state::MissingContext;
use crate::tags::TagSet;

/// The run that surrounds the code.
///
/// Inside a task this is the task run, except in a subflow that the task has called: there it is the flow run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunContext {
    /// A flow run.
    Flow(FlowRunContext),
    /// A task run.
    Task(TaskRunContext),
}

impl RunContext {
    /// The run's id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Flow(flow) => flow.id().as_uuid(),
            Self::Task(task) => task.id().as_uuid(),
        }
    }

    /// The run's name.
    pub fn name(&self) -> String {
        match self {
            Self::Flow(flow) => flow.name().to_owned(),
            Self::Task(task) => task.name(),
        }
    }

    /// The run's tags.
    pub fn tags(&self) -> TagSet {
        match self {
            Self::Flow(flow) => flow.tags(),
            Self::Task(task) => task.tags(),
        }
    }

    /// The run's parameters, by name. Empty under [`Client::off`](crate::record::Client::off).
    pub fn parameters(&self) -> Parameters {
        match self {
            Self::Flow(flow) => flow.parameters().clone(),
            Self::Task(task) => task.parameters(),
        }
    }

    /// Which attempt this is, from 1.
    pub fn run_count(&self) -> u32 {
        match self {
            Self::Flow(flow) => flow.run_count(),
            Self::Task(task) => task.run_count(),
        }
    }

    /// When the run was first `Running`.
    pub fn start_time(&self) -> Timestamp {
        match self {
            Self::Flow(flow) => flow.start_time(),
            Self::Task(task) => task.start_time(),
        }
    }

    /// The flow run, if it is one.
    pub const fn as_flow(&self) -> Option<&FlowRunContext> {
        match self {
            Self::Flow(flow) => Some(flow),
            Self::Task(_) => None,
        }
    }

    /// The task run, if it is one.
    pub const fn as_task(&self) -> Option<&TaskRunContext> {
        match self {
            Self::Task(task) => Some(task),
            Self::Flow(_) => None,
        }
    }

    /// The context as JSON.
    pub fn serialize(&self, secrets: Secrets) -> Value {
        match self {
            Self::Flow(flow) => json!({ "flow_run_context": flow.serialize(secrets) }),
            Self::Task(task) => json!({ "task_run_context": task.serialize(secrets) }),
        }
    }
}

fn find() -> Option<RunContext> {
    stack::peek::<Frame, _>(|frame| {
        let frame = frame?;
        match frame.flow() {
            // There is no task, or it belongs to another flow run: it has called this one.
            Some(flow) if frame.caller().is_none() => Some(RunContext::Flow(flow.clone())),
            _ => TaskRunContext::of_frame(frame).map(RunContext::Task),
        }
    })
}

/// The run that surrounds the code.
///
/// # Errors
///
/// Outside a run.
///
/// ```
/// use context_core::context::get_run_context;
///
/// assert!(get_run_context().is_err());
/// ```
pub fn get_run_context() -> Result<RunContext, MissingContext> {
    find().ok_or(MissingContext { context: "flow or task run", call: "get_run_context" })
}

/// The run that surrounds the code; what `current_run!()` calls.
///
/// # Panics
///
/// Outside a run.
#[track_caller]
pub fn current_run() -> RunContext {
    match find() {
        Some(run) => run,
        None => missing("flow or task run", "current_run!()"),
    }
}

/// The flow run that surrounds the code; what `current_run!(flow)` calls.
///
/// # Panics
///
/// Outside a flow run.
#[track_caller]
pub fn current_flow_run() -> FlowRunContext {
    match FlowRunContext::get() {
        Some(run) => run,
        None => missing("flow run", "current_run!(flow)"),
    }
}

/// The task run that surrounds the code; what `current_run!(task)` calls.
///
/// # Panics
///
/// Outside a task run.
#[track_caller]
pub fn current_task_run() -> TaskRunContext {
    match TaskRunContext::get() {
        Some(run) => run,
        None => missing("task run", "current_run!(task)"),
    }
}

#[cold]
#[track_caller]
fn missing(context: &'static str, call: &'static str) -> ! {
    panic!("{}", MissingContext { context, call })
}
