//! Kinds of settings: how a value is read from text, written as text, and shown.
//!
//! Text is the one form that all sources share: variables are text, and what a file holds otherwise is turned into it. What
//! a kind writes it reads again, and Prefect reads it too.
//!
//! This module does not know which settings there are.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::secret::{MASK, Secret, Secrets};

/// What a file may hold for a setting, besides text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text only.
    Text,
    /// Text, a number, or true and false.
    Scalar,
    /// Those, or a list of them.
    List,
    /// Text, or a table of texts.
    Table,
}

/// What a setting's text may be, and what it means.
pub(super) trait Setting: Clone + PartialEq {
    /// Completes "must be …".
    const ALLOWED: &'static str;
    const SHAPE: Shape = Shape::Scalar;
    const SECRET: bool = false;

    fn parse(text: &str) -> Option<Self>;

    /// What a variable would hold, secrets included; `None` if there is no value.
    fn text(&self) -> Option<String>;

    fn json(&self, secrets: Secrets) -> Value;

    /// The text as it may be shown.
    fn masked(text: &str) -> String {
        if Self::SECRET { MASK.to_owned() } else { text.to_owned() }
    }
}

impl<T: Setting> Setting for Option<T> {
    const ALLOWED: &'static str = T::ALLOWED;
    const SHAPE: Shape = T::SHAPE;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn text(&self) -> Option<String> {
        self.as_ref().and_then(T::text)
    }

    fn json(&self, secrets: Secrets) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.json(secrets))
    }

    fn masked(text: &str) -> String {
        T::masked(text)
    }
}

impl Setting for bool {
    const ALLOWED: &'static str = "true or false";

    /// The words that Prefect reads.
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => true,
            "false" | "f" | "no" | "n" | "off" | "0" => false,
            _ => return None,
        })
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self)
    }
}

macro_rules! numbers {
    ($($number:ty: $allowed:literal;)*) => {$(
        impl Setting for $number {
            const ALLOWED: &'static str = $allowed;

            fn parse(text: &str) -> Option<Self> {
                // Grouped as Python reads it: 4_000_000.
                Self::from_str(&text.replace('_', "")).ok()
            }

            fn text(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn json(&self, _: Secrets) -> Value {
                json!(self)
            }
        }
    )*};
}

numbers! {
    u32: "a whole number from 0 to 4294967295";
    usize: "a whole number";
    NonZeroUsize: "a whole number of at least 1";
}

/// Any text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text(pub(super) String);

impl Setting for Text {
    const ALLOWED: &'static str = "a text";
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    fn text(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self.0)
    }
}

impl Setting for Secret<String> {
    const ALLOWED: &'static str = "a text";
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(Self::new(text.to_owned()))
    }

    fn text(&self) -> Option<String> {
        Some(self.expose().clone())
    }

    fn json(&self, secrets: Secrets) -> Value {
        json!(secrets.text(self))
    }
}

/// A path; empty where none is said, and the default follows from other settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Location(pub(super) PathBuf);

impl Location {
    pub(super) fn get(&self) -> Option<&Path> {
        (!self.0.as_os_str().is_empty()).then_some(&self.0)
    }
}

impl Setting for Location {
    const ALLOWED: &'static str = "a path";
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.into()))
    }

    fn text(&self) -> Option<String> {
        let text = self.0.to_string_lossy();
        (!text.is_empty()).then(|| text.into_owned())
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self.text())
    }
}

/// An address of HTTP, without a slash at the end. It may name a user and password, which are not shown.
#[derive(Clone, PartialEq)]
pub(super) struct Url(pub(super) String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::masked(&self.0).fmt(f)
    }
}

