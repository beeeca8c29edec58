//! Testing: flows under a recorder, settings and a clock of their own.
//!
//! A [`Harness`] runs a program's flows and tasks apart from everything else: what they do is recorded in memory,
//! settings are the defaults and not those of the developer's machine, and their home is a directory that is removed
//! afterwards. With [`manual_clock`](Harness::manual_clock), time stands still unless something waits for it: retries,
//! rate limits and timeouts take no time, and every run of a test sees the same times.
//!
//! The [`Report`] of a run gives what the program returned, and what happened: as values, as assertions, and as text
//! without ids and random names, which is the same in every run and may be snapshot.
//!
//! A harness knows the engine only from outside: anything it does can be done with the contexts that it enters.

mod home;
mod report;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::{ManualClock, Timestamp};
use crate::context::{
    AsyncClientContext, ClockContext, Context, ContextModel, SettingsContext, SyncClientContext,
};
use crate::record::{Client, MemoryRecorder};
use crate::settings::Settings;
use home::Home;

pub use report::Report;

/// Runs flows and tasks under a recorder, settings and perhaps a clock of their own.
///
/// All runs of one harness share its settings, its home and its clock; each has a recorder of its own. To test what is
/// kept from one run to the next, such as cached results, run twice; to test apart, make two harnesses.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use context_core::testing::Harness;
///
/// let harness = Harness::new().manual_clock();
/// let clock = harness.clock().expect("it was just asked for").clone();
/// let report = harness.run_blocking(|| {
///     // Call flows here. Code that takes its time says so:
///     clock.advance(Duration::from_secs(2));
///     "done"
/// });
/// assert_eq!(report.output, "done");
/// assert_eq!(report.elapsed(), Duration::from_secs(2));
/// assert_eq!(report.transcript(), "");
/// ```
#[derive(Clone)]
#[must_use = "a harness does nothing unless something runs in it"]
pub struct Harness {
    settings: Settings,
    home: Arc<Home>,
    clock: Option<ManualClock>,
}

impl Harness {
    /// What a [manual clock](Self::manual_clock) shows first: 2024-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_nanos(1_704_067_200_000_000_000);

    /// A harness with the default settings and the system's clock.
    pub fn new() -> Self {
        Self { settings: Settings::default(), home: Arc::new(Home::temporary()), clock: None }
    }

    /// The same with a manual clock that [advances by itself](ManualClock::auto_advance) for what the engine waits for.
    ///
    /// Only what reads the ambient time sees it. A `tokio::time::sleep` in the program takes its time;
    /// [`ManualClock::sleep`] does not. Runs that wait at once on several threads may move the clock one after the
    /// other, as it happens; on a runtime of one thread, every test of a program sees the same times.
    pub fn manual_clock(self) -> Self {
        let clock = ManualClock::new(Self::START);
        clock.auto_advance(true);
        self.with_clock(clock)
    }

    /// The same with `clock`, which a test may move itself.
    pub fn with_clock(self, clock: ManualClock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The same with other settings. Their home is not used: see [`home`](Self::home).
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The same with a home that is not removed. Without this the home is a temporary directory, made by whoever first
    /// writes to it and removed with the last clone of the harness and its reports.
    pub fn home(self, path: impl Into<PathBuf>) -> Self {
        Self { home: Arc::new(Home::lasting(path.into())), ..self }
    }

    /// The manual clock, if there is one.
    pub const fn clock(&self) -> Option<&ManualClock> {
        self.clock.as_ref()
    }

    /// The home directory of the runs; it may not exist yet.
    pub fn home_path(&self) -> &Path {
        self.home.path()
    }

    /// Runs the future that `call` makes. What it does is recorded, and nothing of what surrounds this call is seen.
    ///
    /// Flows are called inside the closure: a call belongs to what surrounds it.
    ///
    /// # Panics
    ///
    /// As `call` and its future do.
    pub async fn run<F: Future>(&self, call: impl FnOnce() -> F) -> Report<F::Output> {
        let (client, recorder) = Client::in_memory();
        let start = self.now();
        let recorded =
            async { AsyncClientContext::new(client).scope(async { call().await }).await };
        let output = self.surroundings().scope(recorded).await;
        self.report(output, recorder, start)
    }

    /// Runs `f`, which may call flows and tasks that are not asynchronous.
    ///
    /// # Panics
    ///
    /// As `f` does.
    pub fn run_blocking<R>(&self, f: impl FnOnce() -> R) -> Report<R> {
        let (client, recorder) = Client::in_memory();
        let start = self.now();
        let output = self.surroundings().run(|| SyncClientContext::new(client).in_scope(f));
        self.report(output, recorder, start)
    }

    fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(Timestamp::now, ManualClock::now)
    }

    /// What surrounds the code under test, but for the client, which must not outlive its scope.
    fn surroundings(&self) -> Context {
        let settings = SettingsContext::new(self.settings.with_home(self.home.path()));
        Context::empty().run(|| {
            settings.in_scope(|| match &self.clock {
                Some(clock) => ClockContext::new(clock.clone()).in_scope(Context::current),
                None => Context::current(),
            })
        })
    }

    fn report<T>(&self, output: T, recorder: Arc<MemoryRecorder>, start: Timestamp) -> Report<T> {
        Report { output, recorder, start, end: self.now(), home: self.home.clone() }
    }
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness")
            .field("home", &self.home.path())
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
