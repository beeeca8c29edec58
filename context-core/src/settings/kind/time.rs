//! Times: seconds, with or without bounds, and lists of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::list::{joined, list};
use super::{Setting, Shape};
use crate::secret::Secrets;

/// Seconds, zero included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Seconds(pub(in super::super) Duration);

impl Seconds {
    pub(in super::super) const fn new(seconds: u64) -> Self {
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
pub(in super::super) struct SomeSeconds(pub(in super::super) Duration);

impl SomeSeconds {
    pub(in super::super) const fn new(seconds: u64) -> Self {
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
pub(in super::super) struct Heartbeat(pub(in super::super) Option<Duration>);

impl Heartbeat {
    /// More often would be of no use: whoever listens waits for several of them.
    const LEAST: Duration = Duration::from_secs(30);

    pub(in super::super) fn every(frequency: Option<Duration>) -> Self {
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

/// Delays before the first, second, … retry. The last one counts for all further retries.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Delays(
    // Invariant: not empty.
    Box<[Duration]>,
);

impl Delays {
    pub(in super::super) fn new(delays: impl IntoIterator<Item = Duration>) -> Self {
        let delays: Box<[_]> = delays.into_iter().collect();
        if delays.is_empty() { Self::default() } else { Self(delays) }
    }

    pub(in super::super) const fn get(&self) -> &[Duration] {
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
pub(in super::super) fn seconds_text(time: Duration) -> String {
    let fraction = format!("{:09}", time.subsec_nanos());
    match fraction.trim_end_matches('0') {
        "" => time.as_secs().to_string(),
        fraction => format!("{}.{fraction}", time.as_secs()),
    }
}

fn seconds_json(time: Duration) -> Value {
    json!(time.as_secs_f64())
}
