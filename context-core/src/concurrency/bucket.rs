//! Slots that come back by themselves.

use std::time::Duration;

use crate::clock::Timestamp;

/// How many slots are spent, and how they come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: f64,
    spent: f64,
    at: Timestamp,
}

/// No wait is longer: who waits looks again, in case the system's clock was changed.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What a sum of fractions may be off by.
const ROUNDING: f64 = 1e-6;

impl Bucket {
    pub(super) const fn new(per_second: f64, at: Timestamp) -> Self {
        Self { per_second, spent: 0.0, at }
    }

    /// The rate.
    pub(super) const fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Brings the number of spent slots up to date. A clock that was set back costs no slots.
    pub(super) fn update(&mut self, now: Timestamp) -> &Self {
        let returned = now.since(self.at).as_secs_f64() * self.per_second;
        self.spent = (self.spent - returned).max(0.0);
        self.at = now;
        self
    }

    pub(super) fn set_rate(&mut self, per_second: f64, now: Timestamp) {
        self.update(now);
        self.per_second = per_second;
    }

    pub(super) fn spend(&mut self, slots: u32) {
        self.spent += f64::from(slots);
    }

    /// Spent slots as of the last update, one that is on its way back among them.
    pub(super) fn whole_spent(&self) -> u64 {
        (self.spent - ROUNDING).ceil() as u64
    }

    /// How long it takes until no more than `free` slots are spent. `None` if that is now.
    pub(super) fn wait(&self, free: u64) -> Option<Duration> {
        let lacking = self.spent - free as f64;
        (lacking > ROUNDING).then(|| {
            let wait = Duration::try_from_secs_f64(lacking / self.per_second);
            wait.unwrap_or(LONGEST_WAIT).clamp(Duration::from_micros(1), LONGEST_WAIT)
        })
    }
}
