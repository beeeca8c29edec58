//! Settings that are one of a few words.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::kind::Setting;
use crate::secret::Secrets;

/// The least severe log record that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
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
#[serde(into = "&'static str")]
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
#[serde(into = "&'static str")]
#[non_exhaustive]
pub enum DefaultSerializer {
    /// `json`.
    #[default]
    Json,
    /// `compressed/json`.
    CompressedJson,
}

/// What becomes of a log record that is meant for the API, but belongs to no flow run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum WhenMissingFlow {
    /// It is left out, with a warning.
    #[default]
    Warn,
    /// It is left out, with an error.
    Error,
    /// It is left out.
    Ignore,
}

/// How many events tell a server of a task run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum TaskRunEvents {
    /// As few as give the server the same task run: a short one that is at its end is told of once.
    #[default]
    Fewest,
    /// One for every state, as Prefect does.
    Every,
}

/// The texts of settings that are one of a few words. They are read in any case.
macro_rules! words {
    ($($words:ident, $allowed:literal: $($word:ident = $text:literal),*;)*) => {$(
        impl $words {
            /// As a variable has it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }
        }

        impl From<$words> for &'static str {
            fn from(word: $words) -> Self {
                word.as_str()
            }
        }

        impl fmt::Display for $words {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Setting for $words {
            const ALLOWED: &'static str = $allowed;

            fn parse(text: &str) -> Option<Self> {
                [$(Self::$word),*].into_iter().find(|word| word.as_str().eq_ignore_ascii_case(text))
            }

            fn text(&self) -> Option<String> {
                Some(self.as_str().to_owned())
            }

            fn json(&self, _: Secrets) -> Value {
                json!(self.as_str())
            }
        }
    )*};
}

words! {
    LoggingLevel, "one of DEBUG, INFO, WARNING, ERROR, CRITICAL":
        Debug = "DEBUG", Info = "INFO", Warning = "WARNING", Error = "ERROR", Critical = "CRITICAL";
    Summary, "one of auto, always, never": Auto = "auto", Always = "always", Never = "never";
    DefaultSerializer, "json or compressed/json (pickle, the default of Prefect, is Python's own format)":
        Json = "json", CompressedJson = "compressed/json";
    WhenMissingFlow, "one of warn, error, ignore": Warn = "warn", Error = "error", Ignore = "ignore";
    TaskRunEvents, "fewest or every": Fewest = "fewest", Every = "every";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_shown_in_one() {
        fn check<T>(texts: &[&str])
        where
            T: Setting + fmt::Display + fmt::Debug + Serialize,
        {
            for &text in texts {
                for spelled in [text.to_lowercase(), text.to_uppercase()] {
                    let word = T::parse(&spelled).unwrap();
                    assert_eq!(word.to_string(), text);
                    assert_eq!(word.text().unwrap(), text);
                    assert_eq!(serde_json::to_value(&word).unwrap(), text);
                    assert_eq!(word.json(Secrets::Masked), text);
                }
            }
            assert!(T::parse("other").is_none() && T::parse("").is_none());
        }
        check::<LoggingLevel>(&["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]);
        check::<Summary>(&["auto", "always", "never"]);
        check::<DefaultSerializer>(&["json", "compressed/json"]);
        check::<WhenMissingFlow>(&["warn", "error", "ignore"]);
        check::<TaskRunEvents>(&["fewest", "every"]);
        assert!(LoggingLevel::Debug < LoggingLevel::Critical);
    }
}
