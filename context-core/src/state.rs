//! States: where a run is in its life, and how it ended.
//!
//! A state has a *type* (one of nine, [`StateType`]) and a *name* (`Retrying`, `NotReady`, …). The type drives
//! orchestration; the name only tells people which flavour of the type it is. A run passes through a list of
//! states whose timestamps strictly increase.
//!
//! Most states say where a run is and hold no value: that is [`State`], which is `State<()>`. A `State<T>` says how a run
//! ended and holds what it gave; [`State::result`] takes it out, or says why there is none.
//!
//! This module knows nothing of flows, tasks, or who moves a run from one state to the next.

mod aggregate;
mod constructors;
mod details;
mod error;
mod kind;
mod outcome;

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::clock::Timestamp;
use crate::id::StateId;

pub use aggregate::aggregate;
pub use constructors::PauseEnd;
pub use details::{RunInputKeyset, StateDetails};
pub use error::{
    Failure, InvalidOption, MissingContext, NotReady, RunError, RunErrorKind, panic_message,
};
pub use kind::StateType;

/// One state of one run, and the value that the run gave if it holds one.
///
/// # Example: display
///
/// As in Prefect, the type is shown only where the name does not already say it.
///
/// ```
/// use context_core::state::State;
///
/// assert_eq!(State::completed().to_string(), "Completed()");
/// assert_eq!(State::timed_out("too slow").to_string(), "TimedOut('too slow', type=FAILED)");
/// ```
#[derive(Clone, Debug)]
pub struct State<T = ()> {
    id: StateId,
    state_type: StateType,
    name: Cow<'static, str>,
    message: Option<String>,
    timestamp: Timestamp,
    details: Option<Box<StateDetails>>,
    error: Option<RunError>,
    data: Option<T>,
}

impl State {
    /// A state of `state_type` entered at `timestamp`, with the type's own name, no message and no id.
    ///
    /// The functions named after states, such as [`State::failed`], are what programs use.
    pub const fn new(state_type: StateType, timestamp: Timestamp) -> Self {
        Self {
            id: StateId::NIL,
            state_type,
            name: Cow::Borrowed(state_type.default_name()),
            message: None,
            timestamp,
            details: None,
            error: None,
            data: None,
        }
    }

    /// The same state with the value that its run gave.
    pub fn with_data<T>(self, data: T) -> State<T> {
        self.holding(Some(data))
    }

    /// The same state of a run that gave `outcome`.
    pub fn from_parts<T>(state: Self, outcome: Result<T, RunError>) -> State<T> {
        match outcome {
            Ok(data) => state.holding(Some(data)),
            Err(error) => state.with_error(error).holding(None),
        }
    }
}

impl<T> State<T> {
    fn holding<U>(self, data: Option<U>) -> State<U> {
        let Self { id, state_type, name, message, timestamp, details, error, data: _ } = self;
        State { id, state_type, name, message, timestamp, details, error, data }
    }

    /// The same state without its value.
    pub fn bare(&self) -> State {
        State {
            id: self.id,
            state_type: self.state_type,
            name: self.name.clone(),
            message: self.message.clone(),
            timestamp: self.timestamp,
            details: self.details.clone(),
            error: self.error.clone(),
            data: None,
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
    pub fn with_scheduled_time(self, time: Timestamp) -> Self {
        self.with_details(|details| details.scheduled_time = Some(time))
    }

    /// The same state of a run that gave `error`.
    #[must_use]
    pub fn with_error(mut self, error: RunError) -> Self {
        self.error = Some(error);
        self
    }

    /// The same state with changed details.
    #[must_use]
    pub fn with_details(mut self, change: impl FnOnce(&mut StateDetails)) -> Self {
        change(self.details.get_or_insert_default());
        self
    }

    /// The same state under `id`.
    #[must_use]
    pub(crate) const fn with_id(mut self, id: StateId) -> Self {
        self.id = id;
        self
    }

    /// The same state, entered at `timestamp`.
    #[must_use]
    pub(crate) const fn entered_at(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// A copy that tells the same at another time: a new id, and `timestamp`.
    #[must_use]
    pub fn fresh_copy(&self, timestamp: Timestamp) -> Self
    where
        T: Clone,
    {
        Self { id: StateId::generate(timestamp), timestamp, ..self.clone() }
    }

    /// The state's own id; nil for one made by [`State::new`].
    pub const fn id(&self) -> StateId {
        self.id
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

    /// What else is known about it.
    pub fn details(&self) -> &StateDetails {
        self.details.as_deref().unwrap_or(&StateDetails::NONE)
    }

    /// When the run is due, for a `Scheduled` state.
    pub fn scheduled_time(&self) -> Option<Timestamp> {
        self.details().scheduled_time
    }

    /// Why the run gave no value, if it said so.
    pub const fn error(&self) -> Option<&RunError> {
        self.error.as_ref()
    }

    /// The value that the run gave, if the state holds it.
    pub const fn data(&self) -> Option<&T> {
        self.data.as_ref()
    }

    /// True if the run will not leave this state by itself.
    pub const fn is_terminal(&self) -> bool {
        self.state_type.is_terminal()
    }

    /// True if the run will start later.
    pub const fn is_scheduled(&self) -> bool {
        matches!(self.state_type, StateType::Scheduled)
    }

    /// True if the run has not begun.
    pub const fn is_pending(&self) -> bool {
        matches!(self.state_type, StateType::Pending)
    }

    /// True if user code is running.
    pub const fn is_running(&self) -> bool {
        matches!(self.state_type, StateType::Running)
    }

    /// True if the run ended as intended.
    pub const fn is_completed(&self) -> bool {
        matches!(self.state_type, StateType::Completed)
    }

    /// True if the run ended with an error or out of time.
    pub const fn is_failed(&self) -> bool {
        matches!(self.state_type, StateType::Failed)
    }

    /// True if the run was ended by a panic or by the machine.
    pub const fn is_crashed(&self) -> bool {
        matches!(self.state_type, StateType::Crashed)
    }

    /// True if the run was ended on request.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self.state_type, StateType::Cancelled)
    }

    /// True if the run was asked to end and has not.
    pub const fn is_cancelling(&self) -> bool {
        matches!(self.state_type, StateType::Cancelling)
    }

    /// True if the run waits for a person.
    pub const fn is_paused(&self) -> bool {
        matches!(self.state_type, StateType::Paused)
    }
}

impl<T> fmt::Display for State<T> {
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

/// Two states are equal if they say the same, with the same value; errors are not compared beyond their texts.
impl<T: PartialEq> PartialEq for State<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.state_type == other.state_type
            && self.name == other.name
            && self.message == other.message
            && self.timestamp == other.timestamp
            && self.details() == other.details()
            && self.data == other.data
    }
}

impl<T: Eq> Eq for State<T> {}

/// As Prefect's API writes it, without the value.
impl<T> Serialize for State<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut state = serializer.serialize_struct("State", 6)?;
        state.serialize_field("id", &self.id)?;
        state.serialize_field("type", &self.state_type)?;
        state.serialize_field("name", &self.name)?;
        state.serialize_field("message", &self.message)?;
        state.serialize_field("timestamp", &self.timestamp)?;
        state.serialize_field("state_details", self.details())?;
        state.end()
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
