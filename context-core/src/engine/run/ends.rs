//! How attempts and runs end.

use std::any::Any;
use std::time::Duration;

use super::target::Target;
use super::{After, Run};
use crate::clock::Timestamp;
use crate::engine::machine::{Input, Then};
use crate::state::{Failure, NotReady, RunError, RunErrorKind, panic_message};

impl Run {
    /// Ends an attempt that gave a value: `Ok` if the value says that it succeeded.
    pub(in crate::engine) fn settle(&mut self, verdict: Result<(), Failure>) -> After {
        let now = Timestamp::now();
        if let Some(limit) = self.time_limit()
            && now.since(self.attempt_began) > limit
        {
            return self.time_out();
        }
        match verdict {
            Ok(()) => {
                self.enter_here(now, Input::Succeed);
                After::Return
            }
            Err(failure) => self.fail(now, &failure),
        }
    }

    #[cold]
    fn fail(&mut self, now: Timestamp, failure: &Failure) -> After {
        let Failure { type_name, message, .. } = failure;
        let message = match &self.target {
            Target::Task(_) => format!("Task run encountered an exception {type_name}: {message}"),
            Target::Flow(_) => format!("Flow run encountered an exception: {type_name}: {message}"),
        };
        match self.retry_or_end(now, None, message) {
            Some(delay) => After::Retry(delay),
            None => After::Return,
        }
    }

    /// What is left of the attempt's time, if that is limited.
    pub(in crate::engine) fn time_left(&self) -> Option<Duration> {
        let limit = self.time_limit()?;
        Some(limit.saturating_sub(Timestamp::now().since(self.attempt_began)))
    }

    /// Ends an attempt that took too long.
    #[cold]
    pub(in crate::engine) fn time_out(&mut self) -> After {
        let timeout = self.time_limit().unwrap_or_default();
        let error = RunError::from(RunErrorKind::TimedOut { run: self.describe(), timeout });
        let subject = match &self.target {
            Target::Task(_) => "Task",
            Target::Flow(_) => "Flow",
        };
        let seconds = timeout.as_secs_f64();
        let message = format!("{subject} run exceeded timeout of {seconds:?} second(s)");
        match self.retry_or_end(Timestamp::now(), Some("TimedOut"), message) {
            Some(delay) => After::Retry(delay),
            None => After::Raise(error),
        }
    }

    /// `Some` if there is another attempt, with the wait before it.
    fn retry_or_end(
        &mut self,
        now: Timestamp,
        name: Option<&'static str>,
        message: String,
    ) -> Option<Option<Duration>> {
        let delay = self.delay();
        match self.enter(now, Input::Fail { name, message, delay })? {
            Then::Attempt => {
                self.attempt_began = now;
                self.install(self.machine.run_count());
                Some(None)
            }
            Then::Delay(delay) => Some(Some(delay)),
            Then::AwaitInputs | Then::End => None,
        }
    }

    /// Begins the next attempt after its delay.
    pub(in crate::engine) fn resume(&mut self) {
        let now = Timestamp::now();
        self.attempt_began = now;
        self.install(self.machine.run_count() + 1);
        self.enter(now, Input::Resume);
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

    /// Ends a run whose upstream did not complete.
    pub(in crate::engine) fn unready(&mut self, not_ready: &NotReady) {
        let message = format!(
            "Upstream task run '{}' did not reach a 'COMPLETED' state.",
            not_ready.upstream
        );
        self.enter(Timestamp::now(), Input::Unready { message });
    }

    /// Ends a run whose user code panicked with `payload`.
    #[cold]
    pub(in crate::engine) fn crash(&mut self, payload: &(dyn Any + Send)) {
        self.abort_submissions();
        let message = format!("Execution was interrupted by a panic: {}", panic_message(payload));
        self.enter(Timestamp::now(), Input::Crash { message });
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
                let delay = options.delays()?.before_retry(used)?;
                Some(match options.jitter() {
                    Some(jitter) if jitter > 0.0 && !delay.is_zero() => jittered(delay, jitter),
                    _ => delay,
                })
            }
            Target::Flow(flow) => flow.options().delays()?.before_retry(used),
        }
    }

    /// Ends a run that nobody waits for any more.
    #[cold]
    fn abandon(&mut self) {
        self.abort_submissions();
        let now = Timestamp::now();
        if std::thread::panicking() {
            let message = "Execution was interrupted by a panic.".to_owned();
            self.enter(now, Input::Crash { message });
        } else {
            let message = "Execution was cancelled: its future was dropped.".to_owned();
            self.enter(now, Input::Cancel { message });
        }
    }
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
