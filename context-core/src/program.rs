//! Programs: what `#[context::main]` does around a program's own `main`.
//!
//! A program that begins with `#[context::main]` owns its process, so some things are done here that a library must not
//! do. Once per process, before anything else:
//!
//! 1. What is wrong with the settings (a value or a file that cannot be read, an active profile that does not exist) is
//!    told on the standard error stream, with what takes its place.
//! 2. Two flows of one name are told in the same place, with where both stand: nobody can tell their runs apart, and
//!    looking such a name up is an error. The program runs all the same, for it may never look one up.
//! 3. Every top-level flow run gets a [summary](crate::summary) on the standard error stream, unless `CONTEXT_SUMMARY`
//!    is `never`. In a program of this kind `auto` means the same as `always`, also where the stream is not a terminal: a
//!    summary in the log of a nightly job is as useful. Programs and tests that do not begin so show no summaries.
//!
//! Then the program runs. When it has ended, also by a panic, what recorders still hold is flushed, and servers are told
//! what they have not been told; if that takes longer than a moment, the standard error stream shows how far it is. What a
//! server cannot be told is kept for the next program that talks to it, which is said there, too. Nothing is undone: the
//! process is expected to end.
//!
//! Ctrl-C and SIGTERM end the program in order: the future of an asynchronous `main` is dropped, submitted runs are aborted,
//! and blocking code is unwound the next time it calls a task or flow. All runs that are open end as `Crashed`, those that
//! were submitted before those that submitted them, with their hooks called; then recorders are flushed, and the process
//! ends as the signal would have ended it. Code that does not come to such a place has ten seconds. A second signal ends
//! the process at once.

#[cfg(feature = "server")]
mod last_words;

use std::any::Any;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::context::SettingsContext;
use crate::record::Client;
#[cfg(feature = "server")]
use crate::record::Server;
use crate::registry;
use crate::runner::{self, Interrupt};
use crate::settings::Summary;
use crate::summary::SummaryRecorder;

/// The options of `#[context::main]`.
///
/// ```
/// use context_core::program::MainOptions;
///
/// let options = MainOptions { worker_threads: Some(4), ..MainOptions::default() };
/// assert!(!options.current_thread);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MainOptions {
    /// How many threads run asynchronous code, at least one; default: as many as the machine has cores.
    pub worker_threads: Option<usize>,
    /// Runs all asynchronous code on the thread of `main`.
    pub current_thread: bool,
}

/// Finds out whether this process is a child of a
/// [`ProcessPoolTaskRunner`](crate::engine::ProcessPoolTaskRunner). In a child it does not return: it makes attempts until
/// nobody wants any more, and ends the process.
///
/// Called first in `main` by programs that use such a task runner and do not begin with `#[context::main]`, which does it
/// for them. In all other processes it does nothing.
///
/// ```
/// context_core::program::init();
/// // Then the program.
/// ```
pub fn init() {
    #[cfg(unix)]
    crate::engine::serve_if_asked();
}

/// Prepares the process, then runs `future` on a new tokio runtime; what an `async fn main` becomes.
///
/// # Panics
///
/// If the runtime cannot be started: the system has no threads left, `worker_threads` is zero, or the caller is in a
/// runtime already.
///
/// # Example
///
/// ```
/// use context_core::program::{MainOptions, block_on_main};
///
/// let options = MainOptions { current_thread: true, ..MainOptions::default() };
/// assert_eq!(block_on_main(options, async { 6 * 7 }), 42);
/// ```
pub fn block_on_main<F: Future>(options: MainOptions, future: F) -> F::Output {
    init();
    prepare();
    // Before the runtime, so that it is dropped after: futures that are still running record how they end.
    let flush = FlushAtEnd;
    let runtime = runtime(options);
    let ended = runtime.block_on(async {
        let mut future = pin!(future);
        let mut noted = pin!(runner::noted());
        let ended = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Ready(output)) => Poll::Ready(Ended::Output(output)),
                Err(payload) => Poll::Ready(Ended::Panic(payload)),
                // Once the code itself has had its turn.
                Ok(Poll::Pending) => noted.as_mut().poll(cx).map(Ended::Interrupt),
            }
        });
        // The future is dropped when this block ends, inside the runtime: its runs end there.
        ended.await
    });
    if let Some(interrupt) = runner::interrupted() {
        // What cannot be dropped comes to an end when it next looks.
        runtime.shutdown_timeout(GRACE);
        drop(flush);
        runner::end_as(interrupt);
    }
    match ended {
        Ended::Output(output) => output,
        Ended::Panic(payload) => resume_unwind(payload),
        Ended::Interrupt(interrupt) => runner::end_as(interrupt),
    }
}

/// How long code that cannot be dropped has to end after an interrupt.
const GRACE: Duration = Duration::from_secs(10);

/// How the future of `main` has ended.
enum Ended<T> {
    Output(T),
    Panic(Box<dyn Any + Send>),
    Interrupt(Interrupt),
}

fn runtime(options: MainOptions) -> Runtime {
    let mut builder = if options.current_thread {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    if let Some(threads) = options.worker_threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().expect("the system can start the threads of a runtime")
}

/// Prepares the process, then calls `f`; what a `fn main` that is not asynchronous becomes.
///
/// # Example
///
/// ```
/// assert_eq!(context_core::program::run_main(|| 6 * 7), 42);
/// ```
pub fn run_main<R>(f: impl FnOnce() -> R) -> R {
    init();
    prepare();
    let flush = FlushAtEnd;
    let ended = catch_unwind(AssertUnwindSafe(f));
    if let Some(interrupt) = runner::interrupted() {
        drop(flush);
        runner::end_as(interrupt);
    }
    ended.unwrap_or_else(|payload| resume_unwind(payload))
}

struct FlushAtEnd;

impl Drop for FlushAtEnd {
    fn drop(&mut self) {
        Client::process_default().flush();
        #[cfg(feature = "server")]
        last_words::deliver(&mut io::stderr());
    }
}

fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        runner::watch();
        // Read now, before the program can have installed a log, the settings tell there what is wrong with them.
        let context = SettingsContext::get();
        let settings = context.settings();
        // What servers have to be told is waited for when the program ends, and not at the end of each flow run.
        #[cfg(feature = "server")]
        Server::finish_at_exit();
        let mut stderr = io::stderr().lock();
        for duplicate in registry::duplicates() {
            tell(&mut stderr, duplicate);
        }
        drop(stderr);
        if shows_summaries(settings.summary()) {
            let recorder = Arc::new(SummaryRecorder::stderr());
            Client::set_process_default(Client::process_default().and(recorder));
        }
    });
}

const fn shows_summaries(setting: Summary) -> bool {
    match setting {
        Summary::Auto | Summary::Always => true,
        Summary::Never => false,
    }
}

fn tell(stderr: &mut impl Write, message: impl Display) {
    // If nobody listens, there is nobody to tell.
    writeln!(stderr, "warning: {message}").ok();
}

#[cfg(test)]
mod tests;
