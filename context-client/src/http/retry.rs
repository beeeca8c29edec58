//! When a request is sent again, and after which delay.
//!
//! Pure functions: time and randomness come in as arguments, so that Prefect's rules can be tested as they are written.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// No header makes a program wait longer: it is what a server in maintenance asks for at most.
const LONGEST: Duration = Duration::from_hours(24);

/// Whether an answer with this status is worth another attempt.
pub(super) fn is_retryable(code: u16, extra: &[u16]) -> bool {
    matches!(code, 408 | 429 | 502 | 503) || extra.contains(&code)
}

/// The time to wait before the next attempt, after `tries` counted ones.
///
/// `after` is what the server asks for: then it is at least that, and up to `jitter` of it more. Otherwise it is
/// 2^`tries` seconds, up to `jitter` of it more or less. `random` is within 0 and 1.
pub(super) fn delay(tries: u32, after: Option<Duration>, jitter: f64, random: f64) -> Duration {
    match after {
        Some(after) => after.min(LONGEST).mul_f64(random.mul_add(jitter, 1.0)),
        None => Duration::from_secs(1 << tries.min(16))
            .mul_f64(2.0f64.mul_add(random, -1.0).mul_add(jitter, 1.0))
            .min(LONGEST),
    }
}

/// The value of a `Retry-After` header: seconds, possibly with a fraction, or a date. `None` if it is neither.
pub(super) fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let seconds = match value.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = DateTimeParser::new().parse_timestamp(value).ok()?;
            (at - now).total(jiff::Unit::Second).ok()?
        }
    };
    seconds
        .is_finite()
        .then(|| Duration::try_from_secs_f64(seconds.max(0.0)).map_or(LONGEST, |d| d.min(LONGEST)))
}

#[cfg(test)]
mod tests;
