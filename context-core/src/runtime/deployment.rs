//! The deployment that the flow run belongs to. Subflows share it.

use uuid::Uuid;

use super::mock;
use crate::context::{ContextModel, DeploymentContext};
use crate::id::FlowRunId;
use crate::parameters::Parameters;

/// The deployment's id.
///
/// ```
/// use context_core::context::{ContextModel, DeploymentContext};
/// use context_core::parameters::Parameters;
/// use context_core::runtime;
///
/// let id = uuid::uuid!("b4e0c1d2-8694-439b-aea5-966c26f8ad91");
/// let seen = DeploymentContext::new(id, Parameters::EMPTY).in_scope(runtime::deployment::id);
/// assert_eq!(seen, Some(id));
/// assert_eq!(runtime::deployment::id(), None);
/// ```
pub fn id() -> Option<Uuid> {
    mock::scalar("PREFECT__RUNTIME__DEPLOYMENT__ID", || {
        DeploymentContext::get().map(|deployment| deployment.id())
    })
}

/// The deployment's default parameters, by name.
///
/// ```
/// assert!(context_core::runtime::deployment::parameters().is_empty());
/// ```
pub fn parameters() -> Parameters {
    let deployment = DeploymentContext::get();
    let real = deployment.map(|deployment| deployment.parameters().clone()).unwrap_or_default();
    mock::composite("PREFECT__RUNTIME__DEPLOYMENT__PARAMETERS", real)
}

/// The flow run; as [`flow_run::id`](super::flow_run::id).
///
/// ```
/// assert_eq!(context_core::runtime::deployment::flow_run_id(), None);
/// ```
pub fn flow_run_id() -> Option<FlowRunId> {
    mock::scalar("PREFECT__RUNTIME__DEPLOYMENT__FLOW_RUN_ID", super::flow_run::id)
}
