//! Some of the task runs that are under way.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use super::HELD_FOR;
use super::course::Course;
use crate::id::{StateId, TaskRunId};
use crate::record::TaskRunEvent;

/// So many runs that have ended are remembered, in case that they are undone.
const REMEMBERED: usize = 256;

/// Some of the task runs that are under way, and the last ones that have ended.
#[derive(Debug, Default)]
pub(super) struct Shard {
    live: HashMap<TaskRunId, Box<Course>, BuildHasherDefault<IdHasher>>,
    /// States that are held, in the order in which they were entered.
    held: VecDeque<Held>,
    /// Their memory is used again.
    ended: VecDeque<Box<Course>>,
}

#[derive(Debug)]
struct Held {
    run: TaskRunId,
    state: StateId,
    since: Instant,
}

impl Shard {
    /// Holds a state. False if it is to be told at once.
    pub(super) fn hold(&mut self, run: &TaskRunEvent<'_>, now: Instant) -> bool {
        match self.live.get_mut(&run.id) {
            Some(course) if course.is_unusual => return false,
            Some(course) => course.hold(run),
            None => {
                let mut course = self.fresh(run);
                course.hold(run);
                self.live.insert(run.id, course);
            }
        }
        self.held.push_back(Held { run: run.id, state: run.state.id(), since: now });
        true
    }

    fn fresh(&mut self, run: &TaskRunEvent<'_>) -> Box<Course> {
        if self.ended.len() < REMEMBERED {
            return Box::new(Course::of(run));
        }
        match self.ended.pop_front() {
            Some(mut course) => {
                course.reuse(run);
                course
            }
            None => Box::new(Course::of(run)),
        }
    }

    /// Takes a run out that is under way.
    pub(super) fn take(&mut self, id: TaskRunId) -> Option<Box<Course>> {
        self.live.remove(&id)
    }

    /// As `take`, also if the run has ended not long ago.
    pub(super) fn take_ended(&mut self, id: TaskRunId) -> Option<Box<Course>> {
        let ended = || self.ended.iter().rposition(|course| course.id == id);
        match self.live.remove(&id) {
            Some(course) => Some(course),
            None => ended().and_then(|nth| self.ended.remove(nth)),
        }
    }

    /// Puts a run back that is still under way.
    pub(super) fn put_back(&mut self, course: Box<Course>) {
        self.live.insert(course.id, course);
    }

    /// Remembers a run that has ended.
    pub(super) fn end(&mut self, course: Box<Course>) {
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(course);
    }

    /// Calls `tell` with runs that are in a state for long enough that is held; with `most` of them. True if there are
    /// more.
    pub(super) fn due(
        &mut self,
        now: Instant,
        most: usize,
        mut tell: impl FnMut(&mut Course),
    ) -> bool {
        let mut told = 0;
        while let Some(held) = self.held.front()
            && now.saturating_duration_since(held.since) >= HELD_FOR
        {
            if told == most {
                return true;
            }
            if let Some(course) = self.live.get_mut(&held.run)
                && course.is_held_in(held.state)
            {
                tell(course);
                told += 1;
            }
            self.held.pop_front();
        }
        false
    }

    /// True if a state is held, or may be.
    pub(super) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Calls `f` with every run that is under way.
    pub(super) fn each(&mut self, f: impl FnMut(&mut Course)) {
        self.live.values_mut().map(|course| &mut **course).for_each(f);
    }
}

/// Ids are random where it matters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            self.0 ^= u64::from_be_bytes(*last);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
