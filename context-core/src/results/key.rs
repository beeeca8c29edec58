//! Which texts are keys of records.
//!
//! A key is the name of a file below the storage's directory, and Prefect uses the same name. Hence the rules are those
//! of paths: parts between `/`, where empty parts and `.` mean nothing. A `..` is refused, so no key leads out of a
//! storage. Everything else, such as `%`, `#` or a space, stands for itself.

use std::borrow::Cow;

use super::ResultError;

/// The folder for unfinished files in a local storage. No key leads into it.
pub(super) const TEMP_FOLDER: &str = ".context-tmp";

/// The parts of `key`, joined by single slashes.
///
/// # Errors
///
/// [`ResultError::InvalidKey`] if nothing is left, or if the key is absolute or leads out of the storage.
pub(super) fn normal(key: &str) -> Result<Cow<'_, str>, ResultError> {
    if is_plain(key) {
        return Ok(Cow::Borrowed(key));
    }
    let refuse = |reason| Err(ResultError::InvalidKey { key: key.to_owned(), reason });
    if key.contains('\0') {
        return refuse("it contains a null character");
    }
    if key.starts_with('/') {
        return refuse("it is an absolute path outside the storage");
    }
    if cfg!(windows) && key.contains(['\\', ':']) {
        return refuse("it contains `\\` or `:`");
    }
    let mut parts = Vec::new();
    for part in key.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("it contains `..`"),
            part => parts.push(part),
        }
    }
    match parts.first() {
        None => refuse("it names no file"),
        // Prefect reads it as somebody's home directory.
        Some(part) if part.starts_with('~') => refuse("it begins with `~`"),
        Some(&TEMP_FOLDER) => refuse("that folder is for unfinished records"),
        Some(_) => Ok(Cow::Owned(parts.join("/"))),
    }
}

/// Whether `key` is one part without anything special, as nearly all keys are.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(['.', '~'])
        && !key.bytes().any(|byte| matches!(byte, b'/' | b'\\' | b':' | 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(key: &str) -> &'static str {
        match normal(key) {
            Err(ResultError::InvalidKey { reason, .. }) => reason,
            other => panic!("{key:?} gave {other:?}"),
        }
    }

    #[test]
    fn ordinary_texts_stand_for_themselves() {
        for key in [
            "a",
            "599d6780d743a1b50a942acff196a0f1",
            "a b",
            "a%2Fb",
            "..a",
            "a#12",
            ".hidden",
            "a/b",
            "é:1",
        ] {
            assert_eq!(normal(key).unwrap(), key);
        }
    }

    #[test]
    fn empty_parts_and_dots_mean_nothing() {
        assert_eq!(normal("a//b/./c/").unwrap(), "a/b/c");
        assert_eq!(normal("./a").unwrap(), "a");
    }

    #[test]
    fn what_leads_out_is_refused() {
        for key in ["..", "../a", "a/../../b", "a/.."] {
            assert_eq!(refused(key), "it contains `..`");
        }
        assert!(refused("/etc/passwd").contains("absolute"));
        assert!(refused("~/a").contains('~') && refused("./~").contains('~'));
        assert!(refused("a\0b").contains("null"));
        assert!(refused(".context-tmp/a").contains("unfinished"));
        for key in ["", ".", "./", "//"] {
            assert!(normal(key).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_key_never_leads_out(key in "[a./~% ]{0,12}|\\PC{0,20}") {
            if let Ok(path) = normal(&key) {
                prop_assert!(!path.is_empty() && !path.starts_with('/'));
                prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
                prop_assert_eq!(normal(&path).unwrap(), path.clone());
            }
        }
    }
}
