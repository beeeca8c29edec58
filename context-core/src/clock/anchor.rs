//! From counter ticks to wall-clock nanoseconds: the anchors behind [`Timestamp::now`].
//!
//! An [`Anchor`] is a straight line, `wall = base_wall + (ticks - base_ticks) * rate`. It is used
//! for about a second; then whoever reads the time next draws a new line that *starts on the old
//! one* and is tilted so that it meets the system clock a second later. Time is therefore
//! continuous and rising for all threads, although the rate was only measured. If the clocks have
//! drifted too far apart for that, or nobody read the time for a while, the new line starts at
//! the system clock.
//!
//! Lines are kept in a small ring, so a reader never waits: the writer fills the slot that was
//! retired longest ago, then publishes its number.
//!
//! [`Timestamp::now`]: super::Timestamp::now

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 1_000_000_000;

/// Errors up to this are spread over the next second, larger ones are steps. At most 2 % of tilt.
const LARGEST_SLEW: i64 = SECOND / 50;

/// Slots of the ring. One is in use, one is being written; the rest is distance between a slow
/// reader and the writer.
const SLOTS: usize = 8;

/// Binary digits of the fraction of a rate (nanoseconds per quanta nanosecond).
const RATE_BITS: u32 = 40;
const RATE_ONE: u64 = 1 << RATE_BITS;

/// The current time in nanoseconds since the Unix epoch.
#[inline]
pub(super) fn now_nanos() -> i64 {
    static CLOCK: OnceLock<WallClock> = OnceLock::new();
    let clock = CLOCK.get_or_init(WallClock::start);
    let ticks = clock.ticks();
    let line = clock.line();
    let elapsed = ticks.wrapping_sub(line.ticks);
    if elapsed < SECOND.cast_unsigned() { line.after(elapsed) } else { clock.renew() }
}

/// One line. "Ticks" are nanoseconds as quanta calibrated them, counted from the start.
#[derive(Clone, Copy)]
struct Anchor {
    ticks: u64,
    wall: i64,
    rate: u64,
}

impl Anchor {
    #[inline]
    fn at(self, ticks: u64) -> i64 {
        // Another thread may have drawn the line after this thread took its ticks.
        let elapsed = i64::try_from(ticks.saturating_sub(self.ticks)).unwrap_or(i64::MAX);
        let scaled = (i128::from(elapsed) * i128::from(self.rate)) >> RATE_BITS;
        self.wall.saturating_add(i64::try_from(scaled).unwrap_or(i64::MAX))
    }

    /// As `at`, for an elapsed time of less than a second, where nothing can overflow.
    #[inline]
    const fn after(self, elapsed: u64) -> i64 {
        let scaled = (elapsed as u128 * self.rate as u128) >> RATE_BITS;
        self.wall.wrapping_add(scaled as i64)
    }

    /// The line that replaces this one, given what the system clock says now and the rate that was
    /// observed since the last comparison.
    fn next(self, sample: Sample, observed: u64) -> Self {
        let here = self.at(sample.ticks);
        let error = sample.wall.saturating_sub(here);
        let elapsed = sample.ticks.saturating_sub(self.ticks);
        let idle = elapsed > 2 * SECOND.cast_unsigned();
        if idle || error.abs() > LARGEST_SLEW {
            return Self { ticks: sample.ticks, wall: sample.wall, rate: observed };
        }
        let tilt = (i128::from(error) << RATE_BITS) / i128::from(SECOND);
        let rate = u64::try_from(i128::from(observed) + tilt).unwrap_or(RATE_ONE);
        Self { ticks: sample.ticks, wall: here, rate }
    }
}

/// Both clocks, read at the same moment.
#[derive(Clone, Copy)]
struct Sample {
    ticks: u64,
    wall: i64,
}

impl Sample {
    /// The rate between two samples, or one if it is implausible (a step, or too short a time).
    fn rate_since(self, earlier: Self) -> u64 {
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        let wall = i128::from(self.wall) - i128::from(earlier.wall);
        if ticks < SECOND.cast_unsigned() / 2 {
            return RATE_ONE;
        }
        let rate = (wall << RATE_BITS) / i128::from(ticks);
        // NTP slews by 0.05 %, and quanta's calibration is better than that.
        let plausible =
            i128::from(RATE_ONE - RATE_ONE / 500)..=i128::from(RATE_ONE + RATE_ONE / 500);
        if plausible.contains(&rate) { u64::try_from(rate).unwrap_or(RATE_ONE) } else { RATE_ONE }
    }
}

#[derive(Default)]
struct Slot {
    ticks: AtomicU64,
    wall: AtomicI64,
    rate: AtomicU64,
}

struct WallClock {
    counter: quanta::Clock,
    start: u64,
    published: AtomicUsize,
    ring: [Slot; SLOTS],
    /// The latest comparison of the two clocks. Held while a new line is drawn.
    compared: Mutex<Sample>,
}

impl WallClock {
    #[cold]
    fn start() -> Self {
        let counter = quanta::Clock::new();
        let clock = Self {
            start: counter.raw(),
            counter,
            published: AtomicUsize::new(0),
            ring: Default::default(),
            compared: Mutex::new(Sample { ticks: 0, wall: 0 }),
        };
        let sample = clock.sample();
        *clock.compared.lock().unwrap_or_else(PoisonError::into_inner) = sample;
        clock.publish(Anchor { ticks: sample.ticks, wall: sample.wall, rate: RATE_ONE });
        clock
    }

    #[inline]
    fn ticks(&self) -> u64 {
        self.counter.delta_as_nanos(self.start, self.counter.raw())
    }

