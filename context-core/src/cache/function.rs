//! Key functions: what they may return.

use std::fmt;

use super::{CacheKeyError, KeyContext};

pub(super) type KeyFn =
    dyn Fn(&KeyContext<'_>) -> Result<Option<String>, CacheKeyError> + Send + Sync;

/// What a key function may return: a text, an `Option` of one, or a `Result` of either.
///
/// An error means that the run goes on without the cache, and is logged.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache key",
    note = "return a `String`, an `Option<String>`, or a `Result` of one of them"
)]
pub trait IntoCacheKey {
    /// The key, or `None` if the run has none.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is one, or empty.
    fn into_cache_key(self) -> Result<Option<String>, CacheKeyError>;
}

impl IntoCacheKey for String {
    fn into_cache_key(self) -> Result<Option<String>, CacheKeyError> {
        if self.is_empty() { Err(CacheKeyError::Empty) } else { Ok(Some(self)) }
    }
}

impl IntoCacheKey for &'static str {
    fn into_cache_key(self) -> Result<Option<String>, CacheKeyError> {
        self.to_owned().into_cache_key()
    }
}

impl<K: IntoCacheKey> IntoCacheKey for Option<K> {
    fn into_cache_key(self) -> Result<Option<String>, CacheKeyError> {
        self.map_or(Ok(None), IntoCacheKey::into_cache_key)
    }
}

impl<K: IntoCacheKey, E: fmt::Display> IntoCacheKey for Result<K, E> {
    fn into_cache_key(self) -> Result<Option<String>, CacheKeyError> {
        // The long form of an error is that with its causes, where there is one.
        self.map_err(|error| CacheKeyError::Function { reason: format!("{error:#}") })?
            .into_cache_key()
    }
}
