//! The rules for asset keys.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The identity of an asset: a text that begins like a URI.
///
/// The rules are the server's: no white space, quotes, brackets or other reserved characters; at
/// most [`MAX_LEN`](Self::MAX_LEN) characters; a scheme of lower-case ASCII letters and digits,
/// then `://`. What follows may be empty and is not parsed.
///
/// # Examples
///
/// ```
/// use context_core::asset::AssetKey;
///
/// let key = AssetKey::new("postgres://orders/2024")?;
/// assert_eq!(key.as_str(), "postgres://orders/2024");
/// let err = AssetKey::new("orders").unwrap_err();
/// assert_eq!(
///     err.to_string(),
///     "asset key \"orders\" is not a URI: it must start with a scheme such as `s3://`",
/// );
/// # Ok::<(), context_core::asset::AssetKeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetKey(Arc<str>);

/// Why a text is not an [`AssetKey`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AssetKeyError {
    #[error("asset key contains {character:?}, which is not allowed")]
    ForbiddenCharacter { character: char },
    #[error("asset key has {len} characters, but at most {} are allowed", AssetKey::MAX_LEN)]
    TooLong { len: usize },
    #[error("asset key {key:?} is not a URI: it must start with a scheme such as `s3://`")]
    MissingScheme { key: String },
}

impl AssetKey {
    /// The most characters a key may have.
    pub const MAX_LEN: usize = 512;

    /// The characters a key may not contain.
    pub const FORBIDDEN: &[char] = &[
        '\n', '\r', '\t', '\0', ' ', '#', '?', '&', '%', '"', '\'', '<', '>', '[', ']', '{', '}',
        '|', '\\', '^', '`',
    ];

    /// Checks `text` and makes it a key.
    ///
    /// # Errors
    ///
    /// Returns the first broken rule, in this order: a forbidden character, the length, the
    /// scheme.
    pub fn new(text: &str) -> Result<Self, AssetKeyError> {
        if let Some(character) = text.chars().find(|c| Self::FORBIDDEN.contains(c)) {
            return Err(AssetKeyError::ForbiddenCharacter { character });
        }
        let len = text.chars().count();
        if len > Self::MAX_LEN {
            return Err(AssetKeyError::TooLong { len });
        }
        if !has_scheme(text) {
            return Err(AssetKeyError::MissingScheme { key: text.to_owned() });
        }
        Ok(Self(text.into()))
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
    })
}

impl FromStr for AssetKey {
    type Err = AssetKeyError;

    fn from_str(text: &str) -> Result<Self, AssetKeyError> {
        Self::new(text)
    }
}

impl AsRef<str> for AssetKey {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for AssetKey {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for AssetKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AssetKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepted_keys() {
        for key in ["s3://", "1a://x", "file:///data/rows.parquet", "s3://ü/日本", "a://b://c"] {
            assert_eq!(AssetKey::new(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn keys_without_a_scheme() {
        for key in ["", "foo", "S3://x", "s-3://x", "://x", "s3:/x", "ü://x"] {
            let expected = AssetKeyError::MissingScheme { key: key.to_owned() };
            assert_eq!(AssetKey::new(key), Err(expected));
        }
    }

    #[test]
    fn rules_are_checked_in_the_servers_order() {
        let long = format!("s3://{}", "é".repeat(507));
        assert!(AssetKey::new(&long).is_ok());
        assert_eq!(AssetKey::new(&format!("{long}é")), Err(AssetKeyError::TooLong { len: 513 }));
        let no_scheme = "x".repeat(513);
        assert_eq!(AssetKey::new(&no_scheme), Err(AssetKeyError::TooLong { len: 513 }));
        let err = AssetKey::new(&format!("{no_scheme}\n")).unwrap_err();
        assert_eq!(err.to_string(), r"asset key contains '\n', which is not allowed");
    }

    #[test]
    fn each_forbidden_character_is_refused() {
        for &character in AssetKey::FORBIDDEN {
            let err = AssetKey::new(&format!("s3://a{character}b")).unwrap_err();
            assert_eq!(err, AssetKeyError::ForbiddenCharacter { character });
        }
        assert_eq!(AssetKey::FORBIDDEN.len(), 21);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_key_or_a_printable_error(text in any::<String>()) {
            match AssetKey::new(&text) {
                Ok(key) => prop_assert_eq!(key.as_str(), text.as_str()),
                Err(err) => prop_assert!(!err.to_string().contains(['\n', '\0'])),
            }
        }

        #[test]
        fn what_looks_like_a_uri_is_a_key(text in "[a-z0-9]{1,5}://[a-zA-Z0-9/._~é-]{0,40}") {
            prop_assert!(AssetKey::new(&text).is_ok());
        }
    }
}
