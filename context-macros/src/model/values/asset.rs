//! Keys of assets: URIs, judged as Prefect does, or templates of them.

use proc_macro2::Ident;
use syn::{Expr, Lit, LitStr};

use super::{Value, literal, text_literal, ungrouped, written};
use crate::diagnostics::Sink;

/// Characters that an asset key must not contain.
const BANNED_IN_ASSET_KEYS: &[char] = &[
    '\n', '\r', '\t', '\0', ' ', '#', '?', '&', '%', '"', '\'', '<', '>', '[', ']', '{', '}', '|',
    '\\', '^', '`',
];

/// The most characters that an asset key may have.
const LONGEST_ASSET_KEY: usize = 512;

/// A list of assets.
pub(crate) fn assets(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    match ungrouped(&value) {
        Expr::Array(array) => {
            Value::Each(array.elems.iter().cloned().map(|key| asset(key, sink)).collect())
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

/// One asset: a key, a template of one, a function of the parameters, or an expression.
pub(crate) fn asset(value: Expr, sink: &mut Sink) -> Value {
    match literal(&value) {
        Some(Lit::Str(_)) | None => {}
        Some(other) => {
            sink.at(other, "an asset's key is text: write a URI such as \"s3://bucket/key\"");
        }
    }
    // Templates are checked against the parameters, which are not known here.
    if let Some(text) = asset_text(&value)
        && !is_asset_template(&text.value())
        && let Some(problem) = asset_key_problem(&text.value())
    {
        sink.at(text, problem);
    }
    written(value)
}

/// The key or template that an expression declares an asset by, if it is written there: `"s3://bucket/key"`, or the text in
/// `asset("s3://bucket/key").with_name("Rows")`.
pub(crate) fn asset_text(value: &Expr) -> Option<&LitStr> {
    if let Some(text) = text_literal(value) {
        return Some(text);
    }
    match ungrouped(value) {
        Expr::MethodCall(call) => match ungrouped(&call.receiver) {
            receiver @ (Expr::Call(_) | Expr::MethodCall(_)) => asset_text(receiver),
            _ => None,
        },
        Expr::Call(call) => {
            let Expr::Path(path) = ungrouped(&call.func) else { return None };
            let is_asset = path.path.segments.last().is_some_and(|last| last.ident == "asset");
            let text = text_literal(call.args.first()?)?;
            // Somebody else's function of that name may make a key of anything.
            (is_asset && call.args.len() == 1 && text.value().contains("://")).then_some(text)
        }
        _ => None,
    }
}

/// True if a text has fields: no key contains braces.
pub(crate) fn is_asset_template(text: &str) -> bool {
    text.contains(['{', '}'])
}

/// What is wrong with an asset key, in the order in which Prefect checks it.
pub(crate) fn asset_key_problem(key: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
