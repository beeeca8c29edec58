//! The nine types of states.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a [`State`](super::State), as Prefect's API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
