//! One state of many: how a run ends that returns the states of others.

use super::{State, StateType};
use crate::clock::Timestamp;

/// The state of a run that returned `states`, at `timestamp`; `None` if there are none.
///
/// The first that holds of: all completed; any cancelled; any paused; any failed or crashed; some not ended. The error
/// of the first state that decides is the error of the whole.
///
/// ```
/// use context_core::clock::Timestamp;
/// use context_core::state::{State, aggregate};
///
/// let states = [State::completed(), State::failed("no"), State::crashed("boom")];
/// let state = aggregate(&states, Timestamp::now()).unwrap();
/// assert_eq!(state.to_string(), "Failed('2/3 states failed.')");
/// ```
pub fn aggregate<'a>(
    states: impl IntoIterator<Item = &'a State>,
    timestamp: Timestamp,
) -> Option<State> {
    let states: Vec<&State> = states.into_iter().collect();
    let total = states.len();
    if total == 0 {
        return None;
    }
    let are = |types: &[StateType]| -> Vec<&State> {
        states.iter().copied().filter(|state| types.contains(&state.state_type())).collect()
    };
    let completed = are(&[StateType::Completed]);
    if completed.len() == total {
        let state = State::new(StateType::Completed, timestamp);
        return Some(state.with_message("All states completed."));
    }
    let cancelled = are(&[StateType::Cancelled]);
    let paused = are(&[StateType::Paused]);
    let failed = are(&[StateType::Failed, StateType::Crashed]);
    let (state_type, deciding, what) = if !cancelled.is_empty() {
        (StateType::Cancelled, cancelled, "cancelled")
    } else if !paused.is_empty() {
        (StateType::Paused, paused, "paused")
    } else if !failed.is_empty() {
        (StateType::Failed, failed, "failed")
    } else {
        let open = states.iter().copied().filter(|state| !state.is_terminal()).collect();
        (StateType::Failed, open, "are not final")
    };
    let count = deciding.len();
    let message = match what {
        "are not final" => format!("{count}/{total} states are not final."),
        _ => format!("{count}/{total} states {what}."),
    };
    let state = State::new(state_type, timestamp).with_message(message);
    Some(match deciding.first().and_then(|first| first.problem()) {
        Some(error) => state.with_error(error),
        None => state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::constructors::PauseEnd;

    fn of(states: &[State]) -> String {
        aggregate(states, Timestamp::UNIX_EPOCH).unwrap().to_string()
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let (done, failed) = (State::completed(), State::failed("no"));
        let (crashed, cancelled) = (State::crashed("no"), State::cancelled());
        let (paused, running) = (State::paused(PauseEnd::Never), State::running());
        assert!(aggregate(&[], Timestamp::UNIX_EPOCH).is_none());
        let all = [done.clone(), State::cached()];
        assert_eq!(of(&all), "Completed('All states completed.')");
        let all = [done.clone(), failed.clone(), paused.clone(), cancelled, running.clone()];
        assert_eq!(of(&all), "Cancelled('1/5 states cancelled.')");
        let all = [done.clone(), failed.clone(), paused];
        assert_eq!(of(&all), "Paused('1/3 states paused.')");
        let all = [done.clone(), failed, crashed, running.clone()];
        assert_eq!(of(&all), "Failed('2/4 states failed.')");
        assert_eq!(of(&[done, running]), "Failed('1/2 states are not final.')");
    }
}
