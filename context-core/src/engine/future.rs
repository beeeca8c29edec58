//! Task futures: the results of submitted runs.

mod own;
mod shared;
mod waits;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread::ThreadId;

use self::shared::{Listener, Outcome, Slot};
use super::futures::Ends;
use super::group::Group;
use super::input::{Upstream, not_ready};
use crate::clock::Timestamp;
use crate::context::Context as Ambient;
use crate::id::TaskRunId;
use crate::state::{RunError, RunErrorKind, State, StateType};

pub use shared::EndedRun;

pub(super) use own::Own;
pub(super) use shared::Shared;

/// The result of a submitted run, now or later.
///
/// It is a future: `.await` gives the value, or the [`RunError`] that says why there is none. It is also an input: given
/// for a parameter, the run that it is given to waits for it. The run goes on whether or not anybody waits; a future that
/// is dropped cancels nothing.
///
/// The value is moved out to the last future of a run. While there are several, each gets a copy, which is why only a
/// future of a `Clone` value can be cloned or awaited by reference.
///
/// Waiting inside the very run whose future it is gives [`RunErrorKind::SelfDependency`].
///
/// Two futures are equal if they are of the same run.
#[must_use = "the run goes on without it, but its error goes unnoticed"]
pub struct TaskFuture<T>(Arc<Shared<T>>);

impl<T> TaskFuture<T> {
    /// A future of a run that is open since `at`, one of `group` if there is one.
    pub(super) fn open(
        id: TaskRunId,
        at: Timestamp,
        driving_thread: Option<ThreadId>,
        group: Option<Arc<Group>>,
    ) -> Self {
        let state = State::new(StateType::Pending, at);
        Self::with(id, driving_thread, group, state, Outcome::Open)
    }

    /// A future of a run that could not be made.
    pub(super) fn failed(id: TaskRunId, error: RunError) -> Self {
        Self::refused(id, None, error)
    }

    /// As `failed`, of a run of `group`, if there is one: it has ended.
    pub(super) fn refused(id: TaskRunId, group: Option<Arc<Group>>, error: RunError) -> Self {
        let state = State::new(StateType::Failed, Timestamp::now()).with_message(error.to_string());
        if let Some(group) = &group {
            group.ended(&state);
        }
        Self::with(id, None, group, state, Outcome::Error(error))
    }

    fn with(
        id: TaskRunId,
        driving_thread: Option<ThreadId>,
        group: Option<Arc<Group>>,
        state: State,
        outcome: Outcome<T>,
    ) -> Self {
        Self(Arc::new(Shared {
            id,
            driving_thread,
            group,
            slot: Mutex::new(Slot {
                state,
                outcome,
                futures: 1,
                copy: None,
                listeners: Vec::new(),
            }),
            ended: Condvar::new(),
        }))
    }

    /// What the run ends its futures through.
    pub(super) fn shared(&self) -> Arc<Shared<T>> {
        self.0.clone()
    }

    /// Its run, for others to wait for.
    pub(super) fn upstream(&self) -> Arc<dyn Upstream>
    where
        T: Send + 'static,
    {
        self.0.clone()
    }

    /// The run's id.
    pub fn task_run_id(&self) -> TaskRunId {
        self.0.id
    }

    /// The state the run has ended in, or `Pending` while it has not.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// True if the run has ended.
    pub fn is_finished(&self) -> bool {
        !self.0.is_open()
    }

    /// Calls `callback` when the run has ended; at once if it has. It is told which run that was, and its state.
    ///
    /// The callback is called inside what surrounds *this* call, on the thread on which the run ends. It should be
    /// quick. If it panics, that is logged and changes nothing for those who wait, nor for other callbacks.
    pub fn add_done_callback(&self, callback: impl FnOnce(&EndedRun) + Send + 'static) {
        let ambient = Ambient::current().for_spawn();
        self.0.listen(Listener::Callback(Box::new(move |ended| {
            ambient.wrap_once(|| callback(ended))();
        })));
    }

    /// Tells `ends` of the end of this run, the `index`-th it watches.
    pub(super) fn watch(&self, ends: &Arc<Ends>, index: usize) {
        self.0.listen(Listener::Ends(ends.clone(), index));
    }

    /// An error if blocking here until the run has ended would be for ever.
    pub(super) fn check_blocking(&self) -> Result<(), RunError> {
        Own::here().check(self.0.id)?;
        self.0.check_thread()
    }

    /// An error if the run, which has ended, did not complete, or if it would wait for itself.
    pub(super) fn check_completed(&self) -> Result<(), RunError> {
        match &self.0.lock().outcome {
            Outcome::Error(error) => Err(error.clone()),
            Outcome::Value(_) | Outcome::Taken => Ok(()),
            Outcome::Open => {
                Err(RunErrorKind::SelfDependency { task_run_id: self.task_run_id() }.into())
            }
        }
    }

    /// The outcome. The run must have ended.
    pub(super) fn take(self) -> Result<T, RunError> {
        self.give()
    }

    /// Gives the value away: a copy, or the value itself to the last future.
    fn give(&self) -> Result<T, RunError> {
        let mut slot = self.0.lock();
        if let Outcome::Error(error) = &slot.outcome {
            return Err(error.clone());
        }
        if slot.futures > 1
            && let (Some(copy), Outcome::Value(value)) = (slot.copy, &slot.outcome)
        {
            return Ok(copy(value));
        }
        match std::mem::replace(&mut slot.outcome, Outcome::Taken) {
            Outcome::Value(value) => Ok(value),
            Outcome::Taken => Err(RunErrorKind::AlreadyTaken { task_run_id: self.0.id }.into()),
            Outcome::Open | Outcome::Error(_) => {
                unreachable!("the run has ended, and an error was given before")
            }
        }
    }

    /// As `take`, but whatever keeps the run from being completed is reported as an upstream that is not ready.
    pub(super) fn take_completed(self) -> Result<T, RunError> {
        let (id, state) = (self.0.id, self.state());
        self.take().map_err(|_| not_ready(id, state))
    }
}

impl<T> Future for TaskFuture<T> {
    type Output = Result<T, RunError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.0.poll_with(cx.waker(), |_| ()).is_none() {
            return match Own::here().check(this.0.id) {
                Err(error) => Poll::Ready(Err(error)),
                Ok(()) => Poll::Pending,
            };
        }
        Poll::Ready(this.give())
    }
}

impl<T: Clone + Send + 'static> IntoFuture for &TaskFuture<T> {
    type Output = Result<T, RunError>;
    type IntoFuture = TaskFuture<T>;

    fn into_future(self) -> TaskFuture<T> {
        self.clone()
    }
}

impl<T: Clone> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        let mut slot = self.0.lock();
        slot.futures += 1;
        slot.copy = Some(T::clone);
        drop(slot);
        Self(self.0.clone())
    }
}

impl<T> PartialEq for TaskFuture<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl<T> Eq for TaskFuture<T> {}

impl<T> Hash for TaskFuture<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl<T> Drop for TaskFuture<T> {
    fn drop(&mut self) {
        self.0.lock().futures -= 1;
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskFuture")
            .field("task_run_id", &self.0.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
