//! The thread on which a process talks to a server.
//!
//! It runs a small runtime of its own, so that what is on its way goes on whatever becomes of the runtimes of the program,
//! and so that blocking code can wait for answers on any thread.

use std::future::Future;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::Builder;

use tokio::runtime::{self, Handle};
use tokio::task::JoinHandle;

/// A thread with a runtime, for as long as the process lives.
#[derive(Clone, Debug)]
pub(super) struct ServerThread(Handle);

impl ServerThread {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        Builder::new().name("context server".to_owned()).spawn(move || {
            runtime.block_on(std::future::pending::<()>());
        })?;
        Ok(Self(handle))
    }

    /// Has `work` done; what it gives can be awaited on any thread. It goes on if nobody waits.
    pub(super) fn ask<T, F>(&self, work: F) -> impl Future<Output = T> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let working = self.0.spawn(work);
        async move {
            match working.await {
                Ok(done) => done,
                // The runtime never ends, so it is not cancelled.
                Err(ended) => resume_unwind(ended.into_panic()),
            }
        }
    }

    /// As [`ask`](Self::ask), but `work` is given up when what this gives is dropped.
    pub(super) fn ask_while_wanted<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Wanted<T> {
        Wanted(self.0.spawn(work))
    }

    /// Has `work` done while nobody waits.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(work));
    }
}

/// Work that is given up when this is dropped.
#[derive(Debug)]
pub(super) struct Wanted<T>(JoinHandle<T>);

impl<T> Wanted<T> {
    /// Gives the work up.
    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

impl<T> Future for Wanted<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|ended| match ended {
            Ok(done) => done,
            // Only `drop` and `stop` give it up, and nobody waits after them.
            Err(ended) => resume_unwind(ended.into_panic()),
        })
    }
}

impl<T> Drop for Wanted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
