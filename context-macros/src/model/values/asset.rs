//! Keys of assets: URIs, judged as Prefect does.

use proc_macro2::Ident;
use syn::{Expr, Lit};

use super::{Value, literal, ungrouped, written};
use crate::diagnostics::Sink;

/// Characters that an asset key must not contain.
const BANNED_IN_ASSET_KEYS: &[char] = &[
    '\n', '\r', '\t', '\0', ' ', '#', '?', '&', '%', '"', '\'', '<', '>', '[', ']', '{', '}', '|',
    '\\', '^', '`',
];

/// The most characters that an asset key may have.
const LONGEST_ASSET_KEY: usize = 512;

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
