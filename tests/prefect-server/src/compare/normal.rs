//! What was said, without what is left to chance.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::chance::{self, comparable, without_chance, without_hash, without_numbers};
use super::exchange::{Exchange, Said};
use super::ids::{self, Kinds};
use crate::proxy::Direction;

/// One thing that is compared. In its texts an id is `<kind:id>`, and a time, a name, a hash and the like is the word
/// for it in such brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What is said in one line, such as `POST /flow_runs/` or `event prefect.task-run.Running`.
    pub(super) head: String,
    /// What is said in full.
    pub body: Value,
    /// What the server made of it, such as `201 ACCEPT RUNNING Running`. Empty for what is not answered.
    pub outcome: String,
    /// How many more like it were left out.
    pub(super) more: u64,
    place: Place,
}

/// Where it stands in a text. What has equal places stands in the order in which it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    section: Section,
    /// When what it belongs to has begun, and what that is.
    begun: String,
    subject: String,
    at: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    #[default]
    Requests,
    FlowRuns,
    TaskRuns,
    Events,
    Frames,
    Logs,
}

impl Message {
    /// What is said in one line, with ids as `<kind>`.
    pub fn head(&self) -> String {
        let mut head = String::new();
        let mut rest = self.head.as_str();
        while let Some((before, after)) = rest.split_once(':') {
            let is_id =
                before.contains('<') && ids::find(after).first().is_some_and(|id| id.start == 0);
            head += before;
            if is_id {
                rest = &after[ids::find(after)[0].end..];
            } else {
                head.push(':');
                rest = after;
            }
        }
        head + rest
    }

    /// What an event is about, such as `prefect.task-run.<task-run:..>`.
    pub fn resource(&self) -> Option<&str> {
        self.body["resource"]["prefect.resource.id"].as_str()
    }
}

/// What a client says for its own sake.
pub(super) fn is_noise(exchange: &Exchange) -> bool {
    let route = exchange.path.split('?').next().unwrap_or_default();
    match &exchange.said {
        Said::Request { status, .. } => {
            const ROUTES: [&str; 7] = [
                "/csrf-token",
                "/version",
                "/admin/version",
                "/admin/storage",
                "/admin/settings",
                "/health",
                "/ready",
            ];
            // Busy, or the opening of a websocket.
            matches!(status, Some(101 | 503)) || ROUTES.contains(&route)
        }
        Said::Frame { direction, json } => {
            *direction == Direction::ToClient
                || matches!(json["type"].as_str(), Some("auth" | "auth_success"))
        }
    }
}

pub(super) fn messages(exchanges: &[Exchange], replaced: &[(String, String)]) -> Vec<Message> {
    let kinds = Kinds::of(exchanges);
    let names = chance::random_names(exchanges);
    let tidy = Tidy { kinds: &kinds, names: &names, replaced };
    let mut reads = HashSet::new();
    let mut messages = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| !is_noise(exchange)) {
        for message in tidy.exchange(exchange) {
            let is_read = message.head.starts_with("GET ")
                || ["/filter", "/count", "/get_scheduled_flow_runs"]
                    .iter()
                    .any(|end| message.head.starts_with("POST ") && message.head.ends_with(end));
            let said = (message.head.clone(), message.body.to_string(), message.outcome.clone());
            if !is_read || reads.insert(said) {
                messages.push(message);
            }
        }
    }
    let mut begun: HashMap<String, String> = HashMap::new();
    for message in &messages {
        let Place { subject, begun: first, .. } = &message.place;
        let known = begun.entry(subject.clone()).or_insert_with(|| first.clone());
        if first < known {
            known.clone_from(first);
        }
    }
    for message in &mut messages {
        if let Some(first) = begun.get(&message.place.subject) {
            message.place.begun.clone_from(first);
        }
    }
    messages.sort_by(|one, other| one.place.cmp(&other.place));
    messages
}

/// Takes what is left to chance out of values.
struct Tidy<'a> {
    kinds: &'a Kinds,
    names: &'a [(String, String)],
    replaced: &'a [(String, String)],
}

