//! What plain functions do with a transaction by hand: the same as async ones, on a thread that waits.
//!
//! It is here because waiting takes a runner, which transactions do not know.

use crate::results::ResultRecord;
use crate::runner;
use crate::transaction::{Transaction, TransactionError};

/// For plain functions.
impl Transaction {
    /// As [`read`](Self::read). Blocks this thread while the store must be waited for.
    ///
    /// # Errors
    ///
    /// As `read`.
    pub fn read_blocking(&self) -> Result<Option<ResultRecord>, TransactionError> {
        let txn = self.clone();
        runner::block_on(Box::pin(async move { txn.read().await }))
    }

    /// As [`commit`](Self::commit). Blocks this thread while the store or a hook must be waited for.
    pub fn commit_blocking(&self) -> bool {
        let txn = self.clone();
        runner::block_on(Box::pin(async move { txn.commit().await }))
    }

    /// As [`rollback`](Self::rollback). Blocks this thread while a hook must be waited for.
    pub fn rollback_blocking(&self) -> bool {
        let txn = self.clone();
        runner::block_on(Box::pin(async move { txn.rollback().await }))
    }
}
