//! All limits and all who wait for them, as a plain value.
//!
//! Everything happens at once, under the lock of the caller: a request is granted or gets a ticket,
//! and every change hands free slots to those who are first in line. What must happen after the
//! lock is released (waking, warning) is collected in [`Effects`].
//!
//! This module reads no clock and never waits.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::ConcurrencyError;
use super::line::{Free, Lines, Request, Taken, Ticket, Unknown};
use crate::clock::Timestamp;

pub(super) type Outcome = Result<Vec<Taken>, ConcurrencyError>;

/// The answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    Granted(Vec<Taken>),
    Wait(Ticket),
}

/// The answer to one who asks again.
#[derive(Debug)]
pub(super) enum Progress {
    Done(Outcome),
    /// Ask again when woken, and after this time if one is given.
    Wait(Option<Duration>),
}

/// What is left to do when nothing is locked any more.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) wake: Vec<Waker>,
    pub(super) warn: Vec<Arc<str>>,
    /// To be dropped: a waker's destructor is foreign code too.
    pub(super) replaced: Option<Waker>,
}

#[derive(Debug)]
pub(super) struct Registry {
    pub(super) lines: Lines,
    waiters: BTreeMap<Ticket, Waiter>,
    tickets: u64,
    warned: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct Waiter {
    // Invariant: all names are of limits, in whose lines the ticket is. None if there is an outcome.
    request: Request,
    waker: Option<Waker>,
    outcome: Option<Outcome>,
}

/// Names that were warned about are remembered up to this number, so that made-up names do not fill
/// the memory. About others there is no warning.
const MOST_WARNINGS: usize = 1_000;

impl Registry {
    pub(super) const fn new() -> Self {
        Self { lines: Lines::new(), waiters: BTreeMap::new(), tickets: 0, warned: BTreeSet::new() }
    }

    pub(super) fn set(
        &mut self,
        name: &str,
        total: u32,
        decay: Option<f64>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let name: Arc<str> = name.into();
        let mut left = Vec::new();
        for ticket in self.lines.set(&name, total, decay, now) {
            let Some(waiter) = self.waiters.get(&ticket) else { continue };
            if let Err(error) = self.lines.check(&name, &waiter.request) {
                left.append(&mut self.finish(ticket, Err(error), effects));
            }
        }
        left.push(name);
        self.serve(left, now, effects);
    }

    /// Returns whether there was such a limit.
    pub(super) fn remove(&mut self, name: &str, now: Timestamp, effects: &mut Effects) -> bool {
        let Some(waiting) = self.lines.remove(name) else { return false };
        let mut left = Vec::new();
        for ticket in waiting {
            let Some(waiter) = self.waiters.get_mut(&ticket) else { continue };
            waiter.request.names.retain(|wanted| **wanted != *name);
            let unknown = waiter.request.unknown;
            left.append(&mut match self.missing(name, unknown, effects) {
                Err(error) => self.finish(ticket, Err(error), effects),
                Ok(()) => self.grant(ticket, now, effects).unwrap_or_default(),
            });
        }
        self.serve(left, now, effects);
        true
    }

