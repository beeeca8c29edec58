//! Events: that something has happened to a thing, in Prefect's form.
//!
//! An [`Event`] has a name, the [`Resource`] that it happened to, and whatever else has to do with it. It is made by the
//! code of programs; what is told of runs themselves has forms of its own. An event is checked as a whole before it is
//! told, because a server drops the connection of whoever sends one that it does not understand, and with it what others
//! have sent.
//!
//! This module is a leaf. It does not know who is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::EventId;

/// Something that has happened.
///
/// # Examples
///
/// ```
/// use context_core::event::{Event, Resource};
///
/// let paid = Event::new("shop.order.paid", Resource::new("shop.order.17").with_name("Order 17"))
///     .with_related("customer", "shop.customer.4")
///     .with_payload(serde_json::json!({ "amount": 20 }));
/// let sent = Event::new("shop.order.sent", "shop.order.17").following(&paid);
/// assert_eq!(sent.follows(), Some(paid.id()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    id: EventId,
    occurred: Timestamp,
    #[serde(rename = "event")]
    name: String,
    resource: Resource,
    related: Vec<Resource>,
    payload: Value,
    follows: Option<EventId>,
}

/// Events further apart than this do not need to say which came first.
const CLOSE: Duration = Duration::from_secs(5 * 60);

impl Event {
    /// The most resources that an event may be related to.
    pub const MOST_RELATED: usize = 100;
    /// The most bytes that an event may have as JSON, with what is added of the run that tells it.
    pub const LARGEST: usize = 1_470_000;

    /// An event that happens now, to `resource`. Names are words with dots between them, such as `shop.order.paid`.
    #[must_use = "an event is told by `emit_event`"]
    pub fn new(name: impl Into<String>, resource: impl Into<Resource>) -> Self {
        let occurred = Timestamp::now();
        Self {
            id: EventId::generate(occurred),
            occurred,
            name: name.into(),
            resource: resource.into(),
            related: Vec::new(),
            payload: Value::Object(Map::new()),
            follows: None,
        }
    }

    /// The same, to which `resource` is related in the role `role`. Each call adds one.
    #[must_use = "an event is told by `emit_event`"]
    pub fn with_related(mut self, role: impl Into<String>, resource: impl Into<Resource>) -> Self {
        self.related.push(resource.into().with(Resource::ROLE, role));
        self
    }

    /// The same with anything more there is to say: a JSON object.
    #[must_use = "an event is told by `emit_event`"]
    pub fn with_payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// The same with an id of your own. A server takes an id once: what is told again under it is ignored.
    #[must_use = "an event is told by `emit_event`"]
    pub fn with_id(mut self, id: impl Into<EventId>) -> Self {
        self.id = id.into();
        self
    }

    /// The same, which happened at `occurred`.
    #[must_use = "an event is told by `emit_event`"]
    pub const fn with_occurred(mut self, occurred: Timestamp) -> Self {
        self.occurred = occurred;
        self
    }

    /// The same, which is known to have happened after `former`. This only tells events apart that are less than five
    /// minutes away from each other; otherwise it has no effect.
    #[must_use = "an event is told by `emit_event`"]
    pub fn following(mut self, former: &Self) -> Self {
        let apart = self.occurred.since(former.occurred).max(former.occurred.since(self.occurred));
        self.follows = (apart < CLOSE).then_some(former.id);
        self
    }

