//! Encoding arguments into one JSON text.

use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use serde::Serialize;

use super::Parameters;
use super::type_name::ShortTypeName;

/// Collects the arguments of one call into [`Parameters`].
///
/// Values that together exceed the limit are replaced, so that a large argument costs no more than
/// the limit, whatever its size.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use context_core::parameters::ParameterSink;
///
/// let mut sink = ParameterSink::new(10);
/// sink.add_serialized("small", &7);
/// sink.add_serialized("large", &vec![1; 1_000]);
/// sink.add_opaque::<Mutex<String>>("lock");
/// let text = r#"{"small":7,"large":"<Vec<i32>>","lock":"<Mutex<String>>"}"#;
/// assert_eq!(sink.finish().as_json(), text);
/// ```
#[derive(Clone, Debug)]
pub struct ParameterSink {
    // Invariant: empty, or a JSON object that lacks its closing brace.
    text: Vec<u8>,
    len: usize,
    remaining: usize,
    /// The positions of what is recorded as the name of its type.
    opaque: Vec<usize>,
    witness: Option<Witness>,
}

/// Sees every argument as it is, before JSON loses what it cannot say.
#[derive(Clone)]
struct Witness(Arc<Mutex<See>>);

/// What is called with each argument.
type See = dyn FnMut(&str, Seen<'_>) + Send;

/// An argument, or the name of its type if it is not `Serialize`.
pub(crate) type Seen<'a> = Result<&'a dyn erased_serde::Serialize, String>;

impl Witness {
    fn see(&self, name: &str, seen: Seen<'_>) {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(name, seen);
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness(..)")
    }
}

impl ParameterSink {
    /// A sink that keeps values up to `limit_bytes` of JSON altogether. Names and the type names
    /// that stand for other values are not counted.
    pub const fn new(limit_bytes: usize) -> Self {
        Self { text: Vec::new(), len: 0, remaining: limit_bytes, opaque: Vec::new(), witness: None }
    }

    /// The same, that shows every argument to `witness`, too.
    pub(crate) fn witnessed(self, witness: impl FnMut(&str, Seen<'_>) + Send + 'static) -> Self {
        Self { witness: Some(Witness(Arc::new(Mutex::new(witness)))), ..self }
    }

    /// Adds a value as JSON.
    ///
    /// If it cannot be serialized, or needs more than what is left of the limit, its type's name
    /// is recorded instead. A panic in `T`'s `Serialize` is not caught.
    pub fn add_serialized<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if let Some(witness) = &self.witness {
            witness.see(name, Ok(&value));
        }
        self.add_name(name);
        let start = self.text.len();
        let limit = start.saturating_add(self.remaining);
        let writer = Bounded { text: &mut self.text, limit };
        if serde_json::to_writer(writer, value).is_ok() {
            self.remaining -= self.text.len() - start;
        } else {
            self.text.truncate(start);
            self.add_type_name::<T>();
        }
    }

    /// Adds the name of a type in place of a value.
    pub fn add_opaque<T: ?Sized>(&mut self, name: &str) {
        if let Some(witness) = &self.witness {
            witness.see(name, Err(format!("<{}>", ShortTypeName::of::<T>())));
        }
        self.add_name(name);
        self.add_type_name::<T>();
    }

    /// The sink itself, for generated code that has either a sink or a reference to one.
    #[doc(hidden)]
    pub const fn by_ref(&mut self) -> &mut Self {
        self
    }

    /// The parameters, in the order they were added.
    ///
    /// # Panics
    ///
    /// Never: what `serde_json` writes is text.
    pub fn finish(mut self) -> Parameters {
        if self.text.is_empty() {
            return Parameters::EMPTY;
        }
        self.text.push(b'}');
        let text = String::from_utf8(self.text).expect("serde_json writes UTF-8");
        Parameters::new(text, self.len, self.opaque)
    }

    #[inline]
    fn add_name(&mut self, name: &str) {
        if self.text.is_empty() {
            // Room for two or three small arguments.
            self.text.reserve(62);
            self.text.push(b'{');
        } else {
            self.text.push(b',');
        }
        self.len += 1;
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.text.push(b'"');
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b'"');
        } else {
            self.add_text(name);
        }
        self.text.push(b':');
    }

    #[cold]
    fn add_type_name<T: ?Sized>(&mut self) {
        self.opaque.push(self.len - 1);
        self.add_text(&format!("<{}>", ShortTypeName::of::<T>()));
    }

    #[cold]
    fn add_text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.text, text)
            .expect("a text can always be written to memory");
    }
}

/// Appends to a text until it is `limit` bytes long, then fails.
struct Bounded<'a> {
    text: &'a mut Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.limit - self.text.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serializer;
    use serde::ser::{Error as _, SerializeSeq as _};

    struct FailsLate;

    impl Serialize for FailsLate {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            list.serialize_element("partial")?;
            Err(S::Error::custom("no"))
        }
    }

    struct Endless;

    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            loop {
                list.serialize_element(&1)?;
            }
        }
    }

    #[test]
    fn what_cannot_be_serialized_is_its_type_name() {
        let mut sink = ParameterSink::new(1_000);
        sink.add_serialized("a", &FailsLate);
        sink.add_serialized("b", &std::collections::HashMap::from([((1, 2), 3)]));
        sink.add_serialized("c", &f64::NAN);
        let text = r#"{"a":"<FailsLate>","b":"<HashMap<(i32, i32), i32>>","c":null}"#;
        assert_eq!(sink.finish().as_json(), text);
    }

    #[test]
    fn an_endless_value_stops_at_the_limit() {
        let mut sink = ParameterSink::new(1_000);
        sink.add_serialized("a", &Endless);
        sink.add_serialized("b", "still room");
        assert_eq!(sink.finish().as_json(), r#"{"a":"<Endless>","b":"still room"}"#);
    }

    #[test]
    fn names_are_escaped_where_needed() {
        let mut sink = ParameterSink::new(10);
        sink.add_serialized("größe \"x\"", &1);
        assert_eq!(sink.finish().as_json(), r#"{"größe \"x\"":1}"#);
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_all_values_together(
            limit in 0usize..60,
            values in proptest::collection::vec("[a-z\"é]{0,20}", 1..6),
        ) {
            let mut sink = ParameterSink::new(limit);
            for value in &values {
                sink.add_serialized("v", value);
            }
            let parameters = sink.finish();
            let mut remaining = limit;
            for ((_, got), value) in parameters.iter().zip(&values) {
                let size = serde_json::to_string(value).unwrap().len();
                if size <= remaining {
                    remaining -= size;
                    prop_assert_eq!(got, value);
                } else {
                    prop_assert_eq!(got, "<String>");
                }
            }
            prop_assert_eq!(parameters.len(), values.len());
        }
    }
}
