//! What was said, as it was said: from a transcript, or from a recording.

use serde_json::{Map, Value, json};

use super::chance;
use super::ids::Kinds;
use super::normal::{self, Message};
use super::text;
use crate::proxy::{Direction, Record};

/// What was said between a client and a server.
#[derive(Clone, Debug)]
pub struct Conversation {
    exchanges: Vec<Exchange>,
    /// What is to be replaced wherever it occurs.
    replaced: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Below `/api`.
    pub(super) path: String,
    pub(super) said: Said,
    /// How many more like it were left out of a transcript.
    pub(super) more: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Request { method: String, body: Value, status: Option<u16>, answer: Value },
    Frame { direction: Direction, json: Value },
}

impl Conversation {
    pub(super) fn from_records(records: &[Record]) -> Self {
        let exchange = |record: &Record| {
            let (path, said) = match record.clone() {
                Record::Request(request) => {
                    let (method, body) = (request.method, request.body);
                    let (status, answer) = (request.status, request.answer);
                    (request.path, Said::Request { method, body, status, answer })
                }
                Record::Frame(frame) => {
                    let json = frame.json();
                    (frame.path, Said::Frame { direction: frame.direction, json })
                }
            };
            Exchange { path: below_api(&path), said, more: 0 }
        };
        Self { exchanges: records.iter().map(exchange).collect(), replaced: Vec::new() }
    }

    /// A conversation as [`to_json`](Self::to_json) writes it.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn from_json(transcript: &Value) -> Self {
        let entries = transcript.as_array().expect("a transcript is a list");
        Self { exchanges: entries.iter().map(parse).collect(), replaced: Vec::new() }
    }

    /// A transcript: one line for each thing that was said, with what a comparison needs of it. Ids have names.
    pub fn to_json(&self) -> String {
        let kinds = Kinds::of(&self.exchanges);
        let drawn: Vec<_> = chance::random_names(&self.exchanges)
            .into_iter()
            .filter(|(_, with)| !with.starts_with('<'))
            .collect();
        let named = |text: &str| {
            let renamed = drawn.iter().fold(text.to_owned(), |text, (name, with)| {
                chance::replace_name(&text, name, with)
            });
            kinds.mark(&renamed)
        };
        let mut names = text::Names::default();
        let mut lines = Vec::new();
        for exchange in self.exchanges.iter().filter(|exchange| !normal::is_noise(exchange)) {
            let line = names.number_in(&write(exchange, &named), '{', '}');
            lines.push(line);
        }
        format!("[\n{}\n]\n", lines.join(",\n"))
    }

    /// The same conversation, with `text` replaced wherever it occurs, such as a home directory by `$PREFECT_HOME`.
    #[must_use]
    pub fn replacing(mut self, text: impl Into<String>, with: impl Into<String>) -> Self {
        self.replaced.push((text.into(), with.into()));
        self
    }

    /// What was said, without what is left to chance, in the order of comparison.
    pub fn messages(&self) -> Vec<Message> {
        normal::messages(&self.exchanges, &self.replaced)
    }

    /// What is compared.
    pub fn text(&self) -> String {
        text::render(&self.messages()).join("\n")
    }
}

fn below_api(path: &str) -> String {
    path.strip_prefix("/api").unwrap_or(path).to_owned()
}

fn parse(entry: &Value) -> Exchange {
    let text = |key: &str| entry[key].as_str();
    let more = entry["more_like_it"].as_u64().unwrap_or(0);
    if let Some(path) = text("websocket") {
        let (direction, json) = match (&entry["client"], &entry["server"]) {
            (json, Value::Null) => (Direction::ToServer, json.clone()),
            (_, json) => (Direction::ToClient, json.clone()),
        };
        return Exchange { path: path.to_owned(), said: Said::Frame { direction, json }, more };
    }
    let request = text("request").and_then(|request| request.split_once(' '));
    let (method, path) = request.unwrap_or_else(|| panic!("neither request nor frame: {entry}"));
    let status = entry["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let (body, answer) = (entry["body"].clone(), entry["answer"].clone());
    let said = Said::Request { method: method.to_owned(), body, status, answer };
    Exchange { path: path.to_owned(), said, more }
}

/// An exchange on one line, in the order in which it is read. What says nothing is left out.
fn write(exchange: &Exchange, named: &dyn Fn(&str) -> String) -> String {
    let Exchange { path, said, more } = exchange;
    let mut members = match said {
        Said::Request { method, body, status, answer } => vec![
            ("request", json!(format!("{method} {path}"))),
            ("body", body.clone()),
            ("status", json!(status)),
            ("answer", needed(path, *status, answer)),
        ],
        Said::Frame { direction, json } => {
            let who = if *direction == Direction::ToServer { "client" } else { "server" };
            vec![("websocket", json!(path)), (who, json.clone())]
        }
    };
    members.extend((*more > 0).then(|| ("more_like_it", json!(more))));
    let member = |(key, value): (&str, Value)| {
        let value = normal::strings(&normal::without_nothing(&value)?, named);
        Some(format!("\"{key}\": {}", text::compact(&value)))
    };
    format!("{{{}}}", members.into_iter().filter_map(member).collect::<Vec<_>>().join(", "))
}

/// What a comparison needs of an answer: a complaint, a graph, or what the server has named or decided.
fn needed(path: &str, status: Option<u16>, answer: &Value) -> Value {
    let is_whole = status.is_none_or(|status| status >= 400) || path.ends_with("/graph-v2");
    let Value::Object(answer) = answer else { return Value::Null };
    if is_whole {
        return Value::Object(answer.clone());
    }
    let mut needed: Map<String, Value> = Map::new();
    for key in ["id", "name", "status", "details", "lease_id", "limits"] {
        needed.extend(answer.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    if answer.contains_key("details")
        && let Some(state) = answer.get("state")
    {
        needed.insert("state".to_owned(), json!({"type": state["type"], "name": state["name"]}));
    }
    Value::Object(needed)
}
