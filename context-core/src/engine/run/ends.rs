//! How attempts and runs end.

use std::any::Any;
use std::time::Duration;

use super::target::Target;
use super::{After, Run};
use crate::clock::Timestamp;
use crate::definition::RetryDelay;
use crate::engine::glue::Verdict;
use crate::engine::machine::{Input, Then, Usual};
use crate::engine::steps;
use crate::id::TaskRunId;
use crate::runner::{self, Cancelled, Interrupted};
use crate::state::{Failure, RunError, RunErrorKind, State, StateType, panic_message};

/// How long a run that nobody waits for may take to end.
const LONGEST_END: Duration = Duration::from_secs(10);

/// An attempt that was in vain: another one may follow.
pub(in crate::engine) struct Fault {
    /// The name of the final state, where it is not `Failed`.
    name: Option<&'static str>,
    message: String,
    /// The state that the function returned, if it did.
    returned: Option<Box<State>>,
    /// What the run gives if this is its end.
    pub(in crate::engine) error: RunError,
    /// True if the caller gets the error in place of the value.
    raises: bool,
}

/// What becomes of a run that gave an unusual value.
pub(in crate::engine) enum Judged {
    /// It ends in this state.
    Ended(Box<State>),
    /// Its attempt was in vain.
    Fault(Fault),
    /// It cannot end like this.
    Rejected(RunError),
}

impl Fault {
    /// The state in which a condition sees the run.
    pub(in crate::engine) fn seen_by_condition(&self, now: Timestamp) -> State {
        let crashed = self.error.is_crashed();
        let ended = if crashed { StateType::Crashed } else { StateType::Failed };
        let state = State::new(ended, now);
        let text = match self.error.kind() {
            RunErrorKind::Failed { failure, .. } => &failure.message,
            _ => &self.message,
        };
        let message = match crashed {
            true => text.clone(),
            false => format!("Task run encountered unexpected exception: {text}"),
        };
        state.with_message(message).with_error(self.error.clone())
    }

    /// What the machine is told if there is to be another attempt after `delay`.
    fn retry(&mut self, delay: Option<Duration>) -> Input {
        Input::Fail { name: None, message: std::mem::take(&mut self.message), delay }
    }

    /// What the machine is told if this is the end.
    pub(in crate::engine) fn end(&mut self) -> Input {
        match self.returned.take() {
            Some(state) => Input::Return(state),
            None => {
                let message = std::mem::take(&mut self.message);
                Input::Fail { name: self.name, message, delay: None }
            }
        }
    }
}

impl Run {
    /// Ends an attempt that gave a value.
    pub(in crate::engine) fn settle(&mut self, verdict: Result<(), Box<Verdict>>) -> After {
        let now = Timestamp::now();
        if self.is_too_late(now) {
            return self.time_out();
        }
        match verdict {
            Ok(()) => {
                self.enter_usual(now, Usual::Succeed);
                After::Return
            }
            Err(verdict) => self.settle_unusual(now, *verdict),
        }
    }

    /// True if an attempt that ends now has taken too long.
    pub(in crate::engine) fn is_too_late(&self, now: Timestamp) -> bool {
        self.time_limit().is_some_and(|limit| now.since(self.attempt_began) > limit)
    }

    #[cold]
    fn settle_unusual(&mut self, now: Timestamp, verdict: Verdict) -> After {
        // What fails after an interrupt has failed because of it.
        runner::check_interrupt();
        match self.judge(verdict) {
            Judged::Ended(state) => {
                self.enter(now, Input::Return(state));
                After::Return
            }
            Judged::Rejected(error) => {
                self.reject_with(&error);
                After::Raise(error)
            }
            Judged::Fault(fault) => self.fault(now, fault),
        }
    }

    /// Ends an attempt that took too long.
    #[cold]
    pub(in crate::engine) fn time_out(&mut self) -> After {
        let fault = self.timed_out();
        self.fault(Timestamp::now(), fault)
    }

    fn fault(&mut self, now: Timestamp, mut fault: Fault) -> After {
        match self.enter_fault(now, &mut fault) {
            Some((_, Then::Attempt)) => After::Retry(None),
            Some((_, Then::Delay(delay))) => After::Retry(Some(delay)),
            _ if fault.raises => After::Raise(fault.error),
            _ => After::Return,
        }
    }

    /// Enters the state that follows a fault. If another attempt is to be made now, its frame is in place.
    pub(in crate::engine) fn enter_fault(
        &mut self,
        now: Timestamp,
        fault: &mut Fault,
    ) -> Option<(State, Then)> {
        if self.machine.is_last_attempt() {
            return self.enter_seen(now, fault.end(), Some(fault.error.clone()));
        }
        let delay = self.delay();
        self.log_retry(&fault.message, delay);
        let entered = self.enter_seen(now, fault.retry(delay), None);
        if let Some((_, Then::Attempt)) = entered {
            self.attempt_began = now;
            self.install(self.machine.run_count());
        }
        entered
    }

