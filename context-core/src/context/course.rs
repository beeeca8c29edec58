//! The course of a flow run: the states that it enters while an attempt of it runs.
//!
//! The engine has a run enter the states in which its attempts begin and end. In between, code inside the run may pause it,
//! and it goes on; that code may be anywhere, and the engine has no part in it. So both come together here: a state is
//! entered under a lock, which decides whether it can be, and gives it a time after all others. Then it is told, outside
//! of the lock, and whoever enters the next one waits until that is done. What has happened the engine learns when the
//! attempt ends.
//!
//! This module knows the rules of pauses. It does not know who pauses a run, nor how that is waited for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::state::{State, StateType};

/// The states that a flow run enters while an attempt runs.
#[derive(Debug, Default)]
pub(crate) struct Course {
    inner: Mutex<Inner>,
    /// Signalled when a state was told.
    told: Condvar,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// When the last state was entered.
    last: Timestamp,
    /// How long the run was `Running` before `last`.
    run_time: Duration,
    /// True once there was a pause in this attempt.
    was_paused: bool,
    /// True while a state is told.
    telling: bool,
    /// How many pauses of this attempt have asked for a key.
    keys: u32,
    /// The keys of the pauses that there have been in this attempt, and what they were given.
    fired: Vec<(String, Option<Value>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The engine decides.
    Between,
    Running,
    /// Until this time at most, if there is one.
    Paused(Option<Timestamp>),
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            phase: Phase::Between,
            last: Timestamp::from_nanos(0),
            run_time: Duration::ZERO,
            was_paused: false,
            telling: false,
            keys: 0,
            fired: Vec::new(),
        }
    }
}

/// What has become of a run while an attempt ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interlude {
    /// When the last state was entered.
    pub(crate) last: Timestamp,
    /// How long the run was `Running` before that.
    pub(crate) run_time: Duration,
    /// If that state is a pause, until when at most.
    pub(crate) paused: Option<Option<Timestamp>>,
}

/// A state was entered, and is told as long as this is kept. Others wait.
#[derive(Debug)]
pub(crate) struct Telling<'a>(&'a Course);

impl Course {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is under the lock is never left half-changed, so a poisoned one is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks while nothing is told.
    fn lock_told(&self) -> MutexGuard<'_, Inner> {
        let told = self.told.wait_while(self.lock(), |inner| inner.telling);
        told.unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine has the run enter `state`, which was `Running` for `run_time` before.
    pub(crate) fn entered(&self, state: &State, run_time: Duration) {
        let mut inner = self.lock();
        let begins = state.is_running();
        *inner = Inner {
            phase: if begins { Phase::Running } else { Phase::Between },
            last: state.timestamp(),
            run_time,
            ..Inner::default()
        };
    }

    /// True if the engine has something to learn.
    pub(crate) fn was_paused(&self) -> bool {
        self.lock().was_paused
    }

    /// Hands the run over to the engine, which is about to end the attempt; from now on nothing else enters a state. Gives
    /// what there is to learn.
    pub(crate) fn hand_over(&self) -> Option<Interlude> {
        let mut inner = self.lock_told();
        let phase = std::mem::replace(&mut inner.phase, Phase::Between);
        inner.was_paused.then(|| {
            inner.was_paused = false;
            let paused = match phase {
                Phase::Paused(until) => Some(until),
                Phase::Running | Phase::Between => None,
            };
            Interlude { last: inner.last, run_time: inner.run_time, paused }
        })
    }

    /// The key of a pause that has none of its own: which pause of this attempt it is, from 1.
    pub(crate) fn next_key(&self) -> String {
        let mut inner = self.lock();
        inner.keys += 1;
        inner.keys.to_string()
    }

    /// Takes note of a pause with this key. False if there has been one in this attempt.
    pub(crate) fn fire(&self, key: &str) -> bool {
        let mut inner = self.lock();
        let is_new = !inner.fired.iter().any(|(fired, _)| fired == key);
        if is_new {
            inner.fired.push((key.to_owned(), None));
        }
        is_new
    }

    /// Takes note of what the pause with this key was given.
    pub(crate) fn respond(&self, key: &str, response: Option<Value>) {
        if let Some((_, given)) = self.lock().fired.iter_mut().find(|(fired, _)| fired == key) {
            *given = response;
        }
    }

    /// What the pause with this key was given.
    pub(crate) fn response(&self, key: &str) -> Option<Value> {
        self.lock()
            .fired
            .iter()
            .find(|(fired, _)| fired == key)
            .and_then(|(_, given)| given.clone())
    }

