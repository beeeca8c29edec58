//! What we say to a server, compared with what Prefect's own client has said to one.
//!
//! A [`Conversation`] is read from a transcript in `tests/data/wire` or from a [`RecordingProxy`], and is made into a
//! text in which nothing is left to chance: ids have names in the order of their first use, times and random names are
//! gone, and what says nothing is left out (null, empty text, lists and objects). Two such texts are compared line by
//! line:
//!
//! ```no_run
//! use prefect_server::compare::{Difference, assert_same, ours, prefects};
//! # fn proxy() -> prefect_server::RecordingProxy { unimplemented!() }
//!
//! let proxy = proxy(); // through which the same flow has run here
//! assert_same(&prefects("02-task-failure"), &ours(&proxy), &[
//!     Difference::one_event_for_a_short_task(),
//!     Difference::only_prefect_sends("it reads back what it has written", "GET *"),
//! ]);
//! ```
//!
//! The order in which independent things are said is left to chance too, so a text is sorted: first the requests as they
//! were made, then the events of flow runs, of task runs and all other events, each by their own times, then what was
//! said on other websockets, then the logs. What the server says is compared by its verdict alone. Reads that are
//! repeated with the same answer count once, and what the server was too busy for (503) does not count at all.
//! Handshakes, pings, and the questions for versions, CSRF tokens and default storages are left out. A flow run's name of
//! two words is taken to be random.

mod chance;
mod difference;
mod exchange;
mod ids;
mod normal;
mod text;

pub use difference::{Difference, Side};
pub use exchange::Conversation;
pub use normal::Message;

use serde_json::Value;

use crate::proxy::RecordingProxy;

/// What Prefect's own client said in a scenario of `tests/data/wire`, such as `01-flow-two-tasks`.
///
/// # Panics
///
/// If there is no such transcript, or it is not the transcript of a conversation.
pub fn prefects(scenario: &str) -> Conversation {
    Conversation::from_json(&transcript(scenario))
}

/// What was said through the proxy since it was started or [cleared](RecordingProxy::clear).
pub fn ours(proxy: &RecordingProxy) -> Conversation {
    Conversation::from_records(&proxy.records())
}

/// A file of `tests/data/wire` as it is. `20-api-rules` has the answers to requests of all kinds, and who may follow
/// which state.
///
/// # Panics
///
/// If there is no such transcript.
pub fn transcript(scenario: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/wire");
    let path = format!("{folder}/{scenario}.json");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path} is malformed: {error}"))
}

/// Compares what Prefect says with what we say, after `differences` have been applied in their order.
///
/// # Panics
///
/// If the texts differ, with the lines in which they do; and if a difference changes nothing, because then it is listed
/// in vain.
#[track_caller]
pub fn assert_same(prefects: &Conversation, ours: &Conversation, differences: &[Difference]) {
    let (mut theirs, mut ours) = (prefects.messages(), ours.messages());
    for difference in differences {
        let found = difference.apply(&mut theirs, &mut ours);
        assert!(found, "the difference \"{}\" is listed, but is not there", difference.name());
    }
    let (theirs, ours) = (text::render(&theirs), text::render(&ours));
    let diff = text::diff(&theirs, &ours);
    assert!(
        diff.is_empty(),
        "we do not say what Prefect says (-), but something else (+):\n{diff}"
    );
}
