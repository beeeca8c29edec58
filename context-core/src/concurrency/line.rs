//! Limits and the lines before them: what is free, and for whom.
//!
//! This module knows tickets, but not whose they are. It reads no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::ConcurrencyError;
use super::bucket::Bucket;
use crate::clock::Timestamp;

/// A limit of this process, as it is at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConcurrencyLimit {
    /// Its name.
    pub name: String,
    /// How many slots it has.
    pub limit: u32,
    /// How many of them are taken: more than there are, if the limit was lowered.
    pub active_slots: u64,
    /// How many come back by themselves in a second; 0 if none do.
    pub slot_decay_per_second: f64,
    /// How many requests wait for slots.
    pub waiting: usize,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) slots: u32,
    pub(crate) kind: Kind,
    pub(crate) unknown: Unknown,
}

/// How slots come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Their holder gives them back.
    Hold,
    /// By themselves.
    Spend,
}

/// What happens at a limit that does not exist, and at one that is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The first does not limit, and a warning says so. The second is an error.
    Warn,
    /// Both are errors.
    Refuse,
    /// The first does not limit. At the second one waits until it is large enough.
    Ignore,
}

/// A place in lines. Earlier tickets are smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(pub(super) u64);

/// Slots of one limit that are to be given back. A limit that was removed and made again is
/// another one.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) name: Arc<str>,
    generation: u64,
}

/// When slots are free. The later the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Free {
    Now,
    In(Duration),
    /// When others have given back theirs, or have had their turn.
    Later,
}

/// All limits by name.
#[derive(Debug)]
pub(super) struct Lines {
    limits: BTreeMap<Arc<str>, Limit>,
    generations: u64,
}

#[derive(Debug)]
struct Limit {
    generation: u64,
    total: u32,
    held: u64,
    bucket: Option<Bucket>,
    waiting: BTreeSet<Ticket>,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { limits: BTreeMap::new(), generations: 0 }
    }

    /// Makes a limit, or changes it. Returns who waits for it.
    pub(super) fn set(
        &mut self,
        name: &Arc<str>,
        total: u32,
        decay: Option<f64>,
        now: Timestamp,
    ) -> Vec<Ticket> {
        let generations = &mut self.generations;
        let limit = self.limits.entry(Arc::clone(name)).or_insert_with(|| {
            *generations += 1;
            let generation = *generations;
            Limit { generation, total, held: 0, bucket: None, waiting: BTreeSet::new() }
        });
        limit.total = total;
        match (&mut limit.bucket, decay) {
            (Some(bucket), Some(per_second)) => bucket.set_rate(per_second, now),
            (bucket, decay) => *bucket = decay.map(|per_second| Bucket::new(per_second, now)),
        }
        limit.waiting.iter().copied().collect()
    }

    /// Forgets a limit. Returns who waited for it, if there was one.
    pub(super) fn remove(&mut self, name: &str) -> Option<BTreeSet<Ticket>> {
        self.limits.remove(name).map(|limit| limit.waiting)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.limits.contains_key(name)
    }

    /// The names that begin with `prefix`, sorted.
    pub(super) fn beginning_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let names = self.limits.range::<str, _>(from).map(|(name, _)| name);
        names.take_while(move |name| name.starts_with(prefix))
    }

    pub(super) fn list(&mut self, now: Timestamp) -> Vec<ConcurrencyLimit> {
        let list = self.limits.iter_mut().map(|(name, limit)| {
            let bucket = limit.bucket.as_mut().map(|bucket| bucket.update(now));
            let (spent, rate) = bucket.map_or((0, 0.0), |b| (b.whole_spent(), b.per_second()));
            ConcurrencyLimit {
                name: (**name).to_owned(),
                limit: limit.total,
                active_slots: limit.held + spent,
                slot_decay_per_second: rate,
                waiting: limit.waiting.len(),
            }
        });
        list.collect()
    }

    /// Whether the limit, if it exists, can ever give what is wanted.
    pub(super) fn check(&self, name: &str, request: &Request) -> Result<(), ConcurrencyError> {
        let Some(limit) = self.limits.get(name) else { return Ok(()) };
        let name = || name.to_owned();
        if request.kind == Kind::Spend && limit.bucket.is_none() {
            return Err(ConcurrencyError::NoDecay { name: name() });
        }
        if request.slots > limit.total && request.unknown != Unknown::Ignore {
            let (slots, limit) = (request.slots, limit.total);
            return Err(ConcurrencyError::TooManySlots { name: name(), slots, limit });
        }
        Ok(())
    }

    /// When the slots of all limits are free for `ticket`, or for one who has none.
    pub(super) fn free(
        &mut self,
        request: &Request,
        ticket: Option<Ticket>,
        now: Timestamp,
    ) -> Free {
        let mut free = Free::Now;
        for name in &request.names {
            if let Some(limit) = self.limits.get_mut(name) {
                let turn = limit.waiting.first().copied() == ticket;
                free = free.max(if turn { limit.free(request.slots, now) } else { Free::Later });
            }
        }
        free
    }

    /// Takes slots that are free. Returns what is to be given back.
    pub(super) fn take(&mut self, request: &Request) -> Vec<Taken> {
        let mut taken = Vec::new();
        for name in &request.names {
            let Some(limit) = self.limits.get_mut(name) else { continue };
            match (request.kind, &mut limit.bucket) {
                (Kind::Spend, Some(bucket)) => bucket.spend(request.slots),
                (Kind::Spend, None) => {}
                (Kind::Hold, _) => {
                    limit.held += u64::from(request.slots);
                    let generation = limit.generation;
                    taken.push(Taken { name: Arc::clone(name), generation });
                }
            }
        }
        taken
    }

    pub(super) fn give_back(&mut self, taken: &[Taken], slots: u32) {
        for Taken { name, generation } in taken {
            let limit = self.limits.get_mut(name);
            if let Some(limit) = limit.filter(|limit| limit.generation == *generation) {
                limit.held = limit.held.saturating_sub(slots.into());
            }
        }
    }

    pub(super) fn enter(&mut self, ticket: Ticket, names: &[Arc<str>]) {
        for name in names {
            if let Some(limit) = self.limits.get_mut(name) {
                limit.waiting.insert(ticket);
            }
        }
    }

    pub(super) fn leave(&mut self, ticket: Ticket, names: &[Arc<str>]) {
        for name in names {
            if let Some(limit) = self.limits.get_mut(name) {
                limit.waiting.remove(&ticket);
            }
        }
    }

    /// Whether the slots are of a limit that still exists.
    #[cfg(test)]
    pub(super) fn is_current(&self, taken: &Taken) -> bool {
        self.limits.get(&taken.name).is_some_and(|limit| limit.generation == taken.generation)
    }

    /// Who is first in line.
    pub(super) fn first(&self, name: &str) -> Option<Ticket> {
        self.limits.get(name).and_then(|limit| limit.waiting.first().copied())
    }
}

impl Limit {
    fn free(&mut self, slots: u32, now: Timestamp) -> Free {
        let Some(rest) = u64::from(self.total).checked_sub(self.held + u64::from(slots)) else {
            return Free::Later;
        };
        let wait = self.bucket.as_mut().and_then(|bucket| bucket.update(now).wait(rest));
        wait.map_or(Free::Now, Free::In)
    }
}
