//! What can go wrong with pauses.

use std::time::Duration;

use thiserror::Error;

use crate::id::FlowRunId;
use crate::state::MissingContext;

/// Why a pause has not ended well.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PauseError {
    /// There is no flow run to pause.
    #[error(transparent)]
    MissingContext(#[from] MissingContext),
    /// Nobody has resumed the run in time. It fails.
    #[error("{run} was paused and never resumed: nobody did within {timeout:?}")]
    FlowPauseTimeout {
        /// Which run, as `flow run 'brave-otter'`.
        run: String,
        /// How long it was paused.
        timeout: Duration,
    },
    /// The run cannot be paused now.
    #[error("{run} cannot be paused: {reason}")]
    Refused {
        /// Which run.
        run: String,
        /// Why.
        reason: String,
    },
    /// The run was brought into another state while it was paused.
    #[error("{run} was paused, and somebody has brought it into state `{state}`")]
    Ended {
        /// Which run.
        run: String,
        /// The state's name.
        state: String,
    },
    /// The run was resumed, but not with what it has asked for.
    #[error("the run was resumed, but its input is no `{type_name}`: {detail}")]
    Input {
        /// The type that was asked for.
        type_name: &'static str,
        /// Why it is none.
        detail: String,
    },
    /// The server could not be asked.
    #[error("{problem}")]
    Server {
        /// What went wrong, and what to do.
        problem: String,
    },
}

impl PauseError {
    /// True if nobody has resumed the run in time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::FlowPauseTimeout { .. })
    }
}

/// Why a flow run was not resumed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The run is not paused.
    #[error("flow run {id} is not paused: it is in state `{state}`")]
    NotPaused {
        /// The run.
        id: FlowRunId,
        /// The name of the state that it is in.
        state: String,
    },
    /// There is no such run; without a server, none that is paused in this process.
    #[error(
        "there is no paused flow run {id} here; without a server, a flow run is resumed in the process in which it is paused"
    )]
    Unknown {
        /// The run.
        id: FlowRunId,
    },
    /// It is too late.
    #[error("flow run {id} can no longer be resumed: its pause has timed out")]
    FlowPauseTimeout {
        /// The run.
        id: FlowRunId,
    },
    /// The run does not go on like this: its input does not fit, or else.
    #[error("flow run {id} cannot be resumed: {reason}")]
    Refused {
        /// The run.
        id: FlowRunId,
        /// Why.
        reason: String,
    },
    /// The input cannot be written as JSON.
    #[error("the input for flow run {id} cannot be written as JSON: {detail}")]
    NotJson {
        /// The run.
        id: FlowRunId,
        /// Why.
        detail: String,
    },
    /// The server could not be asked.
    #[error("{problem}")]
    Server {
        /// What went wrong, and what to do.
        problem: String,
    },
}
