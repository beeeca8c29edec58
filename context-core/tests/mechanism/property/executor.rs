//! An executor that polls its tasks at random: too often, in no order, on two threads, under foreign contexts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use context_core::context::ContextModel as _;
use futures::future::BoxFuture;

use super::interpreter::{until, visible};
use super::program::{Kind, View};
use crate::support::poll;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Executor {
    tasks: Mutex<Vec<Task>>,
    random: Mutex<fastrand::Rng>,
}

struct Task {
    future: BoxFuture<'static, ()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    aborted: AtomicBool,
    ended: AtomicBool,
}

/// A spawned task.
pub(super) struct TaskHandle(Arc<Shared>);

impl TaskHandle {
    pub(super) fn abort(&self) {
        self.0.aborted.store(true, Ordering::Release);
    }

    /// Ready once the task has ended in whatever way.
    pub(super) async fn ended(self) {
        until(|| self.0.ended.load(Ordering::Acquire)).await;
    }
}

impl Executor {
    pub(super) const fn new(seed: u64) -> Self {
        Self { tasks: Mutex::new(Vec::new()), random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    pub(super) fn spawn(&self, future: BoxFuture<'static, ()>) -> TaskHandle {
        let shared = Arc::<Shared>::default();
        lock(&self.tasks).push(Task { future, shared: shared.clone() });
        TaskHandle(shared)
    }

    fn below(&self, limit: usize) -> usize {
        lock(&self.random).usize(..limit)
    }

    /// Polls until all tasks have ended. `fault` is told what a thread that polled a task should have seen afterwards,
    /// and what it saw, where the two differ.
    pub(super) fn run_until_idle(&self, fault: impl Fn(View, View)) {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::scope(|threads| {
            threads.spawn(move || queue.into_iter().for_each(|job| job()));
            while let Some(task) = self.draw() {
                let id = u8::try_from(self.below(9)).expect("below nine");
                let turn = move || {
                    let (task, on_host) =
                        Kind::deployment(id).in_scope(|| (task.turn(), visible()));
                    (task, on_host, visible())
                };
                let (task, on_host, outside) = if self.below(4) == 0 {
                    let (tell, told) = mpsc::sync_channel(1);
                    let job = Box::new(move || tell.send(turn()).expect("it is waited for"));
                    jobs.send(job).expect("the thread takes jobs");
                    told.recv().expect("the thread answers")
                } else {
                    turn()
                };
                let host = View::NOTHING.inside(Kind::Deployment(id));
                for (expected, found) in [(host, on_host), (View::NOTHING, outside)] {
                    if found != expected {
                        fault(expected, found);
                    }
                }
                if let Some(task) = task {
                    lock(&self.tasks).push(task);
                }
            }
            drop(jobs);
        });
    }

    /// Takes a task at random.
    fn draw(&self) -> Option<Task> {
        let count = lock(&self.tasks).len();
        let index = (count > 0).then(|| self.below(count))?;
        Some(lock(&self.tasks).swap_remove(index))
    }
}

impl Task {
    /// Polls once, or drops the task. `None` if it has ended.
    fn turn(self) -> Option<Self> {
        let Self { mut future, shared } = self;
        let going_on = if shared.aborted.load(Ordering::Acquire) {
            false
        } else {
            catch_unwind(AssertUnwindSafe(|| poll(&mut future))).is_ok_and(|poll| poll.is_pending())
        };
        if going_on {
            return Some(Self { future, shared });
        }
        drop(future);
        shared.ended.store(true, Ordering::Release);
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
