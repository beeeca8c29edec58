//! A task runner whose runs are in processes of their own.
//!
//! [`ProcessPoolTaskRunner`] drives runs here and has each attempt made by a child process, which is this program again:
//! it finds the function by its key, hydrates what surrounded the attempt, and tells what happens inside. This process
//! tells that on, as if it had happened here. A child that is gone is a run that has crashed.
//!
//! `parent` has the children, `child` is what one does, `message` is what both say to each other, and `log` is how records
//! of a child's log come into ours. None of them knows what a task does.

mod child;
mod log;
mod message;
mod parent;

use std::ffi::OsString;
use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use self::parent::Pool;
use crate::context::SettingsContext;
use crate::runner::{AbortHandle, Placed, Slots, SubmittedRun, TaskRunner};

pub(crate) use child::serve_if_asked;

/// Runs submitted runs in child processes of this program: one run at a time in each, on as many cores.
///
/// Everything but the function itself stays in this process: states, hooks, retries, timeouts, caches, transactions, and
/// who is told. The arguments, the value and what surrounds the run cross over as JSON, secrets included, through a socket
/// that nobody else can open. So the arguments and the value must be `Serialize` and `Deserialize`, and the task must not
/// have generic parameters, nor the flow; a run for which that does not hold fails, and says so. What the function logs, the runs that it
/// calls and the events, artifacts and asset metadata that it tells come back with their ids.
///
/// * A child that is killed, or ends by itself, is a run that has `Crashed`. It is attempted again, in another process, if
///   the task has retries left.
/// * A timeout or a cancellation kills the child, also in the middle of a plain function.
/// * When this process ends, however that happens, its children end, too.
///
/// A child is started when there is a run for it and none is idle, and it is kept until the flow run ends. At most
/// `max_workers` runs are on their way at once. Only available on Unix.
///
/// # The program must know that it may be a child
///
/// A child is this program, started anew. It has to find out what it is before it does anything else: begin with
/// `#[context::main]`, or call [`init`](crate::program::init) first in `main`. Where neither was done, runs are refused; of
/// a program that is started with arguments or from another file, in the first child.
///
/// # Transactions
///
/// A transaction that surrounds the call stays here, with the record of the run's result. Inside of the function,
/// `get_transaction` gives one of the child's own, which nobody commits with others.
///
/// # Example
///
/// ```
/// use context_core::engine::ProcessPoolTaskRunner;
///
/// assert_eq!(ProcessPoolTaskRunner::new(4), ProcessPoolTaskRunner::new(4));
/// ```
pub struct ProcessPoolTaskRunner {
    max_workers: usize,
    program: Program,
    slots: Arc<Slots>,
    pool: Arc<Pool>,
}

/// What a child is started as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    path: Option<PathBuf>,
    arguments: Vec<OsString>,
}

impl ProcessPoolTaskRunner {
    /// At most `max_workers` runs at once; at least one, also for 0.
    pub fn new(max_workers: usize) -> Self {
        Self::of(max_workers.max(1), Program::default())
    }

    /// Starts children of another program than this one, which has the same tasks: one that was built from the same crate
    /// at the same time.
    #[must_use]
    pub fn with_program(self, path: impl Into<PathBuf>) -> Self {
        let program = Program { path: Some(path.into()), ..self.program.clone() };
        Self::of(self.max_workers, program)
    }

    /// Starts children with these arguments; by default without any. A program that looks at its arguments before it calls
    /// [`init`](crate::program::init) may need some: a test, for example, is found by its name.
    #[must_use]
    pub fn with_arguments<A: Into<OsString>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        let program = Program { arguments, ..self.program.clone() };
        Self::of(self.max_workers, program)
    }

    fn of(max_workers: usize, program: Program) -> Self {
        let pool = Pool::new(program.clone());
        Self { max_workers, program, slots: Slots::new(max_workers), pool }
    }
}

impl Default for ProcessPoolTaskRunner {
    /// With as many workers as the setting `PREFECT_TASKS_RUNNER_PROCESS_POOL_MAX_WORKERS` says where this is called; else
    /// as many as the machine has cores.
    fn default() -> Self {
        let settings = SettingsContext::get();
        let workers = settings.settings().tasks_runner_process_pool_max_workers();
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(workers.unwrap_or_else(cores))
    }
}

impl PartialEq for ProcessPoolTaskRunner {
    fn eq(&self, other: &Self) -> bool {
        (self.max_workers, &self.program) == (other.max_workers, &other.program)
    }
}

impl Eq for ProcessPoolTaskRunner {}

impl fmt::Debug for ProcessPoolTaskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolTaskRunner").field("max_workers", &self.max_workers).finish()
    }
}

impl TaskRunner for ProcessPoolTaskRunner {
    fn name(&self) -> &str {
        "processpool"
    }

    fn duplicate(&self) -> Arc<dyn TaskRunner> {
        Arc::new(Self::of(self.max_workers, self.program.clone()))
    }

    fn submit(&self, run: SubmittedRun) -> AbortHandle {
        let pool = self.pool.clone();
        self.slots.enqueue(run, move |run, place| {
            let runtime = run.runtime().clone();
            match run.into_remote(pool) {
                Ok(future) => runtime.spawn(Placed::new(future, place)).abort_handle().into(),
                Err((run, why)) => {
                    run.refuse(why.reason);
                    AbortHandle::new(|| {})
                }
            }
        })
    }

    fn cancel_all(&self) {
        self.slots.close();
    }

    fn shutdown(&self) {
        self.pool.shut_down();
    }
}

impl Drop for ProcessPoolTaskRunner {
    fn drop(&mut self) {
        self.pool.shut_down();
    }
}