    /// Takes the slots if they are free and nobody is in line for them. Otherwise the request waits.
    pub(super) fn request(
        &mut self,
        mut request: Request,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<Answer, ConcurrencyError> {
        request.names.sort_unstable();
        request.names.dedup();
        let (known, unknown) =
            request.names.into_iter().partition::<Vec<_>, _>(|name| self.lines.contains(name));
        request.names = known;
        for name in unknown {
            self.missing(&name, request.unknown, effects)?;
        }
        for name in &request.names {
            self.lines.check(name, &request)?;
        }
        if request.slots == 0 {
            return Ok(Answer::Granted(Vec::new()));
        }
        if let Some(taken) = self.take_if_free(&request, now) {
            return Ok(Answer::Granted(taken));
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.lines.enter(ticket, &request.names);
        self.waiters.insert(ticket, Waiter { request, waker: None, outcome: None });
        Ok(Answer::Wait(ticket))
    }

    /// Takes slots of limits that exist, if they are free and nobody is in line for them.
    pub(super) fn take_if_free(&mut self, request: &Request, now: Timestamp) -> Option<Vec<Taken>> {
        let free = self.lines.free(request, None, now) == Free::Now;
        free.then(|| self.lines.take(request))
    }

    /// The outcome for one who waits, which ends the ticket, or how to go on waiting.
    pub(super) fn progress(
        &mut self,
        ticket: Ticket,
        waker: &Waker,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Progress {
        if let Some(left) = self.grant(ticket, now, effects) {
            self.serve(left, now, effects);
        }
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return Progress::Wait(None) };
        if let Some(outcome) = waiter.outcome.take() {
            effects.replaced = waiter.waker.take();
            self.waiters.remove(&ticket);
            return Progress::Done(outcome);
        }
        if !waiter.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            effects.replaced = waiter.waker.replace(waker.clone());
        }
        match self.lines.free(&waiter.request, Some(ticket), now) {
            Free::In(wait) => Progress::Wait(Some(wait)),
            Free::Now | Free::Later => Progress::Wait(None),
        }
    }

    /// Ends a ticket whose holder has gone.
    pub(super) fn leave(&mut self, ticket: Ticket, now: Timestamp, effects: &mut Effects) {
        let Some(waiter) = self.waiters.remove(&ticket) else { return };
        effects.replaced = waiter.waker;
        match waiter.outcome {
            Some(Ok(taken)) => self.release(&taken, waiter.request.slots, now, effects),
            Some(Err(_)) => {}
            None => {
                self.lines.leave(ticket, &waiter.request.names);
                self.serve(waiter.request.names, now, effects);
            }
        }
    }

    /// Gives back slots that were held.
    pub(super) fn release(
        &mut self,
        taken: &[Taken],
        slots: u32,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        self.lines.give_back(taken, slots);
        self.serve(taken.iter().map(|taken| Arc::clone(&taken.name)).collect(), now, effects);
    }

    fn missing(
        &mut self,
        name: &str,
        unknown: Unknown,
        effects: &mut Effects,
    ) -> Result<(), ConcurrencyError> {
        match unknown {
            Unknown::Refuse => {
                return Err(ConcurrencyError::UnknownLimit { name: name.to_owned() });
            }
            Unknown::Warn if self.warned.len() < MOST_WARNINGS && !self.warned.contains(name) => {
                let name: Arc<str> = name.into();
                self.warned.insert(Arc::clone(&name));
                effects.warn.push(name);
            }
            Unknown::Warn | Unknown::Ignore => {}
        }
        Ok(())
    }

    /// Gives free slots to those who are first in these lines, and in those that they then leave.
    fn serve(&mut self, mut names: Vec<Arc<str>>, now: Timestamp, effects: &mut Effects) {
        while let Some(name) = names.pop() {
            let Some(ticket) = self.lines.first(&name) else { continue };
            if let Some(mut left) = self.grant(ticket, now, effects) {
                names.append(&mut left);
                continue;
            }
            // One who waits for time to pass measures it alone, and may not know yet that the
            // waiting for others is over.
            let Some(waiter) = self.waiters.get_mut(&ticket) else { continue };
            if let Free::In(_) = self.lines.free(&waiter.request, Some(ticket), now) {
                effects.wake.extend(waiter.waker.take());
            }
        }
    }

    /// Gives one who waits its slots, if they are free. Returns the lines it has left then.
    fn grant(
        &mut self,
        ticket: Ticket,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Option<Vec<Arc<str>>> {
        let waiter = self.waiters.get(&ticket).filter(|waiter| waiter.outcome.is_none())?;
        if self.lines.free(&waiter.request, Some(ticket), now) != Free::Now {
            return None;
        }
        let taken = self.lines.take(&waiter.request);
        Some(self.finish(ticket, Ok(taken), effects))
    }

    /// Gives one who waits the outcome. Returns the lines it has left.
    fn finish(&mut self, ticket: Ticket, outcome: Outcome, effects: &mut Effects) -> Vec<Arc<str>> {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return Vec::new() };
        waiter.outcome = Some(outcome);
        effects.wake.extend(waiter.waker.take());
        let names = mem::take(&mut waiter.request.names);
        self.lines.leave(ticket, &names);
        names
    }
}

#[cfg(test)]
mod tests;
