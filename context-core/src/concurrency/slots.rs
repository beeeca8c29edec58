//! Slots that somebody holds.

use std::fmt;

use super::limits::Limits;
use super::line::Taken;

/// Slots that are held until this is dropped.
#[must_use = "the slots are given back when this is dropped"]
pub(crate) struct HeldSlots {
    limits: &'static Limits,
    taken: Vec<Taken>,
    slots: u32,
}

impl HeldSlots {
    pub(super) const fn new(limits: &'static Limits, taken: Vec<Taken>, slots: u32) -> Self {
        Self { limits, taken, slots }
    }

    /// The limits whose slots are held, sorted. Limits that do not exist are not among them.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.taken.iter().map(|taken| &*taken.name)
    }

    /// How many of each.
    pub(crate) const fn count(&self) -> u32 {
        self.slots
    }
}

impl Drop for HeldSlots {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.limits.release(&self.taken, self.slots);
        }
    }
}

impl fmt::Debug for HeldSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("HeldSlots").field("names", &names).field("slots", &self.slots).finish()
    }
}
