//! A task runner with threads of its own.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::runner::{AbortHandle, Place, Placed, Slots, SubmittedRun, TaskRunner};

/// Runs submitted runs on threads of its own, each run on one thread from its beginning to its end.
///
/// Threads start as they are needed and end with the flow run. A plain function blocks its thread; it cannot be
/// interrupted, so its `timeout` is noticed when it has returned. An `async fn` is driven by a runtime of its thread's
/// own: what it spawns there makes progress only while the thread drives a run. A flow on a runtime of one thread may
/// block while it waits for these runs.
///
/// Not more than `max_workers` runs are on their way at once, from their `Running` to their end; the others stay
/// `Pending` and follow in the order in which their inputs were there. A run that waits for the future of another gives
/// its place up meanwhile, and another thread takes it.
///
/// Two are equal if they have the same number of workers.
///
/// # Example
///
/// ```
/// use context_core::engine::ThreadPoolTaskRunner;
///
/// assert_eq!(ThreadPoolTaskRunner::new(4), ThreadPoolTaskRunner::new(4));
/// ```
pub struct ThreadPoolTaskRunner {
    max_workers: usize,
    slots: Arc<Slots>,
    pool: Arc<Pool>,
}

impl ThreadPoolTaskRunner {
    /// At most `max_workers` runs at once; at least one, also for 0.
    pub fn new(max_workers: usize) -> Self {
        let max_workers = max_workers.max(1);
        Self { max_workers, slots: Slots::new(max_workers), pool: Arc::default() }
    }
}

impl PartialEq for ThreadPoolTaskRunner {
    fn eq(&self, other: &Self) -> bool {
        self.max_workers == other.max_workers
    }
}

impl Eq for ThreadPoolTaskRunner {}

impl fmt::Debug for ThreadPoolTaskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolTaskRunner").field("max_workers", &self.max_workers).finish()
    }
}

impl TaskRunner for ThreadPoolTaskRunner {
    fn name(&self) -> &str {
        "threadpool"
    }

    fn duplicate(&self) -> Arc<dyn TaskRunner> {
        Arc::new(Self::new(self.max_workers))
    }

    fn submit(&self, run: SubmittedRun) -> AbortHandle {
        let pool = self.pool.clone();
        self.slots.enqueue(run, move |run, place| {
            let stop = Arc::new(Stop::default());
            pool.start(Job { run, place, stop: stop.clone() });
            AbortHandle::new(move || stop.stop())
        })
    }

    fn runs_elsewhere(&self) -> bool {
        true
    }

    fn cancel_all(&self) {
        self.slots.close();
    }

    fn shutdown(&self) {
        self.pool.shut_down();
    }
}

impl Drop for ThreadPoolTaskRunner {
    fn drop(&mut self) {
        self.pool.shut_down();
    }
}

/// A run that has its slot.
struct Job {
    run: SubmittedRun,
    place: Arc<Place>,
    stop: Arc<Stop>,
}

/// The threads.
#[derive(Default)]
struct Pool {
    shared: Mutex<Shared>,
    added: Condvar,
}

#[derive(Default)]
struct Shared {
    jobs: VecDeque<Job>,
    /// How many threads wait for a job.
    idle: usize,
    /// True once threads end instead of waiting.
    ended: bool,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, job: Job) {
        let mut shared = self.lock();
        shared.jobs.push_back(job);
        if shared.jobs.len() <= shared.idle {
            drop(shared);
            self.added.notify_one();
            return;
        }
        drop(shared);
        let pool = self.clone();
        let started =
            thread::Builder::new().name("context-task".to_owned()).spawn(move || pool.work());
        if let Err(error) = started {
            tracing::error!(
                "a task run goes to the runtime of its flow, because no thread can be started: {error}"
            );
            let job = self.lock().jobs.pop_back();
            if let Some(Job { run, place, .. }) = job {
                let runtime = run.runtime().clone();
                drop(runtime.spawn(Placed::new(run.into_future(), place)));
            }
        }
    }

    /// What a thread does.
    fn work(&self) {
        let mut runtime = None;
        while let Some(job) = self.next() {
            // A destructor of the user's may panic after its run has ended; the thread goes on.
            drop(catch_unwind(AssertUnwindSafe(|| job.run(&mut runtime))));
        }
        if let Some(runtime) = runtime {
            // Blocking work that the runs have left behind is not waited for.
            runtime.shutdown_background();
        }
    }

    /// `None` once the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut shared = self.lock();
        loop {
            if let Some(job) = shared.jobs.pop_front() {
                return Some(job);
            }
            if shared.ended {
                return None;
            }
            shared.idle += 1;
            shared = self.added.wait(shared).unwrap_or_else(PoisonError::into_inner);
            shared.idle -= 1;
        }
    }

    fn shut_down(&self) {
        self.lock().ended = true;
        self.added.notify_all();
    }
}

impl Job {
    /// Runs it. `runtime` is made by the first run that needs it.
    fn run(self, runtime: &mut Option<Runtime>) {
        let Self { run, place, stop } = self;
        if stop.poll(Waker::noop()).is_ready() {
            return;
        }
        if run.blocks() {
            return place.occupy(|| run.run_here());
        }
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => match Builder::new_current_thread().enable_all().build() {
                Ok(made) => runtime.insert(made),
                Err(error) => {
                    tracing::error!(
                        "a task run goes to the runtime of its flow, because its thread cannot have one: {error}"
                    );
                    let runtime = run.runtime().clone();
                    return drop(runtime.spawn(Placed::new(run.into_future(), place)));
                }
            },
        };
        runtime.block_on(async {
            let mut placed = Placed::new(run.into_future(), place);
            poll_fn(|cx| match stop.poll(cx.waker()) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => Pin::new(&mut placed).poll(cx),
            })
            .await;
        });
    }
}

/// Whether a run is to be dropped at its next suspension.
#[derive(Default)]
struct Stop(Mutex<(bool, Option<Waker>)>);

impl Stop {
    fn stop(&self) {
        let waker = {
            let mut stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stop.0 = true;
            stop.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready if it is; else `waker` is woken when it is.
    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.0 {
            return Poll::Ready(());
        }
        stop.1 = Some(waker.clone());
        Poll::Pending
    }
}
