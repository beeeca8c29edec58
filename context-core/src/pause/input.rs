//! What a pause asks for: from a type to a form, and from what was filled in to a value.

use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::PauseError;

/// The field of a form that asks for one plain value.
const VALUE: &str = "value";

/// A form that is to be filled in.
pub(super) struct Form {
    /// The schema of an object.
    pub(super) schema: Value,
    pub(super) description: Option<String>,
    /// Why what was filled in does not fit.
    pub(super) misfit: Misfit,
}

/// Says why a value does not fit, if it does not.
pub(super) type Misfit = Arc<dyn Fn(Option<Value>) -> Option<String> + Send + Sync>;

impl Form {
    /// The form that asks for a `T`.
    pub(super) fn of<T: DeserializeOwned + JsonSchema>(description: Option<String>) -> Self {
        Self {
            schema: schema::<T>(),
            description,
            misfit: Arc::new(|value| match decode::<T>(value) {
                Err(PauseError::Input { detail, .. }) => Some(detail),
                _ => None,
            }),
        }
    }
}

/// The schema of `T` itself.
fn own_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        // Forms are made of what stands there.
        settings.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of a form that asks for a `T`.
fn schema<T: JsonSchema>() -> Value {
    let mut schema = own_schema::<T>();
    if is_object(&schema) {
        return schema;
    }
    // What is referred to, as by a type that contains itself, stays at the root.
    let definitions = schema.as_object_mut().and_then(|schema| schema.remove("$defs"));
    let title = json!(T::schema_name());
    let mut form = json!({
        "title": title,
        "type": "object",
        "properties": { VALUE: schema },
        "required": [VALUE],
    });
    if let Some(definitions) = definitions {
        form["$defs"] = definitions;
    }
    form
}

fn is_object(schema: &Value) -> bool {
    schema["type"] == "object"
}

/// The value that was filled in, if any was.
pub(super) fn decode<T>(answer: Option<Value>) -> Result<T, PauseError>
where
    T: DeserializeOwned + JsonSchema,
{
    let mut answer = answer.unwrap_or_else(|| Value::Object(Map::new()));
    if !is_object(&own_schema::<T>()) {
        answer = match answer.as_object_mut().and_then(|object| object.remove(VALUE)) {
            Some(value) => value,
            None => Value::Null,
        };
    }
    serde_json::from_value(answer).map_err(|err| PauseError::Input {
        type_name: std::any::type_name::<T>(),
        detail: err.to_string(),
    })
}