    /// What to raise after the end of a run, if not its value.
    pub(in crate::engine) fn raised(fault: Fault) -> Option<RunError> {
        fault.raises.then_some(fault.error)
    }

    /// What an unusual value makes of the run.
    pub(in crate::engine) fn judge(&mut self, verdict: Verdict) -> Judged {
        match verdict {
            Verdict::Failed(failure) => Judged::Fault(self.failed(failure)),
            Verdict::Returned(state) => self.judge_state(state),
            Verdict::Lost(message) => Judged::Fault(self.lost(message)),
            Verdict::Refused(reason) => {
                Judged::Rejected(RunErrorKind::Refused { run: self.function(), reason }.into())
            }
            Verdict::Unfinished(runs) => {
                let message = format!("{0}/{0} states are not final.", runs.len());
                self.judge_state(Box::new(State::failed(message)))
            }
        }
    }

    fn judge_state(&mut self, state: Box<State>) -> Judged {
        self.returned_state = true;
        match state.state_type() {
            StateType::Completed
            | StateType::Crashed
            | StateType::Cancelled
            | StateType::Cancelling
            | StateType::Paused => Judged::Ended(state),
            StateType::Failed => {
                let run = || self.describe();
                let error = state
                    .problem_of(&run)
                    .unwrap_or_else(|| RunErrorKind::MissingResult { run: run() }.into());
                let message = state.message().unwrap_or_default().to_owned();
                Judged::Fault(Fault {
                    name: None,
                    message,
                    returned: Some(state),
                    error,
                    raises: false,
                })
            }
            StateType::Scheduled | StateType::Pending | StateType::Running => {
                let (run, state) = (self.describe(), state.name().to_owned());
                Judged::Rejected(RunErrorKind::ReturnedState { run, state }.into())
            }
        }
    }

    fn failed(&self, failure: Failure) -> Fault {
        let Failure { type_name, message, .. } = &failure;
        let message = match &self.target {
            Target::Task(_) => format!("Task run encountered an exception {type_name}: {message}"),
            Target::Flow(_) => format!("Flow run encountered an exception: {type_name}: {message}"),
        };
        let error = RunErrorKind::Failed { run: self.describe(), failure }.into();
        Fault { name: None, message, returned: None, error, raises: false }
    }

    /// An attempt whose process is gone: the run has crashed, unless it is tried again.
    #[cold]
    fn lost(&self, message: String) -> Fault {
        let state = State::crashed(message.clone());
        let error = RunErrorKind::Crashed { run: self.describe(), message: message.clone() }.into();
        Fault { name: None, message, returned: Some(Box::new(state)), error, raises: true }
    }

    pub(in crate::engine) fn timed_out(&self) -> Fault {
        let timeout = self.time_limit().unwrap_or_default();
        let error = RunError::from(RunErrorKind::TimedOut { run: self.describe(), timeout });
        let subject = match &self.target {
            Target::Task(_) => "Task",
            Target::Flow(_) => "Flow",
        };
        let seconds = timeout.as_secs_f64();
        let message = format!("{subject} run exceeded timeout of {seconds:?} second(s)");
        Fault { name: Some("TimedOut"), message, returned: None, error, raises: true }
    }

    /// What is left of the attempt's time, if that is limited.
    pub(in crate::engine) fn time_left(&self) -> Option<Duration> {
        let limit = self.time_limit()?;
        Some(limit.saturating_sub(Timestamp::now().since(self.attempt_began)))
    }

    /// Begins the next attempt after its delay.
    pub(in crate::engine) fn resume(&mut self) {
        let now = Timestamp::now();
        self.next_attempt(now);
        self.enter(now, Input::Resume);
    }

    /// The time of the attempt counts from `now`.
    pub(in crate::engine) const fn attempt_begins(&mut self, now: Timestamp) {
        self.attempt_began = now;
    }

    /// Puts the frame of the next attempt in place, after a delay.
    pub(in crate::engine) fn next_attempt(&mut self, now: Timestamp) {
        self.attempt_began = now;
        self.install(self.machine.run_count() + 1);
    }

    /// Ends a run whose next attempt would need the arguments that the last one has used up.
    #[cold]
    pub(in crate::engine) fn arguments_are_gone(&mut self) -> RunError {
        let error = RunErrorKind::NotRepeatable { run: self.function() }.into();
        self.reject_with(&error);
        error
    }

    /// Ends a run that cannot be attempted, or attempted again, because of `error`.
    pub(in crate::engine) fn reject_with(&mut self, error: &RunError) {
        self.enter(Timestamp::now(), Input::Reject { message: error.to_string() });
    }

