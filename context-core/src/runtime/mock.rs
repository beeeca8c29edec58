//! Answers from the environment that take the place of real ones.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::settings::environment;

/// A value that can be written into one variable.
pub(super) trait Scalar: Sized {
    /// Completes "must be …".
    const ALLOWED: &'static str;

    fn parse(text: &str) -> Option<Self>;
}

impl Scalar for String {
    const ALLOWED: &'static str = "a text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

macro_rules! parsed_scalar {
    ($($scalar:ty: $allowed:literal;)*) => {$(
        impl Scalar for $scalar {
            const ALLOWED: &'static str = $allowed;

            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )*};
}

parsed_scalar! {
    u32: "a whole number from 0 to 4294967295";
    FlowRunId: "a UUID";
    TaskRunId: "a UUID";
    Uuid: "a UUID";
}

impl Scalar for Timestamp {
    const ALLOWED: &'static str = "a date and time such as 2024-06-01T12:00:00Z";

    /// A time without an offset is in UTC, as in Prefect.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let with_offset = text.parse::<jiff::Timestamp>().ok();
        let instant = with_offset.or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        });
        instant.map(Into::into)
    }
}

/// The value of `variable`, else the real one.
pub(super) fn scalar<T: Scalar>(
    variable: &'static str,
    real: impl FnOnce() -> Option<T>,
) -> Option<T> {
    from_variable(variable, environment).or_else(real)
}

/// The real value of what cannot be written into one variable.
pub(super) fn composite<T>(variable: &'static str, real: T) -> T {
    refuse(variable, environment);
    real
}

/// The value of a variable, unless it is not set, set to nothing, or of the wrong form.
pub(super) fn from_variable<T: Scalar>(
    variable: &'static str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Option<T> {
    let text = lookup(variable).filter(|text| !text.trim().is_empty())?;
    let value = T::parse(&text);
    if value.is_none() {
        warn_once(variable, format_args!("is {text:?}, but must be {}", T::ALLOWED));
    }
    value
}

/// True if the variable is set and was refused.
fn refuse(variable: &'static str, lookup: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = lookup(variable).is_some_and(|text| !text.trim().is_empty());
    if is_set {
        warn_once(variable, "is set, but only an attribute with a single value can be given so");
    }
    is_set
}

/// Warns about a variable, the first time.
fn warn_once(variable: &'static str, problem: impl Display) {
    static WARNED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let is_first = WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(variable);
    if is_first {
        tracing::warn!("ignored: variable `{variable}` {problem}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given<T: Scalar>(text: &str) -> Option<T> {
        from_variable("PREFECT__RUNTIME__TEST", |_| Some(text.to_owned()))
    }

    #[test]
    fn a_variable_is_read_as_the_type_of_the_attribute() {
        assert_eq!(given::<String>(" x "), Some(" x ".to_owned()));
        assert_eq!(given::<u32>("3 "), Some(3));
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(given::<FlowRunId>(id).unwrap().to_string(), id);
        let noon = Timestamp::from_nanos(1_717_243_200_000_000_000);
        for text in ["2024-06-01T12:00:00Z", "2024-06-01T14:00+02:00", "2024-06-01 12:00"] {
            assert_eq!(given::<Timestamp>(text), Some(noon), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_ignored() {
        assert_eq!(given::<u32>("many"), None);
        assert_eq!(given::<TaskRunId>("x"), None);
        assert_eq!(given::<Timestamp>("yesterday"), None);
        assert_eq!(given::<String>(" "), None, "set to nothing");
        assert_eq!(from_variable::<String>("X", |_| None), None);
    }

    #[test]
    fn composites_are_refused_if_they_are_set() {
        assert!(refuse("PREFECT__RUNTIME__TEST__TAGS", |_| Some("a".to_owned())));
        assert!(!refuse("PREFECT__RUNTIME__TEST__TAGS", |_| Some(String::new())));
        assert!(!refuse("PREFECT__RUNTIME__TEST__TAGS", |_| None));
    }
}
