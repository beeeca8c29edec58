//! Slots that somebody holds.

use std::fmt;

use super::server::TakenSlots;
use crate::concurrency::HeldSlots;

/// Slots that are held until this is dropped. Made by [`acquire`](super::Concurrency::acquire).
#[must_use = "the slots are given back when this is dropped"]
pub struct ConcurrencySlots(Slots);

enum Slots {
    /// Of limits of this process.
    Local(HeldSlots),
    /// Of limits of a server.
    Server(TakenSlots),
}

impl ConcurrencySlots {
    pub(super) const fn local(slots: HeldSlots) -> Self {
        Self(Slots::Local(slots))
    }

    pub(super) const fn of_server(slots: TakenSlots) -> Self {
        Self(Slots::Server(slots))
    }

    /// The limits whose slots are held, sorted. Limits that do not exist are not among them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let names: Vec<&str> = match &self.0 {
            Slots::Local(slots) => slots.names().collect(),
            Slots::Server(slots) => slots.names().collect(),
        };
        names.into_iter()
    }
}

impl fmt::Debug for ConcurrencySlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = match &self.0 {
            Slots::Local(slots) => slots.count(),
            Slots::Server(slots) => slots.count(),
        };
        let names: Vec<_> = self.names().collect();
        f.debug_struct("ConcurrencySlots").field("names", &names).field("slots", &slots).finish()
    }
}