impl Tidy<'_> {
    fn exchange(&self, exchange: &Exchange) -> Vec<Message> {
        let Exchange { path, said, more } = exchange;
        match said {
            Said::Request { body: Value::Array(records), .. } if path == "/logs/" => {
                records.iter().map(|record| self.log(record)).collect()
            }
            Said::Request { body: Value::Array(events), .. } if path == "/events" => {
                events.iter().map(|event| self.event(event, 0)).collect()
            }
            Said::Request { method, body, status, answer } => vec![Message {
                head: format!("{method} {}", self.text(path)),
                body: self.value("", body),
                // Whether there has been such a flow before is another matter.
                outcome: match status {
                    Some(200 | 201) if path == "/flows/" => "200 or 201".to_owned(),
                    _ => self.outcome(*status, answer),
                },
                more: *more,
                place: Place::default(),
            }],
            Said::Frame { json, .. } if path == "/events/in" => vec![self.event(json, *more)],
            Said::Frame { json, .. } => vec![Message {
                head: format!("frame {}", self.text(path)),
                body: self.value("", json),
                outcome: String::new(),
                more: *more,
                place: Place { section: Section::Frames, ..Place::default() },
            }],
        }
    }

    fn log(&self, record: &Value) -> Message {
        let at = comparable(&record["timestamp"]);
        let mut body = self.value("", record);
        let name = take(&mut body, "name");
        take(&mut body, "timestamp");
        let head = format!("log {}", name.as_str().unwrap_or_default());
        let place = Place { section: Section::Logs, at, ..Place::default() };
        Message { head, body, outcome: String::new(), more: 0, place }
    }

    fn event(&self, event: &Value, more: u64) -> Message {
        let run = &event["payload"]["task_run"];
        let mut body = self.value("", event);
        let name = take(&mut body, "event");
        take(&mut body, "id");
        take(&mut body, "occurred");
        if let Some(related) = body.get_mut("related").and_then(Value::as_array_mut) {
            let key = |resource: &Value| {
                let id = resource["prefect.resource.id"].as_str().unwrap_or_default();
                let stem = id.split(':').next().unwrap_or_default();
                (resource["prefect.resource.role"].to_string(), stem.to_owned())
            };
            related.sort_by_key(key);
        }
        let subject = event["resource"]["prefect.resource.id"].as_str().unwrap_or_default();
        let name = name.as_str().unwrap_or_default();
        let section = match name.split('.').collect::<Vec<_>>()[..] {
            ["prefect", "flow-run", ..] => Section::FlowRuns,
            ["prefect", "task-run", ..] => Section::TaskRuns,
            _ => Section::Events,
        };
        let at = comparable(&event["occurred"]);
        let mut place = Place { section, at: at.clone(), ..Place::default() };
        // All other events stand by their own times, whatever they are about.
        if section != Section::Events {
            place.subject = subject.to_owned();
            place.begun = Some(comparable(&run["expected_start_time"]))
                .filter(|expected| !expected.is_empty())
                .unwrap_or(at);
        }
        Message { head: format!("event {name}"), body, outcome: String::new(), more, place }
    }

    /// The status, and in words what is behind it.
    fn outcome(&self, status: Option<u16>, answer: &Value) -> String {
        let Some(status) = status else { return "no answer".to_owned() };
        let said: Vec<&Value> = if status >= 400 {
            vec![&answer["detail"], &answer["exception_message"]]
        } else if answer["details"].is_null() {
            Vec::new()
        } else {
            let state = &answer["state"];
            vec![&answer["status"], &state["type"], &state["name"], &answer["details"]["reason"]]
        };
        let said = said.into_iter().filter_map(Value::as_str).map(|said| self.text(said));
        std::iter::once(status.to_string()).chain(said).collect::<Vec<_>>().join(" ")
    }

    fn value(&self, key: &str, value: &Value) -> Value {
        let tidied = match value {
            Value::Object(members) => {
                let member =
                    |(key, value): (&String, &Value)| (self.text(key), self.value(key, value));
                Value::Object(members.iter().map(member).collect())
            }
            Value::Array(items) => {
                let mut items: Vec<_> = items.iter().map(|item| self.value(key, item)).collect();
                if matches!(key, "tags" | "names") {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::Number(_) if SECONDS.contains(&key) => json!("<seconds>"),
            Value::String(_) if VERSIONS.contains(&key) => json!("<version>"),
            Value::String(text) if key == "task_key" => json!(self.text(&without_hash(text))),
            Value::String(text) => json!(self.text(text)),
            other => other.clone(),
        };
        without_nothing(&tidied).unwrap_or_default()
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in self.replaced {
            text = text.replace(from, to);
        }
        for (name, to) in self.names {
            text = chance::replace_name(&text, name, to);
        }
        without_chance(&without_numbers(&self.kinds.mark(&text)))
    }
}

const SECONDS: [&str; 3] = ["total_run_time", "estimated_run_time", "estimated_start_time_delta"];
const VERSIONS: [&str; 2] = ["prefect.version", "prefect_version"];

fn take(value: &mut Value, key: &str) -> Value {
    value.as_object_mut().and_then(|members| members.remove(key)).unwrap_or_default()
}

/// The value without what says nothing. `None` if it says nothing itself.
pub(super) fn without_nothing(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(without_nothing).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(members) => {
            let kept =
                |(key, value): (&String, &Value)| Some((key.clone(), without_nothing(value)?));
            let members: Map<String, Value> = members.iter().filter_map(kept).collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        other => Some(other.clone()),
    }
}

/// The value with each text, those of keys included, changed.
pub(super) fn strings(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| strings(item, change)).collect(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| (change(key), strings(value, change));
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let value = json!({"a": null, "b": {"c": [], "d": ""}, "e": [null, 0, false], "f": {}});
        assert_eq!(without_nothing(&value), Some(json!({"e": [0, false]})));
        assert_eq!(without_nothing(&json!({"a": [{}]})), None);
    }
}
