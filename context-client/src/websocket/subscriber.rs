//! The receiving end of a subscription.

use std::fmt;
use std::marker::PhantomData;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::actor::{Inbox, Link};
use crate::error::ApiError;
use crate::schema::EventFilter;

/// So many frames wait to be taken. Then nothing is read, and a server that goes on sending hangs up in the end.
const WAITING: usize = 10_000;

/// What a subscription's frames look like.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// The member in which the item is, and whose name is the frame's `type`. `None` if the frame is the item.
    pub(super) member: Option<&'static str>,
    /// Whether each item is acknowledged when it is taken.
    pub(super) acks: bool,
}

pub(super) fn channel() -> (Inbox, mpsc::Receiver<Utf8Bytes>) {
    mpsc::channel(WAITING)
}

/// A filter from a minute ago up to a year from now, unless it says otherwise.
pub(super) fn with_times(filter: &EventFilter) -> EventFilter {
    let occurred = filter.as_json().get("occurred");
    let has = |key| occurred.is_some_and(|occurred| occurred.get(key).is_some());
    let now = Timestamp::now();
    let later = |hours| now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(now);
    let mut filter = filter.clone();
    if !has("until") {
        filter = filter.until(later(365 * 24));
    }
    if !has("since") {
        let since = now.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(now);
        filter = filter.since(since);
    }
    filter
}

/// What the server sends, item by item. The connection is closed when it is dropped.
///
/// # Examples
///
/// ```no_run
/// use context_client::schema::EventFilter;
/// use context_client::{ApiError, PrefectClient};
///
/// # async fn example(client: PrefectClient) -> Result<(), ApiError> {
/// let filter = EventFilter::new().names(["prefect.flow-run.Cancelling"]);
/// let mut cancellations = client.subscribe_events(&filter, true).await?;
/// while let Some(event) = cancellations.next().await {
///     println!("{} is to be cancelled", event?.resource.id());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Subscriber<T> {
    link: Link,
    frames: mpsc::Receiver<Utf8Bytes>,
    path: &'static str,
    kind: Kind,
    /// Whether the end was told.
    ended: bool,
    items: PhantomData<fn() -> T>,
}

impl<T> Subscriber<T> {
    pub(super) const fn new(
        link: Link,
        frames: mpsc::Receiver<Utf8Bytes>,
        path: &'static str,
        kind: Kind,
    ) -> Self {
        Self { link, frames, path, kind, ended: false, items: PhantomData }
    }

    /// Closes the connection.
    pub async fn close(self) {
        drop(self.frames);
        // It has ended already otherwise, which is what is wanted.
        drop(self.link.close().await);
    }
}

impl<T: DeserializeOwned> Subscriber<T> {
    /// Waits for the next item.
    ///
    /// An item that cannot be read is an [`ApiError::Decode`], and others follow. When the connection has ended, the
    /// reason is told once as an error, and then there is `None`. It may be dropped while it waits (in `select!`, say):
    /// nothing is lost.
    pub async fn next(&mut self) -> Option<Result<T, ApiError>> {
        loop {
            let Some(frame) = self.frames.recv().await else {
                if self.ended {
                    return None;
                }
                let err = self.link.closed().await;
                self.ended = true;
                return Some(Err(err));
            };
            if let Some(item) = self.read(&frame) {
                // From here on nothing is waited for: who took the item has it.
                if self.kind.acks {
                    self.link.try_send(r#"{"type":"ack"}"#);
                }
                return Some(item);
            }
        }
    }

    /// The item in a frame. `None` for a frame of another type.
    fn read(&self, frame: &str) -> Option<Result<T, ApiError>> {
        let item = match self.kind.member {
            None => serde_json::from_str(frame),
            Some(member) => match serde_json::from_str::<Value>(frame) {
                Ok(mut frame) if frame["type"] == member => {
                    serde_json::from_value(frame[member].take())
                }
                Ok(_) => return None,
                Err(err) => Err(err),
            },
        };
        Some(item.map_err(|err| ApiError::Decode {
            method: "GET",
            path: self.path.to_owned(),
            detail: err.to_string(),
        }))
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("path", &self.path).finish_non_exhaustive()
    }
}
