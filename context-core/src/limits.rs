//! Concurrency limits: how many may do something at the same time, or in a time.
//!
//! A limit has a name and a number of slots. [`concurrency`] takes slots for the length of a scope;
//! [`rate_limit`] takes slots that nobody gives back, and that return by themselves at the limit's
//! rate. Who takes slots of several limits takes all at once or waits, so waiting for slots is never
//! a deadlock. Slots go to those who wait in the order of their arrival. It follows that one who
//! waits for two limits lets nobody pass at either, even where a slot is free.
//!
//! Slots come back when the scope ends, however it ends: by return, by panic, or because a future
//! is dropped.
//!
//! # Whose limits
//!
//! With a server in the ambient client, the limits are the server's *global* concurrency limits: they
//! hold for everybody who talks to it, and people make and change them there. Slots are held by a
//! lease that is renewed while they are needed; if this process dies, they come back within five
//! minutes. Those who wait in one process for the same limits keep their order; between processes,
//! the server decides.
//!
//! Without a server the limits are those of this process. [`set_limit`] and its neighbours make and
//! change them, at any time. Limits of other processes are then not known.
//!
//! # Examples
//!
//! ```
//! use context_core::limits::{concurrency, set_limit};
//!
//! set_limit("database", 5);
//! let rows = concurrency("database", 1).in_scope(|| 3)?;
//! assert_eq!(rows, 3);
//! # Ok::<(), context_core::limits::ConcurrencyError>(())
//! ```

mod names;
mod rate;
mod server;
mod slots;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use self::server::Around;
use crate::concurrency::{self as local, Kind, Limits, PROCESS, Request, Unknown};
use crate::runner;

pub use crate::concurrency::{ConcurrencyError, ConcurrencyLimit};
pub use names::LimitNames;
pub use rate::{RateLimit, rate_limit};
pub use slots::ConcurrencySlots;

/// Sets the number of slots of the limit `name` of this process, and makes it if there is none.
///
/// Slots that are taken stay taken: after a limit is lowered, nobody gets slots until enough have
/// come back. A limit of 0 lets nobody in. If the limit had decaying slots, it has none any more.
pub fn set_limit(name: &str, slots: u32) {
    PROCESS.set(name, slots, None);
}

/// Sets a limit of this process for [`rate_limit`]: of its `slots`, `slots_per_second` come back
/// each second.
///
/// # Errors
///
/// Returns an error if `slots_per_second` is not a number above 0.
///
/// # Examples
///
/// ```
/// use context_core::limits::{rate_limit, set_limit_with_decay};
///
/// // Ten at once, then two in a second.
/// set_limit_with_decay("api", 10, 2.0)?;
/// rate_limit("api", 1).acquire_blocking()?;
/// # Ok::<(), context_core::limits::ConcurrencyError>(())
/// ```
pub fn set_limit_with_decay(
    name: &str,
    slots: u32,
    slots_per_second: f64,
) -> Result<(), ConcurrencyError> {
    if slots_per_second.is_finite() && slots_per_second > 0.0 {
        PROCESS.set(name, slots, Some(slots_per_second));
        Ok(())
    } else {
        Err(ConcurrencyError::InvalidDecay { name: name.to_owned(), slots_per_second })
    }
}

/// Sets how many runs of tasks with this tag may run at the same time in this process: the limit
/// `tag:{tag}`.
pub fn set_tag_limit(tag: &str, slots: u32) {
    set_limit(&local::limit_name(tag), slots);
}

/// Forgets a limit of this process. Who waits for it goes on as if it had never been there. Returns
/// whether it was.
pub fn remove_limit(name: &str) -> bool {
    PROCESS.remove(name)
}

/// All limits of this process, by name.
pub fn limits() -> Vec<ConcurrencyLimit> {
    PROCESS.list()
}

/// Slots that are to be taken for a scope.
///
/// `names` is one name or several. A limit that does not exist does not limit: it is warned about
/// once, or is an error under [`strict`](Concurrency::strict). Without names, and with 0 slots,
/// nothing is taken.
///
/// # Examples
///
/// ```
/// use context_core::limits::{ConcurrencyError, concurrency, set_limit};
///
/// # async fn query() -> usize { 1 }
/// # async fn example() -> Result<(), ConcurrencyError> {
/// set_limit("database", 5);
/// set_limit("gpu", 1);
/// let rows = concurrency(["database", "gpu"], 1).strict().scope(query()).await?;
/// # let _ = rows; Ok(())
/// # }
/// ```
pub fn concurrency(names: impl LimitNames, slots: u32) -> Concurrency {
    Concurrency::of(&PROCESS, names, slots)
}

/// Slots that are to be taken for a scope. Made by [`concurrency`].
#[derive(Clone, Debug)]
#[must_use = "nothing is taken before a scope is entered"]
pub struct Concurrency {
    limits: &'static Limits,
    names: Vec<Arc<str>>,
    slots: u32,
    timeout: Option<Duration>,
    unknown: Unknown,
}

impl Concurrency {
    /// Slots of `limits`, if no server has others.
    fn of(limits: &'static Limits, names: impl LimitNames, slots: u32) -> Self {
        let names = names.into_names();
        Self { limits, names, slots, timeout: None, unknown: Unknown::Warn }
    }

    /// Waits no longer than this for the slots.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes a limit that does not exist an error.
    pub const fn strict(mut self) -> Self {
        self.unknown = Unknown::Refuse;
        self
    }

    /// Runs `future` with the slots, which are taken before it is polled for the first time.
    ///
    /// # Errors
    ///
    /// Returns an error if the slots cannot be had: see [`acquire`](Self::acquire).
    pub async fn scope<F: Future>(self, future: F) -> Result<F::Output, ConcurrencyError> {
        let _slots = self.acquire().await?;
        Ok(future.await)
    }

    /// Calls `f` with the slots. Blocks the thread while it waits for them.
    ///
    /// # Errors
    ///
    /// Returns an error if the slots cannot be had: see [`acquire`](Self::acquire).
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> Result<R, ConcurrencyError> {
        let _slots = self.acquire_blocking()?;
        Ok(f())
    }

    /// Takes the slots for as long as the returned value lives.
    ///
    /// # Errors
    ///
    /// Returns an error if a limit has fewer slots than are asked for, after the
    /// [timeout](Self::timeout), under [`strict`](Self::strict) if a limit does not exist, and if
    /// the server whose limits they are cannot be asked.
    pub async fn acquire(self) -> Result<ConcurrencySlots, ConcurrencyError> {
        let Self { limits, names, slots, timeout, unknown } = self;
        let request = Request { names, slots, kind: Kind::Hold, unknown };
        match Around::server() {
            Some(around) => around.take(request, timeout).await,
            None => local::acquire(limits, request, timeout).await.map(ConcurrencySlots::local),
        }
    }

    /// As [`acquire`](Self::acquire), for plain functions. Blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking(self) -> Result<ConcurrencySlots, ConcurrencyError> {
        runner::block_on(Box::pin(self.acquire()))
    }
}

#[cfg(test)]
mod tests;
