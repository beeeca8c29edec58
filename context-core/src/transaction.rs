//! Transactions: what happens together or not at all.
//!
//! A [`Transaction`] collects what its code *stages*: a value to be written to a result store under the transaction's
//! key, hooks for the case that all goes well (commit), and hooks that undo what was done (rollback). A transaction that
//! has left its code waits for the one around it, so a record is written, and a commit hook is run, only when the
//! outermost one has come to a good end. If one fails, everything that waits around it is rolled back.
//!
//! What follows from that:
//!
//! - Nobody is told by an error that a commit or a rollback went wrong: the code is over. [`Transaction::failures`] tells,
//!   also for the transactions inside.
//! - A handle keeps the transactions *around* it alive, and a transaction keeps those *inside* it that wait for it. The
//!   two do not meet, so nothing keeps itself alive.
//! - No lock is held while anything is waited for or a hook runs, so hooks may use the transaction they are told about.
//!   A transaction that is being committed or rolled back takes no second order: [`commit`](Transaction::commit) and
//!   [`rollback`](Transaction::rollback) then answer `false`.
//!
//! This module does not know what surrounds a piece of code, nor what a run is: whoever begins a transaction says which
//! one is around it, and leaves it. Programs use [`TransactionOptions::scope`].

mod book;
mod ending;
mod error;
mod lock;
mod options;

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::results::{IsolationLevel, ResultRecord, ResultStore};
use book::Book;
use lock::{HeldLock, Tree};

pub use error::{TransactionError, TransactionFailure};
pub use options::{CommitMode, Stage, TransactionOptions, TransactionState};

/// A future in a box.
type Boxed<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

/// What happens together or not at all. Cheap to clone; all clones are the same transaction.
///
/// The functions that make it (`transaction()`, and every task run) begin and leave it. Inside, it is staged to and asked;
/// afterwards the handle tells what has become of it.
///
/// # Example: by hand
///
/// ```
/// use context_core::transaction::{Stage, Transaction, TransactionOptions, TransactionState};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let txn = Transaction::new(TransactionOptions::new().name("move a file"), None);
/// txn.begin().await?;
/// txn.stage(Stage::new().on_rollback(|_| println!("moving it back")));
/// txn.leave(false).await;
/// assert_eq!(txn.state(), TransactionState::Committed);
/// # Ok::<(), context_core::transaction::TransactionError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Transaction {
    inner: Arc<Inner>,
    /// The one around it. Only handles have it: what waits in a transaction must not keep that transaction alive.
    parent: Option<Arc<Self>>,
}

/// The transaction itself.
struct Inner {
    options: TransactionOptions,
    commit_mode: CommitMode,
    isolation_level: IsolationLevel,
    book: Mutex<Book>,
    /// Told when a commit or a rollback is over.
    over: Notify,
    /// Of all that share the outermost transaction.
    tree: Arc<Tree>,
}

impl Inner {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store and the key, if it has both.
    fn record(&self) -> Option<(&ResultStore, &str)> {
        Some((self.options.store.as_ref()?, self.options.key.as_deref()?))
    }
}

impl Transaction {
    /// A transaction inside `parent` that has not begun. What `options` leaves open is as in `parent`; at the top it is
    /// [`CommitMode::Lazy`] and [`IsolationLevel::ReadCommitted`].
    ///
    /// Whoever makes it calls [`begin`](Self::begin), and [`leave`](Self::leave) or [`abandon`](Self::abandon) at the end
    /// of its code. A handle that is just dropped rolls nothing back; only its lock is freed.
    #[must_use]
    pub fn new(options: TransactionOptions, parent: Option<Self>) -> Self {
        let around = parent.as_ref().map(|parent| &parent.inner);
        let commit_mode = options.commit_mode.or(around.map(|around| around.commit_mode));
        let isolation_level =
            options.isolation_level.or(around.map(|around| around.isolation_level));
        let tree = around.map_or_else(Arc::default, |around| around.tree.clone());
        Self {
            inner: Arc::new(Inner {
                commit_mode: commit_mode.unwrap_or(CommitMode::Lazy),
                isolation_level: isolation_level.unwrap_or(IsolationLevel::ReadCommitted),
                options,
                book: Mutex::default(),
                over: Notify::new(),
                tree,
            }),
            parent: parent.map(Arc::new),
        }
    }

