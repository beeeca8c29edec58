//! Ids: where they are in a text, and of what they are.
//!
//! An id is a UUID, or in a transcript its name, such as `{flow-run-1}`. What it is the id of is told by the place
//! where it stands: a key, a path, or the text before it.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use super::exchange::{Exchange, Said};

/// What each id is the id of, such as `flow-run`.
///
/// Places may tell different things, and in no certain order: an object in a list of `children` has the id of what it is.
/// So what is one of Prefect's nouns counts before what is not, and then what comes first in the alphabet.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<String, String>);

/// What Prefect has ids of, as far as it is named here.
const NOUNS: [&str; 16] = [
    "artifact",
    "automation",
    "concurrency-limit",
    "deployment",
    "event",
    "flow",
    "flow-run",
    "key",
    "lease",
    "parameter",
    "state",
    "task-run",
    "transition",
    "variable",
    "work-pool",
    "work-queue",
];

impl Kinds {
    pub(super) fn of(exchanges: &[Exchange]) -> Self {
        let mut kinds = Self::default();
        for Exchange { path, said, .. } in exchanges {
            kinds.in_path(path);
            let route = path.split('?').next().unwrap_or_default();
            match said {
                Said::Request { body, answer, .. } => {
                    kinds.in_value(body, "", "");
                    let collection = route.trim_matches('/').rsplit('/').next().unwrap_or_default();
                    kinds.in_value(answer, "", &singular(collection));
                }
                Said::Frame { json, .. } => kinds.in_value(json, "", "event"),
            }
        }
        kinds
    }

    fn tell(&mut self, id: &str, kind: &str) {
        if kind.is_empty() {
            return;
        }
        let rank = |kind: &str| (!NOUNS.contains(&kind), kind.to_owned());
        let known = self.0.entry(id.to_owned()).or_insert_with(|| kind.to_owned());
        if rank(kind) < rank(known) {
            kind.clone_into(known);
        }
    }

    /// The segment before an id, or the key of a query.
    fn in_path(&mut self, path: &str) {
        let mut before = "";
        for segment in path.split(['/', '?', '&']) {
            match segment.split_once('=') {
                Some((key, value)) if is_id(value) => self.tell(value, &kind_of_key(key)),
                None if is_id(segment) => self.tell(segment, &singular(before)),
                _ => before = segment,
            }
        }
    }

    /// `key` is that of the value, or of the list it stands in, and `of` is what an object without any is.
    fn in_value(&mut self, value: &Value, key: &str, of: &str) {
        match value {
            Value::String(text) if is_id(text) => self.tell(text, &kind_of_key(key)),
            Value::String(text) => {
                for range in find(text) {
                    let before = text[..range.start].strip_suffix('.').unwrap_or_default();
                    let mut words = before.rsplit('.');
                    if let (Some(kind), Some("prefect")) = (words.next(), words.next()) {
                        self.tell(&text[range], kind);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.in_value(item, key, of)),
            Value::Object(members) => {
                let stated = ["input_type", "type"].map(|key| members.get(key));
                let is_task_run =
                    stated.iter().flatten().any(|kind| kind.as_str() == Some("task_run"));
                let of = match key {
                    _ if is_task_run => "task-run".to_owned(),
                    "" => of.to_owned(),
                    key => kind_of_key(key),
                };
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("id", Value::String(id)) if is_id(id) => self.tell(id, &of),
                        // A filter: `{"flow_runs": {"id": {"any_": [..]}}}`.
                        ("id" | "any_", value) => self.in_value(value, key, ""),
                        (name, value) => self.in_value(value, name, ""),
                    }
                }
            }
            _ => {}
        }
    }

    /// The text with each id marked as `<kind:id>`.
    pub(super) fn mark(&self, text: &str) -> String {
        let mut marked = String::with_capacity(text.len());
        let mut end = 0;
        for range in find(text) {
            let id = &text[range.clone()];
            let kind = self.0.get(id).map_or("id", String::as_str);
            marked += &text[end..range.start];
            marked += &format!("<{kind}:{id}>");
            end = range.end;
        }
        marked + &text[end..]
    }
}

/// `flow_run_id` is of a `flow-run`, and so are `child_flow_run_id` and `flow_runs`.
fn kind_of_key(key: &str) -> String {
    match key {
        "follows" => "event".to_owned(),
        "dynamic_key" | "idempotency_key" => "key".to_owned(),
        "deployment_concurrency_lease_id" => "lease".to_owned(),
        _ => {
            let key = key.strip_prefix("parent_").or(key.strip_prefix("child_")).unwrap_or(key);
            singular(key.strip_suffix("_id").unwrap_or(key))
        }
    }
}

fn singular(noun: &str) -> String {
    noun.strip_suffix('s').unwrap_or(noun).replace('_', "-")
}

