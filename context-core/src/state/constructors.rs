//! The states there are, by name.

use super::{State, StateType};
use crate::clock::Timestamp;
use crate::id::StateId;

/// When a pause ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseEnd {
    /// After this time.
    After(std::time::Duration),
    /// At this time.
    At(Timestamp),
    /// When somebody resumes the run.
    Never,
}

impl State {
    fn now(state_type: StateType) -> Self {
        let now = Timestamp::now();
        Self::new(state_type, now).with_id(StateId::generate(now))
    }

    fn due(name: &'static str, time: Option<Timestamp>) -> Self {
        let state = Self::now(StateType::Scheduled).with_name(name);
        let time = time.unwrap_or(state.timestamp());
        state.with_scheduled_time(time)
    }

    /// `Scheduled`: to begin at `time`; now, if there is none.
    pub fn scheduled(time: impl Into<Option<Timestamp>>) -> Self {
        Self::due("Scheduled", time.into())
    }

    /// `Late`: was to begin at `time`.
    pub fn late(time: impl Into<Option<Timestamp>>) -> Self {
        Self::due("Late", time.into())
    }

    /// `AwaitingRetry`: to be tried again at `time`.
    pub fn awaiting_retry(time: impl Into<Option<Timestamp>>) -> Self {
        Self::due("AwaitingRetry", time.into())
    }

    /// `AwaitingConcurrencySlot`: to ask again for a slot at `time`.
    pub fn awaiting_concurrency_slot(time: impl Into<Option<Timestamp>>) -> Self {
        Self::due("AwaitingConcurrencySlot", time.into())
    }

    /// `Resuming`: goes on after a pause.
    pub fn resuming() -> Self {
        Self::due("Resuming", None)
    }

    /// `Pending`: created.
    pub fn pending() -> Self {
        Self::now(StateType::Pending)
    }

    /// `Submitting`: on its way to where it will run.
    pub fn submitting() -> Self {
        Self::pending().with_name("Submitting")
    }

    /// `InfrastructurePending`: where it will run is being prepared.
    pub fn infrastructure_pending() -> Self {
        Self::pending().with_name("InfrastructurePending")
    }

    /// `Running`: user code runs.
    pub fn running() -> Self {
        Self::now(StateType::Running)
    }

    /// `Retrying`: user code runs again.
    pub fn retrying() -> Self {
        Self::running().with_name("Retrying")
    }

    /// `Rerunning`: user code runs once more at somebody's request.
    pub fn rerunning() -> Self {
        Self::running().with_name("Rerunning")
    }

    /// `Completed`: ended as intended.
    pub fn completed() -> Self {
        Self::now(StateType::Completed)
    }

    /// `Cached`: ended with a value that was there already.
    pub fn cached() -> Self {
        Self::completed().with_name("Cached")
    }

    /// `RolledBack`: ended, and was undone by its transaction.
    pub fn rolled_back() -> Self {
        Self::completed().with_name("RolledBack")
    }

    /// `Failed`: ended with an error.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::now(StateType::Failed).with_message(message)
    }

    /// `TimedOut`: ended because an attempt took too long.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::failed(message).with_name("TimedOut")
    }

    /// `Crashed`: ended by a panic or by the machine.
    pub fn crashed(message: impl Into<String>) -> Self {
        Self::now(StateType::Crashed).with_message(message)
    }

    /// `Cancelling`: asked to end.
    pub fn cancelling() -> Self {
        Self::now(StateType::Cancelling)
    }

    /// `Cancelled`: ended on request.
    pub fn cancelled() -> Self {
        Self::now(StateType::Cancelled)
    }

    /// `Paused`: waits for a person.
    ///
    /// ```
    /// use std::time::Duration;
    /// use context_core::state::{PauseEnd, State};
    ///
    /// let state = State::paused(PauseEnd::After(Duration::from_secs(60)));
    /// let timeout = state.details().pause_timeout.unwrap();
    /// assert_eq!(timeout.since(state.timestamp()), Duration::from_secs(60));
    /// assert!(!state.details().pause_reschedule);
    /// ```
    pub fn paused(end: PauseEnd) -> Self {
        let state = Self::now(StateType::Paused);
        let timeout = match end {
            PauseEnd::After(time) => Some(state.timestamp().plus(time)),
            PauseEnd::At(time) => Some(time),
            PauseEnd::Never => None,
        };
        state.with_details(|details| details.pause_timeout = timeout)
    }

    /// `Suspended`: waits for a person, and is started anew afterwards.
    pub fn suspended(end: PauseEnd) -> Self {
        let state = Self::paused(end).with_name("Suspended");
        state.with_details(|details| details.pause_reschedule = true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, name, and whether a scheduled time is set, of every state there is.
    #[test]
    fn every_state_has_its_type_and_name() {
        let at = Timestamp::from_nanos(1_000_000_000);
        let states = [
            (State::scheduled(at), StateType::Scheduled, "Scheduled"),
            (State::late(at), StateType::Scheduled, "Late"),
            (State::awaiting_retry(at), StateType::Scheduled, "AwaitingRetry"),
            (State::awaiting_concurrency_slot(at), StateType::Scheduled, "AwaitingConcurrencySlot"),
            (State::resuming(), StateType::Scheduled, "Resuming"),
            (State::pending(), StateType::Pending, "Pending"),
            (State::submitting(), StateType::Pending, "Submitting"),
            (State::infrastructure_pending(), StateType::Pending, "InfrastructurePending"),
            (State::running(), StateType::Running, "Running"),
            (State::retrying(), StateType::Running, "Retrying"),
            (State::rerunning(), StateType::Running, "Rerunning"),
            (State::completed(), StateType::Completed, "Completed"),
            (State::cached(), StateType::Completed, "Cached"),
            (State::rolled_back(), StateType::Completed, "RolledBack"),
            (State::failed("m"), StateType::Failed, "Failed"),
            (State::timed_out("m"), StateType::Failed, "TimedOut"),
            (State::crashed("m"), StateType::Crashed, "Crashed"),
            (State::cancelling(), StateType::Cancelling, "Cancelling"),
            (State::cancelled(), StateType::Cancelled, "Cancelled"),
            (State::paused(PauseEnd::Never), StateType::Paused, "Paused"),
            (State::suspended(PauseEnd::Never), StateType::Paused, "Suspended"),
        ];
        for (state, state_type, name) in states {
            assert_eq!((state.state_type(), state.name()), (state_type, name));
            assert_eq!(state.scheduled_time().is_some(), state.is_scheduled(), "{name}");
            assert_ne!(state.id(), StateId::NIL, "{name}");
        }
    }

    #[test]
    fn a_state_that_is_scheduled_for_no_time_is_due_now() {
        let state = State::scheduled(None);
        assert_eq!(state.scheduled_time(), Some(state.timestamp()));
    }

    #[test]
    fn a_copy_keeps_its_id_and_a_fresh_copy_does_not() {
        let state = State::scheduled(Timestamp::UNIX_EPOCH);
        assert_eq!(state.clone().id(), state.id());
        let later = state.timestamp().plus(std::time::Duration::from_secs(1));
        let fresh = state.fresh_copy(later);
        assert_ne!(fresh.id(), state.id());
        assert_eq!((fresh.timestamp(), fresh.details()), (later, state.details()));
    }
}
