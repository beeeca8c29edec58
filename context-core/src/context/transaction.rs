//! The transaction that surrounds the code: `transaction()`, and that of each task run.
//!
//! A frame holds the innermost transaction that was entered, and notes in which task run that was. Code in the same task
//! run is directly inside it. A task run that was called inside it is a transaction of its own: everything its code does
//! is done together or not at all. Most task runs have no use for one, so it is made when it is asked for: by code that
//! enters a transaction or asks for the current one, or by a task called inside.
//!
//! Who enters a transaction here, and how the code ends, is told to [`Transaction`]; what that does is not known here.

mod blocking;
mod task;

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use pin_project_lite::pin_project;

use super::{Frame, ResultScope, Scope};
use crate::id::TaskRunId;
use crate::runner::{self, Runner};
use crate::stack;
use crate::transaction::{Transaction, TransactionError, TransactionOptions};

use task::Around;
pub(crate) use task::{AttemptEnd, TaskTransactions};

/// The payload of a panic.
type Panic = Box<dyn Any + Send>;

/// The options of a transaction, to [`scope`](TransactionOptions::scope) a future with, or to run a closure
/// [`in_scope`](TransactionOptions::in_scope).
///
/// What is done inside takes effect together, when the outermost transaction ends well, or not at all: records of tasks
/// are written then, and commit hooks called. If the code fails, rollback hooks are called, those of the tasks inside
/// too.
///
/// # Examples
///
/// A file that is there only if all went well:
///
/// ```
/// use context_core::context::transaction;
/// use context_core::transaction::{Stage, Transaction, TransactionError, TransactionState};
///
/// fn remove(txn: Transaction) -> Result<(), TransactionError> {
///     println!("removing {}", txn.get::<String>("path")?);
///     Ok(())
/// }
///
/// # #[derive(Debug)]
/// # enum AppError { Transaction(TransactionError), Quality }
/// # impl From<TransactionError> for AppError {
/// #     fn from(error: TransactionError) -> Self { Self::Transaction(error) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut handle = None;
/// let written: Result<u32, AppError> = transaction()
///     .name("write rows")
///     .scope(|txn| {
///         handle = Some(txn.clone());
///         async move {
///             txn.set("path", "rows.csv")?;
///             txn.stage(Stage::new().on_rollback(remove));
///             let rows = 0;
///             if rows == 0 { Err(AppError::Quality) } else { Ok(rows) }
///         }
///     })
///     .await;
/// assert!(matches!(written, Err(AppError::Quality)));
/// assert_eq!(handle.unwrap().state(), TransactionState::RolledBack);
/// # });
/// ```
///
/// In blocking code, and with a look at what became of it. Failing hooks are not raised:
///
/// ```
/// use context_core::context::{get_transaction, transaction};
/// use context_core::transaction::{Stage, Transaction, TransactionError, TransactionState};
///
/// fn announce(_: Transaction) -> Result<(), &'static str> {
///     Err("nobody listens")
/// }
///
/// let txn = transaction().in_scope(|txn| {
///     txn.stage(Stage::new().on_commit(announce));
///     assert_eq!(get_transaction(), Some(txn.clone()));
///     Ok::<_, TransactionError>(txn)
/// })?;
/// assert_eq!(txn.state(), TransactionState::RolledBack);
/// assert!(txn.failures()[0].to_string().ends_with("failed: nobody listens"));
/// # Ok::<(), TransactionError>(())
/// ```
pub fn transaction() -> TransactionOptions {
    TransactionOptions::new()
}

/// The transaction that surrounds the code, if there is one: the innermost one entered in this task run, else that of the
/// task run itself. In a flow, the one that the flow was called in.
///
/// ```
/// use context_core::context::get_transaction;
///
/// assert_eq!(get_transaction(), None);
/// ```
pub fn get_transaction() -> Option<Transaction> {
    Frame::current_transaction(stack::current::<Frame>().as_ref())
}

impl TransactionOptions {
    /// Runs what `code` returns inside a transaction of these options, which is inside the one that surrounds this call.
    ///
    /// It begins at the first poll. Afterwards it is left: in success if the future gives `Ok`, else in failure. A panic
    /// is a failure, and goes on once everything is rolled back. If the future is dropped in the middle, everything is
    /// rolled back too, but what must be waited for is done in the background.
    ///
    /// Hooks are called outside of any transaction: what they call is not part of what they end.
    ///
    /// # Errors
    ///
    /// What `code` returns; and a [`TransactionError`] if the transaction cannot begin, of which see
    /// [`Transaction::begin`]. A commit or rollback that goes wrong is no error: see [`Transaction::failures`].
    pub fn scope<F, Fut, T, E>(self, code: F) -> impl Future<Output = Result<T, E>>
    where
        F: FnOnce(Transaction) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<TransactionError>,
    {
        let surroundings = stack::current::<Frame>();
        async move {
            let entered = Entered::new(self, surroundings);
            Scope::new(entered.txn.begin(), Some(entered.outside.clone())).await?;
            let mut left = Left { entered: &entered, left: false };
            let inside = entered.inside();
            // Made inside too, as a task that is called in `code` captures what surrounds the call.
            let made = stack::within(Some(inside.clone()), || caught(|| code(entered.txn.clone())));
            let outcome = match made {
                Ok(future) => Caught { future: Scope::new(future, Some(inside)) }.await,
                Err(panic) => Err(panic),
            };
            let failed = !matches!(outcome, Ok(Ok(_)));
            Scope::new(entered.txn.leave(failed), Some(entered.outside.clone())).await;
            left.left = true;
            outcome.unwrap_or_else(|panic| resume_unwind(panic))
        }
    }

