//! The kinds of values that settings have, and how they are read from text.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

/// A setting's text is not among what is allowed.
///
/// The message names the variable, its value (masked if it is a secret), and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("setting `{variable}` is {value:?}, but must be {allowed}")]
pub struct SettingsError {
    pub(super) variable: &'static str,
    pub(super) value: String,
    pub(super) allowed: &'static str,
}

impl SettingsError {
    /// The environment variable that holds the text.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }
}

/// The least severe log record that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names of Prefect's levels")]
pub enum LoggingLevel {
    Debug,
    #[default]
    Info,
    Warning,
    Error,
    Critical,
}

/// When a flow run's summary is printed at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Summary {
    /// In programs that begin with `#[context::main]`.
    #[default]
    Auto,
    /// At the end of every outermost flow run.
    Always,
    /// Not at all.
    Never,
}

/// How results are written where neither a flow nor a task says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum DefaultSerializer {
    /// `json`.
    #[default]
    #[serde(rename = "json")]
    Json,
    /// `compressed/json`.
    #[serde(rename = "compressed/json")]
    CompressedJson,
}

/// What a setting's text may be, and what it means.
pub(super) trait Setting: Sized {
    /// Completes "must be …".
    const ALLOWED: &'static str;

    fn parse(text: &str) -> Option<Self>;
}

impl Setting for LoggingLevel {
    const ALLOWED: &'static str = "one of DEBUG, INFO, WARNING, ERROR, CRITICAL";

    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARNING" => Self::Warning,
            "ERROR" => Self::Error,
            "CRITICAL" => Self::Critical,
            _ => return None,
        })
    }
}

impl Setting for Summary {
    const ALLOWED: &'static str = "one of auto, always, never";

    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "auto" => Self::Auto,
            "always" => Self::Always,
            "never" => Self::Never,
            _ => return None,
        })
    }
}

impl Setting for DefaultSerializer {
    const ALLOWED: &'static str =
        "json or compressed/json (pickle, the default of Prefect, is Python's own format)";

    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "compressed/json" => Self::CompressedJson,
            _ => return None,
        })
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
}

impl Setting for NonZeroUsize {
    const ALLOWED: &'static str = "a whole number of at least 1";

    fn parse(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

impl Setting for u32 {
    const ALLOWED: &'static str = "a whole number from 0 to 4294967295";

    fn parse(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

/// The base address of a Prefect API. It may name a user and password, which are not shown.
#[derive(Clone, PartialEq)]
pub(super) struct ApiUrl(pub(super) String);

impl ApiUrl {
    /// The address with the mask for a user and password.
    pub(super) fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        match rest[..end].rfind('@') {
            Some(at) => format!("{scheme}://{}{}", crate::secret::MASK, &rest[at..]),
            None => self.0.clone(),
        }
    }
}

impl fmt::Debug for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.masked().fmt(f)
    }
}

impl Setting for ApiUrl {
    const ALLOWED: &'static str = "an address such as http://127.0.0.1:4200/api";

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        (known && !host.is_empty() && plain).then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

/// A name that is not empty.
pub(super) struct ProfileName(pub(super) String);

impl Setting for ProfileName {
    const ALLOWED: &'static str = "the name of a profile";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// Delays before the first, second, … retry. The last one counts for all further retries.
pub(super) struct Delays(pub(super) Box<[Duration]>);

impl Setting for Delays {
    const ALLOWED: &'static str =
        "seconds, such as 1.5, or a list of them, such as 1, 10 or [1, 10]";

    /// At least one delay.
    fn parse(text: &str) -> Option<Self> {
        let inner = match text.strip_prefix('[') {
            Some(list) => list.strip_suffix(']')?,
            None => text,
        };
        let delays: Option<Box<[_]>> = inner.split(',').map(|item| seconds(item.trim())).collect();
        delays.map(Self)
    }
}

fn seconds(text: &str) -> Option<Duration> {
    // `f64` also reads "inf" and "nan", which `Duration` refuses.
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}

impl fmt::Display for DefaultSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Json => "json",
            Self::CompressedJson => "compressed/json",
        })
    }
}

impl fmt::Display for LoggingLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delays(text: &str) -> Option<Vec<f64>> {
        Some(Delays::parse(text)?.0.iter().map(Duration::as_secs_f64).collect())
    }

    #[test]
    fn delays_are_a_number_or_a_list() {
        assert_eq!(delays("10"), Some(vec![10.0]));
        assert_eq!(delays("0.5, 2,3"), Some(vec![0.5, 2.0, 3.0]));
        assert_eq!(delays("[1, 2.5]"), Some(vec![1.0, 2.5]));
        for wrong in ["", "[]", "1,,2", "-1", "inf", "nan", "1e300", "[1", "1]", "1s", "[[1]]"] {
            assert_eq!(delays(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let url = |text| ApiUrl::parse(text).map(|url| url.0);
        assert_eq!(url("http://x:4200/api/").as_deref(), Some("http://x:4200/api"));
        assert_eq!(url("HTTPS://x").as_deref(), Some("HTTPS://x"));
        for wrong in ["x:4200", "ftp://x", "http://", "http:///api", "http://a b", "localhost"] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn yes_and_no_are_read_as_prefect_reads_them() {
        for (words, meaning) in [("true T Yes y on 1", true), ("False f NO n off 0", false)] {
            assert!(words.split(' ').all(|word| bool::parse(word) == Some(meaning)));
        }
        for wrong in ["", "2", "truee", "none"] {
            assert_eq!(bool::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_shown_in_one() {
        for text in ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] {
            let level = LoggingLevel::parse(&text.to_lowercase()).unwrap();
            assert_eq!(level.to_string(), text);
            assert_eq!(serde_json::to_value(level).unwrap(), text);
        }
        for text in ["auto", "always", "never"] {
            let summary = Summary::parse(&text.to_uppercase()).unwrap();
            assert_eq!(summary.to_string(), text);
            assert_eq!(serde_json::to_value(summary).unwrap(), text);
        }
        for text in ["json", "compressed/json"] {
            let serializer = DefaultSerializer::parse(&text.to_uppercase()).unwrap();
            assert_eq!(serializer.to_string(), text);
            assert_eq!(serde_json::to_value(serializer).unwrap(), text);
        }
        assert!(LoggingLevel::Debug < LoggingLevel::Critical);
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_refused(text in any::<String>()) {
            if let Some(delays) = Delays::parse(&text) {
                prop_assert!(!delays.0.is_empty());
            }
            if let Some(url) = ApiUrl::parse(&text) {
                prop_assert!(text.starts_with(&url.0));
            }
            prop_assert_eq!(u32::parse(&text), text.parse().ok());
        }
    }
}
