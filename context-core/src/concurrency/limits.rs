//! The registry behind a lock, and the work that is done outside it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use super::ConcurrencyError;
use super::line::{ConcurrencyLimit, Request, Taken, Ticket};
use super::registry::{Answer, Effects, Progress, Registry};
use super::tags::PREFIX;
use crate::clock::Timestamp;

/// A set of limits. The process has one; tests have their own.
#[derive(Debug)]
pub(crate) struct Limits {
    registry: Mutex<Registry>,
    /// How many of the limits are for tags.
    pub(super) tags: AtomicUsize,
}

impl Limits {
    pub(crate) const fn new() -> Self {
        Self { registry: Mutex::new(Registry::new()), tags: AtomicUsize::new(0) }
    }

    pub(crate) fn set(&self, name: &str, total: u32, decay: Option<f64>) {
        self.with(|registry, now, effects| {
            registry.set(name, total, decay, now, effects);
            self.count_tags(registry);
        });
    }

    pub(crate) fn remove(&self, name: &str) -> bool {
        self.with(|registry, now, effects| {
            let removed = registry.remove(name, now, effects);
            self.count_tags(registry);
            removed
        })
    }

    pub(crate) fn list(&self) -> Vec<ConcurrencyLimit> {
        self.with(|registry, now, _| registry.lines.list(now))
    }

    pub(super) fn request(&self, request: Request) -> Result<Answer, ConcurrencyError> {
        self.with(|registry, now, effects| registry.request(request, now, effects))
    }

    pub(super) fn progress(&self, ticket: Ticket, waker: &Waker) -> Progress {
        self.with(|registry, now, effects| registry.progress(ticket, waker, now, effects))
    }

    pub(super) fn leave(&self, ticket: Ticket) {
        self.with(|registry, now, effects| registry.leave(ticket, now, effects));
    }

    pub(super) fn release(&self, taken: &[Taken], slots: u32) {
        self.with(|registry, now, effects| registry.release(taken, slots, now, effects));
    }

    /// Calls `f` under the lock, and does outside it what is left to do.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Registry, Timestamp, &mut Effects) -> R) -> R {
        let now = Timestamp::now();
        let mut effects = Effects::default();
        let result = {
            let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            f(&mut registry, now, &mut effects)
        };
        for name in effects.warn {
            warn(&name);
        }
        effects.wake.into_iter().for_each(Waker::wake);
        result
    }

    fn count_tags(&self, registry: &Registry) {
        self.tags.store(registry.lines.beginning_with(PREFIX).count(), Ordering::Relaxed);
    }
}

fn warn(name: &Arc<str>) {
    tracing::warn!(
        "there is no concurrency limit `{name}`, so it does not limit; make it with `set_limit`"
    );
}
