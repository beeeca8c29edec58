//! Runners: where a future runs.
//!
//! Submitted work runs on the caller's tokio runtime where there is one that can make progress by itself, else on a
//! background runtime that the process starts at its first use. This module knows futures and closures, not runs.

mod block_on;
mod time;

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::thread::{self, ThreadId};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeFlavor};
use tokio::task::{AbortHandle, JoinHandle};

pub(crate) use block_on::block_on;
pub(crate) use time::{Sleep, pause, pause_blocking, sleep};

static BACKGROUND: OnceLock<Runtime> = OnceLock::new();

/// A runtime to run submitted work on.
#[derive(Clone)]
pub(crate) struct Runner {
    handle: Handle,
    /// The only thread on which the runtime makes progress, if it has only one.
    driving_thread: Option<ThreadId>,
}

/// The means to abort one submitted future.
#[derive(Debug)]
pub(crate) struct Abort(AbortHandle);

impl Abort {
    /// Drops the future at its next suspension.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Runner {
    /// The runner for work submitted by async code: the current runtime.
    pub(crate) fn of_async_caller() -> Self {
        match Handle::try_current() {
            Ok(handle) => {
                let single = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
                let driving_thread = single.then(|| thread::current().id());
                Self { handle, driving_thread }
            }
            Err(_) => Self::background(),
        }
    }

    /// The runner for work submitted by blocking code. Its caller blocks, so a runtime that has only the caller's thread
    /// would never make progress.
    pub(crate) fn of_blocking_caller() -> Self {
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Self { handle, driving_thread: None }
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
        Self { handle: runtime.handle().clone(), driving_thread: None }
    }

    /// The only thread on which submitted work makes progress, if there is only one: it must not block.
    pub(crate) const fn driving_thread(&self) -> Option<ThreadId> {
        self.driving_thread
    }

    /// Makes this runtime the current one of the thread, for timers and the like, until the guard is dropped.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Runs `future`.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Abort {
        Abort(self.handle.spawn(future).abort_handle())
    }

    /// Runs `f` on a thread where it may block.
    pub(crate) fn spawn_blocking<R: Send + 'static>(
        &self,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        self.handle.spawn_blocking(f)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("flavor", &self.handle.runtime_flavor()).finish()
    }
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