    /// A transaction inside `parent` that has begun and has no key, so that nothing had to be waited for.
    ///
    /// The key and the store of `options` are ignored.
    #[must_use]
    pub fn unkeyed(options: TransactionOptions, parent: Option<Self>) -> Self {
        let options = TransactionOptions { key: None, store: None, ..options };
        let txn = Self::new(options, parent);
        let lock = txn.inner.book().begun(false, None);
        debug_assert!(lock.is_none(), "it was given none");
        txn
    }

    /// Begins: takes the lock of the key under `SERIALIZABLE`, and looks whether the record exists. If it does, and is not
    /// to be overwritten, the transaction is [`Committed`](TransactionState::Committed) at once: [`read`](Self::read)
    /// gives the record, and what is staged is ignored.
    ///
    /// Has no effect on a transaction that has begun.
    ///
    /// # Errors
    ///
    /// Under `SERIALIZABLE`, if the store has no lock manager or the lock cannot be had; if the store cannot say whether
    /// the record exists. The transaction has then not begun, and holds no lock.
    pub async fn begin(&self) -> Result<(), TransactionError> {
        if self.state() != TransactionState::Pending {
            return Ok(());
        }
        let lock = self.lock().await?;
        let exists = match self.inner.record() {
            Some((store, key)) if !self.inner.options.overwrite => {
                store.exists(key).await.map_err(|source| self.unreadable(source))?
            }
            _ => false,
        };
        let spare = self.inner.book().begun(exists, lock);
        // Not before the book is closed: a lock manager is code of others.
        drop(spare);
        Ok(())
    }

    /// The lock that the transaction needs, if it needs one.
    async fn lock(&self) -> Result<Option<Arc<HeldLock>>, TransactionError> {
        let Some((store, key)) = self.inner.record() else { return Ok(None) };
        if self.inner.isolation_level != IsolationLevel::Serializable {
            return Ok(None);
        }
        let Some(manager) = store.lock_manager() else {
            return Err(TransactionError::NoLockManager { transaction: self.name().to_owned() });
        };
        // What a transaction around this one has locked stays locked for as long as this one can last.
        let around = std::iter::successors(self.parent.as_deref(), |txn| txn.parent.as_deref())
            .find_map(|txn| txn.inner.book().lock_of(manager, key));
        if around.is_some() {
            return Ok(around);
        }
        match self.inner.tree.acquire(manager, key).await {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(TransactionError::LockRefused {
                transaction: self.name().to_owned(),
                key: key.to_owned(),
            }),
            Err(source) => Err(TransactionError::Lock {
                transaction: self.name().to_owned(),
                key: key.to_owned(),
                source,
            }),
        }
    }

    /// The record under its key, if there is one. None without a key or without a store.
    ///
    /// # Errors
    ///
    /// If the store cannot read the record.
    pub async fn read(&self) -> Result<Option<ResultRecord>, TransactionError> {
        match self.inner.record() {
            Some((store, key)) => store.read(key).await.map_err(|source| self.unreadable(source)),
            None => Ok(None),
        }
    }

    fn unreadable(&self, source: crate::results::ResultError) -> TransactionError {
        TransactionError::Store {
            transaction: self.name().to_owned(),
            key: self.key().unwrap_or_default().to_owned(),
            source: Box::new(source),
        }
    }

    /// Stages a value, hooks, or both, for the end of the transaction. A value replaces the one staged before; hooks are
    /// added to those staged before.
    ///
    /// Returns false, and ignores it, if it is too late: the transaction is committed, or about to be written, or being
    /// rolled back, or was rolled back and left. One that was rolled back while its code goes on begins anew: what is
    /// staged now is committed at the end, and what was undone stays undone.
    pub fn stage(&self, stage: Stage) -> bool {
        // What is refused or replaced is dropped when the book is closed: it may hold code of others.
        let spare = self.inner.book().stage(stage);
        spare.is_ok()
    }

    /// Stages `value` to be written under the transaction's key, and what else `stage` holds.
    ///
    /// ```
    /// use context_core::transaction::{Stage, Transaction, TransactionOptions};
    ///
    /// let txn = Transaction::unkeyed(TransactionOptions::new(), None);
    /// let staged = txn.stage_value(&[1, 2], Stage::new().on_commit(|_| println!("done")))?;
    /// assert!(staged);
    /// # Ok::<(), context_core::transaction::TransactionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the store's serializer cannot encode the value. Without a key or a store it is not encoded.
    pub fn stage_value<T>(&self, value: &T, stage: Stage) -> Result<bool, TransactionError>
    where
        T: Serialize,
    {
        let Some((store, _)) = self.inner.record() else { return Ok(self.stage(stage)) };
        let payload = store.serializer().dumps(value).map_err(|source| {
            TransactionError::Stage { transaction: self.name().to_owned(), source }
        })?;
        Ok(self.stage(stage.payload(payload)))
    }

