//! What is left to chance in texts: times, hashes, names that are drawn.

use serde_json::Value;

use super::exchange::{Exchange, Said};
use super::ids;

/// Names that are drawn: those of flow runs, which are two words, and those of task runs, which end in the beginning of
/// their key. Each with what it is replaced by.
pub(super) fn random_names(exchanges: &[Exchange]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for Exchange { path, said, .. } in exchanges {
        match said {
            Said::Request { body, answer, .. } if path.starts_with("/flow_runs/") => {
                let said = [&body["name"], &answer["name"]];
                let said = said.into_iter().filter_map(Value::as_str);
                let drawn = said.filter(|name| is_two_words(name));
                names.extend(drawn.map(|name| (name.to_owned(), "<name>".to_owned())));
            }
            Said::Request { body, .. } => names.extend(name_by_key(body)),
            Said::Frame { json, .. } => names.extend(name_by_key(&json["payload"]["task_run"])),
        }
    }
    names.sort();
    names.dedup();
    names
}

fn is_two_words(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    name.split_once('-').is_some_and(|(one, two)| is_word(one) && is_word(two))
}

fn name_by_key(run: &Value) -> Option<(String, String)> {
    let (name, key) = (run["name"].as_str()?, run["dynamic_key"].as_str()?);
    let stem = ids::is_id(key).then(|| name.strip_suffix(key.get(..3)?)).flatten()?;
    stem.ends_with('-').then(|| (name.to_owned(), format!("{stem}{key}")))
}

/// The text with the name replaced where it stands by itself.
pub(super) fn replace_name(text: &str, name: &str, with: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let goes_on = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
        let is_whole = !before.ends_with(goes_on) && !after.starts_with(goes_on);
        replaced += before;
        replaced += if is_whole { with } else { name };
        rest = after;
    }
    replaced + rest
}

/// The key of a task, in which a hash follows the name.
pub(super) fn without_hash(key: &str) -> String {
    match key.rsplit_once('-') {
        Some((name, hash))
            if hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            format!("{name}-<hash>")
        }
        _ => key.to_owned(),
    }
}

/// The text without times and hashes. Ids are marked already.
pub(super) fn without_chance(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word_goes_on = tidied.ends_with(|last: char| last.is_ascii_alphanumeric());
        let hash = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if let Some(length) = time_length(rest) {
            tidied += "<time>";
            rest = &rest[length..];
        } else if !word_goes_on && matches!(hash, 32 | 64) {
            tidied += "<hash>";
            rest = &rest[hash..];
        } else {
            tidied.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    tidied
}

/// The length of the time at the start, such as `2026-11-22T12:10:12.8Z` or `2026-11-22 12:10:12+00:00`.
fn time_length(text: &str) -> Option<usize> {
    const FORM: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    let fits = |(form, byte): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        form => form == byte,
    };
    if bytes.len() < FORM.len() || !FORM.iter().zip(bytes).all(fits) {
        return None;
    }
    let mut length = FORM.len();
    if bytes.get(length) == Some(&b'.') {
        length += 1 + bytes[length + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    let is_offset = |text: &str| {
        let form = b"+dd:dd".iter().zip(text.as_bytes());
        text.len() >= 6
            && form.clone().all(|(form, byte)| match form {
                b'd' => byte.is_ascii_digit(),
                b'+' => matches!(byte, b'+' | b'-'),
                form => form == byte,
            })
    };
    match text.get(length..) {
        Some(rest) if rest.starts_with('Z') => Some(length + 1),
        Some(rest) if is_offset(rest) => Some(length + 6),
        _ => Some(length),
    }
}

/// A time of UTC as a text by which it can be ordered. Empty if it is none.
pub(super) fn comparable(time: &Value) -> String {
    let time = time.as_str().unwrap_or_default();
    if time_length(time).is_none() {
        return String::new();
    }
    let fraction = time.get(19..).unwrap_or_default().strip_prefix('.').unwrap_or_default();
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).collect();
    format!("{}.{digits:0<9}", time[..19].replace(' ', "T"))
}

/// The text without the ids of what is mentioned once.
pub(super) fn without_numbers(text: &str) -> String {
    let mut short = text.to_owned();
    for kind in ["transition", "event", "key", "state", "parameter"] {
        let mark = format!("<{kind}:");
        while let Some(at) = short.find(&mark) {
            let end = short[at..].find('>').map_or(short.len(), |length| at + length + 1);
            short.replace_range(at..end, &format!("<{kind}>"));
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_hashes_are_found_in_texts() {
        let hash = "440d58623bef984fa019a973a8be97fe";
        for (text, expected) in [
            ("2026-11-22T12:10:13.234462Z", "<time>"),
            ("2026-11-22 12:10:13+00:00", "<time>"),
            ("from 2026-11-22T12:10:13.5-01:30, é", "from <time>, é"),
            ("2026-11-22T12:10:13", "<time>"),
            ("2026-11-22", "2026-11-22"),
            (hash, "<hash>"),
            (&format!("/storage/{hash}.json"), "/storage/<hash>.json"),
            (&format!("{hash}{hash}"), "<hash>"),
            (&hash[1..], &hash[1..]),
            (&format!("x{hash}"), &format!("x{hash}")),
        ] {
            assert_eq!(without_chance(text), expected);
        }
    }

    #[test]
    fn times_are_ordered_whatever_their_form() {
        let times = [
            "2026-11-22T12:10:12.999999Z",
            "2026-11-22 12:10:13+00:00",
            "2026-11-22T12:10:13.05Z",
            "2026-11-22T12:10:13.234462+00:00",
        ];
        assert!(times.map(|time| comparable(&json!(time))).is_sorted());
        assert_eq!(comparable(&json!("2026-11-22T12:10:13Z")), "2026-11-22T12:10:13.000000000");
        assert_eq!(comparable(&Value::Null), "");
    }

    #[test]
    fn a_name_is_replaced_where_it_stands_by_itself() {
        let replaced = |text| replace_name(text, "add-5fd", "add-<key>");
        assert_eq!(replaced("'add-5fd' and add-5fd"), "'add-<key>' and add-<key>");
        for other in ["add-5fd2-", "dadd-5fd", "add-5fd-2", "add_add-5fd_x", "add-5f"] {
            assert_eq!(replaced(other), other);
        }
    }

    #[test]
    fn a_name_is_random_by_its_form() {
        assert!(is_two_words("tungsten-malkoha"));
        for name in ["proof", "a-b-c", "run-1", "-x", "Loud-owl", ""] {
            assert!(!is_two_words(name), "{name}");
        }
        let run = |name: &str, key: &str| name_by_key(&json!({"name": name, "dynamic_key": key}));
        let key = "adf5d2d4-6cde-4f54-b33a-f94093e9bb84";
        assert_eq!(run("add-adf", key), Some(("add-adf".to_owned(), format!("add-{key}"))));
        assert_eq!(run("add-6", key), None);
        assert_eq!(run("child-0", "0"), None);
    }
}
