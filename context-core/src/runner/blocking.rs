//! Work that blocks, on the threads that a runtime has for it.
//!
//! To wake a thread costs more than most plain functions do, and tokio wakes one for each piece of blocking work. Here work
//! waits in a queue of its runtime, and a thread that has done one piece goes on with the next. Before it begins one while
//! others wait, it sees to it that another thread is on its way. So a piece waits for nothing but a thread that wakes up,
//! however long those before it take, as it does with tokio itself.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

type Piece = Box<dyn FnOnce() + Send>;

/// Work that waits for a thread of one runtime.
#[derive(Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    /// True while a thread is on its way.
    waking: bool,
}

/// By runtime. A queue is there as long as somebody uses it.
static QUEUES: LazyLock<Mutex<HashMap<Id, Weak<Queue>>>> = LazyLock::new(Mutex::default);
/// From so many on, those of runtimes that are gone are looked for.
const MANY: usize = 64;

/// Why a piece of blocking work gives no value.
pub(crate) enum NoValue {
    /// It has panicked.
    Panic(Box<dyn Any + Send>),
    /// Its runtime was shut down before it began.
    Gone,
}

/// A piece of blocking work: a future of its value. If it is dropped before the work has begun, it never begins.
pub(crate) struct BlockingWork<R>(oneshot::Receiver<std::thread::Result<R>>);

/// Runs `f` on a thread of `handle` where it may block.
pub(super) fn spawn<R: Send + 'static>(
    handle: &Handle,
    f: impl FnOnce() -> R + Send + 'static,
) -> BlockingWork<R> {
    let (give, given) = oneshot::channel();
    let piece = Box::new(move || {
        if !give.is_closed() {
            let value = catch_unwind(AssertUnwindSafe(f));
            // Perhaps nobody wants it any more.
            give.send(value).ok();
        }
    });
    Queue::of(handle).push(handle, piece);
    BlockingWork(given)
}

impl<R> Future for BlockingWork<R> {
    type Output = Result<R, NoValue>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let given = Pin::new(&mut self.get_mut().0);
        given.poll(cx).map(|given| match given {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(payload)) => Err(NoValue::Panic(payload)),
            Err(_) => Err(NoValue::Gone),
        })
    }
}

impl Queue {
    fn of(handle: &Handle) -> Arc<Self> {
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&handle.id()).and_then(Weak::upgrade) {
            return queue;
        }
        if queues.len() >= MANY {
            queues.retain(|_, queue| queue.strong_count() > 0);
        }
        let queue = Arc::default();
        queues.insert(handle.id(), Arc::downgrade(&queue));
        queue
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: Arc<Self>, handle: &Handle, piece: Piece) {
        let mut waiting = self.lock();
        waiting.pieces.push_back(piece);
        let wakes = !std::mem::replace(&mut waiting.waking, true);
        drop(waiting);
        if wakes {
            self.wake(handle);
        }
    }

    /// Has a thread come. `waking` says so already.
    fn wake(self: Arc<Self>, handle: &Handle) {
        let thread = Thread(Some(self.clone()));
        let wake = AssertUnwindSafe(|| drop(handle.spawn_blocking(move || thread.work())));
        if let Err(payload) = catch_unwind(wake) {
            // The system has no thread left. Who comes next asks again.
            self.lock().waking = false;
            resume_unwind(payload);
        }
    }

    /// The next piece, for a thread that has come just now or has done its last one; and whether another is to come.
    fn next(&self, comes: bool) -> Option<(Piece, bool)> {
        let mut waiting = self.lock();
        waiting.waking &= !comes;
        let piece = waiting.pieces.pop_front()?;
        let wakes = !waiting.pieces.is_empty() && !std::mem::replace(&mut waiting.waking, true);
        Some((piece, wakes))
    }
}

/// A thread that works, or is on its way.
struct Thread(Option<Arc<Queue>>);