    #[inline]
    fn line(&self) -> Anchor {
        loop {
            let number = self.published.load(Ordering::Acquire);
            let slot = &self.ring[number % SLOTS];
            let line = Anchor {
                ticks: slot.ticks.load(Ordering::Relaxed),
                wall: slot.wall.load(Ordering::Relaxed),
                rate: slot.rate.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            // A slot is only overwritten after seven later ones were published.
            if self.published.load(Ordering::Relaxed) == number {
                return line;
            }
        }
    }

    /// Only called by the holder of `compared` (or before the clock is shared).
    fn publish(&self, line: Anchor) {
        let number = self.published.load(Ordering::Relaxed).wrapping_add(1);
        let slot = &self.ring[number % SLOTS];
        fence(Ordering::Release);
        slot.ticks.store(line.ticks, Ordering::Relaxed);
        slot.wall.store(line.wall, Ordering::Relaxed);
        slot.rate.store(line.rate, Ordering::Relaxed);
        self.published.store(number, Ordering::Release);
    }

    #[cold]
    fn renew(&self) -> i64 {
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let line = self.line();
        let sample = self.sample();
        if sample.ticks.saturating_sub(line.ticks) < SECOND.cast_unsigned() {
            return line.at(sample.ticks); // Another thread was faster.
        }
        let next = line.next(sample, sample.rate_since(*compared));
        *compared = sample;
        self.publish(next);
        next.at(sample.ticks)
    }

    /// Reads both clocks, and again if the thread was interrupted in between.
    fn sample(&self) -> Sample {
        let mut best: Option<(u64, Sample)> = None;
        for _ in 0..5 {
            let before = self.ticks();
            let wall = system_nanos();
            let took = self.ticks().saturating_sub(before);
            if best.is_none_or(|(shortest, _)| took < shortest) {
                best = Some((took, Sample { ticks: before + took / 2, wall }));
            }
            if took < 1_000 {
                break;
            }
        }
        best.expect("the loop runs at least once").1
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TICKS_PER_SECOND: u64 = SECOND.cast_unsigned();

    #[test]
    fn it_agrees_with_the_system_clock() {
        for _ in 0..100 {
            let before = system_nanos();
            let now = now_nanos();
            let after = system_nanos();
            assert!(before - 5_000_000 < now && now < after + 5_000_000, "{before} {now} {after}");
        }
    }

    #[test]
    fn many_threads_see_rising_time_over_several_lines() {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(|| {
                    let mut last = now_nanos();
                    let end = last + 2_500_000_000;
                    while last < end {
                        let next = now_nanos();
                        assert!(next >= last, "{next} is before {last}");
                        last = next;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_small_error_is_spread_and_a_large_one_is_a_step() {
        let line = Anchor { ticks: 0, wall: 1_000, rate: RATE_ONE };
        let ticks = TICKS_PER_SECOND;
        let slow = Sample { ticks, wall: 1_000 + SECOND - 50_000 };
        let next = line.next(slow, RATE_ONE);
        assert_eq!(next.at(ticks), line.at(ticks), "continuous");
        assert!((next.at(2 * ticks) - (1_000 + 2 * SECOND - 50_000)).abs() <= 1, "meets the clock");

        let stepped = Sample { ticks, wall: 1_000 - 3_600 * SECOND };
        assert_eq!(line.next(stepped, RATE_ONE).at(ticks), stepped.wall);
    }

    #[test]
    fn after_an_idle_time_the_system_clock_is_believed() {
        let line = Anchor { ticks: 0, wall: 0, rate: RATE_ONE + RATE_ONE / 1_000 };
        let sample = Sample { ticks: 3_600 * TICKS_PER_SECOND, wall: 3_600 * SECOND };
        assert_eq!(line.next(sample, RATE_ONE).at(sample.ticks), sample.wall);
    }

    #[test]
    fn implausible_rates_are_ignored() {
        let zero = Sample { ticks: 0, wall: 0 };
        assert_eq!(Sample { ticks: TICKS_PER_SECOND, wall: 2 * SECOND }.rate_since(zero), RATE_ONE);
        assert_eq!(Sample { ticks: 10, wall: 11 }.rate_since(zero), RATE_ONE);
        let fast = Sample { ticks: TICKS_PER_SECOND, wall: SECOND + 10_000 }.rate_since(zero);
        assert!(fast > RATE_ONE && fast < RATE_ONE + RATE_ONE / 50_000);
    }

    proptest! {
        /// A counter that runs wrong by up to 0.01 %, compared every second with small reading errors.
        #[test]
        fn lines_stay_monotonic_and_close(
            drift in -100_000i64..100_000,
            noise in proptest::collection::vec(-2_000i64..2_000, 2..20),
        ) {
            let mut earlier = Sample { ticks: 0, wall: 0 };
            let mut line = Anchor { ticks: 0, wall: 0, rate: RATE_ONE };
            for (second, noise) in (1i64..).zip(noise) {
                let ticks = second.cast_unsigned() * TICKS_PER_SECOND;
                let sample = Sample { ticks, wall: second * (SECOND + drift) + noise };
                let next = line.next(sample, sample.rate_since(earlier));
                prop_assert!((next.at(ticks) - line.at(ticks)).abs() <= 1);
                prop_assert!(next.at(ticks + TICKS_PER_SECOND) > next.at(ticks));
                if second > 2 {
                    prop_assert!((line.at(ticks) - sample.wall).abs() < 20_000);
                }
                earlier = sample;
                line = next;
            }
        }
    }
}
