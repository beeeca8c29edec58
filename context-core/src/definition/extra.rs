//! Options that most tasks and flows do not have: hooks, and what their retries depend on.
//!
//! They are kept apart, behind one pointer, so that a run can tell at a glance that there are none.

use super::hooks::{FlowHook, FlowHookArguments, Hooks, TaskHook, TaskHookArguments};
use super::persistence::{Caching, Keeping};
use super::{FlowOptions, RetryCondition, TaskOptions};
use crate::hook::{Hook, IntoHooks};
use crate::transaction::Transaction;

/// A function that is told of the end of a transaction.
pub type TransactionHook = Hook<(Transaction,)>;

/// The options that most tasks do not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskExtra {
    pub(crate) hooks: Hooks<TaskHook>,
    pub(crate) on_commit: Vec<TransactionHook>,
    pub(crate) on_rollback: Vec<TransactionHook>,
    pub(crate) retry_condition: Option<RetryCondition>,
    pub(crate) keeping: Keeping,
    pub(crate) caching: Caching,
    pub(crate) log_prints: Option<bool>,
}

impl TaskExtra {
    /// True if anything was said about results.
    pub(crate) fn keeps(&self) -> bool {
        let Caching { policy, key_function, expiration, refresh, storage_key } = &self.caching;
        self.keeping.persists() == Some(true)
            || self.keeping.changes_store()
            || policy.as_ref().is_some_and(Option::is_some)
            || key_function.is_some()
            || expiration.is_some()
            || refresh.is_some()
            || storage_key.is_some()
    }
}

/// The options that most flows do not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowExtra {
    pub(crate) hooks: Hooks<FlowHook>,
    pub(crate) keeping: Keeping,
    pub(crate) log_prints: Option<bool>,
}

macro_rules! state_hooks {
    ($arguments:ident: $($(#[$doc:meta])+ $method:ident => $field:ident;)+) => {$(
        $(#[$doc])+
        ///
        /// One function, a tuple of functions, or a list of [hooks](crate::hook::Hook). Each is a `fn` or an `async fn`.
        /// An error or panic of a hook is told to the log; the others are called all the same.
        #[must_use]
        pub fn $method<M>(mut self, hooks: impl IntoHooks<$arguments, (), M>) -> Self {
            self.extra_mut().hooks.$field = hooks.into_hooks();
            self
        }
    )+};
}

impl TaskOptions {
    state_hooks! { TaskHookArguments:
        /// Called whenever an attempt begins.
        on_running => running;
        /// Called when a run has completed, also with a cached value.
        on_completion => completion;
        /// Called when a run has failed: once, after the last attempt.
        on_failure => failure;
    }

    /// Called when the transaction that the run is part of is committed.
    ///
    /// A hook takes the [`Transaction`](crate::transaction::Transaction) of the run. If it fails, the transaction is
    /// rolled back, which is told by its `failures()`.
    #[must_use]
    pub fn on_commit<M>(mut self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.extra_mut().on_commit = hooks.into_hooks();
        self
    }

    /// Called when the transaction that the run is part of is rolled back, the last hook first.
    #[must_use]
    pub fn on_rollback<M>(mut self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.extra_mut().on_rollback = hooks.into_hooks();
        self
    }

    /// Asked after each failed attempt that could be followed by another: whether it is to be. The state it is told holds
    /// the error. If it fails itself, there is no other attempt.
    #[must_use]
    pub fn retry_condition<M>(
        mut self,
        condition: impl IntoHooks<TaskHookArguments, bool, M>,
    ) -> Self {
        self.extra_mut().retry_condition = condition.into_hooks().into_iter().next();
        self
    }

    /// Whether `log_print!` writes to the log in this task; default: as the flow does.
    #[must_use]
    pub fn log_prints(mut self, log_prints: bool) -> Self {
        self.extra_mut().log_prints = Some(log_prints);
        self
    }
}

impl FlowOptions {
    state_hooks! { FlowHookArguments:
        /// Called whenever an attempt begins.
        on_running => running;
        /// Called when a run has completed.
        on_completion => completion;
        /// Called when a run has failed: once, after the last attempt.
        on_failure => failure;
        /// Called when a run was cancelled.
        on_cancellation => cancellation;
        /// Called when a run has crashed.
        on_crashed => crash;
    }

    /// Whether `log_print!` writes to the log in this flow and its tasks; default: as the flow that calls it does, or the
    /// setting `PREFECT_LOGGING_LOG_PRINTS`.
    #[must_use]
    pub fn log_prints(mut self, log_prints: bool) -> Self {
        self.extra_mut().log_prints = Some(log_prints);
        self
    }
}
