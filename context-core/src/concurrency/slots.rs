//! Slots that somebody holds.

use std::fmt;

use super::limits::Limits;
use super::line::Taken;

/// Slots that are held until this is dropped. Made by [`acquire`](super::Concurrency::acquire).
#[must_use = "the slots are given back when this is dropped"]
pub struct ConcurrencySlots {
    limits: &'static Limits,
    taken: Vec<Taken>,
    slots: u32,
}

impl ConcurrencySlots {
    pub(super) const fn new(limits: &'static Limits, taken: Vec<Taken>, slots: u32) -> Self {
        Self { limits, taken, slots }
    }

    /// The limits whose slots are held, sorted. Limits that do not exist are not among them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.taken.iter().map(|taken| &*taken.name)
    }
}

impl Drop for ConcurrencySlots {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.limits.release(&self.taken, self.slots);
        }
    }
}

impl fmt::Debug for ConcurrencySlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("ConcurrencySlots")
            .field("names", &names)
            .field("slots", &self.slots)
            .finish()
    }
}