    /// Its id.
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// When it happened.
    pub const fn occurred(&self) -> Timestamp {
        self.occurred
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it happened to.
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What else has to do with it, each with its role.
    pub fn related(&self) -> &[Resource] {
        &self.related
    }

    /// Anything more.
    pub const fn payload(&self) -> &Value {
        &self.payload
    }

    /// The event that it follows.
    pub const fn follows(&self) -> Option<EventId> {
        self.follows
    }

    /// Checks what no server would understand.
    pub(crate) fn check(&self) -> Result<(), EventError> {
        if self.name.is_empty() {
            return Err(EventError::NoName);
        }
        let event = || self.name.clone();
        if self.related.len() > Self::MOST_RELATED {
            return Err(EventError::TooManyRelated { event: event(), count: self.related.len() });
        }
        if !self.payload.is_object() {
            return Err(EventError::Payload { event: event() });
        }
        for (role, resource) in std::iter::once((None, &self.resource))
            .chain(self.related.iter().map(|resource| (Some(resource.role()), resource)))
        {
            if resource.id().is_empty() {
                return Err(EventError::NoResourceId { event: event() });
            }
            let resource_id = || resource.id().to_owned();
            if role.is_some_and(|role| role.is_none_or(str::is_empty)) {
                return Err(EventError::NoRole { event: event(), resource: resource_id() });
            }
            let count = resource.labels().len();
            if count > Resource::MOST_LABELS {
                return Err(EventError::TooManyLabels {
                    event: event(),
                    resource: resource_id(),
                    count,
                });
            }
        }
        let size = self.size();
        if size > Self::LARGEST {
            return Err(EventError::TooLarge { event: event(), size });
        }
        Ok(())
    }

    /// How many bytes it has as JSON.
    fn size(&self) -> usize {
        let mut counter = Counter(0);
        // Nothing in it fails to be JSON: all keys are texts.
        serde_json::to_writer(&mut counter, self).ok();
        counter.0
    }
}

/// Counts what is written.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A thing that events are about: an id, and labels with texts.
///
/// # Examples
///
/// ```
/// use context_core::event::Resource;
///
/// let order = Resource::new("shop.order.17").with("shop.country", "NZ");
/// assert_eq!(order.id(), "shop.order.17");
/// assert_eq!(order.get("shop.country"), Some("NZ"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(BTreeMap<String, String>);

impl Resource {
    /// The label of the id.
    pub const ID: &'static str = "prefect.resource.id";
    /// The label of the role that a related resource has.
    pub const ROLE: &'static str = "prefect.resource.role";
    /// The label of the name that people see.
    pub const NAME: &'static str = "prefect.resource.name";
    /// The most labels that a resource may have, its id included.
    pub const MOST_LABELS: usize = 500;

    /// The thing with this id: words with dots between them, such as `shop.order.17`.
    pub fn new(id: impl Into<String>) -> Self {
        Self(BTreeMap::from([(Self::ID.to_owned(), id.into())]))
    }

    /// The same with the name that people see.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.with(Self::NAME, name)
    }

    /// The same with one more label.
    #[must_use]
    pub fn with(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(label.into(), value.into());
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.get(Self::ID).unwrap_or_default()
    }

    /// Its role, if it is related to something.
    pub fn role(&self) -> Option<&str> {
        self.get(Self::ROLE)
    }

    /// The value of a label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.get(label).map(String::as_str)
    }

    /// All labels, by name, the id among them.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(label, value)| (label.as_str(), value.as_str()))
    }
}

