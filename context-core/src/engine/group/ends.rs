//! How the runs of a group have ended, and how the run ends that is reported in their place.

use crate::engine::machine::Input;
use crate::state::{RunError, State, StateType};

/// The ends of runs that have not completed.
#[derive(Debug, Default)]
pub(super) struct Ends([Kind; 4]);

/// The runs that have ended in one of the ways below.
#[derive(Debug, Default)]
struct Kind {
    runs: usize,
    /// What the first of them said, in the order in which they ended.
    first: Option<(String, Option<RunError>)>,
}

/// The ways, from the one that says most about the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Crashed,
    Cancelled,
    Failed,
    NotReady,
}

impl Way {
    const ALL: [Self; 4] = [Self::Crashed, Self::Cancelled, Self::Failed, Self::NotReady];

    /// `None` if the run has completed.
    fn of(state: &State) -> Option<Self> {
        match state.state_type() {
            StateType::Completed => None,
            StateType::Crashed => Some(Self::Crashed),
            StateType::Cancelled | StateType::Cancelling => Some(Self::Cancelled),
            // It never began, as an upstream run did not complete.
            StateType::Pending => Some(Self::NotReady),
            StateType::Failed | StateType::Paused | StateType::Scheduled | StateType::Running => {
                Some(Self::Failed)
            }
        }
    }

    const fn verb(self, runs: usize) -> &'static str {
        match (self, runs) {
            (Self::Crashed, _) => "crashed",
            (Self::Cancelled, 1) => "was cancelled",
            (Self::Cancelled, _) => "were cancelled",
            (Self::Failed, _) => "failed",
            (Self::NotReady, 1) => "was not ready",
            (Self::NotReady, _) => "were not ready",
        }
    }
}

impl Ends {
    /// Takes note of a run that has ended in `state`; true if it has not completed.
    pub(super) fn note(&mut self, state: &State) {
        let Some(way) = Way::of(state) else { return };
        let kind = &mut self.0[way as usize];
        kind.runs += 1;
        kind.first.get_or_insert_with(|| {
            let message = state.message().unwrap_or(state.name()).to_owned();
            (message, state.error().cloned())
        });
    }

    /// How many there are.
    pub(super) fn runs(&self) -> usize {
        self.0.iter().map(|kind| kind.runs).sum()
    }

    /// What happens to the run that is reported in place of `total` runs, all of which have ended; and the error of the
    /// one that decides, if that has one.
    pub(super) fn decide(mut self, total: usize) -> (Input, Option<RunError>) {
        let Some(way) = Way::ALL.into_iter().find(|way| self.0[*way as usize].runs > 0) else {
            return (Input::Succeed, None);
        };
        let first = self.0[way as usize].first.take();
        let (said, error) = first.unwrap_or_default();
        let message = format!("{}; the first: {said}", self.counted(total));
        let end = match way {
            Way::Crashed => Input::Crash { message },
            Way::Cancelled => Input::Cancel { message },
            // None of them began.
            Way::NotReady if self.runs() == total => Input::Unready { message },
            Way::Failed | Way::NotReady => Input::Reject { message },
        };
        (end, error)
    }

    /// `17 of 20 runs crashed, 3 were cancelled`.
    fn counted(&self, total: usize) -> String {
        let mut text = String::new();
        for (way, Kind { runs, .. }) in Way::ALL.into_iter().zip(&self.0) {
            match (*runs, way.verb(*runs)) {
                (0, _) => {}
                (runs, verb) if text.is_empty() => text = format!("{runs} of {total} runs {verb}"),
                (runs, verb) => text.push_str(&format!(", {runs} {verb}")),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn state(state_type: StateType, message: &str) -> State {
        State::new(state_type, Timestamp::UNIX_EPOCH).with_message(message)
    }

    fn decided(states: &[State], total: usize) -> String {
        let mut ends = Ends::default();
        states.iter().for_each(|state| ends.note(state));
        match ends.decide(total).0 {
            Input::Succeed => "Completed".to_owned(),
            Input::Crash { message } => format!("Crashed: {message}"),
            Input::Cancel { message } => format!("Cancelled: {message}"),
            Input::Unready { message } => format!("NotReady: {message}"),
            Input::Reject { message } => format!("Failed: {message}"),
            other => panic!("a group never ends like this: {other:?}"),
        }
    }

    #[test]
    fn the_worst_end_decides_and_all_are_counted() {
        let done = || state(StateType::Completed, "fine");
        let failed = |text| state(StateType::Failed, text);
        let crashed = |text| state(StateType::Crashed, text);
        let cancelled = |text| state(StateType::Cancelled, text);
        let not_ready = |text| state(StateType::Pending, text).with_name("NotReady");
        assert_eq!(decided(&[done(), done()], 2), "Completed");
        assert_eq!(
            decided(&[done(), failed("404"), failed("500")], 20_000),
            "Failed: 2 of 20000 runs failed; the first: 404"
        );
        assert_eq!(
            decided(&[failed("404"), crashed("boom"), cancelled("a"), cancelled("b")], 4),
            "Crashed: 1 of 4 runs crashed, 2 were cancelled, 1 failed; the first: boom"
        );
        assert_eq!(
            decided(&[failed("404"), cancelled("dropped")], 2),
            "Cancelled: 1 of 2 runs was cancelled, 1 failed; the first: dropped"
        );
        assert_eq!(
            decided(&[not_ready("a"), failed("404"), not_ready("b")], 3),
            "Failed: 1 of 3 runs failed, 2 were not ready; the first: 404"
        );
        assert_eq!(
            decided(&[not_ready("a"), not_ready("b")], 2),
            "NotReady: 2 of 2 runs were not ready; the first: a"
        );
        // Some have completed, so that the whole has begun.
        assert_eq!(
            decided(&[not_ready("a"), done()], 2),
            "Failed: 1 of 2 runs was not ready; the first: a"
        );
    }

    #[test]
    fn a_state_without_a_message_says_its_name() {
        let paused = State::new(StateType::Paused, Timestamp::UNIX_EPOCH).with_name("Suspended");
        assert_eq!(decided(&[paused], 1), "Failed: 1 of 1 runs failed; the first: Suspended");
    }
}
