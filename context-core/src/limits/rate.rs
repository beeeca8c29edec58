//! Rate limits: slots that come back only by themselves.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::server::Around;
use super::{ConcurrencyError, LimitNames};
use crate::concurrency::{self as local, Kind, Limits, PROCESS, Request, Unknown};
use crate::runner;

/// Slots that are to be taken and come back by themselves, at the rates of the limits.
///
/// Limits of this process must have been set with
/// [`set_limit_with_decay`](super::set_limit_with_decay), those of a server with a decay. What is said of names and of limits that do not exist at [`concurrency`](super::concurrency) holds
/// here too.
///
/// # Examples
///
/// ```
/// use context_core::limits::{ConcurrencyError, rate_limit};
///
/// # async fn send() {}
/// # async fn example() -> Result<(), ConcurrencyError> {
/// for _ in 0..100 {
///     rate_limit("api", 1).await?;
///     send().await;
/// }
/// # Ok(())
/// # }
/// ```
pub fn rate_limit(names: impl LimitNames, slots: u32) -> RateLimit {
    RateLimit::of(&PROCESS, names, slots)
}

/// Slots that are to be taken and come back by themselves. Made by [`rate_limit`].
#[derive(Clone, Debug)]
#[must_use = "nothing is taken before this is awaited, or `acquire_blocking` is called"]
pub struct RateLimit {
    limits: &'static Limits,
    names: Vec<Arc<str>>,
    slots: u32,
    timeout: Option<Duration>,
    unknown: Unknown,
}

impl RateLimit {
    /// Slots of `limits`, if no server has others.
    pub(super) fn of(limits: &'static Limits, names: impl LimitNames, slots: u32) -> Self {
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

    /// Waits for the slots and takes them. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// Returns an error if a limit has fewer slots than are asked for, or none that come back by
    /// themselves; after the [timeout](Self::timeout); and under [`strict`](Self::strict) if a
    /// limit does not exist.
    pub async fn acquire(self) -> Result<(), ConcurrencyError> {
        let Self { limits, names, slots, timeout, unknown } = self;
        let request = Request { names, slots, kind: Kind::Spend, unknown };
        match Around::server() {
            Some(around) => around.take(request, timeout).await.map(drop),
            None => local::acquire(limits, request, timeout).await.map(drop),
        }
    }

    /// As [`acquire`](Self::acquire), for plain functions. Blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking(self) -> Result<(), ConcurrencyError> {
        runner::block_on(Box::pin(self.acquire()))
    }
}

impl IntoFuture for RateLimit {
    type Output = Result<(), ConcurrencyError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.acquire())
    }
}
