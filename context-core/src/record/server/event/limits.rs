//! What the server accepts of one event, and how an event is made to fit.

use super::related;
use super::text::{LONGEST_MESSAGE, Message};

/// The most bytes of an event. The server measures the event after it has added the time at which it came.
const LARGEST: usize = 1_500_000 - 10_000;

/// How much of what can be long is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Characters of a text.
    pub(super) text: usize,
    /// Runs that an argument came from.
    pub(super) inputs: usize,
}

impl Room {
    pub(super) const fn message<'a>(&self, text: Option<&'a str>) -> Message<'a> {
        Message { text, longest: self.text }
    }
}

/// One after the other, until an event fits.
const ROOMS: [Room; 4] = [
    Room { text: LONGEST_MESSAGE, inputs: usize::MAX },
    Room { text: LONGEST_MESSAGE / 10, inputs: 10_000 },
    Room { text: 1_000, inputs: 1_000 },
    Room { text: 1_000, inputs: 0 },
];

/// The text that `write` makes in the largest room in which the server accepts it. `None` if that is nowhere. `name` says
/// what the event is about, `related` how many things it has to do with.
pub(super) fn text_within(
    name: &str,
    related: usize,
    write: impl Fn(Room) -> String,
) -> Option<String> {
    if related > related::MOST {
        tracing::warn!(
            target: super::super::LOG,
            "an event about `{}` has to do with {related} tags and assets, but the server accepts only {}: tags are left \
             out first",
            shown(name),
            related::MOST,
        );
    }
    let text = write(ROOMS[0]);
    if text.len() <= LARGEST {
        return Some(text);
    }
    let bytes = text.len();
    let fitting = ROOMS[1..].iter().map(|room| write(*room)).find(|text| text.len() <= LARGEST);
    let outcome = match fitting {
        Some(_) => "what is long in it is cut",
        None => "and cannot be made smaller: it is not told",
    };
    tracing::warn!(
        target: super::super::LOG,
        "an event about `{}` has {bytes} bytes, more than the server accepts ({LARGEST}); {outcome}",
        shown(name),
    );
    fitting
}

/// The beginning of a name that may be long.
fn shown(name: &str) -> &str {
    let end = name.char_indices().nth(100).map_or(name.len(), |(end, _)| end);
    &name[..end]
}
