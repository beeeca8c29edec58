//! A runtime on a thread of its own, and waiting for it from other threads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::config::ConfigError;

/// A thread that turns sockets and timers. It ends when all clones are dropped.
#[derive(Clone)]
pub(super) struct RuntimeThread {
    handle: Handle,
    /// The thread waits until its other half is dropped.
    _alive: Arc<oneshot::Sender<()>>,
}

impl RuntimeThread {
    pub(super) fn start() -> Result<Self, ConfigError> {
        let wrong = |err: std::io::Error| ConfigError::Setup {
            detail: format!("no runtime can be started: {err}"),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(wrong)?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("context-client".to_owned())
            .spawn(move || {
                // An error, because nothing is ever sent: it says that nobody is left.
                let _ = runtime.block_on(ended);
            })
            .map_err(wrong)?;
        Ok(Self { handle, _alive: Arc::new(alive) })
    }

    /// Polls `future` on this thread until it is ready; its sockets and timers are those of the runtime's thread.
    ///
    /// Unlike `Handle::block_on`, it does not mind being called within another runtime.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        let _entered = self.handle.enter();
        // A task that calls this has a budget of polls. If it is spent, sockets pretend not to be ready, until the task
        // returns to its runtime, which it cannot do while it waits here.
        let mut future = pin!(tokio::task::unconstrained(future));
        let alarm = Arc::new(Alarm { thread: thread::current(), rung: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&alarm));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            // The flag, because others may use the thread's own token while they are polled.
            while !alarm.rung.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
    }
}

/// Wakes a thread that waits.
struct Alarm {
    thread: Thread,
    rung: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
