//! Why an artifact was not created or changed.

use thiserror::Error;

use super::ArtifactId;
use crate::record::OrchestrationError;

/// Why an artifact was not created or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// A character that no key may have.
    #[error(
        "the artifact key {key:?} has the character {character:?}, but only lower case letters, digits and dashes are allowed"
    )]
    InvalidKey {
        /// The key.
        key: String,
        /// The first such character.
        character: char,
    },
    /// A key without any character.
    #[error("an artifact key is empty; leave it out if there is to be none")]
    EmptyKey,
    /// A table has another form.
    #[error(
        "a table must be a list of structs, maps or lists, one for each row, or a map from the names of columns to lists, but {found}"
    )]
    NotATable {
        /// What was found instead.
        found: String,
    },
    /// A progress is not a number.
    #[error("a progress must be a number from 0 to 100, and not NaN")]
    NotANumber,
    /// There is no such artifact.
    #[error("there is no artifact {id}; its id is what creating it has given")]
    Unknown {
        /// The id.
        id: ArtifactId,
    },
    /// The server did not do it.
    #[error("{problem}")]
    Server {
        /// What went wrong, and what to do.
        problem: String,
    },
}

impl ArtifactError {
    pub(super) fn server(error: OrchestrationError) -> Self {
        Self::Server { problem: error.to_string() }
    }
}
