//! Durations: text such as "1m 30s" becomes a number at compile time.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use proc_macro2::Ident;
use quote::ToTokens as _;
use syn::{Expr, Lit};

use super::{Value, is_number, literal, negated, ungrouped, written};
use crate::diagnostics::Sink;

/// The most delays that `retry_delay` may list.
const MOST_DELAYS: usize = 50;

/// One duration.
pub(crate) fn duration(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if let Expr::Array(array) = ungrouped(&value) {
        sink.at(
            array,
            format!("`{option}` takes one duration here, not a list: write `{option} = \"10s\"`"),
        );
        return written(value);
    }
    let number =
        negated(&value).filter(|literal| is_number(literal)).or_else(|| literal(&value)).cloned();
    match number {
        Some(Lit::Str(text)) => match parse_duration(&text.value()) {
            Ok(duration) => return Value::Duration(duration, text.span()),
            Err(problem) => {
                sink.at(
                    &text,
                    format!("`{option}` {problem}; write a duration such as \"1m 30s\""),
                );
            }
        },
        Some(number) if is_number(&number) => {
            let example = number.to_token_stream().to_string();
            let digits: String =
                example.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            sink.at(
                &value,
                format!("`{option}` has no unit: durations are text, write `{option} = \"{digits}s\"` for seconds"),
            );
        }
        Some(other) => {
            sink.at(&other, format!("`{option}` is a duration: write `{option} = \"30s\"`"));
        }
        None => {}
    }
    written(value)
}

/// One duration, or a list of them.
pub(crate) fn durations(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let Expr::Array(array) = ungrouped(&value) else {
        return duration(option, value, sink);
    };
    if let Some(first_too_many) = array.elems.iter().nth(MOST_DELAYS) {
        sink.at(
            first_too_many,
            format!(
                "`{option}` lists {} delays, but at most {MOST_DELAYS} are allowed",
                array.elems.len()
            ),
        );
    }
    Value::List(array.elems.iter().cloned().map(|delay| duration(option, delay, sink)).collect())
}

/// Reads text such as "1m 30s". Days and weeks count 24 hours and 7 days; months and years have no fixed length.
fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("has no unit: `{text}`"));
    }
    let span: Span = text.parse().map_err(|_| format!("is not a duration: `{text}`"))?;
    if span.is_negative() {
        return Err(format!("is negative: `{text}`"));
    }
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(format!("counts months or years, which have no fixed length: `{text}`"));
    }
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("is out of range: `{text}`"))?;
    Duration::try_from(duration).map_err(|_| format!("is out of range: `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for (text, problem) in [
            ("", "is empty"),
            ("30", "has no unit"),
            ("-3s", "is negative"),
            ("1mo", "counts months"),
            ("soon", "is not a duration"),
        ] {
            assert!(parse_duration(text).is_err_and(|found| found.starts_with(problem)), "{text}");
        }
    }
}
