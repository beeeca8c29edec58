//! Texts inside of events: times, ids with a prefix, messages of limited length.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::clock::Timestamp;

/// How many characters of a state's message are sent, as in Prefect.
pub(super) const LONGEST_MESSAGE: usize = 100_000;

/// A time in UTC with microseconds, and how its offset is written.
///
/// What `Timestamp` shows, in a tenth of the time: there are six of them in an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    at: Timestamp,
    offset: &'static str,
}

impl Time {
    pub(super) const fn utc(at: Timestamp) -> Self {
        Self { at, offset: "Z" }
    }

    /// As Python's `isoformat` writes it.
    pub(super) const fn python(at: Timestamp) -> Self {
        Self { at, offset: "+00:00" }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = self.at.as_nanos().div_euclid(1_000);
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000000+00:00";
        let mut put = |at: usize, digits: usize, mut value: i64| {
            for place in text[at..at + digits].iter_mut().rev() {
                *place = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, second / 3600);
        put(14, 2, second / 60 % 60);
        put(17, 2, second % 60);
        put(20, 6, micros);
        let end = 26 + self.offset.len();
        text[26..end].copy_from_slice(self.offset.as_bytes());
        serializer.serialize_str(ascii(&text[..end]))
    }
}

/// Year, month and day of the day that is `days` after 1970-01-01, in the Gregorian calendar.
const fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on March 1, so that the leap day is the last of a year.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The id of a resource: what kind of thing it is, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResourceId {
    /// With the dot at its end.
    pub(super) kind: &'static str,
    pub(super) id: Uuid,
}

impl ResourceId {
    pub(super) const TASK_RUN: &'static str = "prefect.task-run.";
    pub(super) const FLOW_RUN: &'static str = "prefect.flow-run.";
    pub(super) const FLOW: &'static str = "prefect.flow.";
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 64];
        let start = self.kind.len();
        text[..start].copy_from_slice(self.kind.as_bytes());
        self.id.hyphenated().encode_lower(&mut text[start..]);
        serializer.serialize_str(ascii(&text[..start + Hyphenated::LENGTH]))
    }
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Whatever shows itself.
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A message of at most so many characters: of a longer one the middle is left out, in Prefect's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) longest: usize,
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text.unwrap_or_default();
        match shortened(text, self.longest) {
            Some(short) => serializer.serialize_str(&short),
            None => serializer.serialize_str(text),
        }
    }
}

/// `text` without its middle; `None` if it is not longer than that.
fn shortened(text: &str, longest: usize) -> Option<String> {
    // There are no more characters than bytes.
    if text.len() <= longest {
        return None;
    }
    let count = text.chars().count();
    if count <= longest {
        return None;
    }
    let half = longest / 2;
    let (head, _) = text.char_indices().nth(half)?;
    let (tail, _) = text.char_indices().nth(count - half)?;
    let omitted = count - 2 * half;
    let short = format!("{}...{omitted} additional characters...{}", &text[..head], &text[tail..]);
    (short.len() < text.len()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(value: impl Serialize) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn times_are_written_as_python_writes_them() {
        let at = Timestamp::from_nanos(1_795_349_413_234_462_999);
        assert_eq!(json(Time::utc(at)), "\"2026-11-22T12:10:13.234462Z\"");
        assert_eq!(json(Time::python(at)), "\"2026-11-22T12:10:13.234462+00:00\"");
    }

    #[test]
    fn of_a_long_message_the_middle_is_left_out() {
        let text = "é".repeat(60_000) + &"x".repeat(60_001);
        let short = shortened(&text, LONGEST_MESSAGE).unwrap();
        assert!(short.starts_with("éé") && short.ends_with("xx"));
        assert!(short.contains("é...20001 additional characters...x"), "20,001 are left out");
        assert_eq!(shortened(&"é".repeat(LONGEST_MESSAGE), LONGEST_MESSAGE), None);
        assert_eq!(
            shortened(&"x".repeat(LONGEST_MESSAGE + 1), LONGEST_MESSAGE),
            None,
            "not shorter"
        );
        let message = Message { text: None, longest: 5 };
        assert_eq!(json(message), "\"\"");
    }

    proptest! {
        #[test]
        fn times_agree_with_the_calendar(nanos in any::<i64>()) {
            let at = Timestamp::from_nanos(nanos);
            prop_assume!(nanos > i64::MIN + 1_000);
            prop_assert_eq!(json(Time::utc(at)), format!("\"{at}\""));
        }

        #[test]
        fn shortening_never_cuts_a_character(text in "\\PC{0,40}", longest in 0usize..40) {
            if let Some(short) = shortened(&text, longest) {
                prop_assert!(short.len() < text.len());
            }
        }
    }
}
