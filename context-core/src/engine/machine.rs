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
    /// Code inside the run has paused it.
    Paused,
    /// It was paused for too long.
    Expired,
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
    /// There was a value already.
    Reuse,
    /// An attempt gave the state that the run ends in.
    Return(Box<State>),
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

/// What happens to every run that goes well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    Create,
    Begin,
    Succeed,
}

impl Input {
    /// True if a run is to complete.
    pub(super) fn succeeds(&self) -> bool {
        match self {
            Self::Succeed | Self::Reuse => true,
            Self::Return(state) => state.is_completed(),
            _ => false,
        }
    }
}

impl From<Usual> for Input {
    fn from(usual: Usual) -> Self {
        match usual {
            Usual::Create => Self::Create,
            Usual::Begin => Self::Begin,
            Usual::Succeed => Self::Succeed,
        }
    }
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

    /// Makes the present attempt the last.
    pub(super) const fn forbid_retries(&mut self) {
        self.retries = self.retries_used();
    }

    /// From wherever it is before its first attempt into that, where nobody sees the states.
    #[inline(always)]
    pub(super) fn begin_unseen(&mut self, now: Timestamp) {
        debug_assert!(matches!(self.phase, Phase::New | Phase::Pending), "it has not begun");
        self.phase = Phase::Running;
        self.run_count = 1;
        // Two states, as far apart as they would be.
        self.last = now.next_after(self.last.next_after(self.last));
    }

    /// What [`step`](Self::step) would do if a failure of the present attempt were final: the machine after it, the state,
    /// and what is to be done then. For runs whose retries are decided elsewhere.
    pub(super) fn propose(&self, now: Timestamp, input: Input) -> Option<(Self, State, Then)> {
        let mut after = self.clone();
        after.forbid_retries();
        let (state, then) = after.step(now, input)?;
        after.retries = self.retries;
        Some((after, state, then))
    }

    /// Takes over when the state was entered that it has stepped into.
    pub(super) const fn entered_at(&mut self, at: Timestamp) {
        self.last = at;
    }

    /// Enters a state that was decided about elsewhere. `None` if a run cannot go on from it by itself; then it has ended.
    pub(super) fn adopt(&mut self, now: Timestamp, state: &State) -> Option<Then> {
        self.last = state.timestamp();
        let (phase, then) = match state.state_type() {
            StateType::Scheduled => {
                let due = state.scheduled_time().unwrap_or(now);
                (Phase::AwaitingRetry, Some(Then::Delay(due.since(now))))
            }
            StateType::Completed
            | StateType::Failed
            | StateType::Cancelled
            | StateType::Crashed => (Phase::Ended, Some(Then::End)),
            StateType::Pending | StateType::Running | StateType::Paused | StateType::Cancelling => {
                (Phase::Ended, None)
            }
        };
        self.phase = phase;
        then
    }

    /// Takes over that code inside the run has entered states while the attempt was running: it is running again since
    /// `last`, or paused, and perhaps `expired`.
    pub(super) const fn take_over(&mut self, last: Timestamp, paused: bool, expired: bool) {
        self.last = last;
        self.phase = match (paused, expired) {
            (false, _) => Phase::Running,
            (true, false) => Phase::Paused,
            (true, true) => Phase::Expired,
        };
        if paused {
            // As on a server: what fails while it is paused is not attempted again.
            self.forbid_retries();
        }
    }

    /// Ends it without a state.
    pub(super) const fn bury(&mut self) {
        self.phase = Phase::Ended;
    }

    /// Since when an attempt is running, if one is.
    pub(super) fn running_since(&self) -> Option<Timestamp> {
        matches!(self.phase, Phase::Running).then_some(self.last)
    }

