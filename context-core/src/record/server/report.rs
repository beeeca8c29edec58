//! Reports: which states of task runs the server is told.
//!
//! Most task runs end soon after they were created, and one event tells the server all there is to know of them. So the
//! states before the end, `Pending` and `Running`, are held back. They are told if the run stays in one of them for a
//! second ([`HELD_FOR`]), so that people see what is going on; and if there turns out to be more to the run than being
//! created, running and ending, such as a retry, so that its history is whole.
//!
//! | what a run goes through | what is told |
//! |---|---|
//! | `Pending`, `Running`, `Completed`, each soon after the other | `Completed` |
//! | the same, and `Running` for a minute | `Running` after a second, `Completed` |
//! | the same, and `Pending` for a minute | `Pending` after a second, `Completed` |
//! | `Pending`, `Running`, `AwaitingRetry`, … | all of them, from `AwaitingRetry` on at once |
//!
//! With [`TaskRunEvents::Every`] each state is told at once. Never told are task runs that stand for a flow run: the server
//! makes their states of those of the flow run.
//!
//! States are entered on any thread, and who enters one does not wait: a run is found in one of several maps, each with a
//! lock of its own, and what it costs beside that is a copy of what is held. This module knows nothing of how events are
//! sent.

mod course;
mod shard;

#[cfg(test)]
mod tests;

use std::array;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::course::Course;
use self::shard::Shard;
use super::event::{Event, FlowRuns, task_run_event};
use crate::id::{FlowRunId, TaskRunId};
use crate::record::TaskRunEvent;
use crate::settings::TaskRunEvents;
use crate::state::{State, StateType};

/// How long a run stays in a state before the state is told, if another would make it needless.
pub(super) const HELD_FOR: Duration = Duration::from_secs(1);
/// So many runs are told of while a lock is held.
const AT_ONCE: usize = 32;
const SHARDS: usize = 16;

/// The task runs that are under way, and what was told of them.
#[derive(Debug)]
pub(super) struct Reports {
    told: TaskRunEvents,
    shards: [Mutex<Shard>; SHARDS],
}

/// What is done with a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is held if nothing speaks against it.
    Usual,
    /// It is told, with all before it.
    Unusual,
    /// It ends the run as most do.
    End,
    /// It ends the run, and is told with all before it.
    UnusualEnd,
}

impl Kind {
    fn of(state: &State) -> Self {
        let state_type = state.state_type();
        let is_plain = state.name() == state_type.default_name();
        match state_type {
            StateType::Pending | StateType::Running if is_plain => Self::Usual,
            StateType::Pending if state.name() == "NotReady" => Self::UnusualEnd,
            StateType::Completed if state.name() == ROLLED_BACK => Self::UnusualEnd,
            _ if state_type.is_terminal() => Self::End,
            _ => Self::Unusual,
        }
    }
}

/// The state of a run that has ended, and was undone afterwards.
const ROLLED_BACK: &str = "RolledBack";

impl Reports {
    pub(super) fn new(told: TaskRunEvents) -> Self {
        Self { told, shards: array::from_fn(|_| Mutex::default()) }
    }

    /// A task run has entered a state. Gives what is to be told now, in the order of the states, to `tell`.
    pub(super) fn enter(
        &self,
        run: &TaskRunEvent<'_>,
        now: Instant,
        flow_runs: &FlowRuns,
        tell: &mut impl FnMut(Event),
    ) {
        if run.child_flow_run_id.is_some() {
            return;
        }
        let kind = Kind::of(run.state);
        let course = match kind {
            Kind::Usual if self.told == TaskRunEvents::Fewest => {
                let mut shard = self.shard(run.id);
                if shard.hold(run, now) {
                    return;
                }
                shard.take(run.id)
            }
            _ if run.state.name() == ROLLED_BACK => self.shard(run.id).take_ended(run.id),
            _ => self.shard(run.id).take(run.id),
        };
        // Without the lock: what an event costs is a multiple of all else here.
        let mut course = course.unwrap_or_else(|| Box::new(Course::of(run)));
        let flow = run.flow_run_id.and_then(|id| flow_runs.get(id));
        if matches!(kind, Kind::Unusual | Kind::UnusualEnd) {
            course.tell_held(flow.as_deref(), tell);
            course.is_unusual = true;
        }
        if let Some(event) = task_run_event(run, &course.before(), flow.as_deref()) {
            tell(event);
        }
        course.told(run);
        match kind {
            Kind::End | Kind::UnusualEnd => self.shard(run.id).end(course),
            Kind::Usual | Kind::Unusual => self.shard(run.id).put_back(course),
        }
    }

    /// Tells of the runs that have been in a state for long enough.
    pub(super) fn tell_due(
        &self,
        now: Instant,
        flow_runs: &FlowRuns,
        tell: &mut impl FnMut(Event),
    ) {
        for shard in &self.shards {
            loop {
                let mut events = Vec::new();
                let more = lock(shard).due(now, AT_ONCE, |course| {
                    let flow = course.flow_run_id().and_then(|id| flow_runs.get(id));
                    course.tell_last(flow.as_deref(), &mut |event| events.push(event));
                });
                events.into_iter().for_each(&mut *tell);
                if !more {
                    break;
                }
            }
        }
    }

    /// Tells all that is held of the runs of flow runs that have ended.
    pub(super) fn tell_held(
        &self,
        family: &HashSet<FlowRunId>,
        flow_runs: &FlowRuns,
        tell: &mut impl FnMut(Event),
    ) {
        for shard in &self.shards {
            let mut events = Vec::new();
            lock(shard).each(|course| {
                if let Some(id) = course.flow_run_id()
                    && family.contains(&id)
                {
                    let flow = flow_runs.get(id);
                    course.tell_held(flow.as_deref(), &mut |event| events.push(event));
                }
            });
            events.into_iter().for_each(&mut *tell);
        }
    }

    /// True if a state is held, or may be.
    pub(super) fn holds_any(&self) -> bool {
        self.shards.iter().any(|shard| lock(shard).holds_any())
    }

    fn shard(&self, id: TaskRunId) -> MutexGuard<'_, Shard> {
        // Other bits than those that a map sorts by.
        lock(&self.shards[(id.as_u128() >> 32) as usize % SHARDS])
    }
}

/// A shard is never left half-changed, so a poisoned lock is as good as any.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
