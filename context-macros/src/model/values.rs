//! Option values: what can be checked at compile time is checked, durations become numbers, the rest stays as written.
//!
//! A value may be any expression. Only literals are looked at: core checks the others when it evaluates them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Lit, LitStr, UnOp};

use crate::diagnostics::Sink;
use crate::tokens::generated_at;

/// Characters that a flow's name must not contain.
pub(crate) const BANNED_IN_FLOW_NAMES: &[char] = &['/', '%', '&', '>', '<'];

/// Characters that an asset key must not contain.
const BANNED_IN_ASSET_KEYS: &[char] = &[
    '\n', '\r', '\t', '\0', ' ', '#', '?', '&', '%', '"', '\'', '<', '>', '[', ']', '{', '}', '|',
    '\\', '^', '`',
];

/// The most characters that an asset key may have.
const LONGEST_ASSET_KEY: usize = 512;

/// The most delays that `retry_delay` may list.
const MOST_DELAYS: usize = 50;

/// The value of an option, ready to be emitted.
#[derive(Clone)]
pub(crate) enum Value {
    /// As the user wrote it.
    Expression(Box<Expr>),
    /// Written as text.
    Duration(Duration, proc_macro2::Span),
    /// An array.
    List(Vec<Self>),
}

impl Value {
    /// The text, if the value is a text literal.
    pub(crate) fn as_text(&self) -> Option<&LitStr> {
        match self {
            Self::Expression(value) => text_literal(value),
            _ => None,
        }
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Expression(value) => value.to_tokens(tokens),
            Self::Duration(duration, span) => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                tokens.extend(quote_spanned!(generated_at(*span)=> ::core::time::Duration::new(#seconds, #nanos)));
            }
            Self::List(values) => tokens.extend(quote!([#(#values),*])),
        }
    }
}

fn written(value: Expr) -> Value {
    Value::Expression(Box::new(value))
}

/// The value without the invisible group of `$e:expr`.
fn ungrouped(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match ungrouped(value) {
        Expr::Lit(literal) => Some(&literal.lit),
        _ => None,
    }
}

fn text_literal(value: &Expr) -> Option<&LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(text),
        _ => None,
    }
}

/// The literal behind a minus sign.
fn negated(value: &Expr) -> Option<&Lit> {
    match ungrouped(value) {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => literal(&unary.expr),
        _ => None,
    }
}

fn is_number(literal: &Lit) -> bool {
    matches!(literal, Lit::Int(_) | Lit::Float(_))
}

/// Text without some characters.
pub(crate) fn text(option: &Ident, value: Expr, banned: &[char], sink: &mut Sink) -> Value {
    match (text_literal(&value), literal(&value)) {
        (Some(text), _) if option == "name" && text.value().is_empty() => {
            sink.at(text, "`name` is empty; leave the option out to use the function's name");
        }
        (Some(text), _) => {
            if let Some(found) = text.value().chars().find(|found| banned.contains(found)) {
                let banned: Vec<String> = banned.iter().map(char::to_string).collect();
                sink.at(
                    text,
                    format!(
                        "`{option}` contains `{found}`; a flow's name cannot contain any of `{}`",
                        banned.join(" ")
                    ),
                );
            }
        }
        (None, Some(other)) => {
            sink.at(other, format!("`{option}` is text: write `{option} = \"..\"`"));
        }
        (None, None) => {}
    }
    written(value)
}

/// Text, or something that can be called.
pub(crate) fn run_name(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if let Some(other) = literal(&value).filter(|literal| !matches!(literal, Lit::Str(_))) {
        sink.at(
            other,
            format!(
                "`{option}` is text or a callable: write `{option} = \"run of {{parameter}}\"`"
            ),
        );
    }
    written(value)
}

/// A whole number.
pub(crate) fn count(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if negated(&value).is_some_and(is_number) {
        sink.at(&value, format!("`{option}` cannot be negative; write `{option} = 0` for none"));
    } else if let Some(other) = literal(&value).filter(|literal| !matches!(literal, Lit::Int(_))) {
        sink.at(other, format!("`{option}` is a whole number: write `{option} = 3`"));
    }
    written(value)
}

/// A fraction of at least zero.
pub(crate) fn factor(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if negated(&value).is_some_and(is_number) {
        sink.at(
            &value,
            format!("`{option}` cannot be negative: write a fraction such as `{option} = 0.3`"),
        );
        return written(value);
    }
    match literal(&value) {
        Some(Lit::Int(whole)) if whole.suffix().is_empty() => {
            // `1` is as good as `1.0`.
            let float = syn::LitFloat::new(&format!("{}.0", whole.base10_digits()), whole.span());
            return written(Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: Lit::Float(float) }));
        }
        Some(other) if !is_number(other) => {
            sink.at(
                other,
                format!("`{option}` is a number: write a fraction such as `{option} = 0.3`"),
            );
        }
        _ => {}
    }
    written(value)
}

