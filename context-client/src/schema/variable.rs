//! Variables.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::null_as_default;

/// A variable to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariableCreate {
    /// Its name: lower case letters, digits, dashes and underscores.
    pub name: String,
    /// Its value: any JSON, fewer than 5000 characters.
    pub value: Value,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What is to be changed of a variable. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VariableUpdate {
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its value. `Some(Value::Null)` is the value null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// All its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// A variable, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Variable {
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
    /// Its value.
    #[serde(default)]
    pub value: Value,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}
