//! Parameters: the arguments of a run, as JSON, in the order of the signature.
//!
//! A [`ParameterSink`] encodes the arguments one by one into a single JSON text, which is what is
//! stored and sent. Nothing is parsed until somebody reads a value. Any argument can be recorded:
//! one that cannot be serialized, or is too large, appears as `"<TypeName>"`, as in Prefect. The
//! run itself always works with the real values.
//!
//! This module is a leaf. It does not know flows or tasks.

mod names;
#[doc(hidden)]
pub mod probe;
mod sink;
mod type_name;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use sink::ParameterSink;

/// The arguments of one run. Cheap to clone.
///
/// # Examples
///
/// ```
/// use context_core::parameters::ParameterSink;
///
/// let mut sink = ParameterSink::new(1_000);
/// sink.add_serialized("url", "https://example.com");
/// sink.add_serialized("page", &3);
/// let parameters = sink.finish();
/// assert_eq!(parameters.as_json(), r#"{"url":"https://example.com","page":3}"#);
/// assert_eq!(parameters.get("page"), Some(&3.into()));
/// ```
#[derive(Clone, Default)]
pub struct Parameters(Option<Arc<Encoded>>);

struct Encoded {
    // Invariant: a JSON object with `len` members, at least one.
    text: String,
    len: usize,
    /// The positions of what is recorded as the name of its type.
    opaque: Vec<usize>,
    parsed: OnceLock<Vec<(Arc<str>, Value)>>,
}

impl Parameters {
    /// No parameters. Needs no allocation.
    pub const EMPTY: Self = Self(None);

    fn new(text: String, len: usize, opaque: Vec<usize>) -> Self {
        Self(Some(Arc::new(Encoded { text, len, opaque, parsed: OnceLock::new() })))
    }

    /// True if the parameter at `position`, from 0, is recorded as the name of its type.
    pub(crate) fn is_opaque(&self, position: usize) -> bool {
        self.0.as_ref().is_some_and(|encoded| encoded.opaque.contains(&position))
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |encoded| encoded.len)
    }

    /// Whether there are no parameters.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All parameters as the text of one JSON object.
    pub fn as_json(&self) -> &str {
        self.0.as_ref().map_or("{}", |encoded| &encoded.text)
    }

    /// The value of one parameter. The first read parses all of them.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Names and values, in the order of the signature. The first read parses all of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.parsed().iter().map(|(name, value)| (&**name, value))
    }

    /// The names, in the order of the signature. No value is parsed.
    #[cfg_attr(not(any(feature = "server", test)), expect(dead_code, reason = "servers are told"))]
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        names::Names::of(self.as_json())
    }

    fn parsed(&self) -> &[(Arc<str>, Value)] {
        let Some(encoded) = &self.0 else { return &[] };
        encoded.parsed.get_or_init(|| {
            let members: Members = serde_json::from_str(&encoded.text).unwrap_or_default();
            members.0
        })
    }
}

impl PartialEq for Parameters {
    /// Compares names, values and order.
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json() || self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members(members) = Members::deserialize(deserializer)?;
        Ok(members.into_iter().collect())
    }
}

impl<N: AsRef<str>> FromIterator<(N, Value)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(members: I) -> Self {
        let mut sink = ParameterSink::new(usize::MAX);
        for (name, value) in members {
            sink.add_serialized(name.as_ref(), &value);
        }
        sink.finish()
    }
}

/// The members of a JSON object in the order of the text.
#[derive(Default)]
struct Members(Vec<(Arc<str>, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(4).min(1_000));
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    members.push((name.into(), value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn forms_of_parameters() {
        let parameters = Parameters::from_iter([("b", json!([1])), ("a", json!("x"))]);
        assert_eq!(parameters.len(), 2);
        assert_eq!(format!("{parameters:?}"), r#"{"b": Array [Number(1)], "a": String("x")}"#);
        let text = serde_json::to_string(&parameters).unwrap();
        assert_eq!(text, r#"{"b":[1],"a":"x"}"#);
        assert_eq!(text, parameters.as_json());
        assert_eq!(serde_json::from_str::<Parameters>(&text).unwrap(), parameters);
        assert_eq!(parameters.get("c"), None);
        assert!(serde_json::from_str::<Parameters>("[1]").is_err());
    }

    #[test]
    fn no_parameters() {
        let none = ParameterSink::new(0).finish();
        assert!(none.is_empty() && none.iter().len() == 0);
        assert_eq!(none.as_json(), "{}");
        assert_eq!(none, Parameters::EMPTY);
        assert_eq!(serde_json::from_str::<Parameters>("{}").unwrap(), none);
    }

    proptest! {
        #[test]
        fn names_and_values_survive(members in vec((any::<String>(), any::<String>()), 0..6)) {
            let members: Vec<_> = members.into_iter().map(|(n, v)| (n, Value::from(v))).collect();
            let parameters = Parameters::from_iter(members.clone());
            prop_assert!(parameters.iter().eq(members.iter().map(|(n, v)| (n.as_str(), v))));
            prop_assert!(parameters.names().eq(members.iter().map(|(n, _)| n.as_str())));
            let back: Parameters = serde_json::from_str(parameters.as_json()).unwrap();
            prop_assert_eq!(back, parameters);
        }
    }
}
