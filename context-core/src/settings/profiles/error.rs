//! What can be wrong with profiles.

use std::path::PathBuf;

use thiserror::Error;

use super::super::SettingsError;

/// Why a profile cannot be found, used, read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is no profile of this name.
    #[error("there is no profile `{name}`; there are: {known}")]
    NotFound {
        /// The name.
        name: String,
        /// The names of those that there are.
        known: String,
    },
    /// There is a profile of this name already.
    #[error("there is a profile `{name}` already; change it with `update`, or remove it first")]
    AlreadyExists {
        /// The name.
        name: String,
    },
    /// The file of profiles cannot be read, or a setting of a profile is not allowed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The file of profiles cannot be written.
    #[error("{} cannot be written: {reason}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The profiles were not loaded from a file, and nobody has said where to save them.
    #[error("these profiles were not loaded from a file; say where to save them, with `save_to`")]
    NoFile,
}
