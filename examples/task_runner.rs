//! Task runners: who runs the runs that a flow submits, on which threads, and how many at once.
//!
//! One flow counts prime numbers with four task runners: none (tokio does it), a bounded one, a pool of threads, and one
//! that is made here, which hands plain functions to rayon. Look at "at most", and at the names of the threads.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use context::prelude::*;
use context::{AbortHandle, ConcurrentTaskRunner, SubmittedRun, TaskRunner, ThreadPoolTaskRunner};

/// Hands plain functions to a pool of rayon, which is made for work like theirs. What is `async` stays with tokio.
#[derive(Clone, Debug)]
struct RayonTaskRunner(Arc<rayon::ThreadPool>);

impl RayonTaskRunner {
    fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Ok(Self(Arc::new(builder.thread_name(|n| format!("rayon-{n}")).build()?)))
    }
}

impl TaskRunner for RayonTaskRunner {
    fn name(&self) -> &str {
        "rayon"
    }

    /// Each flow run gets a task runner of its own. All of them may share one pool.
    fn duplicate(&self) -> Arc<dyn TaskRunner> {
        Arc::new(self.clone())
    }

    /// Must not wait. The run carries its context along and tells its states; here it is only decided where it runs.
    fn submit(&self, run: SubmittedRun) -> AbortHandle {
        if !run.blocks() {
            return run.spawn();
        }
        let waiting = Arc::new(Mutex::new(Some(run)));
        let take = |waiting: &Mutex<Option<SubmittedRun>>| {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let started = waiting.clone();
        self.0.spawn(move || {
            if let Some(run) = take(&started) {
                run.run_here();
            }
        });
        // A run that is dropped before it has begun is cancelled. A plain function cannot be interrupted later.
        AbortHandle::new(move || drop(take(&waiting)))
    }
}

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Counts the primes below `limit`, and says on which thread.
#[task]
fn count_primes(limit: u32) -> (u32, String) {
    MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    let primes = (2..limit).filter(is_prime).count();
    NOW.fetch_sub(1, Ordering::SeqCst);
    let name = thread::current().name().unwrap_or("without a name").to_owned();
    (u32::try_from(primes).unwrap_or(u32::MAX), name)
}

#[flow]
async fn primes(title: &'static str) -> Result<(), RunError> {
    MOST.store(0, Ordering::SeqCst);
    let counted = count_primes::map(vec![60_000; 8]).await?;
    let threads: BTreeSet<_> = counted.iter().map(|(_, thread)| thread.as_str()).collect();
    let threads: Vec<_> = threads.into_iter().collect();
    let most = MOST.load(Ordering::SeqCst);
    println!("{title}: {} primes, at most {most} at once, on {}", counted[0].0, threads.join(", "));
    Ok(())
}

/// An attribute chooses a task runner as `with_options` does.
#[flow(task_runner = ConcurrentTaskRunner::new().max_workers(2))]
async fn two_at_once() -> Result<(), RunError> {
    MOST.store(0, Ordering::SeqCst);
    let counted = count_primes::map(vec![60_000; 8]).await?;
    let most = MOST.load(Ordering::SeqCst);
    println!("bounded: {} primes, at most {most} at once", counted[0].0);
    Ok(())
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    primes("without one").await?;
    two_at_once().await?;
    let pool = ThreadPoolTaskRunner::new(3);
    primes::with_options().task_runner(pool).call("thread pool").await?;
    let rayon = RayonTaskRunner::new(4)?;
    primes::with_options().task_runner(rayon).call("rayon").await?;
    Ok(())
}
