//! Telling events: what programs have to say besides how their runs go.
//!
//! [`emit_event`] tells an [`Event`] to the recorders of the ambient client. With a server, the event can be seen in its
//! feed, and automations can react to it. What surrounds the call is added: the flow run, the task run, their flow and
//! their tags are related to the event.
//!
//! Events are told and forgotten, as in Prefect: they go out in order, but nobody makes sure that they arrive. What must
//! not get lost belongs into an artifact, a result, or a state.
//!
//! # Examples
//!
//! ```
//! use context_core::events::{Event, Resource, emit_event};
//!
//! let paid = emit_event(Event::new("shop.order.paid", Resource::new("shop.order.17").with_name("Order 17")))?;
//! emit_event(
//!     Event::new("shop.order.sent", "shop.order.17")
//!         .with_related("customer", "shop.customer.4")
//!         .with_payload(serde_json::json!({ "parcels": 2 }))
//!         .following(&paid),
//! )?;
//! # Ok::<(), context_core::events::EventError>(())
//! ```

use std::sync::Arc;

use crate::context::Frame;
use crate::record::{Client, CustomEvent, Origin, RunEvent};
use crate::stack;

pub use crate::event::{Event, EventError, Resource};

/// Tells `event`, with what surrounds this call. Gives it back, so that another one can [follow](Event::following) it.
///
/// Never waits. Without anybody who records, the event is only checked.
///
/// # Errors
///
/// If no server would understand the event: see [`EventError`].
pub fn emit_event(event: Event) -> Result<Event, EventError> {
    event.check()?;
    let frame = stack::current::<Frame>();
    tell(frame.as_ref(), &event);
    Ok(event)
}

/// Tells `event` as code that runs with `frame`.
fn tell(frame: Option<&Arc<Frame>>, event: &Event) {
    // Recorders are foreign code, and the client may be that of a scope: neither is called while the frame is looked at.
    let client = Frame::with_client(frame, Client::clone);
    if client.records() {
        let origin = Origin::of(frame);
        client.record(&RunEvent::Custom(CustomEvent { event, origin: &origin }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{ContextModel as _, SyncClientContext, TagsContext};
    use crate::record::Recorded;

    #[test]
    fn an_event_is_told_to_whoever_records_and_given_back() {
        let (client, recorder) = Client::in_memory();
        let told = SyncClientContext::new(client).in_scope(|| {
            TagsContext::new(["unseen"]).in_scope(|| {
                emit_event(Event::new("a.b", "thing").with_payload(json!({ "n": 1 }))).unwrap()
            })
        });
        let events = recorder.events();
        let [Recorded::Custom { event, origin }] = events.as_slice() else {
            panic!("one event of ours in {events:?}")
        };
        assert_eq!(event, &told);
        assert_eq!(origin, &Origin::default(), "outside of runs there is nothing to say");
        assert_eq!(recorder.transcript(), "");
    }

    #[test]
    fn a_bad_event_is_told_to_nobody() {
        let (client, recorder) = Client::in_memory();
        let refused = SyncClientContext::new(client).in_scope(|| emit_event(Event::new("", "b")));
        assert_eq!(refused, Err(EventError::NoName));
        assert!(recorder.events().is_empty());
    }
}
