//! Wall-clock time that is cheap enough to read on every state change.
//!
//! A [`Timestamp`] is a whole number of nanoseconds since the Unix epoch. [`Timestamp::now`] reads
//! the processor's cycle counter (through `quanta`) and converts it with an anchor that is checked
//! against the system clock about once a second, so a read costs little more than the counter
//! instruction itself. It follows that two reads agree with the system clock to a few microseconds,
//! not to the nanosecond, and that time runs on smoothly while small corrections are spread over
//! the next second. Only a real step of the system clock (suspend, a large NTP correction) shows as
//! a jump, which may go backwards.
//!
//! Code that a [`ManualClock`] surrounds reads that clock instead. A process that never uses one
//! pays for the possibility with one load and a branch.
//!
//! This module is a leaf. It knows nothing of runs or states, and it is the only one that reads
//! the system clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod anchor;
mod manual;

pub use manual::ManualClock;
pub(crate) use manual::{Wait, ambient, install_ambient};

/// A point in time: nanoseconds since the Unix epoch, UTC.
///
/// The range is that of `i64` nanoseconds, the years 1677 to 2262. Arithmetic saturates at the
/// ends.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use context_core::clock::Timestamp;
///
/// let start = Timestamp::from_nanos(1_717_243_200_000_000_000);
/// let end = start.plus(Duration::from_millis(1500));
/// assert_eq!(end.since(start), Duration::from_millis(1500));
/// assert_eq!(end.to_string(), "2024-06-01T12:00:01.500000Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The shortest time between two states of one run, as the server orders states by their
    /// timestamps in microseconds.
    pub const STATE_STEP: Duration = Duration::from_micros(1);

    /// The current time: that of the [`ManualClock`] that surrounds the code, else the system's.
    ///
    /// Costs about 10 ns where the processor has an invariant cycle counter; elsewhere it costs
    /// what the system's monotonic clock costs. The first call of a process takes longer, since
    /// the counter's rate must be measured.
    #[inline]
    pub fn now() -> Self {
        if manual::is_in_use()
            && let Some(nanos) = manual::ambient_nanos()
        {
            return Self(nanos);
        }
        Self(anchor::now_nanos())
    }

    /// The time `nanos` nanoseconds after the Unix epoch (before it, if negative).
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The same time as a `jiff` timestamp, for calendars and formatting.
    ///
    /// # Panics
    ///
    /// Never: `jiff` covers the years -9999 to 9999.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("jiff's range contains that of `i64` nanoseconds")
    }

    /// This time plus `span`, or `None` past the end of the range.
    pub fn checked_plus(self, span: Duration) -> Option<Self> {
        let span = i64::try_from(span.as_nanos()).ok()?;
        self.0.checked_add(span).map(Self)
    }

    /// This time plus `span`, or the end of the range if the sum lies past it.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        self.checked_plus(span).unwrap_or(Self(i64::MAX))
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            return Duration::ZERO;
        }
        // The difference of two `i64` fits `u64` if it is not negative.
        Duration::from_nanos(self.0.wrapping_sub(earlier.0).cast_unsigned())
    }

    /// This time, but at least [`STATE_STEP`](Self::STATE_STEP) after `previous`.
    ///
    /// States of one run must be strictly ordered on the wire, where a timestamp has microseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::clock::Timestamp;
    ///
    /// let pending = Timestamp::from_nanos(5_000);
    /// assert_eq!(Timestamp::from_nanos(5_200).next_after(pending).as_nanos(), 6_000);
    /// assert_eq!(Timestamp::from_nanos(9_000).next_after(pending).as_nanos(), 9_000);
    /// ```
    #[must_use]
    #[inline]
    pub const fn next_after(self, previous: Self) -> Self {
        let earliest = previous.0.saturating_add(1_000);
        if self.0 > earliest { self } else { Self(earliest) }
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Saturates outside the years 1677 to 2262.
    fn from(at: jiff::Timestamp) -> Self {
        let nanos = at.as_nanosecond();
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(at: Timestamp) -> Self {
        at.to_jiff()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with exactly six fractional digits; what is below a microsecond is cut off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cut towards the past, so that the order is kept before the epoch too.
        let micros = Self(self.0.div_euclid(1_000).saturating_mul(1_000));
        write!(f, "{:.6}", micros.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Accepts every RFC 3339 text with an offset.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(at.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_has_six_digits_and_utc() {
        assert_eq!(Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_nanos(1_999).to_string(), "1970-01-01T00:00:00.000001Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(
            format!("{:?}", Timestamp::UNIX_EPOCH),
            "Timestamp(1970-01-01T00:00:00.000000Z)"
        );
    }

    #[test]
    fn offsets_are_read() {
        let at: Timestamp = serde_json::from_str("\"2024-06-01T14:00:00.5+02:00\"").unwrap();
        assert_eq!(at.to_string(), "2024-06-01T12:00:00.500000Z");
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    #[test]
    fn the_ends_of_the_range_do_not_panic() {
        let (first, last) = (Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MAX));
        assert_eq!(last.since(first), Duration::from_nanos(u64::MAX));
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(last.checked_plus(Duration::from_nanos(1)), None);
        assert_eq!(last.next_after(last), last);
        assert!(first.to_string().starts_with("1677-") && last.to_string().starts_with("2262-"));
        assert_eq!(Timestamp::from(jiff::Timestamp::MIN), first);
        assert_eq!(Timestamp::from(jiff::Timestamp::MAX), last);
    }

    proptest! {
        #[test]
        fn serialization_keeps_the_microsecond(nanos in any::<i64>()) {
            let at = Timestamp::from_nanos(nanos);
            let text = serde_json::to_string(&at).unwrap();
            let back: Timestamp = serde_json::from_str(&text).unwrap();
            prop_assert!(at.since(back) < Duration::from_micros(1) && back <= at || nanos < i64::MIN + 1_000);
        }

        #[test]
        fn next_after_is_at_least_one_step_later(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
            let (a, b) = (Timestamp::from_nanos(a), Timestamp::from_nanos(b));
            let next = a.next_after(b);
            prop_assert!(next >= a && next.since(b) >= Timestamp::STATE_STEP);
            prop_assert!(next == a || next.since(b) == Timestamp::STATE_STEP);
        }

        #[test]
        fn jiff_round_trip(nanos in any::<i64>()) {
            let at = Timestamp::from_nanos(nanos);
            prop_assert_eq!(Timestamp::from(at.to_jiff()), at);
        }
    }
}
