//! What a transaction cannot do, and what went wrong while it ended.

use std::sync::Arc;

use crate::results::{LockError, ResultError, SerializationError};

/// Why a transaction does not do what it is asked for. Each message names the transaction and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// It asks for locks, and its store has none.
    #[error(
        "transaction `{transaction}` wants the isolation level SERIALIZABLE, but its result store has no lock manager: give the store one with `with_lock_manager`, or use READ_COMMITTED"
    )]
    NoLockManager {
        /// Which transaction.
        transaction: String,
    },
    /// Its key could not be locked.
    #[error("transaction `{transaction}` could not lock its key `{key}`: {source}")]
    Lock {
        /// Which transaction.
        transaction: String,
        /// The key.
        key: String,
        /// What the lock manager says.
        source: LockError,
    },
    /// The lock manager gave up waiting for the key, though it was asked to wait as long as it takes.
    #[error("transaction `{transaction}` was refused the lock of its key `{key}`: try again later")]
    LockRefused {
        /// Which transaction.
        transaction: String,
        /// The key.
        key: String,
    },
    /// The store could not say whether there is a record, or what is in it.
    #[error("transaction `{transaction}` could not look up its key `{key}`: {source}")]
    Store {
        /// Which transaction.
        transaction: String,
        /// The key.
        key: String,
        /// What the store says.
        source: Box<ResultError>,
    },
    /// What was to be staged cannot be encoded by the store's serializer.
    #[error("what transaction `{transaction}` is to stage cannot be stored: {source}")]
    Stage {
        /// Which transaction.
        transaction: String,
        /// What the serializer says.
        source: SerializationError,
    },
    /// Nothing was set under this name.
    #[error(
        "transaction `{transaction}` has no value `{name}`, and none of those around it has: `set` it before, or read it with `get_or`"
    )]
    MissingValue {
        /// Which transaction.
        transaction: String,
        /// The name.
        name: String,
    },
    /// A value to set is not one that JSON can hold.
    #[error("value `{name}` cannot be kept in transaction `{transaction}`: {source}")]
    Encode {
        /// Which transaction.
        transaction: String,
        /// The name.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A value has another type than it is read as.
    #[error("value `{name}` of transaction `{transaction}` is no `{wanted}`: {source}")]
    Decode {
        /// Which transaction.
        transaction: String,
        /// The name.
        name: String,
        /// The type it was read as.
        wanted: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// What went wrong while a transaction was committed or rolled back. Nothing of it is raised.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionFailure {
    /// A commit hook failed. Its transaction was rolled back.
    #[error("commit hook `{hook}` of transaction `{transaction}` failed: {message}")]
    CommitHook {
        /// Which transaction.
        transaction: String,
        /// The path of the hook.
        hook: &'static str,
        /// What it says.
        message: String,
    },
    /// A rollback hook failed. The hooks that should have followed it have not run.
    #[error("rollback hook `{hook}` of transaction `{transaction}` failed: {message}")]
    RollbackHook {
        /// Which transaction.
        transaction: String,
        /// The path of the hook.
        hook: &'static str,
        /// What it says.
        message: String,
    },
    /// The value could not be encoded. Its transaction was rolled back.
    #[error("the result of transaction `{transaction}` cannot be stored: {message}")]
    Unserializable {
        /// Which transaction.
        transaction: String,
        /// What the serializer says.
        message: String,
    },
    /// The record could not be written. Its transaction was rolled back.
    #[error("the record `{key}` of transaction `{transaction}` could not be written: {source}")]
    Write {
        /// Which transaction.
        transaction: String,
        /// The key.
        key: String,
        /// What the store says.
        source: Arc<ResultError>,
    },
}