    /// Ends a run whose `upstream`, as recorders know it, did not complete.
    pub(in crate::engine) fn unready(&mut self, upstream: TaskRunId) {
        let message = format!("Upstream task run '{upstream}' did not reach a 'COMPLETED' state.");
        self.enter(Timestamp::now(), Input::Unready { message });
    }

    /// Ends a run whose user code panicked with `payload`, after the runs that it has submitted.
    #[cold]
    pub(in crate::engine) fn crash(&mut self, payload: &(dyn Any + Send)) {
        let crash = self.crashed_by(payload);
        self.end_after_submissions(crash);
    }

    /// What a panic with `payload` is to the machine. The runs that this one has submitted are aborted.
    pub(in crate::engine) fn crashed_by(&self, payload: &(dyn Any + Send)) -> Input {
        self.abort_submissions();
        if payload.is::<Cancelled>() {
            return cancelled();
        }
        let message = match runner::interrupted() {
            Some(interrupt) if payload.is::<Interrupted>() => interrupt.message().to_owned(),
            _ => format!("Execution was interrupted by a panic: {}", panic_message(payload)),
        };
        Input::Crash { message }
    }

    pub(in crate::engine) fn abort_submissions(&self) {
        if let Target::Flow(flow) = &self.target
            && let Some(context) = &flow.context
        {
            context.ledger().abort_all();
        }
    }

    #[inline]
    pub(in crate::engine) fn time_limit(&self) -> Option<Duration> {
        match &self.target {
            Target::Task(task) => task.options().time_limit(),
            Target::Flow(flow) => flow.options().time_limit(),
        }
    }

    /// The wait before the next retry, with its jitter.
    fn delay(&self) -> Option<Duration> {
        let used = self.machine.retries_used();
        match &self.target {
            Target::Task(task) => {
                let options = task.options();
                let delay = self.delays(options.delays())?.before_retry(used)?;
                Some(match options.jitter() {
                    Some(jitter) if jitter > 0.0 && !delay.is_zero() => jittered(delay, jitter),
                    _ => delay,
                })
            }
            Target::Flow(flow) => self.delays(flow.options().delays())?.before_retry(used),
        }
    }

    /// The delays of the options, else those of the settings.
    pub(super) fn delays<'a>(&'a self, own: Option<&'a RetryDelay>) -> Option<&'a RetryDelay> {
        own.or_else(|| self.steps()?.default_delay.as_ref())
    }

    /// Ends a run that nobody waits for any more. The runs that it has submitted are aborted.
    #[cold]
    fn abandon(&mut self) {
        self.abort_submissions();
        self.end_after_submissions(match abandonment() {
            (StateType::Crashed, message) => Input::Crash { message: message.to_owned() },
            (_, message) => Input::Cancel { message: message.to_owned() },
        });
    }

    /// Ends the run once the runs that it has submitted have ended: children first.
    fn end_after_submissions(&mut self, input: Input) {
        match self.unfinished_submissions() {
            None => self.end_now(input),
            Some(ledger) => {
                // Nobody has to wait for that here, and perhaps nobody could.
                let mut run = std::mem::replace(self, Self::vacant());
                ledger.submissions().when_idle(move || run.end_now(input));
            }
        }
    }

    fn end_now(&mut self, input: Input) {
        if !self.needs_steps(true) {
            self.enter(Timestamp::now(), input);
            return;
        }
        // The run has to be here until its hooks were called: whoever ends it waits. Not on the runtime that it ran on,
        // which may be about to end.
        let described = self.describe();
        let run = std::mem::replace(self, Self::vacant());
        if !runner::finish_in_background(steps::abandon(run, input), LONGEST_END) {
            tracing::error!(
                "the hooks of {described} take longer than {LONGEST_END:?}: they go on in the background"
            );
        }
    }
}

/// How a run ends, with which message, that is dropped here because nobody waits for it any more.
pub(in crate::engine) fn abandonment() -> (StateType, &'static str) {
    match runner::interrupted() {
        Some(interrupt) => (StateType::Crashed, interrupt.message()),
        None if std::thread::panicking() => {
            (StateType::Crashed, "Execution was interrupted by a panic.")
        }
        None => (StateType::Cancelled, "Execution was cancelled: its future was dropped."),
    }
}

/// What is said to a run that somebody wants to end.
pub(super) fn cancelled() -> Input {
    Input::Cancel { message: "Execution was cancelled on request.".to_owned() }
}

/// `delay` times a random factor between `1 - jitter` (not below 0) and `1 + jitter`.
fn jittered(delay: Duration, jitter: f64) -> Duration {
    let lowest = (1.0 - jitter).max(0.0);
    let factor = lowest + (1.0 + jitter - lowest) * fastrand::f64();
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(delay)
}

impl Drop for Run {
    #[inline]
    fn drop(&mut self) {
        if self.machine.is_open() {
            self.abandon();
        }
    }
}
