//! States: where a run is in its life, and how it ended.
//!
//! A state has a *type* (one of nine, [`StateType`]) and a *name* (`Retrying`, `NotReady`, …). The type drives
//! orchestration; the name only tells people which flavour of the type it is. A run passes through a list of
//! states whose timestamps strictly increase.
//!
//! This module knows nothing of flows, tasks, or who moves a run from one state to the next.

mod error;

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::clock::Timestamp;

pub use error::{
    Failure, InvalidOption, MissingContext, NotReady, RunError, RunErrorKind, panic_message,
};

/// The kind of a [`State`], as Prefect's API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StateType {
    /// Will run later.
    Scheduled,
    /// Created; waits for its inputs or for a slot.
    Pending,
    /// User code is running.
    Running,
    /// Ended as intended.
    Completed,
    /// User code returned an error, or ran out of time.
    Failed,
    /// Ended on request, or because its future was dropped.
    Cancelled,
    /// Ended by a panic or by the machine.
    Crashed,
    /// Waits for a person.
    Paused,
    /// Was asked to end and has not ended yet.
    Cancelling,
}

impl StateType {
    /// Every type, in the order of a run's life.
    pub const ALL: [Self; 9] = [
        Self::Scheduled,
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Crashed,
        Self::Paused,
        Self::Cancelling,
    ];

    /// True for the four types that a run does not leave by itself.
    ///
    /// ```
    /// use context_core::state::StateType;
    ///
    /// assert!(StateType::Crashed.is_terminal());
    /// assert!(!StateType::Cancelling.is_terminal());
    /// ```
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Crashed)
    }

    /// The name a state of this type has unless it is given another: `Completed`.
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Crashed => "Crashed",
            Self::Paused => "Paused",
            Self::Cancelling => "Cancelling",
        }
    }

    /// The type as Prefect's API writes it: `COMPLETED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Crashed => "CRASHED",
            Self::Paused => "PAUSED",
            Self::Cancelling => "CANCELLING",
        }
    }
}

impl fmt::Display for StateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One state of one run.
///
/// # Example: display
///
/// As in Prefect, the type is shown only where the name does not already say it.
///
/// ```
/// use context_core::clock::Timestamp;
/// use context_core::state::{State, StateType};
///
/// let at = Timestamp::now();
/// assert_eq!(State::new(StateType::Completed, at).to_string(), "Completed()");
/// assert_eq!(
///     State::new(StateType::Failed, at).with_name("TimedOut").with_message("too slow").to_string(),
///     "TimedOut('too slow', type=FAILED)",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    #[serde(rename = "type")]
    state_type: StateType,
    name: Cow<'static, str>,
    message: Option<String>,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_time: Option<Timestamp>,
}

impl State {
    /// A state of `state_type` entered at `timestamp`, with the type's own name and no message.
    pub const fn new(state_type: StateType, timestamp: Timestamp) -> Self {
        Self {
            state_type,
            name: Cow::Borrowed(state_type.default_name()),
            message: None,
            timestamp,
            scheduled_time: None,
        }
    }

    /// The same state under another name, such as `Retrying`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same state with a message for people.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same state, due at `time` (of a `Scheduled` state).
    #[must_use]
    pub const fn with_scheduled_time(mut self, time: Timestamp) -> Self {
        self.scheduled_time = Some(time);
        self
    }

    /// The type, which drives orchestration.
    pub const fn state_type(&self) -> StateType {
        self.state_type
    }

    /// The name, which tells people which flavour of the type this is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What there is to say about it, if anything.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// When the run entered it.
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// When the run is due, for a `Scheduled` state.
    pub const fn scheduled_time(&self) -> Option<Timestamp> {
        self.scheduled_time
    }

    /// True if the run will not leave this state by itself.
    pub const fn is_terminal(&self) -> bool {
        self.state_type.is_terminal()
    }

    /// True if the run ended as intended.
    pub const fn is_completed(&self) -> bool {
        matches!(self.state_type, StateType::Completed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named_after_type = self.name.eq_ignore_ascii_case(self.state_type.as_str());
        write!(f, "{}(", self.name)?;
        if let Some(message) = &self.message {
            write!(f, "'{message}'")?;
        }
        if !named_after_type {
            let separator = if self.message.is_some() { ", " } else { "" };
            write!(f, "{separator}type={}", self.state_type)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_out_what_the_name_says() {
        let at = Timestamp::from_nanos(0);
        let shown = |state: State| state.to_string();
        assert_eq!(shown(State::new(StateType::Running, at)), "Running()");
        assert_eq!(
            shown(State::new(StateType::Running, at).with_name("Retrying")),
            "Retrying(type=RUNNING)"
        );
        assert_eq!(shown(State::new(StateType::Failed, at).with_message("no")), "Failed('no')");
    }

    #[test]
    fn exactly_four_types_are_terminal() {
        let terminal: Vec<_> = StateType::ALL.iter().filter(|t| t.is_terminal()).collect();
        assert_eq!(
            terminal,
            [&StateType::Completed, &StateType::Failed, &StateType::Cancelled, &StateType::Crashed]
        );
    }
}