    /// When the last state was entered.
    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }

    /// How many attempts there may be in all.
    pub(super) const fn retries(&self) -> u32 {
        self.retries
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

    /// The last state of a run that has completed.
    pub(super) fn completed(&self) -> Option<State> {
        matches!(self.phase, Phase::Ended).then(|| State::new(StateType::Completed, self.last))
    }

    /// True before `Create`.
    pub(super) const fn is_new(&self) -> bool {
        matches!(self.phase, Phase::New)
    }

    /// As [`step`](Self::step) with `Succeed`, of a running attempt; there is no state to show.
    pub(super) const fn succeed_unseen(&mut self) {
        debug_assert!(matches!(self.phase, Phase::Running), "an attempt is running");
        self.phase = Phase::Ended;
    }

    /// As [`step`](Self::step) with `usual`, where nobody is to see the state: none is made.
    #[inline(always)]
    pub(super) fn step_unseen(&mut self, now: Timestamp, usual: Usual) {
        let (before, after) = match usual {
            Usual::Create => (Phase::New, Phase::Pending),
            Usual::Begin => (Phase::Pending, Phase::Running),
            Usual::Succeed => (Phase::Running, Phase::Ended),
        };
        if self.phase != before {
            return;
        }
        if matches!(usual, Usual::Begin) {
            self.run_count = 1;
        }
        self.phase = after;
        self.last = now.next_after(self.last);
    }

    /// Enters the next state. `None` if `input` cannot happen now: an ended run stays as it is.
    #[inline(always)]
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
            (Phase::Running, Input::Reuse) => {
                let state = State::new(StateType::Completed, at).with_name("Cached");
                (Phase::Ended, state, Then::End)
            }
            (Phase::Running, Input::Return(state)) => {
                (Phase::Ended, state.entered_at(at), Then::End)
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
            (Phase::Paused | Phase::Expired, input) => self.after_pause(at, input)?,
            _ => return None,
        };
        self.phase = phase;
        self.last = at;
        Some((state, then))
    }

    /// Leaves a pause that nobody has ended.
    #[cold]
    fn after_pause(&self, at: Timestamp, input: Input) -> Option<(Phase, State, Then)> {
        let expired = self.phase == Phase::Expired;
        let state = match input {
            Input::Succeed if !expired => State::new(StateType::Completed, at),
            Input::Return(state) if !(expired && state.is_completed()) => state.entered_at(at),
            Input::Succeed | Input::Return(_) => State::new(StateType::Failed, at)
                .with_message("The flow was paused and never resumed."),
            Input::Fail { name, message, .. } => failed(at, name, message),
            Input::Reject { message } => failed(at, None, message),
            Input::Crash { message } => State::new(StateType::Crashed, at).with_message(message),
            Input::Cancel { message } => State::new(StateType::Cancelled, at).with_message(message),
            Input::Create | Input::Begin | Input::Reuse | Input::Resume | Input::Unready { .. } => {
                return None;
            }
        };
        Some((Phase::Ended, state, Then::End))
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
            return (Phase::Ended, failed(at, name, message), Then::End);
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

/// The state after a failure that is final.
fn failed(at: Timestamp, name: Option<&'static str>, message: String) -> State {
    let state = State::new(StateType::Failed, at).with_message(message);
    match name {
        Some(name) => state.with_name(name),
        None => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const PHASES: [Phase; 7] = [
        Phase::New,
        Phase::Pending,
        Phase::Running,
        Phase::Paused,
        Phase::Expired,
        Phase::AwaitingRetry,
        Phase::Ended,
    ];

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(delay: Option<Duration>) -> Input {
        Input::Fail { name: None, message: "no".to_owned(), delay }
    }

    /// One input of each kind, in the order of the columns below; `Fail` without a delay.
    fn inputs() -> [Input; 11] {
        let message = || "no".to_owned();
        [
            Input::Create,
            Input::Begin,
            Input::Succeed,
            Input::Reuse,
            Input::Return(Box::new(State::cancelled())),
            fail(None),
            Input::Resume,
            Input::Unready { message: message() },
            Input::Reject { message: message() },
            Input::Crash { message: message() },
            Input::Cancel { message: message() },
        ]
    }

    /// A machine in the middle of its life.
    fn machine(subject: Subject, phase: Phase, run_count: u32, retries: u32) -> Machine {
        let last = Timestamp::from_nanos(1_000_000);
        Machine { subject, retries, run_count, phase, last }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_nanos(micros * 1_000)
    }

    /// What one step does, as text; `-` if it cannot happen.
    fn outcome(mut machine: Machine, input: Input) -> String {
        let before = format!("{machine:?}");
        match machine.step(at(5_000), input) {
            None => {
                assert_eq!(format!("{machine:?}"), before, "what cannot happen changes nothing");
                "-".to_owned()
            }
            Some((state, then)) => {
                assert_eq!((state.timestamp(), machine.last), (at(5_000), at(5_000)));
                assert_eq!(machine.is_open(), then != Then::End);
                format!("{state} {then:?}")
            }
        }
    }

    #[test]
    fn unseen_steps_are_those_that_are_seen() {
        // Task runs are never paused.
        let of_tasks = |phase: &Phase| !matches!(phase, Phase::Paused | Phase::Expired);
        for phase in PHASES.into_iter().filter(of_tasks) {
            for usual in [Usual::Create, Usual::Begin, Usual::Succeed] {
                let mut seen = machine(Subject::Task, phase, 0, 1);
                let mut unseen = seen.clone();
                seen.step(at(5_000), usual.into());
                unseen.step_unseen(at(5_000), usual);
                assert_eq!(format!("{unseen:?}"), format!("{seen:?}"), "{phase:?} on {usual:?}");
            }
        }
    }

    #[test]
    fn every_pair_of_phase_and_input_without_retries() {
        const FAILED: &str = "Failed('no') End";
        const CRASHED: &str = "Crashed('no') End";
        const CANCELLED: &str = "Cancelled('no') End";
        const NOT_READY: &str = "NotReady('no', type=PENDING) End";
        const RETRYING: [&str; 2] = ["Retrying(type=RUNNING) Attempt", "Running() Attempt"];

        for (subject, resumed) in [Subject::Task, Subject::Flow].into_iter().zip(RETRYING) {
            const DONE: &str = "Completed() End";
            const CACHED: &str = "Cached(type=COMPLETED) End";
            const BEGIN: &str = "Running() Attempt";
            const CREATE: &str = "Pending() AwaitInputs";
            const GIVEN: &str = "Cancelled() End";
            const EXPIRED: &str = "Failed('The flow was paused and never resumed.') End";
            // Create, Begin, Succeed, Reuse, Return, Fail, Resume, Unready, Reject, Crash, Cancel.
            let table = [
                [CREATE, "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
                ["-", BEGIN, "-", "-", "-", "-", "-", NOT_READY, FAILED, CRASHED, CANCELLED],
                ["-", "-", DONE, CACHED, GIVEN, FAILED, "-", "-", FAILED, CRASHED, CANCELLED],
                ["-", "-", DONE, "-", GIVEN, FAILED, "-", "-", FAILED, CRASHED, CANCELLED],
                ["-", "-", EXPIRED, "-", GIVEN, FAILED, "-", "-", FAILED, CRASHED, CANCELLED],
                ["-", "-", "-", "-", "-", "-", resumed, "-", FAILED, CRASHED, CANCELLED],
                ["-"; 11],
            ];
            for (phase, row) in PHASES.into_iter().zip(table) {
                let run_count = u32::from(!matches!(phase, Phase::New | Phase::Pending));
                for (input, expected) in inputs().into_iter().zip(row) {
                    let found = outcome(machine(subject, phase, run_count, 0), input.clone());
                    assert_eq!(found, expected, "{subject:?} in {phase:?} on {input:?}");
                }
            }
        }
    }

    #[test]
    fn a_failure_with_retries_left_is_shown_as_each_subject_shows_it() {
        let awaiting = "AwaitingRetry('no', type=SCHEDULED) Delay";
        let table = [
            (Subject::Task, None, "Retrying(type=RUNNING) Attempt".to_owned()),
            (Subject::Task, Some(Duration::ZERO), format!("{awaiting}(0ns)")),
            (Subject::Task, Some(SECOND), format!("{awaiting}(1s)")),
            (Subject::Flow, None, format!("{awaiting}(0ns)")),
            (Subject::Flow, Some(Duration::ZERO), format!("{awaiting}(0ns)")),
            (Subject::Flow, Some(SECOND), format!("{awaiting}(1s)")),
        ];
        for (subject, delay, expected) in table {
            for (run_count, retries) in [(1, 1), (2, 5), (1, u32::MAX)] {
                let running = machine(subject, Phase::Running, run_count, retries);
                assert_eq!(outcome(running, fail(delay)), expected, "{subject:?} {delay:?}");
            }
            for (run_count, retries) in [(1, 0), (3, 2), (4, 2)] {
                let running = machine(subject, Phase::Running, run_count, retries);
                assert_eq!(outcome(running, fail(delay)), "Failed('no') End");
            }
        }
    }

    #[test]
    fn only_the_final_failure_bears_its_name() {
        let timed_out =
            || Input::Fail { name: Some("TimedOut"), message: "slow".to_owned(), delay: None };
        let last = machine(Subject::Task, Phase::Running, 1, 0);
        assert_eq!(outcome(last, timed_out()), "TimedOut('slow', type=FAILED) End");
        let first = machine(Subject::Flow, Phase::Running, 1, 1);
        let expected = "AwaitingRetry('slow', type=SCHEDULED) Delay(0ns)";
        assert_eq!(outcome(first, timed_out()), expected);
    }

    #[test]
    fn a_run_that_was_paused_goes_on_where_its_pauses_have_left_it() {
        let begun = || machine(Subject::Flow, Phase::Running, 1, 3);
        let mut resumed = begun();
        resumed.take_over(at(7_000), false, false);
        assert_eq!((resumed.running_since(), resumed.is_last_attempt()), (Some(at(7_000)), false));
        let (state, then) = resumed.step(at(5_000), fail(Some(SECOND))).unwrap();
        assert_eq!((state.timestamp(), then), (at(7_001), Then::Delay(SECOND)));

        let mut paused = begun();
        paused.take_over(at(7_000), true, false);
        assert_eq!((paused.running_since(), paused.is_last_attempt()), (None, true));
        let (state, then) = paused.step(at(9_000), fail(Some(SECOND))).unwrap();
        assert_eq!((state.to_string().as_str(), then), ("Failed('no')", Then::End));

        let mut expired = begun();
        expired.take_over(at(7_000), true, true);
        let given = Input::Return(Box::new(State::completed()));
        let (state, _) = expired.step(at(9_000), given).unwrap();
        assert_eq!(state.message(), Some("The flow was paused and never resumed."));
    }

    #[test]
    fn a_scheduled_retry_is_due_after_its_delay() {
        let mut running = machine(Subject::Task, Phase::Running, 1, 1);
        let (state, _) = running.step(at(5_000), fail(Some(SECOND))).unwrap();
        assert_eq!(state.scheduled_time(), Some(at(1_005_000)));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_does_not_stop_a_run() {
        let mut machine = Machine::new(Subject::Task);
        let mut times = Vec::new();
        for (now, input) in [(50, Input::Create), (50, Input::Begin), (1, Input::Succeed)] {
            times.push(machine.step(at(now), input).unwrap().0.timestamp());
        }
        assert_eq!(times, [at(50), at(51), at(52)]);
    }

    fn input() -> impl Strategy<Value = Input> {
        let delay = prop_oneof![
            2 => Just(None),
            1 => (0..5_000_u64).prop_map(|micros| Some(Duration::from_micros(micros))),
        ];
        let name = prop_oneof![Just(None), Just(Some("TimedOut"))];
        let message = || Just("no".to_owned());
        // What keeps a run going is more likely than what ends it.
        prop_oneof![
            8 => Just(Input::Create),
            8 => Just(Input::Begin),
            8 => (name, delay)
                .prop_map(|(name, delay)| Input::Fail { name, message: "no".to_owned(), delay }),
            8 => Just(Input::Resume),
            1 => Just(Input::Succeed),
            1 => Just(Input::Reuse),
            1 => Just(Input::Return(Box::new(State::completed()))),
            1 => message().prop_map(|message| Input::Unready { message }),
            1 => message().prop_map(|message| Input::Reject { message }),
            1 => message().prop_map(|message| Input::Crash { message }),
            1 => message().prop_map(|message| Input::Cancel { message }),
        ]
    }

    fn subject() -> impl Strategy<Value = Subject> {
        prop_oneof![Just(Subject::Task), Just(Subject::Flow)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_walks_end_once_and_in_order(
            subject in subject(),
            retries in 0..4_u32,
            // Clocks may stand still and go back.
            walk in vec((0..3_000_000_i64, input()), 0..80),
        ) {
            let mut machine = Machine::new(subject);
            machine.set_retries(retries);
            let mut states: Vec<State> = Vec::new();
            let (mut attempts, mut delayed) = (0, false);
            for (nanos, input) in walk {
                let before = (format!("{machine:?}"), machine.is_open(), machine.is_new());
                let now = Timestamp::from_nanos(nanos);
                let Some((state, then)) = machine.step(now, input.clone()) else {
                    prop_assert_eq!(format!("{machine:?}"), before.0, "it has moved");
                    continue;
                };
                // Nothing but its creation happens to a new run, and nothing at all to an ended one.
                prop_assert_eq!(before.2, matches!(input, Input::Create));
                prop_assert!(before.1 || before.2, "an ended run has moved");
                if let Some(last) = states.last() {
                    let step = state.timestamp().since(last.timestamp());
                    prop_assert!(step >= Timestamp::STATE_STEP, "{step:?} after {last:?}");
                }
                prop_assert!(state.timestamp() >= now);
                attempts += u32::from(then == Then::Attempt);
                prop_assert!(attempts <= retries + 1, "attempt {} of {}", attempts, retries + 1);
                prop_assert!(delayed || !matches!(input, Input::Resume), "resumed, but not delayed");
                let due = match then {
                    Then::Delay(delay) => Some(state.timestamp().plus(delay)),
                    _ => None,
                };
                prop_assert_eq!(state.scheduled_time(), due);
                delayed = due.is_some();
                // Then and state say the same.
                let final_state = state.is_terminal() || state.name() == "NotReady";
                prop_assert_eq!(then == Then::End, final_state);
                prop_assert_eq!(then == Then::Attempt, state.state_type() == StateType::Running);
                prop_assert_eq!(machine.is_open(), !final_state);
                states.push(state);
                prop_assert_eq!(machine.run_count(), attempts);
            }
            let running = states.iter().filter(|state| state.state_type() == StateType::Running);
            prop_assert_eq!(running.count(), machine.run_count() as usize);
            let ends = states.iter().filter(|s| s.is_terminal() || s.name() == "NotReady").count();
            prop_assert_eq!(ends, usize::from(!machine.is_open() && !machine.is_new()));
        }

        /// A driver that does what it is told makes exactly as many attempts as it may.
        #[test]
        fn a_run_that_always_fails_is_attempted_once_more_than_it_is_retried(
            subject in subject(),
            retries in 0..20_u32,
            delays in vec(proptest::option::of(0..3_u64), 20),
        ) {
            let mut machine = Machine::new(subject);
            machine.set_retries(retries);
            let mut next = Input::Create;
            let mut attempts = 0;
            let last = loop {
                let (state, then) = machine.step(at(1), next).expect("a driver does what can be done");
                next = match then {
                    Then::AwaitInputs => Input::Begin,
                    Then::Attempt => {
                        prop_assert_eq!(machine.retries_used(), attempts);
                        prop_assert_eq!(machine.is_last_attempt(), attempts == retries);
                        attempts += 1;
                        fail(delays[attempts as usize % delays.len()].map(Duration::from_micros))
                    }
                    Then::Delay(_) => Input::Resume,
                    Then::End => break state,
                };
            };
            prop_assert_eq!(attempts, retries + 1);
            prop_assert_eq!(last.state_type(), StateType::Failed);
        }
    }
}
