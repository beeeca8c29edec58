//! Task runners that come with the engine.
//!
//! [`ConcurrentTaskRunner`] uses the runtime of the flow, as a flow without a task runner does, and can limit how many
//! runs are on their way at once. [`ThreadPoolTaskRunner`] has threads of its own. Neither knows what it runs.

#[cfg(unix)]
mod process_pool;
mod thread_pool;

use std::fmt;
use std::sync::Arc;

use crate::runner::{Placed, Slots};

pub use crate::runner::{
    AbortHandle, NotRemote, RemoteAttempts, RemoteFailure, RemoteFuture, RemoteRun, RemoteValue,
    SubmittedRun, TaskRunner,
};
#[cfg(unix)]
pub use process_pool::ProcessPoolTaskRunner;
#[cfg(unix)]
pub(crate) use process_pool::serve_if_asked;
pub use thread_pool::ThreadPoolTaskRunner;

/// Runs submitted runs on the runtime of their flow; plain functions on its threads for blocking work.
///
/// Without [`max_workers`](Self::max_workers) it runs all of them at once, as a flow without a task runner does. With
/// it, not more than so many are on their way, from their `Running` to their end; the others stay `Pending` and follow
/// in the order in which their inputs were there. A run that waits for the future of another gives its place up
/// meanwhile, so runs may submit others and wait for them, however few workers there are. That holds for what waits in
/// the run itself, not for what it has spawned.
///
/// Two are equal if they are configured in the same way.
///
/// # Example
///
/// ```
/// use context_core::engine::ConcurrentTaskRunner;
///
/// let runner = ConcurrentTaskRunner::new().max_workers(4);
/// assert_eq!(runner, ConcurrentTaskRunner::new().max_workers(4));
/// assert_ne!(runner, ConcurrentTaskRunner::new());
/// ```
#[derive(Clone)]
pub struct ConcurrentTaskRunner {
    max_workers: Option<usize>,
    slots: Option<Arc<Slots>>,
}

impl ConcurrentTaskRunner {
    /// One without a limit.
    pub const fn new() -> Self {
        Self { max_workers: None, slots: None }
    }

    /// At most `max_workers` runs at once; at least one, also for 0.
    #[must_use]
    pub fn max_workers(self, max_workers: usize) -> Self {
        let max_workers = max_workers.max(1);
        Self { max_workers: Some(max_workers), slots: Some(Slots::new(max_workers)) }
    }
}

impl Default for ConcurrentTaskRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for ConcurrentTaskRunner {
    fn eq(&self, other: &Self) -> bool {
        self.max_workers == other.max_workers
    }
}

impl Eq for ConcurrentTaskRunner {}

impl fmt::Debug for ConcurrentTaskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentTaskRunner").field("max_workers", &self.max_workers).finish()
    }
}

impl TaskRunner for ConcurrentTaskRunner {
    fn name(&self) -> &str {
        "concurrent"
    }

    fn duplicate(&self) -> Arc<dyn TaskRunner> {
        Arc::new(self.max_workers.map_or_else(Self::new, |max| Self::new().max_workers(max)))
    }

    fn submit(&self, run: SubmittedRun) -> AbortHandle {
        let Some(slots) = &self.slots else { return run.spawn() };
        slots.enqueue(run, |run, place| {
            let runtime = run.runtime().clone();
            runtime.spawn(Placed::new(run.into_future(), place)).abort_handle().into()
        })
    }

    fn cancel_all(&self) {
        if let Some(slots) = &self.slots {
            slots.close();
        }
    }
}

/// The task runner of a flow run: a fresh one like `chosen`, else one with as many workers as the settings say, else
/// none.
pub(crate) fn for_flow_run(
    chosen: Option<&Arc<dyn TaskRunner>>,
    max_workers: Option<usize>,
) -> Option<Arc<dyn TaskRunner>> {
    match (chosen, max_workers) {
        (Some(chosen), _) => Some(chosen.duplicate()),
        (None, Some(max)) => Some(Arc::new(ConcurrentTaskRunner::new().max_workers(max))),
        (None, None) => None,
    }
}
