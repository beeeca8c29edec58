//! Texts for people: counts, durations, names that fit.
//!
//! A character counts as one column; that is not true of wide ones, but of the box drawing and symbols used here.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,234 retries`, `1 retry`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A duration with two or three digits: `850 ns`, `8.5 µs`, `12 ms`, `1.53 s`, `2 min 05 s`, `1 h 02 min`.
pub(super) fn duration(duration: Duration) -> String {
    const SECOND: u128 = 1_000_000_000;
    let nanos = duration.as_nanos();
    let half_up = |unit: u128| (nanos + unit / 2) / unit;
    if nanos < 1_000 {
        format!("{nanos} ns")
    } else if nanos < 999_500 {
        small(nanos, 1_000, "µs")
    } else if nanos < 999_500_000 {
        small(nanos, 1_000_000, "ms")
    } else if nanos < 59_995_000_000 {
        let hundredths = half_up(SECOND / 100);
        format!("{}.{:02} s", hundredths / 100, hundredths % 100)
    } else if nanos < 3_599_500_000_000 {
        let seconds = half_up(SECOND);
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        let minutes = half_up(60 * SECOND);
        format!(
            "{} h {:02} min",
            count(u64::try_from(minutes / 60).unwrap_or(u64::MAX)),
            minutes % 60
        )
    }
}

/// One decimal below ten, where it is not zero; else none.
fn small(nanos: u128, unit: u128, name: &str) -> String {
    let tenths = (nanos * 10 + unit / 2) / unit;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    match (whole, tenth) {
        (..10, 1..) => format!("{whole}.{tenth} {name}"),
        (..10, _) => format!("{whole} {name}"),
        _ => format!("{} {name}", (nanos + unit / 2) / unit),
    }
}

/// How many columns `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text`, cut to `columns` with `…` at the end. What would move the cursor or colour the terminal is replaced.
pub(super) fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    let fits = text.len() <= columns || text.chars().nth(columns).is_none();
    if fits && !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let kept = if fits { columns } else { columns.saturating_sub(1) };
    let mut short: String =
        text.chars().take(kept).map(|c| if is_harmful(c) { '\u{FFFD}' } else { c }).collect();
    if !fits && columns > 0 {
        short.push('…');
    }
    Cow::Owned(short)
}

/// Control characters, and those that change the direction of a text.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// `number` and `text` appended to a list: `9,997 completed, 3 failed`.
pub(super) fn enumerate(list: &mut String, number: u64, text: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    // Writing to a string cannot fail.
    let _ = write!(list, "{} {text}", count(number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (10_000, "10,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "retry", "retries"), "1 retry");
        assert_eq!(counted(2_000, "retry", "retries"), "2,000 retries");
    }

    #[test]
    fn durations_are_for_people() {
        let shown = |nanos| duration(Duration::from_nanos(nanos));
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (8_540, "8.5 µs"),
            (9_960, "10 µs"),
            (850_000, "850 µs"),
            (999_499, "999 µs"),
            (999_500, "1 ms"),
            (12_300_000, "12 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (1_530_000_000, "1.53 s"),
            (59_994_999_999, "59.99 s"),
            (59_995_000_000, "1 min 00 s"),
            (125_000_000_000, "2 min 05 s"),
            (3_599_499_999_999, "59 min 59 s"),
            (3_599_500_000_000, "1 h 00 min"),
            (3_720_000_000_000, "1 h 02 min"),
        ] {
            assert_eq!(shown(nanos), text, "{nanos}");
        }
        assert!(duration(Duration::MAX).ends_with("min"));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "ab…");
        assert_eq!(shorten("äöüß", 4), "äöüß");
        assert_eq!(shorten("äöüßx", 4), "äöü…");
        assert_eq!((shorten("a", 0), shorten("", 0)), ("".into(), "".into()));
    }

    #[test]
    fn nothing_reaches_the_terminal_that_could_command_it() {
        assert_eq!(shorten("a\u{1b}[31mb\r\n", 20), "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}");
        assert_eq!(shorten("a\u{202E}b", 3), "a\u{FFFD}b");
    }
}
