//! What can be wrong with a snapshot.

use crate::registry::RegistryError;
use crate::settings::SettingsError;

/// Why a text is no snapshot, or a snapshot cannot be hydrated here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The text is not JSON, or was cut off.
    #[error("this is no snapshot: it is not JSON, at line {line}, column {column}: {reason}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// The JSON does not say which version of a snapshot it is.
    #[error(
        "this is no snapshot of `context`: it has no `version`; snapshots are what `serialize_context` makes"
    )]
    NoVersion,
    /// The snapshot was written by a program that does it otherwise.
    #[error(
        "this snapshot has version {found}, but this program reads version {known}: build the program that wrote it \
         and the one that reads it with the same version of `context`"
    )]
    UnknownVersion {
        /// What the snapshot says, as JSON.
        found: String,
        /// What can be read here.
        known: u32,
    },
    /// A part of the snapshot is not as such parts are.
    #[error("`{part}` of this snapshot cannot be read: {reason}")]
    Malformed {
        /// The part, as it is called in the snapshot.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The run in the snapshot is of a function that this program does not have, or has twice.
    #[error(
        "`{part}` of this snapshot is of a function that this program cannot find: {source}; link the crate that \
         defines it into this program"
    )]
    Definition {
        /// The part, as it is called in the snapshot.
        part: &'static str,
        /// What the registry says.
        source: RegistryError,
    },
    /// A setting of the snapshot does not exist here, or cannot be what it is said to be.
    #[error("`settings_context` of this snapshot cannot be used: {0}")]
    Setting(SettingsError),
    /// This is no header of W3C's trace context.
    #[error(
        "{text:?} is no `traceparent`: it must be like `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`"
    )]
    Traceparent {
        /// What was given.
        text: String,
    },
}

impl SnapshotError {
    pub(super) fn malformed(part: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { part, reason: reason.to_string() }
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column(), reason: error.to_string() }
    }
}
