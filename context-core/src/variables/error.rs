//! What can go wrong with variables.

use thiserror::Error;

use super::{LARGEST_VALUE, LONGEST_NAME};
use crate::record::OrchestrationError;

/// Why a variable was not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VariableError {
    /// A character that no name may have.
    #[error(
        "the variable name {name:?} has the character {character:?}, but only lower case letters, digits, dashes and underscores are allowed"
    )]
    InvalidName {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// A name without any character.
    #[error("a variable has an empty name; give it one such as `batch_size`")]
    EmptyName,
    /// A name with too many characters.
    #[error(
        "the variable name {name:?} has {length} characters, but at most {LONGEST_NAME} are allowed"
    )]
    NameTooLong {
        /// The name.
        name: String,
        /// How many it has.
        length: usize,
    },
    /// A value with too many bytes.
    #[error(
        "the value of variable `{name}` has {size} bytes as JSON, but at most {LARGEST_VALUE} are allowed; \
         keep it elsewhere, and where in the variable"
    )]
    ValueTooLarge {
        /// The variable's name.
        name: String,
        /// How many it has.
        size: usize,
    },
    /// A value that JSON cannot express, or one that holds a secret.
    #[error("the value of variable `{name}` cannot be written as JSON: {detail}")]
    NotJson {
        /// The variable's name.
        name: String,
        /// Why.
        detail: String,
    },
    /// There is a variable of this name.
    #[error("there is a variable `{name}`; say `.overwrite(true)` to change it")]
    Exists {
        /// The variable's name.
        name: String,
    },
    /// The value has not the form that was asked for.
    #[error("the value of variable `{name}` is no `{type_name}`: {detail}")]
    Mismatch {
        /// The variable's name.
        name: String,
        /// The type that was asked for.
        type_name: &'static str,
        /// Why it is none.
        detail: String,
    },
    /// The server, or the file where there is none, did not do it.
    #[error("{problem}")]
    Unavailable {
        /// What went wrong, and what to do.
        problem: String,
    },
}

impl VariableError {
    pub(super) fn unavailable(error: OrchestrationError) -> Self {
        Self::Unavailable { problem: error.to_string() }
    }
}
