//! Hashing: Prefect's `hash_objects`, byte for byte.
//!
//! What is hashed is the text of `[[positional arguments], {keyword arguments}]`. Nothing here is
//! given by keyword. The hash is MD5, which tells texts apart that nobody chose to be alike; keys
//! are names, not proofs.

use serde::Serialize;

use super::CacheKeyError;
use super::python;

const BEGIN: &str = "[[";
const END: &str = "], {}]";

/// The positional arguments of `hash_objects`, as text.
pub(super) struct Arguments(String);

impl Arguments {
    pub(super) fn new() -> Self {
        Self::with_capacity(96)
    }

    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(BEGIN.len() + bytes + END.len());
        text.push_str(BEGIN);
        Self(text)
    }

    /// Adds a text as one argument.
    pub(super) fn add_text(&mut self, text: &str) {
        python::write_text(self.next(), text);
    }

    /// Where the next argument is to be written.
    pub(super) fn next(&mut self) -> &mut String {
        if self.0.len() > BEGIN.len() {
            self.0.push_str(", ");
        }
        &mut self.0
    }

    pub(super) fn hash_unless_empty(self) -> Option<String> {
        (self.0.len() > BEGIN.len()).then(|| self.hash())
    }

    pub(super) fn hash(mut self) -> String {
        self.0.push_str(END);
        md5(&self.0)
    }
}

/// The hash that `prefect.utilities.hashing.hash_objects` gives for these arguments.
///
/// `arguments` is a tuple, an array or a list of them. Any other value is one argument.
///
/// # Errors
///
/// Returns an error if a value's `Serialize` fails.
///
/// # Examples
///
/// ```
/// use context_core::cache::hash_objects;
///
/// // Python: hash_objects("orders", 2024)
/// assert_eq!(hash_objects(&("orders", 2024))?, "a7f59fa7c4bf68eb319fdee250369571");
/// # Ok::<(), context_core::cache::CacheKeyError>(())
/// ```
pub fn hash_objects<T: Serialize + ?Sized>(arguments: &T) -> Result<String, CacheKeyError> {
    let mut text = String::from("[");
    let written = python::write(&mut text, arguments);
    written.map_err(|error| CacheKeyError::Hash { reason: error.0 })?;
    if text.starts_with("[[") {
        text.push_str(", {}]");
    } else {
        text.insert(0, '[');
        text.push_str(END);
    }
    Ok(md5(&text))
}

/// The hash as hexadecimal digits.
fn md5(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest: [u8; 16] = md5::compute(text).into();
    let mut hex = Vec::with_capacity(32);
    for byte in digest {
        hex.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    // All of it is ASCII.
    String::from_utf8(hex).unwrap_or_default()
}