/// Whether the text is an id and nothing else.
pub(super) fn is_id(text: &str) -> bool {
    find(text).first() == Some(&(0..text.len()))
}

/// Where the ids in a text are.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = uuid_length(&bytes[at..]).or_else(|| name_length(&bytes[at..]));
        match length {
            Some(length) => {
                found.push(at..at + length);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

/// The length of the UUID at the start.
fn uuid_length(bytes: &[u8]) -> Option<usize> {
    const LENGTH: usize = 36;
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.get(..LENGTH)?.iter().enumerate().all(fits).then_some(LENGTH)
}

/// The length of the name, such as `{flow-run-1}`, at the start.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let name = bytes.strip_prefix(b"{")?;
    let end = name.iter().position(|byte| *byte == b'}')?;
    let (kind, number) = str::from_utf8(&name[..end]).ok()?.rsplit_once('-')?;
    let is_kind = kind.starts_with(|letter: char| letter.is_ascii_lowercase())
        && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_kind && is_number).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proxy::Direction;

    const ONE: &str = "c18683cb-92d0-49bb-b6b6-490f1f6b46db";
    const TWO: &str = "01a20329-fd72-7a54-b53d-b9a13e881133";

    fn kind_of(id: &str, path: &str, said: Said) -> String {
        let kinds = Kinds::of(&[Exchange { path: path.to_owned(), said, more: 0 }]);
        kinds.0.get(id).cloned().unwrap_or_default()
    }

    fn kind_in_body(body: Value) -> String {
        let said =
            Said::Request { method: "POST".to_owned(), body, status: None, answer: Value::Null };
        kind_of(ONE, "/any/", said)
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        assert!(is_id(ONE) && is_id("{flow-run-12}"));
        for text in ["", "{flow}", "{n}", "{-1}", "{Flow-1}", &ONE[1..], &format!("{ONE}x")] {
            assert!(!is_id(text), "{text}");
        }
        let text = format!("é/{ONE}/{{task-run-1}}?x={TWO}");
        let found: Vec<&str> = find(&text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, [ONE, "{task-run-1}", TWO]);
    }

    #[test]
    fn what_an_id_is_of_is_told_by_its_place() {
        assert_eq!(kind_in_body(json!({"flow_id": ONE})), "flow");
        assert_eq!(kind_in_body(json!({"parent_task_run_id": ONE})), "task-run");
        assert_eq!(kind_in_body(json!({"holder": {"type": "task_run", "id": ONE}})), "task-run");
        let inputs = json!({"task_inputs": {"x": [{"input_type": "task_run", "id": ONE}]}});
        assert_eq!(kind_in_body(inputs), "task-run");
        assert_eq!(kind_in_body(json!({"flow_runs": {"id": {"any_": [ONE]}}})), "flow-run");
        let filter = json!({"flow_runs": {"parent_task_run_id": {"any_": [ONE]}}});
        assert_eq!(kind_in_body(filter), "task-run");
        let resource = json!({"prefect.resource.id": format!("prefect.artifact.{ONE}")});
        assert_eq!(kind_in_body(resource), "artifact");
        assert_eq!(kind_in_body(json!({"parameters": ONE})), "parameter");

        let answer = |path: &str, answer| {
            let (method, body) = ("POST".to_owned(), Value::Null);
            kind_of(ONE, path, Said::Request { method, body, status: None, answer })
        };
        assert_eq!(answer("/flow_runs/", json!({"id": ONE})), "flow-run");
        assert_eq!(answer("/v2/concurrency_limits/", json!({"id": ONE})), "concurrency-limit");
        assert_eq!(answer("/any/", json!({"state": {"id": ONE}})), "state");
        assert_eq!(answer(&format!("/flow_runs/{ONE}/set_state"), Value::Null), "flow-run");
        assert_eq!(
            answer(&format!("/task_run_states/?task_run_id={ONE}"), Value::Null),
            "task-run"
        );
        let event = Said::Frame { direction: Direction::ToServer, json: json!({"id": ONE}) };
        assert_eq!(kind_of(ONE, "/events/in", event), "event");
    }

    #[test]
    fn a_noun_of_prefects_counts_before_another() {
        let body = json!([{"any": [TWO]}, {"flow_id": TWO}]);
        let body = json!({"a": {"id": ONE}, "flow_id": ONE, "list": body});
        let said =
            Said::Request { method: "POST".to_owned(), body, status: None, answer: Value::Null };
        let kinds = Kinds::of(&[Exchange { path: "/x".to_owned(), said, more: 0 }]);
        assert_eq!(
            kinds.mark(&format!("a {ONE} b {TWO}.")),
            format!("a <flow:{ONE}> b <flow:{TWO}>.")
        );
    }
}
