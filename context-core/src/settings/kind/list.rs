//! Lists of codes and names, and headers.

use serde_json::{Map, Value, json};

use super::{Setting, Shape};
use crate::secret::{Secret, Secrets};

/// Status codes of HTTP, in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Codes(Box<[u16]>);

impl Codes {
    pub(in super::super) fn new(codes: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        codes.iter().all(|code| (100..=599).contains(code)).then(|| Self(codes.into()))
    }

    pub(in super::super) const fn get(&self) -> &[u16] {
        &self.0
    }
}

impl Setting for Codes {
    const ALLOWED: &'static str = "status codes from 100 to 599, such as 404 or 404,500";
    const SHAPE: Shape = Shape::List;

    fn parse(text: &str) -> Option<Self> {
        let codes: Option<Vec<u16>> = list(text)?.map(|code| code.parse().ok()).collect();
        Self::new(codes?)
    }

    fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| joined(self.0.iter().map(u16::to_string)))
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self.0)
    }
}

/// Names, in the order in which they are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Names(pub(in super::super) Box<[String]>);

impl Setting for Names {
    const ALLOWED: &'static str = "names, such as a or a,b";
    const SHAPE: Shape = Shape::List;

    fn parse(text: &str) -> Option<Self> {
        let names = list(text)?.map(|name| name.trim_matches('"')).filter(|name| !name.is_empty());
        Some(Self(names.map(str::to_owned).collect()))
    }

    fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(","))
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self.0)
    }
}

/// Headers of HTTP requests. Their values may be keys, and are not shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Headers(pub(in super::super) Box<[(String, Secret<String>)]>);

impl Headers {
    /// The headers, if all could be sent.
    pub(in super::super) fn new(
        headers: impl IntoIterator<Item = (String, Secret<String>)>,
    ) -> Option<Self> {
        let headers: Box<[_]> = headers.into_iter().collect();
        let sendable = headers.iter().all(|(name, value)| {
            let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
            let is_name = !name.is_empty() && name.bytes().all(token);
            is_name && value.expose().chars().all(|c| c == '\t' || !c.is_control())
        });
        sendable.then_some(Self(headers))
    }

    fn object(&self, secrets: Secrets) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), json!(secrets.text(value)))).collect()
    }
}

impl Setting for Headers {
    const ALLOWED: &'static str = r#"headers as a JSON object, such as {"X-Team": "data"}"#;
    const SHAPE: Shape = Shape::Table;
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_str(text).ok()?;
        let headers = object.into_iter().map(|(name, value)| match value {
            Value::String(value) => Some((name, Secret::new(value))),
            _ => None,
        });
        Self::new(headers.collect::<Option<Vec<_>>>()?)
    }

    fn text(&self) -> Option<String> {
        let object = self.object(Secrets::Included);
        (!object.is_empty()).then(|| Value::Object(object).to_string())
    }

    fn json(&self, secrets: Secrets) -> Value {
        Value::Object(self.object(secrets))
    }
}

/// The items of `1, 2` or `[1, 2]`, at least one.
pub(super) fn list(text: &str) -> Option<impl Iterator<Item = &str>> {
    let inner = match text.strip_prefix('[') {
        Some(list) => list.strip_suffix(']')?,
        None => text,
    };
    Some(inner.split(',').map(str::trim))
}

pub(super) fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
