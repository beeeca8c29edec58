//! The machine: which state a run enters next, and what is to be done then.
//!
//! It is a pure value: state and input in, state and next step out. It reads no clock, draws no random number, and does
//! not know whether it is driven by a future or a thread. Task runs and flow runs differ only in how a retry is shown.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::state::{State, StateType};

/// What kind of run the machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// `Running` → `Retrying` at once, or `AwaitingRetry` → `Retrying` after a delay.
    Task,
    /// `Running` → `AwaitingRetry` → `Running`, with or without a delay.
    Flow,
}

/// One run's life.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    subject: Subject,
    retries: u32,
    run_count: u32,
    phase: Phase,
    last: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Pending,
    Running,
    AwaitingRetry,
    Ended,
}

/// What happened to the run.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// It was created.
    Create,
    /// Its inputs are there.
    Begin,
    /// An attempt gave a value.
    Succeed,
    /// An attempt failed; a retry would wait for `delay`.
    Fail {
        /// The name of the final state, where it is not `Failed`.
        name: Option<&'static str>,
        message: String,
        delay: Option<Duration>,
    },
    /// The delay is over.
    Resume,
    /// An upstream run did not complete.
    Unready { message: String },
    /// It cannot be attempted, or attempted again, whatever retries are left.
    Reject { message: String },
    /// User code panicked.
    Crash { message: String },
    /// Nobody waits for it any more.
    Cancel { message: String },
}

/// What is to be done after a state was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Wait for the inputs.
    AwaitInputs,
    /// Make an attempt.
    Attempt,
    /// Wait, then resume.
    Delay(Duration),
    /// Nothing: the run has ended.
    End,
}

impl Machine {
    pub(super) const fn new(subject: Subject) -> Self {
        Self {
            subject,
            retries: 0,
            run_count: 0,
            phase: Phase::New,
            last: Timestamp::from_nanos(0),
        }
    }

    /// Sets how many times a failed attempt is followed by another.
    pub(super) const fn set_retries(&mut self, retries: u32) {
        self.retries = retries;
    }

    /// How many attempts have begun.
    pub(super) const fn run_count(&self) -> u32 {
        self.run_count
    }

    /// How many retries were used.
    pub(super) const fn retries_used(&self) -> u32 {
        self.run_count.saturating_sub(1)
    }

    /// True if a failure of the present attempt would be final.
    pub(super) const fn is_last_attempt(&self) -> bool {
        self.retries_used() >= self.retries
    }

    /// True from `Create` until the end.
    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::New | Phase::Ended)
    }

    /// True before `Create`.
    pub(super) const fn is_new(&self) -> bool {
        matches!(self.phase, Phase::New)
    }

    /// Enters the next state. `None` if `input` cannot happen now: an ended run stays as it is.
    #[inline]
    pub(super) fn step(&mut self, now: Timestamp, input: Input) -> Option<(State, Then)> {
        let at = now.next_after(self.last);
        let (phase, state, then) = match (self.phase, input) {
            (Phase::New, Input::Create) => {
                (Phase::Pending, State::new(StateType::Pending, at), Then::AwaitInputs)
            }
            (Phase::Pending, Input::Begin) => {
                self.run_count = 1;
                (Phase::Running, State::new(StateType::Running, at), Then::Attempt)
            }
            (Phase::Running, Input::Succeed) => {
                (Phase::Ended, State::new(StateType::Completed, at), Then::End)
            }
            (Phase::Running, Input::Fail { name, message, delay }) => {
                self.after_failure(at, name, message, delay)
            }
            (Phase::AwaitingRetry, Input::Resume) => {
                self.run_count += 1;
                let state = State::new(StateType::Running, at);
                let state = match self.subject {
                    Subject::Task => state.with_name("Retrying"),
                    Subject::Flow => state,
                };
                (Phase::Running, state, Then::Attempt)
            }
            (Phase::Pending, Input::Unready { message }) => {
                let state = State::new(StateType::Pending, at).with_name("NotReady");
                (Phase::Ended, state.with_message(message), Then::End)
            }
            (Phase::Pending | Phase::Running | Phase::AwaitingRetry, Input::Reject { message }) => {
                (Phase::Ended, State::new(StateType::Failed, at).with_message(message), Then::End)
            }
            (Phase::Pending | Phase::Running | Phase::AwaitingRetry, Input::Crash { message }) => {
                (Phase::Ended, State::new(StateType::Crashed, at).with_message(message), Then::End)
            }
            (Phase::Pending | Phase::Running | Phase::AwaitingRetry, Input::Cancel { message }) => {
                (
                    Phase::Ended,
                    State::new(StateType::Cancelled, at).with_message(message),
                    Then::End,
                )
            }
            _ => return None,
        };
        self.phase = phase;
        self.last = at;
        Some((state, then))
    }

    #[cold]
    fn after_failure(
        &mut self,
        at: Timestamp,
        name: Option<&'static str>,
        message: String,
        delay: Option<Duration>,
    ) -> (Phase, State, Then) {
        if self.is_last_attempt() {
            let state = State::new(StateType::Failed, at).with_message(message);
            let state = match name {
                Some(name) => state.with_name(name),
                None => state,
            };
            return (Phase::Ended, state, Then::End);
        }
        if self.subject == Subject::Task && delay.is_none() {
            self.run_count += 1;
            let state = State::new(StateType::Running, at).with_name("Retrying");
            return (Phase::Running, state, Then::Attempt);
        }
        let delay = delay.unwrap_or_default();
        let state = State::new(StateType::Scheduled, at)
            .with_name("AwaitingRetry")
            .with_message(message)
            .with_scheduled_time(at.plus(delay));
        (Phase::AwaitingRetry, state, Then::Delay(delay))
    }
}
