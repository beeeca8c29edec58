//! Inputs in the form in which they are hashed.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CacheKeyError;
use super::hash::Arguments;
use super::python;

/// The arguments of a call, or the parameters of a flow, in the form in which they are hashed.
///
/// Each is written once, as the JSON that Python writes. Members of maps and structs are sorted at
/// every depth, also those of a `HashMap`. Elements of lists are not: a `HashSet` has another order
/// each time, so it gives another key each time, and a `BTreeSet` does not. A number of type `f32`
/// counts as the shortest text that names it.
///
/// # Examples
///
/// ```
/// use context_core::cache::KeyInputs;
///
/// let mut inputs = KeyInputs::new();
/// inputs.add("ratio", &1e16);
/// inputs.add_unserializable("lock", "`Mutex<File>` does not implement `Serialize`");
/// assert_eq!(inputs.text("ratio"), Ok("1e+16"));
/// assert!(inputs.text("lock").is_err());
/// ```
#[derive(Clone, Default)]
pub struct KeyInputs {
    text: String,
    entries: Vec<Entry>,
    // Invariant: the hash without exclusions, if it is there.
    hash: OnceLock<String>,
}

#[derive(Clone)]
struct Entry {
    name: Cow<'static, str>,
    /// Where the value stands in the text, or why it does not.
    value: Result<Range<usize>, String>,
}

/// An input that counts and cannot be hashed.
pub(super) struct Unreadable<'a> {
    name: &'a str,
    reason: &'a str,
}

impl Unreadable<'_> {
    pub(super) fn owned(&self) -> (String, String) {
        (self.name.to_owned(), self.reason.to_owned())
    }
}

impl KeyInputs {
    /// No inputs.
    pub const fn new() -> Self {
        Self { text: String::new(), entries: Vec::new(), hash: OnceLock::new() }
    }

    /// Adds a value. One whose `Serialize` fails is an error only for keys that depend on it.
    pub fn add<T: Serialize + ?Sized>(&mut self, name: impl Into<Cow<'static, str>>, value: &T) {
        if self.text.capacity() == 0 {
            // Room for two or three small arguments.
            self.text.reserve(64);
        }
        let start = self.text.len();
        let value = match python::write(&mut self.text, value) {
            Ok(()) => Ok(start..self.text.len()),
            Err(error) => {
                self.text.truncate(start);
                Err(error.0)
            }
        };
        self.push(name.into(), value);
    }

    /// Adds a value that has no form to be hashed in. It is an error only for keys that depend on
    /// it.
    pub fn add_unserializable(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        reason: impl Into<String>,
    ) {
        self.push(name.into(), Err(reason.into()));
    }

    fn push(&mut self, name: Cow<'static, str>, value: Result<Range<usize>, String>) {
        self.hash = OnceLock::new();
        self.entries.push(Entry { name, value });
    }

    /// The number of inputs.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names, in the order they were added.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.name)
    }

    /// A value as the text that is hashed.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such input, or if it could not be serialized.
    pub fn text(&self, name: &str) -> Result<&str, CacheKeyError> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let value = entry.map_or(Err("there is no parameter of this name"), |entry| {
            self.value(entry).map_err(|unreadable| unreadable.reason)
        });
        value.map_err(|reason| CacheKeyError::Read {
            parameter: name.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// A value, read as a `T`.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and if the value is not a `T`. JSON knows neither infinity nor NaN,
    /// so such numbers cannot be read.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, CacheKeyError> {
        serde_json::from_str(self.text(name)?).map_err(|error| CacheKeyError::Read {
            parameter: name.to_owned(),
            reason: error.to_string(),
        })
    }

    fn value<'a>(&'a self, entry: &'a Entry) -> Result<&'a str, Unreadable<'a>> {
        match &entry.value {
            Ok(range) => Ok(&self.text[range.clone()]),
            Err(reason) => Err(Unreadable { name: &entry.name, reason }),
        }
    }

    /// The hash of all inputs but those in `exclude`. `None` if there are no inputs at all; if all
    /// are excluded, it is the hash of nothing.
    pub(super) fn hash(
        &self,
        exclude: &[Box<str>],
    ) -> Result<Option<Cow<'_, str>>, Unreadable<'_>> {
        if self.is_empty() {
            return Ok(None);
        }
        if !exclude.is_empty() {
            return self.hash_without(exclude).map(|hash| Some(Cow::Owned(hash)));
        }
        if let Some(hash) = self.hash.get() {
            return Ok(Some(hash.into()));
        }
        let hash = self.hash_without(exclude)?;
        Ok(Some(Cow::Borrowed(self.hash.get_or_init(|| hash))))
    }

    fn hash_without(&self, exclude: &[Box<str>]) -> Result<String, Unreadable<'_>> {
        let counts = |entry: &&Entry| exclude.iter().all(|name| **name != *entry.name);
        let mut entries: Vec<_> = self.entries.iter().filter(counts).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let names: usize = entries.iter().map(|entry| entry.name.len() + 6).sum();
        let mut arguments = Arguments::with_capacity(self.text.len() + names + 2);
        let text = arguments.next();
        text.push('{');
        for (index, entry) in entries.into_iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            python::write_text(text, &entry.name);
            text.push_str(": ");
            text.push_str(self.value(entry)?);
        }
        text.push('}');
        Ok(arguments.hash())
    }
}

impl fmt::Debug for KeyInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for entry in &self.entries {
            match self.value(entry) {
                Ok(text) => map.entry(&entry.name, &format_args!("{text}")),
                Err(unreadable) => map.entry(&entry.name, &format_args!("<{}>", unreadable.reason)),
            };
        }
        map.finish()
    }
}
