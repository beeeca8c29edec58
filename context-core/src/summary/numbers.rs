//! What is known of ended runs without keeping anything of them: how they ended, and how long they took.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::state::{State, StateType};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    Failed,
    Crashed,
    Cancelled,
    NotReady,
}

impl Outcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Completed, Self::Failed, Self::Crashed, Self::Cancelled, Self::NotReady];

    /// `None` if a run does not end with `state`.
    pub(super) fn of(state: &State) -> Option<Self> {
        match state.state_type() {
            StateType::Completed => Some(Self::Completed),
            StateType::Failed => Some(Self::Failed),
            StateType::Crashed => Some(Self::Crashed),
            StateType::Cancelled => Some(Self::Cancelled),
            // A run whose upstream did not complete ends where it is.
            StateType::Pending if state.name() == "NotReady" => Some(Self::NotReady),
            StateType::Pending
            | StateType::Scheduled
            | StateType::Running
            | StateType::Paused
            | StateType::Cancelling => None,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
            Self::NotReady => "not ready",
        }
    }
}

/// What everybody knows of a run that has ended, at no cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) outcome: Outcome,
    pub(super) run_count: u32,
    /// When it was first `Running`, else when it ended.
    pub(super) start: Timestamp,
    /// `None` if it was never `Running`.
    pub(super) duration: Option<Duration>,
    /// The runs that it stands for.
    pub(super) elements: Elements,
}

/// The runs that are reported as one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Elements {
    pub(super) runs: u64,
    /// How many of them have not completed.
    pub(super) failed: u64,
}

impl Elements {
    const fn add(&mut self, other: Self) {
        self.runs = self.runs.saturating_add(other.runs);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

impl Facts {
    /// How much a reader would look for the run.
    pub(super) const fn weight(&self) -> u8 {
        match self.outcome {
            Outcome::Failed | Outcome::Crashed => 3,
            Outcome::Cancelled | Outcome::NotReady => 2,
            Outcome::Completed if self.run_count > 1 => 1,
            Outcome::Completed => 0,
        }
    }

    pub(super) const fn retries(&self) -> u64 {
        self.run_count.saturating_sub(1) as u64
    }
}

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts([u64; Outcome::ALL.len()]);

impl Counts {
    pub(super) const fn add(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    pub(super) const fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    pub(super) fn runs(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The numbers of several runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) counts: Counts,
    pub(super) retries: u64,
    /// How many of them were ever `Running`.
    pub(super) timed: u64,
    pub(super) total: Duration,
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
    pub(super) first_start: Timestamp,
    /// The runs that they stand for.
    pub(super) elements: Elements,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            retries: 0,
            timed: 0,
            total: Duration::ZERO,
            shortest: Duration::MAX,
            longest: Duration::ZERO,
            first_start: Timestamp::from_nanos(i64::MAX),
            elements: Elements::default(),
        }
    }
}

impl Numbers {
    pub(super) fn add(&mut self, facts: &Facts) {
        self.counts.add(facts.outcome);
        self.retries += facts.retries();
        self.first_start = self.first_start.min(facts.start);
        self.elements.add(facts.elements);
        if let Some(duration) = facts.duration {
            self.timed += 1;
            self.total = self.total.saturating_add(duration);
            self.shortest = self.shortest.min(duration);
            self.longest = self.longest.max(duration);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.retries += other.retries;
        self.first_start = self.first_start.min(other.first_start);
        self.elements.add(other.elements);
        self.timed += other.timed;
        self.total = self.total.saturating_add(other.total);
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
    }
}
