//! The transactions of task runs: made when there is a use for them.

use std::sync::{Arc, OnceLock, Weak};

use crate::context::Frame;
use crate::definition::TaskDefinition;
use crate::id::TaskRunId;
use crate::transaction::{Transaction, TransactionOptions};

/// The transactions of one attempt of a task run.
///
/// Most attempts never have one. Until one is wanted, nothing is made here: not for this attempt, nor for the task run
/// that called it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskTransactions {
    pub(super) around: Around,
    /// Its own, once there is a use for it.
    own: OnceLock<Box<Transaction>>,
}

/// What an attempt was called in.
#[derive(Clone, Debug, Default)]
pub(super) enum Around {
    /// No transaction.
    #[default]
    None,
    /// This one.
    Transaction(Box<Transaction>),
    /// The one that the calling task run has, or will have. Not kept alive: a caller that is gone has ended it.
    Caller(Weak<Frame>),
}

impl Around {
    /// The transaction, made now if `make` and there is none yet.
    fn get(&self, make: bool) -> Option<Transaction> {
        match self {
            Self::None => None,
            Self::Transaction(transaction) => Some(Transaction::clone(transaction)),
            Self::Caller(caller) => {
                let caller = caller.upgrade()?;
                let task = caller.task()?;
                // What the caller was called in learns through the caller's own what has failed inside.
                let wanted = make || task.transactions.has_any();
                wanted.then(|| task.transactions.get_or_make(task.definition).clone())
            }
        }
    }
}

/// How an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    Succeeded,
    /// It failed, and another attempt follows.
    Retried,
    /// It failed, and that is final.
    Failed,
}

impl TaskTransactions {
    /// Those of an attempt of the run `id` that begins under `current`.
    #[inline]
    pub(crate) fn under(current: Option<&Arc<Frame>>, id: TaskRunId) -> Self {
        let around = match current {
            Some(frame) if frame.task().is_some() || frame.has_transaction() => {
                Frame::around(frame, id)
            }
            _ => Around::None,
        };
        Self { around, own: OnceLock::new() }
    }

    /// Makes the attempt's own, for a task that has a key or hooks. The caller begins it, and then hands it to `set`.
    pub(crate) fn make(&self, options: TransactionOptions) -> Transaction {
        Transaction::new(options, self.around.get(true))
    }

    /// Says which one is the attempt's own, before its code runs.
    pub(crate) fn set(&self, own: Transaction) {
        let set = self.own.set(Box::new(own));
        debug_assert!(set.is_ok(), "an attempt has one transaction");
    }

    /// The attempt's own, if there is one.
    #[inline]
    pub(crate) fn own(&self) -> Option<&Transaction> {
        self.own.get().map(AsRef::as_ref)
    }

    /// True if the end of the attempt matters to a transaction, should it have failed.
    pub(crate) fn has_any(&self) -> bool {
        self.own().is_some() || self.around.get(false).is_some()
    }

    /// The attempt's own, made now if there is none.
    pub(crate) fn get_or_make(&self, definition: &'static TaskDefinition) -> &Transaction {
        self.own.get_or_init(|| {
            let options = TransactionOptions::new().name(definition.name());
            Box::new(Transaction::unkeyed(options, self.around.get(true)))
        })
    }

    /// Leaves the attempt's own. Where there is none, the one around it is still told of a failure that is final.
    pub(crate) async fn leave(&self, end: AttemptEnd) {
        match (self.own(), end) {
            (Some(own), AttemptEnd::Retried) => own.leave_attempt_failed().await,
            (Some(own), _) => own.leave(end == AttemptEnd::Failed).await,
            (None, AttemptEnd::Failed) => {
                if let Some(around) = self.around.get(false) {
                    around.inside_failed().await;
                }
            }
            (None, _) => {}
        }
    }
}
