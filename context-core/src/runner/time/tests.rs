use std::time::Instant;

use super::*;
use crate::clock::{ManualClock, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn without_a_manual_clock_both_are_tokio_timers() {
    let begin = tokio::time::Instant::now();
    sleep(HOUR).await;
    pause(HOUR).await;
    assert_eq!(begin.elapsed(), 2 * HOUR);
}

#[test]
fn without_a_runtime_the_background_has_timers() {
    block_on(sleep(Duration::from_millis(1)));
    let begin = Instant::now();
    pause_blocking(Duration::from_millis(5));
    assert!(begin.elapsed() >= Duration::from_millis(5));
}

#[test]
fn a_wait_is_small_and_can_be_sent() {
    fn is_send<T: Send + Unpin>(_: &T) {}
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let wait = Box::pin(Sleep { timer: Timer::Manual { wait: Wait::deadline(clock, HOUR) } });
    is_send(&wait);
    assert!(size_of::<Sleep>() <= 128);
}