impl Setting for Url {
    const ALLOWED: &'static str = "an address such as http://127.0.0.1:4200/api";
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        (known && !host.is_empty() && plain).then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    fn text(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn json(&self, secrets: Secrets) -> Value {
        match secrets {
            Secrets::Masked => json!(Self::masked(&self.0)),
            Secrets::Included => json!(self.0),
        }
    }

    /// Masks all that could be a user and password, also where it is not written as it should be.
    fn masked(text: &str) -> String {
        let Some(at) = text.rfind('@') else { return text.to_owned() };
        let scheme = text[..at].find("://").map_or(0, |end| end + "://".len());
        format!("{}{MASK}{}", &text[..scheme], &text[at..])
    }
}

/// Seconds, zero included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds(pub(super) Duration);

impl Seconds {
    pub(super) const fn new(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl Setting for Seconds {
    const ALLOWED: &'static str = "seconds, such as 60 or 1.5";

    fn parse(text: &str) -> Option<Self> {
        seconds(text).map(Self)
    }

    fn text(&self) -> Option<String> {
        Some(seconds_text(self.0))
    }

    fn json(&self, _: Secrets) -> Value {
        seconds_json(self.0)
    }
}

/// A time that cannot be zero: nothing could be done in it, or it would be done without a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SomeSeconds(pub(super) Duration);

impl SomeSeconds {
    pub(super) const fn new(seconds: u64) -> Self {
        assert!(seconds > 0, "it cannot be zero");
        Self(Duration::from_secs(seconds))
    }
}

impl Setting for SomeSeconds {
    const ALLOWED: &'static str = "seconds, such as 60 or 1.5, and more than 0";

    fn parse(text: &str) -> Option<Self> {
        seconds(text).filter(|time| !time.is_zero()).map(Self)
    }

    fn text(&self) -> Option<String> {
        Some(seconds_text(self.0))
    }

    fn json(&self, _: Secrets) -> Value {
        seconds_json(self.0)
    }
}

/// The time between two heartbeats, at least 30 s, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Heartbeat(pub(super) Option<Duration>);

impl Heartbeat {
    /// More often would be of no use: whoever listens waits for several of them.
    const LEAST: Duration = Duration::from_secs(30);

    pub(super) fn every(frequency: Option<Duration>) -> Self {
        Self(frequency.map(|frequency| frequency.max(Self::LEAST)))
    }
}

impl Setting for Heartbeat {
    const ALLOWED: &'static str = "seconds, such as 180, or none";

    fn parse(text: &str) -> Option<Self> {
        match text {
            none if none.eq_ignore_ascii_case("none") => Some(Self(None)),
            text => seconds(text).map(|frequency| Self::every(Some(frequency))),
        }
    }

    fn text(&self) -> Option<String> {
        // No text for none: Prefect has no such word, and would not start.
        self.0.map(seconds_text)
    }

    fn json(&self, _: Secrets) -> Value {
        self.0.map_or(Value::Null, seconds_json)
    }
}

/// A number that is not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Factor(pub(super) f64);

impl Setting for Factor {
    const ALLOWED: &'static str = "a number of at least 0, such as 0.2";

    fn parse(text: &str) -> Option<Self> {
        let number: f64 = text.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(Self(number))
    }

    fn text(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn json(&self, _: Secrets) -> Value {
        json!(self.0)
    }
}

/// Delays before the first, second, … retry. The last one counts for all further retries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Delays(
    // Invariant: not empty.
    Box<[Duration]>,
);

impl Delays {
    pub(super) fn new(delays: impl IntoIterator<Item = Duration>) -> Self {
        let delays: Box<[_]> = delays.into_iter().collect();
        if delays.is_empty() { Self::default() } else { Self(delays) }
    }

    pub(super) const fn get(&self) -> &[Duration] {
        &self.0
    }
}

impl Default for Delays {
    /// None of any length.
    fn default() -> Self {
        Self(Box::new([Duration::ZERO]))
    }
}

impl Setting for Delays {
    const ALLOWED: &'static str =
        "seconds, such as 1.5, or a list of them, such as 1, 10 or [1, 10]";
    const SHAPE: Shape = Shape::List;

    /// At least one delay.
    fn parse(text: &str) -> Option<Self> {
        let delays: Option<Box<[_]>> = list(text)?.map(seconds).collect();
        delays.map(Self)
    }

    fn text(&self) -> Option<String> {
        Some(match &*self.0 {
            [delay] => seconds_text(*delay),
            // In brackets: Prefect takes a list for a flow only so.
            delays => format!("[{}]", joined(delays.iter().copied().map(seconds_text))),
        })
    }

    fn json(&self, _: Secrets) -> Value {
        match &*self.0 {
            [delay] => seconds_json(*delay),
            delays => delays.iter().copied().map(seconds_json).collect(),
        }
    }
}

/// Status codes of HTTP, in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Codes(Box<[u16]>);

impl Codes {
    pub(super) fn new(codes: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        codes.iter().all(|code| (100..=599).contains(code)).then(|| Self(codes.into()))
    }

    pub(super) const fn get(&self) -> &[u16] {
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
pub(super) struct Names(pub(super) Box<[String]>);

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
pub(super) struct Headers(pub(super) Box<[(String, Secret<String>)]>);

impl Headers {
    /// The headers, if all could be sent.
    pub(super) fn new(headers: impl IntoIterator<Item = (String, Secret<String>)>) -> Option<Self> {
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
fn list(text: &str) -> Option<impl Iterator<Item = &str>> {
    let inner = match text.strip_prefix('[') {
        Some(list) => list.strip_suffix(']')?,
        None => text,
    };
    Some(inner.split(',').map(str::trim))
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

fn seconds(text: &str) -> Option<Duration> {
    // `f64` also reads "inf" and "nan", which `Duration` refuses.
    exact_seconds(text).or_else(|| Duration::try_from_secs_f64(text.parse().ok()?).ok())
}

/// Digits with at most nine more behind a point, which `f64` may round.
fn exact_seconds(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let nanos = digits(seconds) && digits(fraction) && fraction.len() <= 9;
    nanos.then(|| {
        Some(Duration::new(seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
    })?
}

/// Without a fraction where there is none: Prefect takes some times only as whole numbers.
pub(super) fn seconds_text(time: Duration) -> String {
    let fraction = format!("{:09}", time.subsec_nanos());
    match fraction.trim_end_matches('0') {
        "" => time.as_secs().to_string(),
        fraction => format!("{}.{fraction}", time.as_secs()),
    }
}

fn seconds_json(time: Duration) -> Value {
    json!(time.as_secs_f64())
}

#[cfg(test)]
mod tests;
