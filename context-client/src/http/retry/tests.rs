use proptest::prelude::*;

use super::*;

fn seconds(text: &str) -> Option<f64> {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    parse_retry_after(text, now).map(|duration| duration.as_secs_f64())
}

fn close(a: Duration, b: f64) -> bool {
    (a.as_secs_f64() - b).abs() < 1e-6
}

#[test]
fn what_the_server_cannot_serve_for_now_is_worth_another_attempt() {
    let retried: Vec<u16> = (100..600).filter(|code| is_retryable(*code, &[])).collect();
    assert_eq!(retried, [408, 429, 502, 503]);
    assert!(is_retryable(500, &[500, 504]));
    // Slots that are taken are for the caller to wait for.
    assert!(!is_retryable(423, &[500, 504]));
}

#[test]
fn delays_double() {
    let delays = (1..=5).map(|tries| delay(tries, None, 0.0, 0.7).as_secs());
    assert_eq!(delays.collect::<Vec<_>>(), [2, 4, 8, 16, 32]);
    // A server in maintenance: no attempt has counted.
    assert_eq!(delay(0, None, 0.0, 0.7).as_secs(), 1);
}

#[test]
fn delays_vary_by_the_jitter_in_both_directions() {
    assert!(close(delay(3, None, 0.2, 0.0), 6.4));
    assert!(close(delay(3, None, 0.2, 0.5), 8.0));
    assert!(close(delay(3, None, 0.2, 1.0), 9.6));
}

#[test]
fn what_the_server_asks_for_is_the_least() {
    let asked = Some(Duration::from_secs(10));
    assert!(close(delay(5, asked, 0.2, 0.0), 10.0));
    assert!(close(delay(5, asked, 0.2, 1.0), 12.0));
    assert!(close(delay(5, asked, 0.0, 1.0), 10.0));
    assert_eq!(delay(5, Some(Duration::ZERO), 0.2, 1.0), Duration::ZERO);
}

#[test]
fn no_delay_is_endless() {
    let day = Duration::from_hours(24);
    assert_eq!(delay(u32::MAX, None, 0.0, 0.5), Duration::from_secs(1 << 16));
    assert_eq!(delay(1, Some(Duration::MAX), 0.0, 0.5), day);
}

#[test]
fn retry_after_may_be_a_number() {
    assert_eq!(seconds("5"), Some(5.0));
    assert_eq!(seconds(" 1.96875 "), Some(1.96875));
    assert_eq!(seconds("0"), Some(0.0));
    assert_eq!(seconds("-3"), Some(0.0));
    assert_eq!(seconds("1e300"), Some(24.0 * 3600.0));
}

#[test]
fn retry_after_may_be_a_date() {
    assert_eq!(seconds("Sun, 22 Nov 2026 12:00:07 GMT"), Some(7.0));
    assert_eq!(seconds("Sun, 22 Nov 2026 14:00:07 +0200"), Some(7.0));
    // In the past: at once.
    assert_eq!(seconds("Sun, 22 Nov 2026 11:00:00 GMT"), Some(0.0));
}

#[test]
fn another_retry_after_is_ignored() {
    for text in ["", "soon", "inf", "NaN", "2026-11-22"] {
        assert_eq!(seconds(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_delay_is_within_its_bounds(
        tries in 0u32..40,
        asked in proptest::option::of(0u64..1_000_000_000),
        jitter in 0.0..=1.0f64,
        random in 0.0..=1.0f64,
    ) {
        let asked = asked.map(Duration::from_millis);
        let delay = delay(tries, asked, jitter, random).as_secs_f64();
        let day = 24.0 * 3600.0;
        let (least, most) = match asked {
            Some(asked) => {
                let asked = asked.as_secs_f64().min(day);
                (asked, asked * (1.0 + jitter))
            }
            None => {
                let usual = f64::from(1u32 << tries.min(16));
                (usual * (1.0 - jitter), (usual * (1.0 + jitter)).min(day))
            }
        };
        prop_assert!((least - 1e-6..=most + 1e-6).contains(&delay), "{least} <= {delay} <= {most}");
    }

    #[test]
    fn any_retry_after_is_a_time_of_at_most_a_day_or_nothing(text in ".{0,40}", year in 1900..9999u16) {
        let now = Timestamp::UNIX_EPOCH;
        for text in [text, format!("Sun, 01 Jan {year} 00:00:00 GMT")] {
            if let Some(after) = parse_retry_after(&text, now) {
                prop_assert!(after <= LONGEST, "{text}: {after:?}");
            }
        }
    }
}
