//! Why slots were not given.

use std::time::Duration;

use thiserror::Error;

/// Why slots were not given, or a limit not set.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConcurrencyError {
    /// The limit does not exist, and the caller was strict.
    #[error("there is no concurrency limit `{name}`; make it with `set_limit`")]
    UnknownLimit {
        /// The name of the limit.
        name: String,
    },
    /// The limit does not exist on the server, and the caller was strict.
    #[error(
        "the server has no concurrency limit `{name}`; make it with `prefect gcl create {name} --limit 1`"
    )]
    NotOnServer {
        /// The name of the limit.
        name: String,
    },
    /// More slots than the limit has.
    #[error("{slots} slots of the concurrency limit `{name}` can never be had: it has {limit}")]
    TooManySlots {
        /// The name of the limit.
        name: String,
        /// How many were asked for.
        slots: u32,
        /// How many there are.
        limit: u32,
    },
    /// The slots were not free in time.
    #[error("the slots of {} were not free within {timeout:?}", quoted(names))]
    TimedOut {
        /// The names of the limits.
        names: Vec<String>,
        /// How long was waited.
        timeout: Duration,
    },
    /// A rate needs a limit whose slots come back by themselves.
    #[error(
        "slots of the concurrency limit `{name}` do not come back by themselves; \
         set it with `set_limit_with_decay` to use it with `rate_limit`"
    )]
    NoDecay {
        /// The name of the limit.
        name: String,
    },
    /// Slots cannot come back at this rate.
    #[error(
        "slots of the concurrency limit `{name}` cannot come back {slots_per_second} times a second; \
         it must be a number above 0"
    )]
    InvalidDecay {
        /// The name of the limit.
        name: String,
        /// The rate.
        slots_per_second: f64,
    },
    /// The server did not give the slots.
    #[error("{problem}")]
    Server {
        /// What went wrong, and what to do.
        problem: String,
    },
}

impl ConcurrencyError {
    /// Whether the slots were not free in time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