/// Tags: an array of anything, or one.
pub(crate) fn tags(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let wrong =
        |value: &Expr| literal(value).filter(|literal| !matches!(literal, Lit::Str(_))).cloned();
    let found: Vec<Lit> = match ungrouped(&value) {
        Expr::Array(array) => array.elems.iter().filter_map(wrong).collect(),
        single => wrong(single).into_iter().collect(),
    };
    for literal in found {
        sink.at(&literal, format!("tags are text: write `{option} = [\"a\", \"b\"]`"));
    }
    written(value)
}

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

/// A list of asset keys.
pub(crate) fn assets(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    match ungrouped(&value) {
        Expr::Array(array) => {
            Value::List(array.elems.iter().cloned().map(|key| asset(key, sink)).collect())
        }
        Expr::Lit(_) => {
            sink.at(
                &value,
                format!("`{option}` is a list: write `{option} = [\"s3://bucket/key\"]`"),
            );
            written(value)
        }
        _ => written(value),
    }
}

/// One asset key.
pub(crate) fn asset(value: Expr, sink: &mut Sink) -> Value {
    match literal(&value) {
        Some(Lit::Str(text)) => {
            if let Some(problem) = asset_key_problem(&text.value()) {
                sink.at(text, problem);
            }
        }
        Some(other) => {
            sink.at(other, "an asset's key is text: write a URI such as \"s3://bucket/key\"");
        }
        None => {}
    }
    written(value)
}

/// What is wrong with an asset key, in the order in which Prefect checks it.
fn asset_key_problem(key: &str) -> Option<String> {
    if let Some(found) = key.chars().find(|found| BANNED_IN_ASSET_KEYS.contains(found)) {
        return Some(format!(
            "asset key contains {found:?}, which no asset key can; write a URI without it"
        ));
    }
    let length = key.chars().count();
    if length > LONGEST_ASSET_KEY {
        return Some(format!(
            "asset key has {length} characters, but at most {LONGEST_ASSET_KEY} are allowed"
        ));
    }
    let scheme = key.split_once("://").map(|(scheme, _)| scheme);
    let valid = |scheme: &str| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    match scheme {
        Some(scheme) if valid(scheme) => None,
        Some(scheme) => Some(format!(
            "asset key has the scheme `{scheme}`, but a scheme is made of lower-case letters and digits: write a URI \
             such as \"s3://bucket/key\""
        )),
        None => Some("asset key is not a URI; write one such as \"s3://bucket/key\"".to_owned()),
    }
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

    #[test]
    fn asset_keys_are_judged_as_prefect_does() {
        for good in ["s3://b/k", "1a://x", "file:///data/rows.parquet", "s3://b/ключ"] {
            assert_eq!(asset_key_problem(good), None, "{good}");
        }
        for bad in ["S3://x", "s-3://x", "foo", "", "://x", "s3://a b", "s3://a#b"] {
            assert!(asset_key_problem(bad).is_some(), "{bad}");
        }
        assert!(asset_key_problem(&format!("s3://{}", "k".repeat(508))).is_some());
    }
}