    /// Keeps a copy of `value` under `name`, for the code and the hooks of this transaction and of those inside it.
    ///
    /// # Errors
    ///
    /// If JSON cannot express the value.
    pub fn set<T: Serialize>(
        &self,
        name: impl Into<String>,
        value: T,
    ) -> Result<(), TransactionError> {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.inner.book().values.insert(name, value);
                Ok(())
            }
            Err(source) => {
                Err(TransactionError::Encode { transaction: self.name().to_owned(), name, source })
            }
        }
    }

    /// A copy of what was [`set`](Self::set) under `name` here, else in the closest transaction around this one.
    ///
    /// ```
    /// use context_core::transaction::{Transaction, TransactionOptions};
    ///
    /// let outer = Transaction::unkeyed(TransactionOptions::new(), None);
    /// let inner = Transaction::unkeyed(TransactionOptions::new(), Some(outer.clone()));
    /// outer.set("path", "/tmp/a")?;
    /// assert_eq!(inner.get::<String>("path")?, "/tmp/a");
    /// assert_eq!(inner.get_or("mode", 0o644)?, 0o644);
    /// assert!(inner.get::<String>("mode").is_err());
    /// # Ok::<(), context_core::transaction::TransactionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If nothing was set under that name, or something of another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, TransactionError> {
        self.find(name)?.ok_or_else(|| TransactionError::MissingValue {
            transaction: self.name().to_owned(),
            name: name.to_owned(),
        })
    }

    /// As [`get`](Self::get), or `default` if nothing was set.
    ///
    /// # Errors
    ///
    /// If something of another type was set.
    pub fn get_or<T: DeserializeOwned>(
        &self,
        name: &str,
        default: T,
    ) -> Result<T, TransactionError> {
        Ok(self.find(name)?.unwrap_or(default))
    }

    fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TransactionError> {
        let found = self.with_those_around().find_map(|txn| {
            let value = txn.inner.book().values.get(name).cloned()?;
            Some(serde_json::from_value(value).map_err(|source| TransactionError::Decode {
                transaction: txn.name().to_owned(),
                name: name.to_owned(),
                wanted: type_name::<T>(),
                source,
            }))
        });
        found.transpose()
    }

    /// Itself, the one around it, and so on.
    fn with_those_around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |txn| txn.parent.as_deref())
    }

    /// The state: what has become of it so far.
    pub fn state(&self) -> TransactionState {
        self.inner.book().state
    }

    /// What went wrong while it was committed or rolled back, here and in the transactions inside, in order. None of
    /// it was raised.
    ///
    /// A transaction can be committed and have failures: those of the transactions inside that were rolled back while it
    /// was committed.
    pub fn failures(&self) -> Vec<TransactionFailure> {
        self.inner.book().failures.clone()
    }

    /// The name for messages: the given one, else the key, else `unnamed`.
    pub fn name(&self) -> &str {
        self.inner.options.name.as_deref().or(self.key()).unwrap_or("unnamed")
    }

    /// The key that its record is written under.
    pub fn key(&self) -> Option<&str> {
        self.inner.options.key.as_deref()
    }

    /// When it is committed, if nobody does it by hand.
    pub fn commit_mode(&self) -> CommitMode {
        self.inner.commit_mode
    }

    /// How it is kept apart from others with the same key.
    pub fn isolation_level(&self) -> IsolationLevel {
        self.inner.isolation_level
    }

    /// The transaction around it.
    pub fn parent(&self) -> Option<Self> {
        self.parent.as_deref().cloned()
    }

    /// The transactions inside that have been left and wait for this one, in the order in which they were left.
    pub fn children(&self) -> Vec<Self> {
        let around = Arc::new(self.clone());
        let waiting = self.inner.book().children.clone();
        waiting.into_iter().map(|inner| Self { inner, parent: Some(around.clone()) }).collect()
    }
}

/// The same transaction.
impl PartialEq for Transaction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Transaction {}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Transaction");
        shown.field("name", &self.name()).field("state", &self.state());
        shown.field("commit_mode", &self.commit_mode()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
