//! Automations: what the server does by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::null_as_default;

/// An automation to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AutomationCreate {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it works. It does, if nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it waits for, as in Prefect's API: `{"type": "event", "expect": [..], ..}`.
    pub trigger: Value,
    /// What it does then: `{"type": "cancel-flow-run"}` and the like.
    pub actions: Vec<Value>,
    /// What it does when it begins to act.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions_on_trigger: Vec<Value>,
    /// What it does when the cause is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions_on_resolve: Vec<Value>,
    /// What it belongs to, such as `prefect.deployment.<uuid>`. It is deleted with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_resource: Option<String>,
}

/// An automation, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Automation {
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
    /// For people.
    #[serde(default, deserialize_with = "null_as_default")]
    pub description: String,
    /// Whether it works.
    #[serde(default)]
    pub enabled: bool,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// What it waits for.
    #[serde(default)]
    pub trigger: Value,
    /// What it does then.
    #[serde(default, deserialize_with = "null_as_default")]
    pub actions: Vec<Value>,
    /// What it does when it begins to act.
    #[serde(default, deserialize_with = "null_as_default")]
    pub actions_on_trigger: Vec<Value>,
    /// What it does when the cause is gone.
    #[serde(default, deserialize_with = "null_as_default")]
    pub actions_on_resolve: Vec<Value>,
}
