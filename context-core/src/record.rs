//! Recording: what happened, told to whoever wants to know.
//!
//! The engine hands every state of every run to a [`Recorder`]. Events are borrowed views of what the engine has at
//! hand, so a recorder pays only for what it keeps: names, tags and keys are put together when they are read. A recorder
//! says beforehand what it is interested in, and nothing is prepared for one that wants nothing.
//!
//! Recording is a side channel: it never fails a run and must not block one.
//!
//! This module knows records, not contexts and not the engine.

mod client;
mod event;
mod memory;
mod orchestrator;
mod relayed;
mod run;
#[cfg(feature = "server")]
pub(crate) mod server;
mod services;
mod unusable;

use std::fmt::Debug;

pub use client::Client;
pub use event::{
    ArtifactEvent, AssetEvent, CustomEvent, DynamicKey, FlowRunEvent, Origin, ProgressEvent,
    Retries, RetryDelays, RunEvent, RunName, RunTags, TaskInputs, TaskRunEvent,
};
pub use memory::{MemoryRecorder, Recorded};
pub use orchestrator::{
    Answer, Decision, Held, NewFlowRun, NewStandIn, OrchestrationError, Orchestrator,
    RegisteredFlowRun,
};
pub use run::{FlowRun, TaskRun};
#[cfg(feature = "server")]
pub(crate) use server::Undelivered;
#[cfg(feature = "server")]
pub use server::{ConnectError, Server};

pub use crate::runner::Cancellation;

pub(crate) use relayed::RelayedEvent;
pub(crate) use services::{
    ArtifactChange, AskedInput, Limit, NewArtifact, NewVariable, Paused, Resumed, Services, Slots,
    Variables, WantedSlots,
};

/// What a recorder wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Every state of every run. Otherwise only the last state of a run, and the first of a flow run, are told.
    pub every_state: bool,
    /// The parameters of runs, encoded as JSON. They are also what `current_run!().parameters()` shows.
    pub parameters: bool,
}

impl Interest {
    /// Every state, with parameters.
    pub const ALL: Self = Self { every_state: true, parameters: true };
    /// Only how runs begin and end.
    pub const ENDS: Self = Self { every_state: false, parameters: false };

    /// What at least one of two recorders wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            every_state: self.every_state || other.every_state,
            parameters: self.parameters || other.parameters,
        }
    }
}

/// Somebody who is told what happens to runs.
///
/// `record` is called on the thread that runs the user's code, from many threads at once, in the order of states within
/// one run. It must not block and must not panic.
///
/// # Example: counting what failed
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use context_core::record::{Interest, Recorder, RunEvent};
/// use context_core::state::StateType;
///
/// #[derive(Debug, Default)]
/// struct Failures(AtomicUsize);
///
/// impl Recorder for Failures {
///     fn interest(&self) -> Interest {
///         Interest::ENDS
///     }
///
///     fn record(&self, event: &RunEvent<'_>) {
///         if let RunEvent::TaskRun(task_run) = event
///             && task_run.state.state_type() == StateType::Failed
///         {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Recorder: Debug + Send + Sync {
    /// What it wants to be told; asked once, when the recorder is put to use.
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    /// Takes note of one event.
    fn record(&self, event: &RunEvent<'_>);

    /// Called when a top-level flow run has ended and all its events were recorded.
    fn flush(&self) {}
}
