//! Texts: messages as lines, names for ids, and where two texts differ.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::ids;
use super::normal::Message;

/// One block of lines for each message.
pub(super) fn render(messages: &[Message]) -> Vec<String> {
    let mut lines = Vec::new();
    for message in messages {
        let more = match message.more {
            0 => String::new(),
            more => format!(" (and {more} more like it)"),
        };
        lines.push(format!("{}{more}", message.head));
        flatten("", &message.body, &mut lines);
        if !message.outcome.is_empty() {
            lines.push(format!("  -> {}", message.outcome));
        }
    }
    let mut names = Names::default();
    lines.iter().map(|line| names.number_in(line, '<', '>')).collect()
}

/// A line for each member, by its path. Lists are on one line, but for lists of objects, which have a line for each.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    let is_list_of_objects = |items: &[Value]| items.iter().any(Value::is_object);
    match value {
        Value::Null if path.is_empty() => {}
        Value::Object(members) => {
            for (key, value) in sorted(members) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, lines);
            }
        }
        Value::Array(items) if is_list_of_objects(items) => {
            lines.extend(items.iter().map(|item| format!("    {path}[] = {}", compact(item))));
        }
        value => lines.push(format!("    {path} = {}", compact(value))),
    }
}

/// JSON on one line, with its spaces. A whole number has no fraction, whatever it was.
pub(super) fn compact(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().map(|(key, value)| format!("{}: {}", quoted(key), compact(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 => format!("{value:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// By key, whatever order they are kept in.
fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Names for ids, in the order of their first use.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: HashMap<String, String>,
    counts: HashMap<String, u32>,
}

impl Names {
    /// The text with each `<kind:id>` in the form `<kind-1>`, between these brackets.
    pub(super) fn number_in(&mut self, text: &str, open: char, close: char) -> String {
        let mut numbered = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            numbered += before;
            let marked = after.split_once(':').filter(|(kind, _)| {
                kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            });
            let id = marked.and_then(|(kind, after)| {
                let id = ids::find(after).into_iter().next().filter(|range| range.start == 0)?;
                after[id.end..]
                    .starts_with('>')
                    .then(|| (kind, &after[id.clone()], &after[id.end + 1..]))
            });
            match id {
                Some((kind, id, after)) => {
                    numbered.push(open);
                    numbered += self.name(kind, id);
                    numbered.push(close);
                    rest = after;
                }
                None => {
                    numbered.push('<');
                    rest = after;
                }
            }
        }
        numbered + rest
    }

    fn name(&mut self, kind: &str, id: &str) -> &str {
        let counts = &mut self.counts;
        self.names.entry(id.to_owned()).or_insert_with(|| {
            let count = counts.entry(kind.to_owned()).or_default();
            *count += 1;
            format!("{kind}-{count}")
        })
    }
}

/// The lines that are in one text only, with three lines around them. Empty if the texts are equal.
pub(super) fn diff(theirs: &[String], ours: &[String]) -> String {
    if theirs == ours {
        return String::new();
    }
    let lines = edits(theirs, ours);
    let near = |at: usize| {
        let around = at.saturating_sub(3)..(at + 4).min(lines.len());
        lines[around].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut shown = String::new();
    let mut was_near = true;
    for (at, (sign, line)) in lines.iter().enumerate() {
        let is_near = near(at);
        if is_near {
            shown += &format!("{sign} {line}\n");
        } else if was_near && !shown.is_empty() {
            shown += "  ...\n";
        }
        was_near = is_near;
    }
    shown.strip_suffix("  ...\n").map_or(shown.clone(), str::to_owned)
}

/// Both texts as one, with what is in only one of them marked. Keeps a longest common part.
fn edits<'a>(theirs: &'a [String], ours: &'a [String]) -> Vec<(char, &'a str)> {
    let width = ours.len() + 1;
    let mut common = vec![0_u32; (theirs.len() + 1) * width];
    for one in (0..theirs.len()).rev() {
        for other in (0..ours.len()).rev() {
            common[one * width + other] = if theirs[one] == ours[other] {
                common[(one + 1) * width + other + 1] + 1
            } else {
                common[(one + 1) * width + other].max(common[one * width + other + 1])
            };
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut edits = Vec::new();
    while one < theirs.len() || other < ours.len() {
        if theirs.get(one).is_some() && theirs.get(one) == ours.get(other) {
            edits.push((' ', theirs[one].as_str()));
            one += 1;
            other += 1;
        } else if one < theirs.len()
            && (other == ours.len()
                || common[(one + 1) * width + other] >= common[one * width + other + 1])
        {
            edits.push(('-', theirs[one].as_str()));
            one += 1;
        } else {
            edits.push(('+', ours[other].as_str()));
            other += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn names_are_given_in_the_order_of_use() {
        let mut names = Names::default();
        let (one, two) = ("c18683cb-92d0-49bb-b6b6-490f1f6b46db", "{flow-7}");
        let text = format!("<flow:{one}> <flow:{two}> <flow:{one}> <time> a < b: <x:y>");
        let numbered = names.number_in(&text, '<', '>');
        assert_eq!(numbered, "<flow-1> <flow-2> <flow-1> <time> a < b: <x:y>");
        assert_eq!(names.number_in(&format!("<flow:{two}>"), '{', '}'), "{flow-2}");
    }

    #[test]
    fn a_diff_shows_what_differs_and_what_is_near() {
        assert_eq!(diff(&lines("abc"), &lines("abc")), "");
        let shown = diff(&lines("123456789axy"), &lines("123456789bx"));
        assert_eq!(shown, "  7\n  8\n  9\n- a\n+ b\n  x\n- y\n");
        let shown = diff(&lines("a123456789b"), &lines("123456789"));
        assert_eq!(shown, "- a\n  1\n  2\n  3\n  ...\n  7\n  8\n  9\n- b\n");
        assert_eq!(diff(&[], &lines("a")), "+ a\n");
    }

    #[test]
    fn a_number_is_the_same_with_and_without_a_fraction() {
        let value = serde_json::json!({"a": 1.0, "b": [0.5, 2], "c": "é\""});
        assert_eq!(compact(&value), r#"{"a": 1, "b": [0.5, 2], "c": "é\""}"#);
    }
}
