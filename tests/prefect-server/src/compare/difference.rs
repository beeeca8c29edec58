//! Differences that are meant: each has a name and says what it takes out of the comparison.

use std::fmt;

use serde_json::{Value, json};

use super::normal::Message;

/// Whose messages a difference changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Prefect's.
    Prefects,
    /// Ours.
    Ours,
    /// Both, each for itself.
    Both,
}

/// A difference that is meant. It must be there, unless it is one [`if_any`](Self::if_any): one that changes nothing fails
/// the comparison.
///
/// Patterns have `*` for any text. They are matched with the [head](Message::head) of a message, such as
/// `POST /flow_runs/<flow-run>/set_state` or `event prefect.task-run.*`. Fields are paths of keys, such as
/// `payload/task_run/labels`, where `*` is each member of an object or list.
pub struct Difference {
    name: String,
    side: Side,
    change: Box<Change>,
    is_certain: bool,
}

type Change = dyn Fn(&mut Vec<Message>);

impl Difference {
    /// A difference by what is to be changed, on one side or both, so that both are equal.
    pub fn new(
        name: impl Into<String>,
        side: Side,
        change: impl Fn(&mut Vec<Message>) + 'static,
    ) -> Self {
        Self { name: name.into(), side, change: Box::new(change), is_certain: true }
    }

    /// The same, which may also not be there: that is a matter of time.
    #[must_use]
    pub fn if_any(mut self) -> Self {
        self.is_certain = false;
        self
    }

    /// Prefect sends these messages, and we do not.
    pub fn only_prefect_sends(name: impl Into<String>, pattern: &'static str) -> Self {
        Self::new(name, Side::Prefects, move |messages| {
            messages.retain(|message| !matches(pattern, &message.head()));
        })
    }

    /// We send these messages, and Prefect does not.
    pub fn only_we_send(name: impl Into<String>, pattern: &'static str) -> Self {
        Self::new(name, Side::Ours, move |messages| {
            messages.retain(|message| !matches(pattern, &message.head()));
        })
    }

    /// In these messages, Prefect has a field that we leave out.
    pub fn only_prefect_says(
        name: impl Into<String>,
        pattern: &'static str,
        field: &'static str,
    ) -> Self {
        Self::new(name, Side::Prefects, move |messages| remove(messages, pattern, field))
    }

    /// In these messages, we have a field that Prefect leaves out.
    pub fn only_we_say(
        name: impl Into<String>,
        pattern: &'static str,
        field: &'static str,
    ) -> Self {
        Self::new(name, Side::Ours, move |messages| remove(messages, pattern, field))
    }

    /// In these messages, both have the field, with another value.
    pub fn said_otherwise(
        name: impl Into<String>,
        pattern: &'static str,
        field: &'static str,
    ) -> Self {
        Self::new(name, Side::Both, move |messages| {
            for message in matching(messages, pattern) {
                change(&mut message.body, field, &|value| *value = json!("<either>"));
            }
        })
    }

    /// These messages are counted once on both sides, as a transcript may do (`more like it`).
    pub fn folded(name: impl Into<String>, pattern: &'static str) -> Self {
        Self::new(name, Side::Both, move |messages| {
            let mut is_first = true;
            messages.retain_mut(|message| {
                if !matches(pattern, &message.head()) {
                    return true;
                }
                message.more = 0;
                std::mem::take(&mut is_first)
            });
        })
    }

    /// The transcript counts the last of these events at the first (`more like it`) instead of telling it. So it is taken
    /// out of what we say, where `is_like_it` holds for it.
    pub fn left_out(event: &'static str, is_like_it: impl Fn(&Message) -> bool + 'static) -> Self {
        let name = format!("an event {event} that the transcript leaves out");
        Self::new(name, Side::Both, move |messages| {
            let is_event = |message: &Message| message.head.strip_prefix("event ") == Some(event);
            let counted = messages.iter_mut().find(|it| is_event(it) && it.more == 1);
            if let Some(first) = counted {
                first.more = 0;
            } else if let Some(last) =
                messages.iter().rposition(|it| is_event(it) && is_like_it(it))
            {
                messages.remove(last);
            }
        })
    }

    /// The order of these messages among themselves is left to chance. They are sorted by what they say.
    pub fn in_any_order(name: impl Into<String>, pattern: &'static str) -> Self {
        Self::new(name, Side::Both, move |messages| {
            let key = |message: &Message| (message.head(), message.body.to_string());
            let mut chosen: Vec<Message> =
                matching(messages, pattern).map(|message| message.clone()).collect();
            chosen.sort_by_key(key);
            for (place, message) in matching(messages, pattern).zip(chosen) {
                *place = message;
            }
        })
    }

