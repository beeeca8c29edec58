//! Flows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{JsonObject, null_as_default};

/// A flow, as it is registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Flow {
    /// Its id.
    pub id: Uuid,
    /// When it was registered.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Its name, which no other flow has.
    pub name: String,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: JsonObject,
}

/// A flow to register. See [`create_flow`](crate::PrefectClient::create_flow).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowCreate {
    /// Its name.
    pub name: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its labels: texts, numbers and booleans.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub labels: JsonObject,
}
