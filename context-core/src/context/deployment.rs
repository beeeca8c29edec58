//! `DeploymentContext`: the deployment that the flow run belongs to.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope};
use crate::parameters::Parameters;
use crate::secret::Secrets;
use crate::stack;

/// The deployment that the flow run belongs to. Everything below it shares it, subflows too.
#[derive(Clone, Debug)]
pub struct DeploymentContext {
    id: Uuid,
    parameters: Parameters,
}

impl DeploymentContext {
    /// A deployment with its default parameters.
    pub const fn new(id: Uuid, parameters: Parameters) -> Self {
        Self { id, parameters }
    }

    /// The deployment's id.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The deployment's default parameters.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_outer(current, |outer| outer.deployment = Some(self.clone()))
    }
}

impl ContextModel for DeploymentContext {
    const NAME: &'static str = "DeploymentContext";
    const POLICY: Policy = Policy::EVERYWHERE;

    fn get() -> Option<Self> {
        stack::peek::<Frame, _>(|frame| frame?.outer()?.deployment.clone())
    }

    fn serialize(&self, _: Secrets) -> Value {
        json!({ "deployment_id": self.id, "deployment_parameters": self.parameters })
    }

    scoped_by_push!();
}
