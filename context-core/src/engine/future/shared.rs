//! What a submitted run and its futures share: the state, the value, and who is to be told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::engine::futures::Ends;
use crate::engine::group::Group;
use crate::engine::input::Upstream;
use crate::id::TaskRunId;
use crate::runner;
use crate::state::{RunError, RunErrorKind, State, panic_message};

/// What a submitted run and its futures share.
pub(in crate::engine) struct Shared<T> {
    pub(super) id: TaskRunId,
    /// The only thread on which the run makes progress, if there is only one.
    pub(super) driving_thread: Option<ThreadId>,
    /// Those it is reported with as one, if it is.
    pub(super) group: Option<Arc<Group>>,
    pub(super) slot: Mutex<Slot<T>>,
    pub(super) ended: Condvar,
}

pub(super) struct Slot<T> {
    pub(super) state: State,
    pub(super) outcome: Outcome<T>,
    /// How many futures there are that may take the value.
    pub(super) futures: usize,
    /// How to copy the value, known once there was a second future.
    pub(super) copy: Option<fn(&T) -> T>,
    pub(super) listeners: Vec<Listener>,
}

/// Somebody who is told of the end of a run.
pub(super) enum Listener {
    Task(Waker),
    Callback(Box<dyn FnOnce(&EndedRun) + Send>),
    /// Several futures are watched; this is the n-th of them.
    Ends(Arc<Ends>, usize),
}

/// A run that has ended, as its callbacks see it.
#[derive(Clone, Debug)]
pub struct EndedRun {
    task_run_id: TaskRunId,
    state: State,
}

impl EndedRun {
    /// The run's id.
    pub const fn task_run_id(&self) -> TaskRunId {
        self.task_run_id
    }

    /// The state it has ended in.
    pub const fn state(&self) -> &State {
        &self.state
    }
}

pub(super) enum Outcome<T> {
    Open,
    Value(T),
    Error(RunError),
    Taken,
}

impl<T> Shared<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        // User code (`Clone` of a value) runs under the lock, but it cannot leave the slot half-changed.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's id.
    pub(in crate::engine) const fn id(&self) -> TaskRunId {
        self.id
    }

    /// Those it is reported with as one, if it is.
    pub(in crate::engine) fn group(&self) -> Option<&Group> {
        self.group.as_deref()
    }

    /// True until the run has ended.
    pub(in crate::engine) fn is_open(&self) -> bool {
        matches!(self.lock().outcome, Outcome::Open)
    }

    /// An error if the run is open and makes progress only on this thread.
    pub(super) fn check_thread(&self) -> Result<(), RunError> {
        if self.driving_thread == Some(thread::current().id()) && self.is_open() {
            return Err(RunErrorKind::WouldBlock { task_run_id: self.id }.into());
        }
        Ok(())
    }

    /// Ends the run for everybody who waits. A second end changes nothing.
    pub(in crate::engine) fn complete(&self, state: State, outcome: Result<T, RunError>) {
        let mut slot = self.lock();
        if !matches!(slot.outcome, Outcome::Open) {
            return;
        }
        slot.state = state;
        slot.outcome = match outcome {
            Ok(value) => Outcome::Value(value),
            Err(error) => Outcome::Error(error),
        };
        let listeners = std::mem::take(&mut slot.listeners);
        drop(slot);
        self.ended.notify_all();
        listeners.into_iter().for_each(|listener| listener.tell(&|| self.ended_run()));
    }

    /// The state, as that of this run.
    pub(super) fn state(&self) -> State {
        self.of_run(&self.lock().state)
    }

    fn of_run(&self, state: &State) -> State {
        state.clone().with_details(|details| details.task_run_id = Some(self.id))
    }

    /// The run for its callbacks. It must have ended.
    fn ended_run(&self) -> EndedRun {
        EndedRun { task_run_id: self.id, state: self.state() }
    }

    /// Tells `listener` when the run has ended; at once if it has.
    pub(super) fn listen(&self, listener: Listener) {
        let mut slot = self.lock();
        if matches!(slot.outcome, Outcome::Open) {
            slot.listeners.push(listener);
        } else {
            drop(slot);
            listener.tell(&|| self.ended_run());
        }
    }

    pub(super) fn poll(&self, waker: &Waker) -> Option<State> {
        self.poll_with(waker, |slot| self.of_run(&slot.state))
    }

    /// What `read` makes of the slot once the run has ended; until then `waker` is to be woken.
    pub(super) fn poll_with<R>(
        &self,
        waker: &Waker,
        read: impl FnOnce(&Slot<T>) -> R,
    ) -> Option<R> {
        let mut slot = self.lock();
        if !matches!(slot.outcome, Outcome::Open) {
            return Some(read(&slot));
        }
        let is_known = |listener: &Listener| matches!(listener, Listener::Task(known) if known.will_wake(waker));
        if !slot.listeners.iter().any(is_known) {
            slot.listeners.push(Listener::Task(waker.clone()));
        }
        drop(slot);
        runner::note_wait();
        None
    }

    /// Blocks until the run has ended, or for `timeout`.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> State {
        if self.is_open() {
            runner::yielding(|| self.wait_open(timeout));
        }
        self.state()
    }

    fn wait_open(&self, timeout: Option<Duration>) {
        let slot = self.lock();
        let is_open = |slot: &mut Slot<T>| matches!(slot.outcome, Outcome::Open);
        match timeout {
            None => {
                let slot = self.ended.wait_while(slot, is_open);
                drop(slot.unwrap_or_else(PoisonError::into_inner));
            }
            Some(timeout) => {
                let slot = self.ended.wait_timeout_while(slot, timeout, is_open);
                drop(slot.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

impl Listener {
    fn tell(self, ended: &dyn Fn() -> EndedRun) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Ends(ends, index) => ends.push(index),
            // A callback that panics must not keep the others from being told.
            Self::Callback(callback) => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(&ended()))) {
                    let message = panic_message(&*payload);
                    tracing::error!("a callback of a task future panicked: {message}");
                }
            }
        }
    }
}

impl<T: Send> Upstream for Shared<T> {
    fn task_run_id(&self) -> TaskRunId {
        self.id
    }

    fn reported_as(&self) -> Option<TaskRunId> {
        self.group.as_ref().map(|group| group.id())
    }

    fn poll_end(&self, waker: &Waker) -> Option<State> {
        self.poll(waker)
    }

    fn wait_end(&self) -> State {
        self.wait(None)
    }

    fn check_blocking(&self) -> Result<(), RunError> {
        self.check_thread()
    }
}