    /// Prefect reports that a task run is pending, that it is running, and how it ended. We report the end, and before it
    /// only the states in which the run stayed for a while, if nothing else has happened. So what followed what is not
    /// compared either.
    pub fn one_event_for_a_short_task() -> Self {
        let name = "one event for a short task instead of three";
        Self::new(name, Side::Both, |messages| {
            let is_of_task_run =
                |message: &Message| message.head.starts_with("event prefect.task-run.");
            let state = |message: &Message| {
                message.head.strip_prefix("event prefect.task-run.").unwrap_or_default().to_owned()
            };
            let runs: Vec<String> = messages
                .iter()
                .filter(|message| is_of_task_run(message))
                .filter_map(|message| message.resource().map(str::to_owned))
                .collect();
            for run in runs {
                let is_its =
                    |message: &Message| is_of_task_run(message) && message.resource() == Some(&run);
                let states: Vec<String> =
                    messages.iter().filter(|message| is_its(message)).map(state).collect();
                let before: Vec<&str> =
                    states.iter().rev().skip(1).rev().map(String::as_str).collect();
                if !matches!(before[..], [] | ["Pending"] | ["Running"] | ["Pending", "Running"]) {
                    continue;
                }
                messages.retain(|message| {
                    !is_its(message) || !matches!(state(message).as_str(), "Pending" | "Running")
                });
                let end = messages.iter_mut().find(|message| is_its(message));
                if let Some(members) = end.and_then(|end| end.body.as_object_mut()) {
                    members.remove("follows");
                }
            }
        })
    }

    /// What the difference is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether anything has changed, or nothing had to.
    pub(super) fn apply(&self, theirs: &mut Vec<Message>, ours: &mut Vec<Message>) -> bool {
        let apply = |messages: &mut Vec<Message>| {
            let before = messages.clone();
            (self.change)(messages);
            *messages != before
        };
        let has_changed = match self.side {
            Side::Prefects => apply(theirs),
            Side::Ours => apply(ours),
            Side::Both => apply(theirs) | apply(ours),
        };
        has_changed || !self.is_certain
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference").field("name", &self.name).field("side", &self.side).finish()
    }
}

fn matching<'a>(
    messages: &'a mut [Message],
    pattern: &'static str,
) -> impl Iterator<Item = &'a mut Message> {
    messages.iter_mut().filter(move |message| matches(pattern, &message.head()))
}

fn remove(messages: &mut [Message], pattern: &'static str, field: &str) {
    for message in matching(messages, pattern) {
        change(&mut message.body, field, &|value| *value = Value::Null);
        message.body = super::normal::without_nothing(&message.body).unwrap_or_default();
    }
}

/// Changes each value at the path.
fn change(value: &mut Value, field: &str, edit: &dyn Fn(&mut Value)) {
    let (key, rest) = field.split_once('/').map_or((field, None), |(key, rest)| (key, Some(rest)));
    let members: Vec<&mut Value> = match value {
        Value::Object(members) => members
            .iter_mut()
            .filter(|(name, _)| matches(key, name))
            .map(|(_, value)| value)
            .collect(),
        Value::Array(items) if key == "*" => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    for member in members {
        match rest {
            Some(rest) => change(member, rest, edit),
            None => edit(member),
        }
    }
}

/// Whether the text is what the pattern says, with any text for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_stars() {
        for (pattern, text) in [
            ("GET *", "GET /flows/<flow>"),
            ("* /flow_runs/*/set_state", "POST /flow_runs/<flow-run>/set_state"),
            ("*", ""),
            ("a*a", "aa"),
            ("é*", "éa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*a", "a"), ("GET", "GET /"), ("*x", "y")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_field_is_found_in_objects_and_lists() {
        let mut value = json!({"related": [{"name": 1, "id": 2}, {"id": 3}], "other": {"id": 4}});
        change(&mut value, "related/*/id", &|value| *value = Value::Null);
        let expected =
            json!({"related": [{"name": 1, "id": null}, {"id": null}], "other": {"id": 4}});
        assert_eq!(value, expected);
        change(&mut value, "none/at/all", &|value| *value = json!(true));
        assert_eq!(value, expected);
    }
}
