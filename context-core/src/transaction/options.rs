//! What a transaction is asked for, what is staged in it, and what it is told as.

use std::borrow::Cow;
use std::fmt;

use super::Transaction;
use crate::clock::Timestamp;
use crate::hook::{Hook, IntoHooks};
use crate::results::{IsolationLevel, ResultStore};

/// When a transaction is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitMode {
    /// When the outermost transaction is left.
    Lazy,
    /// When it is left itself.
    Eager,
    /// By hand only: the outermost transaction is rolled back when it is left, unless it was committed. One inside
    /// another leaves the decision to that.
    Off,
}

/// What has become of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionState {
    /// It has not begun.
    Pending,
    /// It has begun.
    Active,
    /// It has begun, and something was staged.
    Staged,
    /// It was committed, or its record was there when it began.
    Committed,
    /// It was undone.
    RolledBack,
}

impl TransactionState {
    /// Prefect's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Staged => "STAGED",
            Self::Committed => "COMMITTED",
            Self::RolledBack => "ROLLED_BACK",
        }
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a transaction is asked for. All of it may be left open.
#[derive(Clone, Default)]
#[must_use = "options do nothing until a transaction is made of them"]
pub struct TransactionOptions {
    pub(super) key: Option<String>,
    pub(super) store: Option<ResultStore>,
    pub(super) commit_mode: Option<CommitMode>,
    pub(super) isolation_level: Option<IsolationLevel>,
    pub(super) overwrite: bool,
    pub(super) read_only: bool,
    pub(super) name: Option<Cow<'static, str>>,
}

impl TransactionOptions {
    /// Everything left open.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key that the staged value is written under. Without a key hooks are run and nothing is written.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Where the staged value is written to.
    pub fn store(mut self, store: ResultStore) -> Self {
        self.store = Some(store);
        self
    }

    /// When it is committed. Otherwise as the transaction around it; [`CommitMode::Lazy`] at the top.
    pub fn commit_mode(mut self, mode: CommitMode) -> Self {
        self.commit_mode = Some(mode);
        self
    }

    /// Whether others with the same key wait for each other. Otherwise as the transaction around it;
    /// [`IsolationLevel::ReadCommitted`] at the top.
    ///
    /// Under [`IsolationLevel::Serializable`] the key is locked from the beginning to the end, by the store's lock manager.
    /// Transactions inside one outermost transaction do not wait for a lock that is freed only at its end: they share
    /// it.
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation_level = Some(level);
        self
    }

    /// True to write although a record exists.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// False to write nothing. An existing record still counts.
    pub fn write_on_commit(mut self, write: bool) -> Self {
        self.read_only = !write;
        self
    }

    /// A name for messages. Otherwise it is the key.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// True if it has a key, and no store for it.
    pub(crate) const fn lacks_store(&self) -> bool {
        self.key.is_some() && self.store.is_none()
    }
}

impl fmt::Debug for TransactionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionOptions")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("commit_mode", &self.commit_mode)
            .field("isolation_level", &self.isolation_level)
            .field("overwrite", &self.overwrite)
            .field("write_on_commit", &!self.read_only)
            .finish_non_exhaustive()
    }
}

/// What is to be written.
#[derive(Debug)]
pub(super) enum Payload {
    Bytes(Vec<u8>),
    /// It could not be encoded.
    Unserializable(String),
}

/// What is staged at once: a payload, hooks, or both.
///
/// ```
/// use context_core::transaction::{Stage, Transaction};
///
/// fn tell(txn: Transaction) {
///     println!("{} is done", txn.name());
/// }
/// async fn undo(txn: Transaction) -> Result<(), std::io::Error> {
///     println!("undoing {}", txn.name());
///     Ok(())
/// }
/// let stage = Stage::new().on_commit(tell).on_rollback(undo);
/// ```
#[derive(Debug, Default)]
#[must_use = "it does nothing until a transaction stages it"]
pub struct Stage {
    pub(super) payload: Option<Payload>,
    pub(super) expiration: Option<Timestamp>,
    pub(super) on_commit: Vec<Hook<(Transaction,)>>,
    pub(super) on_rollback: Vec<Hook<(Transaction,)>>,
}

impl Stage {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value to write, as the store's serializer has encoded it. See also [`Transaction::stage_value`].
    pub fn payload(mut self, payload: Vec<u8>) -> Self {
        self.payload = Some(Payload::Bytes(payload));
        self
    }

    /// In place of a payload: why there is none. The commit then fails when it comes to writing, and the transaction is
    /// rolled back.
    pub fn unserializable(mut self, why: impl Into<String>) -> Self {
        self.payload = Some(Payload::Unserializable(why.into()));
        self
    }

    /// When the record expires. Otherwise never.
    pub const fn expiration(mut self, expiration: Timestamp) -> Self {
        self.expiration = Some(expiration);
        self
    }

    /// Functions to call on commit, in order, before the record is written. If one fails, the transaction is rolled back.
    pub fn on_commit<M>(mut self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.on_commit.extend(hooks.into_hooks());
        self
    }

    /// Functions to call on rollback, the last one first. If one fails, those before it are not called.
    pub fn on_rollback<M>(mut self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.on_rollback.extend(hooks.into_hooks());
        self
    }
}