impl From<&str> for Resource {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for Resource {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

/// Why an event cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// It has no name.
    #[error("an event has no name; give it one such as `shop.order.paid`")]
    NoName,
    /// One of its resources has no id.
    #[error("a resource of the event `{event}` has no id; give it one such as `shop.order.17`")]
    NoResourceId {
        /// The event's name.
        event: String,
    },
    /// One of the related resources has an empty role.
    #[error(
        "the resource `{resource}`, to which the event `{event}` is related, has no role; give it one such as `customer`"
    )]
    NoRole {
        /// The event's name.
        event: String,
        /// The resource's id.
        resource: String,
    },
    /// It is related to too many resources.
    #[error(
        "the event `{event}` is related to {count} resources, but at most {} are allowed",
        Event::MOST_RELATED
    )]
    TooManyRelated {
        /// The event's name.
        event: String,
        /// How many there are.
        count: usize,
    },
    /// A resource has too many labels.
    #[error(
        "the resource `{resource}` of the event `{event}` has {count} labels, but at most {} are allowed",
        Resource::MOST_LABELS
    )]
    TooManyLabels {
        /// The event's name.
        event: String,
        /// The resource's id.
        resource: String,
        /// How many there are.
        count: usize,
    },
    /// Its payload is no JSON object.
    #[error("the payload of the event `{event}` is no JSON object; put it into one")]
    Payload {
        /// The event's name.
        event: String,
    },
    /// It is too large.
    #[error(
        "the event `{event}` has {size} bytes as JSON, but at most {} are allowed; tell where more can be found",
        Event::LARGEST
    )]
    TooLarge {
        /// The event's name.
        event: String,
        /// How many bytes it has.
        size: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn an_event_has_prefects_form() {
        let id = "01a2032b-822a-7c53-aeee-8d07d8cb708f".parse::<EventId>().unwrap();
        let event = Event::new("my.custom.event", Resource::new("my.thing.1").with_name("Thing"))
            .with_related("peer", "other.2")
            .with_payload(json!({ "k": [1, 2] }))
            .with_id(id)
            .with_occurred(at(1));
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            json!({
                "id": "01a2032b-822a-7c53-aeee-8d07d8cb708f",
                "occurred": "1970-01-01T00:00:01.000000Z",
                "event": "my.custom.event",
                "resource": { "prefect.resource.id": "my.thing.1", "prefect.resource.name": "Thing" },
                "related": [{ "prefect.resource.id": "other.2", "prefect.resource.role": "peer" }],
                "payload": { "k": [1, 2] },
                "follows": null,
            })
        );
    }

    #[test]
    fn only_events_that_are_close_follow_each_other() {
        let first = Event::new("a", "thing").with_occurred(at(1_000));
        let following =
            |seconds| Event::new("b", "thing").with_occurred(at(seconds)).following(&first);
        assert_eq!(following(1_299).follows(), Some(first.id()));
        assert_eq!(following(1_300).follows(), None);
        // Clocks may differ.
        assert_eq!(following(701).follows(), Some(first.id()));
        assert_eq!(following(700).follows(), None);
    }

    #[test]
    fn what_no_server_would_understand_is_an_error_that_says_what_to_do() {
        let related = |count: usize| {
            (0..count).fold(Event::new("a", "thing"), |event, n| {
                event.with_related("peer", format!("thing.{n}"))
            })
        };
        let labels = |count: usize| {
            (1..count).fold(Resource::new("thing"), |thing, n| thing.with(format!("l{n}"), ""))
        };
        let large =
            |size: usize| Event::new("a", "thing").with_payload(json!({ "x": "x".repeat(size) }));
        for good in [related(100), Event::new("a", labels(500)), large(1_469_700)] {
            assert_eq!(good.check(), Ok(()));
        }
        for (bad, text) in [
            (
                Event::new("", "thing"),
                "an event has no name; give it one such as `shop.order.paid`",
            ),
            (
                Event::new("a", ""),
                "a resource of the event `a` has no id; give it one such as `shop.order.17`",
            ),
            (
                Event::new("a", "b").with_related("", "c"),
                "the resource `c`, to which the event `a` is related, has no role; give it one such as `customer`",
            ),
            (
                related(101),
                "the event `a` is related to 101 resources, but at most 100 are allowed",
            ),
            (
                Event::new("a", labels(501)),
                "the resource `thing` of the event `a` has 501 labels, but at most 500 are allowed",
            ),
            (
                Event::new("a", "b").with_payload(json!([1])),
                "the payload of the event `a` is no JSON object; put it into one",
            ),
        ] {
            assert_eq!(bad.check().unwrap_err().to_string(), text);
        }
        let error = large(1_500_000).check().unwrap_err().to_string();
        assert!(error.ends_with("tell where more can be found"), "{error}");
    }
}
