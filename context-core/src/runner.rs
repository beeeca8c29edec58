//! Runners: where a future runs.
//!
//! Submitted work runs on the caller's tokio runtime where there is one that can make progress by itself, else on a
//! background runtime that the process starts at its first use. With a [`TaskRunner`], that decides when and where. This
//! module knows futures and closures, not what runs are of.

mod place;
mod slots;
mod task_runner;

mod block_on;
mod blocking;
mod cancellation;
mod interrupt;
mod time;

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeFlavor};

pub(crate) use block_on::block_on;
pub(crate) use blocking::{BlockingWork, NoValue};
pub use cancellation::Cancellation;
pub(crate) use cancellation::Cancelled;
pub(crate) use interrupt::{
    Interrupt, Interrupted, Interruptible, check as check_interrupt, end_as, interrupted, noted,
    tell as tell_of_interrupt, watch,
};
pub(crate) use time::{Sleep, pause, pause_blocking, sleep};

pub use task_runner::{
    AbortHandle, NotRemote, RemoteAttempts, RemoteFailure, RemoteFuture, RemoteRun, RemoteValue,
    SubmittedRun, TaskRunner,
};

pub(crate) use place::{Place, Placed, carrying_place, note_wait};
pub(crate) use slots::Slots;
pub(crate) use task_runner::{BoxedRun, Relay, Work};

static BACKGROUND: OnceLock<Runtime> = OnceLock::new();

/// A runtime to run submitted work on.
#[derive(Clone)]
pub(crate) struct Runner {
    handle: Handle,
    /// The only thread on which the runtime makes progress, if it has only one.
    driving_thread: Option<ThreadId>,
    /// Who runs submitted runs, if not the runtime as it is.
    task_runner: Option<Arc<dyn TaskRunner>>,
}

impl Runner {
    /// The runner for work submitted by async code: the current runtime.
    pub(crate) fn of_async_caller() -> Self {
        match Handle::try_current() {
            Ok(handle) => {
                let single = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
                let driving_thread = single.then(|| thread::current().id());
                Self { handle, driving_thread, task_runner: None }
            }
            Err(_) => Self::background(),
        }
    }

    /// The runner for work submitted by blocking code. Its caller blocks, so a runtime that has only the caller's thread
    /// would never make progress.
    pub(crate) fn of_blocking_caller() -> Self {
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Self { handle, driving_thread: None, task_runner: None }
            }
            _ => Self::background(),
        }
    }

    fn background() -> Self {
        let runtime = BACKGROUND.get_or_init(|| {
            Builder::new_multi_thread()
                .thread_name("context")
                .enable_all()
                .build()
                .expect("the system can start the threads of a runtime")
        });
        Self { handle: runtime.handle().clone(), driving_thread: None, task_runner: None }
    }

    /// The only thread on which submitted work makes progress, if there is only one: it must not block.
    pub(crate) const fn driving_thread(&self) -> Option<ThreadId> {
        self.driving_thread
    }

    /// Makes this runtime the current one of the thread, for timers and the like, until the guard is dropped.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// The same runtime with `task_runner`, which runs nothing yet, to run submitted runs.
    pub(crate) fn with_task_runner(self, task_runner: Arc<dyn TaskRunner>) -> Self {
        // The runs do not need the caller's only thread; then what waits for their inputs must not need it either.
        let runtime = if self.driving_thread.is_some() && task_runner.runs_elsewhere() {
            Self::background()
        } else {
            self
        };
        Self { task_runner: Some(task_runner), ..runtime }
    }

    /// The same, with a task runner of its own.
    pub(crate) fn duplicate(&self) -> Self {
        let task_runner = self.task_runner.as_ref().map(|runner| runner.duplicate());
        Self { task_runner, ..self.clone() }
    }

    /// Who runs submitted runs, if not the runtime as it is.
    #[inline]
    pub(crate) const fn task_runner(&self) -> Option<&Arc<dyn TaskRunner>> {
        self.task_runner.as_ref()
    }

    /// The runtime.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `future`.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.handle.spawn(future).abort_handle().into()
    }

    /// Runs `f` on a thread where it may block.
    pub(crate) fn spawn_blocking<R: Send + 'static>(
        &self,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> BlockingWork<R> {
        blocking::spawn(&self.handle, f)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("flavor", &self.handle.runtime_flavor())
            .field("task_runner", &self.task_runner)
            .finish()
    }
}

/// As [`blocking`], where `f` waits for task runs: they may need the slot that the caller has in its task runner.
pub(crate) fn yielding<R>(f: impl FnOnce() -> R) -> R {
    match Place::current() {
        None => blocking(f),
        Some(place) => blocking(|| place.without(f)),
    }
}

/// Has `future` run in the background, whatever becomes of the caller's runtime, and blocks until it is ready; for `limit`
/// at most, and it goes on after that. True if it has ended.
pub(crate) fn finish_in_background(
    future: impl Future<Output = ()> + Send + 'static,
    limit: Duration,
) -> bool {
    let (ended, end) = mpsc::channel();
    Runner::background().handle.spawn(async move {
        future.await;
        // Perhaps nobody waits any more.
        ended.send(()).ok();
    });
    // A future that panics drops its sender.
    blocking(|| !matches!(end.recv_timeout(limit), Err(RecvTimeoutError::Timeout)))
}

/// Calls `f`, which may block, without keeping a runtime's other work from running.
pub(crate) fn blocking<R>(f: impl FnOnce() -> R) -> R {
    match Handle::try_current() {
        Ok(handle)
            if handle.runtime_flavor() == RuntimeFlavor::MultiThread
                && !block_on::is_standing_in() =>
        {
            in_place(f)
        }
        _ => f(),
    }
}

/// As tokio's `block_in_place`, also where tokio refuses: inside a `LocalSet`, which nothing but the attempt tells.
fn in_place<R>(f: impl FnOnce() -> R) -> R {
    let mut f = Some(f);
    let tried =
        catch_unwind(AssertUnwindSafe(|| tokio::task::block_in_place(|| f.take().map(|f| f()))));
    match (tried, f) {
        (Ok(Some(value)), _) => value,
        // Refused before `f` was called.
        (Err(_), Some(f)) => f(),
        (Err(payload), None) => resume_unwind(payload),
        (Ok(None), _) => unreachable!("`f` is there when it is called for the first time"),
    }
}