impl Thread {
    fn work(mut self) {
        let Some(queue) = self.0.take() else { return };
        let mut comes = true;
        while let Some((piece, wakes)) = queue.next(std::mem::take(&mut comes)) {
            if wakes {
                queue.clone().wake(&Handle::current());
            }
            // A destructor of the user's may panic; the thread goes on.
            drop(catch_unwind(AssertUnwindSafe(piece)));
        }
    }
}

impl Drop for Thread {
    /// A thread that will not come: the runtime is shut down, and nothing that waits will be done.
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            let left = {
                let mut waiting = queue.lock();
                waiting.waking = false;
                std::mem::take(&mut waiting.pieces)
            };
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Barrier, mpsc};
    use std::time::Duration;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn value<R>(ended: Result<R, NoValue>) -> R {
        ended.unwrap_or_else(|_| panic!("there is a value"))
    }

    #[test]
    fn every_piece_is_done_and_gives_its_value() {
        let runtime = runtime();
        let works: Vec<_> = (0..10_000).map(|n| spawn(runtime.handle(), move || n * 2)).collect();
        runtime.block_on(async {
            for (n, work) in works.into_iter().enumerate() {
                assert_eq!(value(work.await), n * 2);
            }
        });
    }

    #[test]
    fn pieces_that_wait_for_each_other_are_done_at_the_same_time() {
        const ALL: usize = 50;
        let runtime = runtime();
        let barrier = Arc::new(Barrier::new(ALL));
        let works: Vec<_> = (0..ALL)
            .map(|_| {
                let barrier = barrier.clone();
                spawn(runtime.handle(), move || barrier.wait().is_leader())
            })
            .collect();
        let leaders = runtime.block_on(async {
            let mut leaders = 0;
            for work in works {
                leaders += usize::from(value(work.await));
            }
            leaders
        });
        assert_eq!(leaders, 1);
    }

    #[test]
    fn a_piece_that_takes_long_keeps_no_other_waiting() {
        let runtime = runtime();
        let (go_on, wait) = mpsc::channel::<()>();
        let long = spawn(runtime.handle(), move || wait.recv().is_ok());
        for n in 0..100 {
            assert_eq!(value(runtime.block_on(spawn(runtime.handle(), move || n))), n);
        }
        go_on.send(()).unwrap();
        assert!(value(runtime.block_on(long)));
    }

    #[test]
    fn what_is_dropped_before_it_begins_never_begins() {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
        let (go_on, wait) = mpsc::channel::<()>();
        let first = spawn(runtime.handle(), move || wait.recv().is_ok());
        let done = Arc::new(AtomicUsize::new(0));
        let count = |done: &Arc<AtomicUsize>| {
            let done = done.clone();
            spawn(runtime.handle(), move || done.fetch_add(1, SeqCst))
        };
        drop(count(&done));
        let last = count(&done);
        go_on.send(()).unwrap();
        assert!(value(runtime.block_on(first)));
        assert_eq!(value(runtime.block_on(last)), 0, "it is the first that is done");
    }

    #[test]
    fn a_panic_is_given_to_who_waits_and_the_thread_goes_on() {
        let runtime = runtime();
        let panicked = spawn(runtime.handle(), || panic!("out of range"));
        let ended: Result<(), NoValue> = runtime.block_on(panicked);
        assert!(matches!(ended, Err(NoValue::Panic(payload)) if payload.is::<&str>()));
        assert_eq!(value(runtime.block_on(spawn(runtime.handle(), || 7))), 7);
    }

    #[test]
    fn work_of_a_runtime_that_is_gone_is_not_waited_for() {
        let gone = runtime();
        let handle = gone.handle().clone();
        gone.shutdown_timeout(Duration::from_secs(1));
        for _ in 0..2 {
            let ended = runtime().block_on(spawn(&handle, || 1));
            assert!(matches!(ended, Err(NoValue::Gone)));
        }
    }
}
