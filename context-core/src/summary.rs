//! Summaries: what happened in a flow run, as a tree for people.
//!
//! A [`SummaryRecorder`] collects how runs end, and when a top-level flow run has ended, it writes one tree: the flow
//! run, below it the task runs and subflows it called, below those what they called. Up to five runs of one task under
//! one caller are listed one by one. More are a group: its numbers, and the runs in it that a reader would look for.
//!
//! ```text
//! ✗ crawl 'brave-otter' · failed · 1.53 s · 3 of 1,000 pages are missing
//! ├─ ✓ list-1f0 · 12 ms · [io]
//! ├─ ✗ fetch ×1,000 · 997 completed, 3 failed · 2 retries · 850 µs to 31 ms, mean 1.5 ms · 1.53 s in all
//! │  ├─ ✗ fetch-9c1 · failed · 12 ms · [io] · HttpError: 404
//! │  └─ … and 999 more
//! └─ ✓ report 'quiet-cat' · 4 ms
//!    └─ ✓ render-77a · 3 ms
//! 1,002 task runs: 999 completed, 3 failed · 2 retries · 1 subflow run · 1.53 s
//! ```
//!
//! Runs that are reported as one are one run here, with their numbers: `✓ parse-3e0 · 12 s · 12,000 runs, 3 failed`.
//!
//! Below the last line are the assets that were made, the first eight one by one: what each was made of, and by which
//! tool.
//!
//! ```text
//! 2 task runs: 2 completed · 1 asset · 40 ms
//! → s3://lake/rows.parquet · from https://example.com/raw · by polars
//! ```
//!
//! Memory does not grow with the number of runs, only with that of different tasks and of callers that have not ended.
//! Task runs outside every flow run, and those that end after their flow run, are in no summary.
//!
//! This module knows records. Who installs it, and when, is decided by a program's entry point.

mod assets;
mod collect;
mod numbers;
mod render;
mod text;
mod tree;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Interest, Recorder, RunEvent};
use crate::settings::environment;
use collect::Collector;

/// Writes a tree for each top-level flow run that has ended.
///
/// # Example: summaries of what runs in a scope
///
/// ```
/// use std::sync::Arc;
/// use context_core::context::{AsyncClientContext, ContextModel};
/// use context_core::record::Client;
/// use context_core::summary::SummaryRecorder;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let client = Client::local().and(Arc::new(SummaryRecorder::stderr()));
/// AsyncClientContext::new(client).scope(async { /* call flows here */ }).await;
/// # });
/// ```
pub struct SummaryRecorder {
    collector: Mutex<Collector>,
    writer: Mutex<Box<dyn Write + Send>>,
    color: bool,
}

impl SummaryRecorder {
    /// Writes to the standard error stream; in colour if that is a terminal and `NO_COLOR` is not set, or set to
    /// nothing.
    pub fn stderr() -> Self {
        let declined = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(io::stderr()).with_color(io::stderr().is_terminal() && !declined)
    }

    /// Writes to `writer`, without colour. What cannot be written is lost: a summary never fails a run.
    ///
    /// # Example
    ///
    /// ```
    /// use context_core::record::Recorder;
    /// use context_core::summary::SummaryRecorder;
    ///
    /// let recorder = SummaryRecorder::new(Vec::new());
    /// recorder.flush(); // No flow run has ended, so nothing is written.
    /// ```
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { collector: Mutex::default(), writer: Mutex::new(Box::new(writer)), color: false }
    }

    /// The same recorder, with or without colour.
    #[must_use]
    pub fn with_color(self, color: bool) -> Self {
        Self { color, ..self }
    }

    /// How many things are kept in memory.
    #[cfg(test)]
    fn nodes(&self) -> usize {
        lock(&self.collector).nodes()
    }
}

impl Recorder for SummaryRecorder {
    fn interest(&self) -> Interest {
        Interest::ENDS
    }

    fn record(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::TaskRun(event) => lock(&self.collector).task_run(event),
            RunEvent::FlowRun(event) => lock(&self.collector).flow_run(event),
            RunEvent::Progress(event) => lock(&self.collector).progress(event),
            RunEvent::Artifact(event) => lock(&self.collector).artifact(event),
            RunEvent::Asset(event) => lock(&self.collector).asset(event),
            RunEvent::Custom(_) => {}
        }
    }

    fn flush(&self) {
        let ended = lock(&self.collector).take_ended();
        for mut tree in ended {
            let text = render::draw(&mut tree, self.color);
            let mut writer = lock(&self.writer);
            // There is nobody to tell of an error.
            writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).ok();
        }
    }
}

impl fmt::Debug for SummaryRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SummaryRecorder").field("color", &self.color).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
