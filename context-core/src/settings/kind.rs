//! Kinds of settings: how a value is read from text, written as text, and shown.
//!
//! Text is the one form that all sources share: variables are text, and what a file holds otherwise is turned into it. What
//! a kind writes it reads again, and Prefect reads it too.
//!
//! This module does not know which settings there are.

mod list;
mod time;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};

use crate::secret::{MASK, Secret, Secrets};

pub(super) use list::{Codes, Headers, Names};
pub(super) use time::{Delays, Heartbeat, Seconds, SomeSeconds, seconds_text};

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

#[cfg(test)]
mod tests;
