//! The innermost task run.
//!
//! Inside a subflow that a task has called, this is still that task's run.

use super::{links, mock};
use crate::asset::Asset;
use crate::context::{AssetContext, ContextModel, TaskRunContext};
use crate::id::TaskRunId;
use crate::parameters::Parameters;
use crate::tags::TagSet;

fn read<T>(attribute: impl FnOnce(&TaskRunContext) -> T) -> Option<T> {
    TaskRunContext::get().as_ref().map(attribute)
}

/// The run's id.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::id(), None);
/// ```
pub fn id() -> Option<TaskRunId> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__ID", || read(TaskRunContext::id))
}

/// The run's name.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::name(), None);
/// ```
pub fn name() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__NAME", || read(TaskRunContext::name))
}

/// The task's name.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::task_name(), None);
/// ```
pub fn task_name() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__TASK_NAME", || read(|run| run.task_name().to_owned()))
}

/// The run's tags.
///
/// ```
/// assert!(context_core::runtime::task_run::tags().is_empty());
/// ```
pub fn tags() -> TagSet {
    let real = read(TaskRunContext::tags).unwrap_or_default();
    mock::composite("PREFECT__RUNTIME__TASK_RUN__TAGS", real)
}

/// The run's parameters, by name. Empty under [`Client::off`](crate::record::Client::off).
///
/// ```
/// assert!(context_core::runtime::task_run::parameters().is_empty());
/// ```
pub fn parameters() -> Parameters {
    let real = read(TaskRunContext::parameters).unwrap_or_default();
    mock::composite("PREFECT__RUNTIME__TASK_RUN__PARAMETERS", real)
}

/// Which attempt of the run this is, from 1; outside a run 0.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::run_count(), 0);
/// ```
pub fn run_count() -> u32 {
    let real = || read(TaskRunContext::run_count);
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__RUN_COUNT", real).unwrap_or(0)
}

/// The assets that the run makes.
///
/// ```
/// assert!(context_core::runtime::task_run::assets().is_empty());
/// ```
pub fn assets() -> Vec<Asset> {
    TaskRunContext::get()
        .and_then(|_| AssetContext::get())
        .map(|assets| assets.downstream_assets().to_vec())
        .unwrap_or_default()
}

/// The assets that the run reads: those its arguments were made of, then those it is declared to read.
///
/// ```
/// assert!(context_core::runtime::task_run::upstream_assets().is_empty());
/// ```
pub fn upstream_assets() -> Vec<Asset> {
    TaskRunContext::get()
        .and_then(|_| AssetContext::get())
        .map(|assets| assets.read_assets())
        .unwrap_or_default()
}

/// The id that the server knows the run by.
fn reported_id() -> Option<TaskRunId> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__ID", || read(TaskRunContext::reported_as))
}

/// The run's address in the API, `{api}/runs/task-run/{id}`, of the run that it is reported as; `None` without a run or without `PREFECT_API_URL`.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::api_url(), None);
/// ```
pub fn api_url() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__API_URL", || {
        links::api("runs/task-run", reported_id()?)
    })
}

/// The run's page in the UI, `{ui}/runs/task-run/{id}`, of the run that it is reported as; `None` without a run or without `PREFECT_API_URL`.
///
/// ```
/// assert_eq!(context_core::runtime::task_run::ui_url(), None);
/// ```
pub fn ui_url() -> Option<String> {
    mock::scalar("PREFECT__RUNTIME__TASK_RUN__UI_URL", || {
        links::ui("runs/task-run", reported_id()?)
    })
}
