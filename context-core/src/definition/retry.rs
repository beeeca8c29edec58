//! How long to wait between the attempts of a run.

use std::time::Duration;

use crate::record::RetryDelays;

/// The delays between attempts.
///
/// The n-th retry waits for the n-th delay; the last delay repeats. No delay at all means: retry at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryDelay(Delays);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Delays {
    #[default]
    None,
    Each(Vec<Duration>),
    Exponential(Duration),
}

impl RetryDelay {
    /// The most delays a list may have, as in Prefect.
    pub const MAX_LEN: usize = 50;

    /// The delay before retry number `used + 1`, where `used` retries were made so far; `None` to retry at once.
    ///
    /// A list counts as a delay even if it says zero, and the run passes through `AwaitingRetry`; no delay, or a single
    /// zero, does not (Prefect's rule of "truthy" delays).
    ///
    /// ```
    /// use std::time::Duration;
    /// use context_core::definition::{IntoRetryDelay, exponential_backoff};
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!([second, second * 5].into_retry_delay().before_retry(7), Some(second * 5));
    /// assert_eq!(exponential_backoff(second).before_retry(3), Some(second * 8));
    /// ```
    pub fn before_retry(&self, used: u32) -> Option<Duration> {
        match &self.0 {
            Delays::None => None,
            Delays::Each(delays) => {
                let last = delays.len().checked_sub(1)?;
                Some(delays[last.min(used as usize)])
            }
            Delays::Exponential(factor) => {
                let doublings = used.min(Self::MAX_LEN as u32 - 1);
                Some(factor.saturating_mul(2_u32.saturating_pow(doublings)))
            }
        }
    }

    /// As it is told.
    pub(crate) fn told(&self) -> RetryDelays<'_> {
        match &self.0 {
            Delays::None => RetryDelays::None,
            Delays::Each(delays) => RetryDelays::Each(delays),
            Delays::Exponential(factor) => RetryDelays::Doubling(*factor),
        }
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        match &self.0 {
            Delays::Each(delays) if delays.len() > Self::MAX_LEN => Some(format!(
                "has {} delays, but at most {} are allowed",
                delays.len(),
                Self::MAX_LEN
            )),
            _ => None,
        }
    }
}

/// Delays that double: `factor`, twice `factor`, four times `factor`, and so on.
pub const fn exponential_backoff(factor: Duration) -> RetryDelay {
    RetryDelay(Delays::Exponential(factor))
}

/// What may stand after `retry_delay =`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a retry delay",
    label = "not a delay",
    note = "write a `Duration`, a list of them, or `exponential_backoff(..)`; in attributes also text such as \"1m 30s\""
)]
pub trait IntoRetryDelay {
    /// The delays.
    fn into_retry_delay(self) -> RetryDelay;
}

impl IntoRetryDelay for RetryDelay {
    fn into_retry_delay(self) -> RetryDelay {
        self
    }
}

impl IntoRetryDelay for Duration {
    fn into_retry_delay(self) -> RetryDelay {
        RetryDelay(if self.is_zero() { Delays::None } else { Delays::Each(vec![self]) })
    }
}

impl IntoRetryDelay for Vec<Duration> {
    fn into_retry_delay(self) -> RetryDelay {
        RetryDelay(if self.is_empty() { Delays::None } else { Delays::Each(self) })
    }
}

impl<const N: usize> IntoRetryDelay for [Duration; N] {
    fn into_retry_delay(self) -> RetryDelay {
        self.to_vec().into_retry_delay()
    }
}

impl IntoRetryDelay for &[Duration] {
    fn into_retry_delay(self) -> RetryDelay {
        self.to_vec().into_retry_delay()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_zero_delay_retries_at_once_but_a_list_of_zeros_does_not() {
        assert_eq!(Duration::ZERO.into_retry_delay().before_retry(0), None);
        assert_eq!([Duration::ZERO; 2].into_retry_delay().before_retry(0), Some(Duration::ZERO));
        assert_eq!(Vec::new().into_retry_delay().before_retry(0), None);
    }

    #[test]
    fn the_last_delay_repeats() {
        let delay = [SECOND, SECOND * 5].into_retry_delay();
        let waits: Vec<_> = (0..4).map(|used| delay.before_retry(used)).collect();
        assert_eq!(waits, [SECOND, SECOND * 5, SECOND * 5, SECOND * 5].map(Some));
    }

    #[test]
    fn backoff_doubles_and_never_overflows() {
        let delay = exponential_backoff(SECOND);
        assert_eq!(delay.before_retry(0), Some(SECOND));
        assert_eq!(delay.before_retry(4), Some(SECOND * 16));
        assert!(exponential_backoff(Duration::MAX).before_retry(u32::MAX).is_some());
    }

    #[test]
    fn fifty_delays_are_allowed_and_fifty_one_are_not() {
        assert_eq!(vec![SECOND; 50].into_retry_delay().problem(), None);
        assert!(vec![SECOND; 51].into_retry_delay().problem().is_some());
    }
}