    /// True while the run is paused.
    pub(crate) fn is_paused(&self) -> bool {
        matches!(self.lock().phase, Phase::Paused(_))
    }

    /// Enters `state`, if it is `Paused` and the run is running, or `Running` and the run is paused; then it is to be told.
    /// Gives the state with its time, and how long the run was running before.
    pub(crate) fn enter(&self, state: State) -> Option<(State, Duration, Telling<'_>)> {
        let mut inner = self.lock_told();
        let phase = match (inner.phase, state.state_type()) {
            (Phase::Running, StateType::Paused) => Phase::Paused(state.details().pause_timeout),
            (Phase::Paused(_), StateType::Running) => Phase::Running,
            _ => return None,
        };
        let at = state.timestamp().next_after(inner.last);
        if inner.phase == Phase::Running {
            let ran = at.since(inner.last);
            inner.run_time += ran;
        }
        inner.phase = phase;
        inner.last = at;
        inner.was_paused = true;
        inner.telling = true;
        Some((state.entered_at(at), inner.run_time, Telling(self)))
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.lock().telling = false;
        self.0.told.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::state::PauseEnd;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn running(seconds: i64) -> State {
        State::new(StateType::Running, at(seconds))
    }

    fn paused(seconds: i64) -> State {
        State::new(StateType::Paused, at(seconds))
            .with_details(|details| details.pause_timeout = Some(at(seconds + 60)))
    }

    /// Enters a state that is told at once: when, and how long the run was running.
    fn enter(course: &Course, state: State) -> Option<(Timestamp, u64)> {
        let (state, run_time, _telling) = course.enter(state)?;
        Some((state.timestamp(), run_time.as_secs()))
    }

    #[test]
    fn time_paused_is_no_running_time() {
        let course = Course::default();
        course.entered(&running(10), Duration::from_secs(5));
        assert!(!course.was_paused() && course.hand_over().is_none());

        course.entered(&running(10), Duration::from_secs(5));
        assert_eq!(enter(&course, paused(12)), Some((at(12), 7)));
        assert_eq!(enter(&course, running(20)), Some((at(20), 7)));
        assert_eq!(enter(&course, paused(23)), Some((at(23), 10)));
        assert!(course.is_paused() && course.was_paused());
        let interlude = course.hand_over();
        let (last, run_time) = (at(23), Duration::from_secs(10));
        assert_eq!(interlude, Some(Interlude { last, run_time, paused: Some(Some(at(83))) }));
        assert_eq!(course.hand_over(), None, "it is learnt once");
    }

    #[test]
    fn only_a_running_run_is_paused_and_only_a_paused_one_goes_on() {
        let course = Course::default();
        assert_eq!(enter(&course, paused(1)), None, "it has not begun");
        course.entered(&running(1), Duration::ZERO);
        assert_eq!(enter(&course, running(2)), None);
        assert!(enter(&course, paused(2)).is_some());
        assert_eq!(enter(&course, paused(3)), None);
        course.hand_over();
        assert_eq!(enter(&course, running(4)), None, "the engine ends it");
    }

    #[test]
    fn times_increase_also_where_clocks_differ() {
        let course = Course::default();
        course.entered(&running(10), Duration::ZERO);
        let step = Timestamp::STATE_STEP;
        assert_eq!(enter(&course, paused(3)), Some((at(10).plus(step), 0)));
        assert_eq!(enter(&course, running(10)), Some((at(10).plus(step).plus(step), 0)));
    }

    #[test]
    fn keys_are_counted_and_fire_once_in_each_attempt() {
        let course = Course::default();
        for _ in 0..2 {
            course.entered(&running(1), Duration::ZERO);
            assert_eq!((course.next_key(), course.next_key()), ("1".to_owned(), "2".to_owned()));
            assert!(course.fire("1") && course.fire("2"));
            course.respond("1", Some(7.into()));
            assert!(!course.fire("1"));
            assert_eq!((course.response("1"), course.response("2")), (Some(7.into()), None));
        }
    }

    #[test]
    fn who_enters_the_next_state_waits_until_the_last_was_told() {
        let course = Course::default();
        course.entered(&running(1), Duration::ZERO);
        let (_, _, telling) = course.enter(State::paused(PauseEnd::Never)).unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let interlude = course.hand_over().unwrap();
                tell.send(interlude.paused).unwrap();
            });
            // It cannot go on, however long it takes until it waits.
            assert!(told.try_recv().is_err());
            drop(telling);
            assert_eq!(told.recv(), Ok(Some(None)));
        });
    }
}
