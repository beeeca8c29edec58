//! Artifacts: what a run shows to people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::null_as_default;

/// An artifact to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArtifactCreate {
    /// Under which key its versions are kept: lower case letters, digits and dashes. Without one it is a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How it is shown: `markdown`, `table`, `progress`, `image`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For people; may be markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is shown: a text for `markdown` and `image`, a text with JSON for `table`, a number for `progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Anything more.
    #[serde(rename = "metadata_", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The flow run that has made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_id: Option<Uuid>,
    /// The task run that has made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_run_id: Option<Uuid>,
}

/// What is to be changed of an artifact. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArtifactUpdate {
    /// What is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// For people; may be markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Anything more.
    #[serde(rename = "metadata_", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// An artifact, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Under which key its versions are kept.
    #[serde(default)]
    pub key: Option<String>,
    /// How it is shown.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// What is shown.
    #[serde(default)]
    pub data: Option<Value>,
    /// Anything more.
    #[serde(rename = "metadata_", default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// The flow run that has made it.
    #[serde(default)]
    pub flow_run_id: Option<Uuid>,
    /// The task run that has made it.
    #[serde(default)]
    pub task_run_id: Option<Uuid>,
}
