//! What can go wrong with records.

use std::io;

use thiserror::Error;

use super::lock::LockError;
use super::serializer::SerializationError;
use super::storage::StorageError;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a record could not be written, read or decoded.
///
/// A record that is not there, or has expired, is not an error: reading it gives `None`.
#[derive(Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ResultError {
    #[error("result key {key:?} cannot be used: {reason}; choose another key")]
    InvalidKey { key: String, reason: &'static str },
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(
        "the record of key {key:?} at {location} ends too early; delete it, and the result is computed again"
    )]
    Truncated { key: String, location: String },
    #[error(
        "the record of key {key:?} at {location} is damaged ({detail}); delete it, and the result is computed again"
    )]
    Corrupt { key: String, location: String, detail: String },
    #[error(
        "{location}, where key {key:?} has its record, holds something else ({detail}); \
         move it away, or choose another key or storage"
    )]
    Foreign { key: String, location: String, detail: String },
    #[error(
        "the record of key {key:?} has no payload at {location}; delete the record, or keep payloads as long as records"
    )]
    MissingPayload { key: String, location: String },
    #[error(
        "the record of key {key:?} at {location} is in the format `{serializer}`, which is not known here; \
         write it with `json`, or give the store a serializer of that type"
    )]
    UnsupportedSerializer { key: String, location: String, serializer: String },
    #[error(
        "the record of key {key:?} at {location} cannot be read as `{type_name}`; delete it, or read it as the type it was written from"
    )]
    Decode { key: String, location: String, type_name: &'static str, source: SerializationError },
    #[error("the result for key {key:?} cannot be written")]
    Encode { key: String, source: SerializationError },
    #[error(
        "the payload for key {key:?} is not text, but serializer `{serializer}` promises text; \
         let its `is_text` return false"
    )]
    NotText { key: String, serializer: String },
    #[error(
        "no permission to {action} the record of key {key:?} at {location}; change its permissions, or choose another storage"
    )]
    NoPermission { action: &'static str, key: String, location: String, source: Source },
    #[error(
        "no space is left to {action} the record of key {key:?} at {location}; free some, or choose another storage"
    )]
    StorageFull { action: &'static str, key: String, location: String, source: Source },
    #[error(
        "cannot {action} the record of key {key:?} at {location}; check that the storage can be reached"
    )]
    Io { action: &'static str, key: String, location: String, source: Source },
    #[error("the record of key {key:?} is locked by {holder}; wait until it is released")]
    Locked { key: String, holder: String },
    #[error("the result store has no lock manager; give it one with `with_lock_manager`")]
    NoLockManager,
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl ResultError {
    /// The error of an operation on files.
    pub(super) fn from_io(
        action: &'static str,
        key: &str,
        location: impl Into<String>,
        source: io::Error,
    ) -> Self {
        use io::ErrorKind::{
            FileTooLarge, InvalidFilename, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
            StorageFull,
        };
        let (key, location) = (key.to_owned(), location.into());
        match source.kind() {
            InvalidFilename => {
                Self::InvalidKey { key, reason: "the file system refuses it as a file name" }
            }
            PermissionDenied | ReadOnlyFilesystem => {
                Self::NoPermission { action, key, location, source: source.into() }
            }
            StorageFull | QuotaExceeded | FileTooLarge => {
                Self::StorageFull { action, key, location, source: source.into() }
            }
            _ => Self::Io { action, key, location, source: source.into() },
        }
    }

    /// Whether a record is there but is of no use: damaged, foreign, or of another type or format.
    ///
    /// A lookup in a cache may count it as a miss. It then should say so, and the new record replaces the bad one.
    pub const fn is_unusable_record(&self) -> bool {
        matches!(
            self,
            Self::Truncated { .. }
                | Self::Corrupt { .. }
                | Self::Foreign { .. }
                | Self::MissingPayload { .. }
                | Self::UnsupportedSerializer { .. }
                | Self::Decode { .. }
        )
    }
}
