//! Events, and the resources they are about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{JsonObject, null_as_default};

/// Something that has happened.
///
/// # Examples
///
/// ```
/// use context_client::schema::{Event, Resource};
///
/// let event = Event::new("shop.order.paid", Resource::new("shop.order.17").with("shop.amount", "20"));
/// assert_eq!(event.resource.id(), "shop.order.17");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id. The server takes an id once: what is sent again is ignored.
    pub id: Uuid,
    /// When it happened. The server keeps microseconds: two states of a task run must be at least one apart.
    pub occurred: Timestamp,
    /// Its name, such as `prefect.task-run.Completed`.
    pub event: String,
    /// What it happened to.
    pub resource: Resource,
    /// What else has to do with it, each in a role. 100 at most.
    #[serde(default, deserialize_with = "null_as_default")]
    pub related: Vec<Resource>,
    /// Anything more: an object.
    #[serde(default = "no_payload")]
    pub payload: Value,
    /// The event that it follows.
    #[serde(default)]
    pub follows: Option<Uuid>,
}

fn no_payload() -> Value {
    Value::Object(JsonObject::new())
}

impl Event {
    /// An event that happens now, with a new id and no payload.
    pub fn new(event: impl Into<String>, resource: Resource) -> Self {
        Self {
            id: Uuid::new_v4(),
            occurred: Timestamp::now(),
            event: event.into(),
            resource,
            related: Vec::new(),
            payload: no_payload(),
            follows: None,
        }
    }
}

/// A thing that events are about: labels with texts, of which `prefect.resource.id` says which thing it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(pub BTreeMap<String, String>);

impl Resource {
    /// The label of the id.
    pub const ID: &str = "prefect.resource.id";
    /// The label of the role of a related resource.
    pub const ROLE: &str = "prefect.resource.role";
    /// The label of the name.
    pub const NAME: &str = "prefect.resource.name";

    /// The thing with this id, such as `prefect.flow-run.<uuid>`.
    pub fn new(id: impl Into<String>) -> Self {
        Self(BTreeMap::from([(Self::ID.to_owned(), id.into())]))
    }

    /// The same with one more label.
    #[must_use]
    pub fn with(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(label.into(), value.into());
        self
    }

    /// The same in a role, such as `flow-run`.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        self.with(Self::ROLE, role)
    }

    /// Its id; empty if it has none, which the server does not accept.
    pub fn id(&self) -> &str {
        self.get(Self::ID).unwrap_or_default()
    }

    /// Its role.
    pub fn role(&self) -> Option<&str> {
        self.get(Self::ROLE)
    }

    /// The value of a label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.get(label).map(String::as_str)
    }
}

/// Some of the events that a filter has found. See [`read_events`](crate::PrefectClient::read_events).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct EventPage {
    /// The events, in the order of the filter.
    #[serde(default, deserialize_with = "null_as_default")]
    pub events: Vec<Event>,
    /// How many there are on all pages.
    #[serde(default)]
    pub total: u64,
    /// Where the next page is.
    #[serde(default)]
    pub next_page: Option<String>,
}
