//! The innermost flow run.
//!
//! Inside a task this is the flow run that the task run belongs to; inside a subflow it is the subflow's.

use super::{links, mock};
use crate::clock::Timestamp;
use crate::context::{ContextModel, FlowRunContext, TaskRunContext};
use crate::id::FlowRunId;
use crate::parameters::Parameters;
use crate::tags::TagSet;

/// Where a worker writes the id of the flow run that a process is started for.
const STARTED_FOR: &str = "PREFECT__FLOW_RUN_ID";

fn read<T>(attribute: impl FnOnce(&FlowRunContext) -> T) -> Option<T> {
    FlowRunContext::get().as_ref().map(attribute)
}

/// The run's id; outside a run, the one in `PREFECT__FLOW_RUN_ID`.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::id(), None);
/// ```
pub fn id() -> Option<FlowRunId> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__ID", || {
        read(FlowRunContext::id)
            .or_else(|| TaskRunContext::get()?.flow_run_id())
            .or_else(|| mock::from_variable(STARTED_FOR, crate::settings::environment))
    })
}

/// The run's name.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::name(), None);
/// ```
pub fn name() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__NAME", || read(|run| run.name().to_owned()))
}

/// The flow's name.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::flow_name(), None);
/// ```
pub fn flow_name() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__FLOW_NAME", || read(FlowRunContext::flow_name))
}

/// The flow's version.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::flow_version(), None);
/// ```
pub fn flow_version() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__FLOW_VERSION", || {
        read(|run| {
            let option = run.data().options().version_text();
            option.unwrap_or_else(|| run.definition().version()).to_owned()
        })
    })
}

/// The run's tags.
///
/// ```
/// assert!(context_core::runtime::flow_run::tags().is_empty());
/// ```
pub fn tags() -> TagSet {
    let real = read(FlowRunContext::tags).unwrap_or_default();
    mock::composite("PREFECT__RUNTIME__FLOW_RUN__TAGS", real)
}

/// The run's parameters, by name. Empty under [`Client::off`](crate::record::Client::off).
///
/// ```
/// assert!(context_core::runtime::flow_run::parameters().is_empty());
/// ```
pub fn parameters() -> Parameters {
    let real = read(|run| run.parameters().clone()).unwrap_or_default();
    mock::composite("PREFECT__RUNTIME__FLOW_RUN__PARAMETERS", real)
}

/// Which attempt of the run this is, from 1; outside a run 0.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::run_count(), 0);
/// ```
pub fn run_count() -> u32 {
    let real = || read(FlowRunContext::run_count);
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__RUN_COUNT", real).unwrap_or(0)
}

/// The flow run that called this one.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::parent_flow_run_id(), None);
/// ```
pub fn parent_flow_run_id() -> Option<FlowRunId> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__PARENT_FLOW_RUN_ID", || {
        read(FlowRunContext::parent_flow_run_id).flatten()
    })
}

/// The outermost flow run; a top-level run's own id.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::root_flow_run_id(), None);
/// ```
pub fn root_flow_run_id() -> Option<FlowRunId> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__ROOT_FLOW_RUN_ID", || {
        read(FlowRunContext::root_flow_run_id)
    })
}

/// When the run was due; outside a run, now. A run that nobody scheduled was due when it was first `Running`.
///
/// ```
/// use context_core::clock::Timestamp;
/// use context_core::runtime;
///
/// let before = Timestamp::now();
/// assert!(runtime::flow_run::scheduled_start_time() >= before);
/// ```
pub fn scheduled_start_time() -> Timestamp {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__SCHEDULED_START_TIME", || {
        read(FlowRunContext::start_time)
    })
    .unwrap_or_else(Timestamp::now)
}

/// The run's address in the API, `{api}/flow-runs/flow-run/{id}`; `None` without a run or without `PREFECT_API_URL`.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::api_url(), None);
/// ```
pub fn api_url() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__API_URL", || links::api("flow-runs/flow-run", id()?))
}

/// The run's page in the UI, `{ui}/flow-runs/flow-run/{id}`; `None` without a run or without `PREFECT_API_URL`.
///
/// ```
/// assert_eq!(context_core::runtime::flow_run::ui_url(), None);
/// ```
pub fn ui_url() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__FLOW_RUN__UI_URL", || links::ui("flow-runs/flow-run", id()?))
}