    /// As [`scope`](Self::scope), for a closure. Blocks this thread while the store, a lock or a hook must be waited for.
    ///
    /// # Errors
    ///
    /// As `scope`.
    pub fn in_scope<T, E>(self, code: impl FnOnce(Transaction) -> Result<T, E>) -> Result<T, E>
    where
        E: From<TransactionError>,
    {
        let entered = Entered::new(self, stack::current::<Frame>());
        let outside = || Some(entered.outside.clone());
        let begun = entered.txn.clone();
        let begin = Scope::new(async move { begun.begin().await }, outside());
        runner::block_on(Box::pin(begin))?;
        let inside = Some(entered.inside());
        let outcome = stack::within(inside, || caught(|| code(entered.txn.clone())));
        let failed = !matches!(outcome, Ok(Ok(_)));
        let left = entered.txn.clone();
        let leave = Scope::new(async move { left.leave(failed).await }, outside());
        runner::block_on(Box::pin(leave));
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// A transaction and what surrounds it.
struct Entered {
    txn: Transaction,
    /// What surrounds the scope, without any transaction: where the transaction itself does its work.
    outside: Arc<Frame>,
}

impl Entered {
    fn new(options: TransactionOptions, surroundings: Option<Arc<Frame>>) -> Self {
        let parent = Frame::current_transaction(surroundings.as_ref());
        let outside = Frame::with_transaction(surroundings.as_ref(), None);
        let options = if options.lacks_store() {
            // That of the surrounding run.
            let settings = Frame::settings(Some(&outside));
            options.store(ResultScope::of(Some(&outside)).store(&settings))
        } else {
            options
        };
        Self { txn: Transaction::new(options, parent), outside }
    }

    /// What surrounds the code inside.
    fn inside(&self) -> Arc<Frame> {
        Frame::with_transaction(Some(&self.outside), Some(self.txn.clone()))
    }
}

/// Gives the transaction up if its scope is dropped before it has been left.
struct Left<'a> {
    entered: &'a Entered,
    left: bool,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if !self.left {
            abandon(&self.entered.txn, &self.entered.outside);
        }
    }
}

/// Gives `txn` up: rolls back at once what can be rolled back without waiting, and the rest in the background, in `outside`.
pub(crate) fn abandon(txn: &Transaction, outside: &Arc<Frame>) {
    let Some(rollback) = txn.abandon() else { return };
    let mut rollback = Box::pin(Scope::new(rollback, Some(outside.clone())));
    // The caller's runtime may be about to end, or may have this thread only.
    let runner = Runner::of_blocking_caller();
    let polled = {
        // Hooks find their timers in the runtime where they will go on.
        let _in_runtime = runner.enter();
        rollback.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()))
    };
    if polled.is_pending() {
        drop(runner.spawn(rollback));
    }
}

/// Which transaction surrounds the code of one task run.
#[derive(Clone, Debug)]
pub(super) struct TransactionSlot {
    /// None: the code was taken out of all transactions.
    transaction: Option<Transaction>,
    /// The task run it was entered in. Task runs called inside see their own.
    task: Option<TaskRunId>,
}

impl Frame {
    /// The innermost transaction.
    pub(crate) fn current_transaction(frame: Option<&Arc<Self>>) -> Option<Transaction> {
        let frame = frame?;
        let task = frame.task();
        let entered = frame.outer().and_then(|outer| outer.transaction.as_ref());
        match (task, entered) {
            // Not the task run that calls: in a flow called by a task it is still the task that surrounds the code.
            (task, Some(entered)) if entered.task == task.map(|task| task.id) => {
                entered.transaction.clone()
            }
            (Some(task), _) => Some(task.transactions.get_or_make(task.definition).clone()),
            (None, _) => None,
        }
    }

    /// What the task run `id`, called in `frame`, is called in. The frame may be that of an attempt of this very run.
    #[cold]
    fn around(frame: &Arc<Self>, id: TaskRunId) -> Around {
        if let Some(earlier) = frame.task().filter(|task| task.id == id) {
            return earlier.transactions.around.clone();
        }
        let task = frame.task_frame();
        let entered = frame.outer().and_then(|outer| outer.transaction.as_ref());
        let present = task.and_then(|task| task.task()).map(|task| task.id);
        match (task, entered) {
            (_, Some(entered)) if entered.task == present => entered
                .transaction
                .as_ref()
                .map_or(Around::None, |txn| Around::Transaction(Box::new(txn.clone()))),
            (Some(task), _) => Around::Caller(Arc::downgrade(task)),
            (None, _) => Around::None,
        }
    }

    /// True if a transaction was entered here, or outside of what runs here.
    #[inline]
    pub(crate) fn has_transaction(&self) -> bool {
        self.outer().is_some_and(|outer| outer.transaction.is_some())
    }

    /// A frame like `current` directly inside `transaction`, or outside of all.
    pub(crate) fn with_transaction(
        current: Option<&Arc<Self>>,
        transaction: Option<Transaction>,
    ) -> Arc<Self> {
        let task = current.and_then(|frame| frame.task()).map(|task| task.id);
        Self::with_outer(current, |outer| {
            outer.transaction = Some(TransactionSlot { transaction, task });
        })
    }
}

/// Calls `f`, whose panic is a value.
fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    // What the panic has left half-done is rolled back, or is the user's to look after, as with any panic.
    catch_unwind(AssertUnwindSafe(f))
}

pin_project! {
    /// A future whose panic is a value.
    struct Caught<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match caught(|| future.poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

#[cfg(test)]
mod tests;
