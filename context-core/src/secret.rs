//! Values that must not be printed by accident.
//!
//! A [`Secret`] shows as `********` in `Debug`, `Display` and every serialized form. The value is
//! reached only by a method whose name says so, hence a search for `expose` finds every place that
//! can leak. Serializers of contexts and settings take a [`Secrets`] argument to decide.
//!
//! This module is a leaf. It does not protect memory: a secret is an ordinary value that is not
//! wiped when it is dropped.

use std::cell::Cell;
use std::fmt;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

/// What stands for a secret wherever it is shown.
pub const MASK: &str = "********";

/// A value that is masked whenever it is shown or serialized.
///
/// # Examples
///
/// ```
/// use context_core::secret::Secret;
///
/// let key = Secret::new("pnu_123".to_owned());
/// assert_eq!(format!("{key} {key:?}"), "******** ********");
/// assert_eq!(key.expose(), "pnu_123");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Do not print it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, by value.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What a secret is written as.
#[derive(Clone, Copy)]
enum Written {
    Mask,
    Nothing,
    Value,
}

thread_local! {
    static WRITTEN: Cell<Written> = const { Cell::new(Written::Mask) };
}

fn while_written<R>(written: Written, f: impl FnOnce() -> R) -> R {
    struct Restore(Written);

    impl Drop for Restore {
        fn drop(&mut self) {
            WRITTEN.set(self.0);
        }
    }

    let _restore = Restore(WRITTEN.replace(written));
    f()
}

/// Calls `f`, in which secrets cannot be serialized: what is read again, or tells values apart, must not be a mask.
pub(crate) fn refused<R>(f: impl FnOnce() -> R) -> R {
    while_written(Written::Nothing, f)
}

/// Calls `f`, in which secrets are serialized as what they are: for a process of this program that acts in this one's
/// place.
pub(crate) fn included<R>(f: impl FnOnce() -> R) -> R {
    while_written(Written::Value, f)
}

impl<T: Serialize> Serialize for Secret<T> {
    /// The mask. Whoever must hand on the value itself exposes it; arguments and values of runs in other processes of the
    /// program are handed on as they are. Results and cache keys refuse secrets: a mask would be read as the value, and all
    /// would have one key.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match WRITTEN.get() {
            Written::Mask => serializer.serialize_str(MASK),
            Written::Nothing => Err(S::Error::custom("a secret is never written")),
            Written::Value => self.0.serialize(serializer),
        }
    }
}

/// Whether a serialized context or settings object contains its secrets.
///
/// The default is to mask them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// Secrets are replaced by [`MASK`]: for logs, snapshots and people.
    #[default]
    Masked,
    /// Secrets are included: for a process that must act in this one's place.
    Included,
}

impl Secrets {
    /// The text of `secret` under this policy.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::secret::{Secret, Secrets};
    ///
    /// let key = Secret::new("pnu_123".to_owned());
    /// assert_eq!(Secrets::Masked.text(&key), "********");
    /// assert_eq!(Secrets::Included.text(&key), "pnu_123");
    /// ```
    pub fn text<T: AsRef<str>>(self, secret: &Secret<T>) -> &str {
        match self {
            Self::Masked => MASK,
            Self::Included => secret.expose().as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shown_form_contains_the_value() {
        #[derive(Debug, Serialize)]
        struct Login {
            user: &'static str,
            key: Option<Secret<&'static str>>,
        }
        let login = Login { user: "marvin", key: Some(Secret::new("hunter2")) };
        let shown = format!(
            "{login:?} {login:#?} {} {}",
            login.user,
            serde_json::to_string(&login).unwrap()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("\"key\":\"********\""), "{shown}");
    }

    #[test]
    fn a_secret_is_read_as_its_value() {
        let key: Secret<String> = serde_json::from_str("\"abc\"").unwrap();
        assert_eq!(key.clone().into_exposed(), "abc");
        assert_eq!(key, Secret::from("abc".to_owned()));
    }
}
