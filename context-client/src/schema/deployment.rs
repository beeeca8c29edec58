//! Deployments: flows that a server starts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CreatedBy, DeploymentSchedule, DeploymentScheduleCreate, GlobalConcurrencyLimit, JsonObject,
    null_as_default, open_enum::open_enum,
};

open_enum! {
    /// Whether somebody is there to execute a deployment's runs.
    pub enum DeploymentStatus {
        /// Somebody is.
        Ready = "READY",
        /// Nobody has asked for work of late.
        NotReady = "NOT_READY",
    }
}

open_enum! {
    /// What becomes of a run for which there is no slot.
    pub enum CollisionStrategy {
        /// It waits.
        Enqueue = "ENQUEUE",
        /// It is cancelled.
        CancelNew = "CANCEL_NEW",
    }
}

/// What happens at the limit of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrencyOptions {
    /// What becomes of a run for which there is no slot.
    pub collision_strategy: CollisionStrategy,
    /// How many seconds a run has to start before its slot is given to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<u64>,
}

/// From which version of a program a deployment comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// What kind of version, such as `prefect:simple`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version.
    pub version: String,
    /// Anything more, such as the commit.
    #[serde(flatten)]
    pub more: JsonObject,
}

/// A deployment to create, or to change if the flow has one with this name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeploymentCreate {
    /// Its name.
    pub name: String,
    /// The flow.
    pub flow_id: Uuid,
    /// Whether its schedules rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Its schedules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<DeploymentScheduleCreate>,
    /// So many of its runs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
    /// What happens at that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_options: Option<ConcurrencyOptions>,
    /// Whether parameters are checked against the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_parameter_schema: Option<bool>,
    /// Which parameters the flow takes, as a JSON schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_openapi_schema: Option<JsonObject>,
    /// What the flow is called with.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub parameters: JsonObject,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub labels: JsonObject,
    /// How a worker gets the code. Leave it out for a program that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_steps: Option<Vec<JsonObject>>,
    /// In which queue its runs wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue_name: Option<String>,
    /// In which work pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_pool_name: Option<String>,
    /// For people; may be markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the flow is in the code. Leave it out: a worker would load it as Python.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// What a worker starts its runs with.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub job_variables: JsonObject,
    /// From which version of a program it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_info: Option<VersionInfo>,
}

/// What is to be changed of a deployment. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeploymentUpdate {
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its schedules rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// All its schedules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedules: Option<Vec<DeploymentScheduleCreate>>,
    /// So many of its runs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
    /// What happens at that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_options: Option<ConcurrencyOptions>,
    /// What the flow is called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<JsonObject>,
    /// Which parameters the flow takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_openapi_schema: Option<JsonObject>,
    /// Whether parameters are checked against the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_parameter_schema: Option<bool>,
    /// All its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// In which queue its runs wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue_name: Option<String>,
    /// In which work pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_pool_name: Option<String>,
    /// Where the code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where the flow is in the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// How a worker gets the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_steps: Option<Vec<JsonObject>>,
    /// What a worker starts its runs with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_variables: Option<JsonObject>,
    /// From which version of a program it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_info: Option<VersionInfo>,
}

/// A deployment, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Deployment {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// The flow.
    pub flow_id: Uuid,
    /// Whether its schedules rest.
    #[serde(default)]
    pub paused: bool,
    /// Its schedules.
    #[serde(default, deserialize_with = "null_as_default")]
    pub schedules: Vec<DeploymentSchedule>,
    /// So many of its runs at once.
    #[serde(default)]
    pub concurrency_limit: Option<u32>,
    /// The limit with a name that stands behind it.
    #[serde(default)]
    pub global_concurrency_limit: Option<GlobalConcurrencyLimit>,
    /// What happens at that limit.
    #[serde(default)]
    pub concurrency_options: Option<ConcurrencyOptions>,
    /// What a worker starts its runs with.
    #[serde(default, deserialize_with = "null_as_default")]
    pub job_variables: JsonObject,
    /// What the flow is called with.
    #[serde(default, deserialize_with = "null_as_default")]
    pub parameters: JsonObject,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: JsonObject,
    /// In which queue its runs wait.
    #[serde(default)]
    pub work_queue_name: Option<String>,
    /// That queue's id.
    #[serde(default)]
    pub work_queue_id: Option<Uuid>,
    /// In which work pool.
    #[serde(default)]
    pub work_pool_name: Option<String>,
    /// When somebody last asked for its runs.
    #[serde(default)]
    pub last_polled: Option<Timestamp>,
    /// Which parameters the flow takes, as a JSON schema.
    #[serde(default)]
    pub parameter_openapi_schema: Option<JsonObject>,
    /// Whether parameters are checked against the schema.
    #[serde(default)]
    pub enforce_parameter_schema: bool,
    /// Where the code is.
    #[serde(default)]
    pub path: Option<String>,
    /// How a worker gets the code.
    #[serde(default)]
    pub pull_steps: Option<Vec<JsonObject>>,
    /// Where the flow is in the code.
    #[serde(default)]
    pub entrypoint: Option<String>,
    /// Who has created it.
    #[serde(default)]
    pub created_by: Option<CreatedBy>,
    /// Whether somebody is there to execute its runs.
    #[serde(default)]
    pub status: Option<DeploymentStatus>,
}
