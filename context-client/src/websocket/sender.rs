//! The sending end of `/events/in`.

use super::actor::Link;
use crate::error::ApiError;
use crate::http::encode_text;
use crate::schema::Event;

/// Sends events to the server. Clones send over the same connection.
///
/// When all of them are dropped, what is queued is sent and the connection is closed, if the runtime lives so long; wait
/// for [`close`](Self::close) to be sure.
///
/// # Examples
///
/// ```no_run
/// use context_client::schema::{Event, Resource};
/// use context_client::{ApiError, PrefectClient};
///
/// # async fn example(client: PrefectClient) -> Result<(), ApiError> {
/// let events = client.events_in().await?;
/// for number in 0..1000 {
///     events.send(&Event::new("shop.order.paid", Resource::new(format!("shop.order.{number}")))).await?;
/// }
/// events.checkpoint().await?; // the server has read them all
/// events.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EventSender {
    link: Link,
}

impl EventSender {
    pub(super) const fn new(link: Link) -> Self {
        Self { link }
    }

    /// Queues an event. Waits only while a thousand others are queued.
    ///
    /// That it was queued does not mean that it was sent: see [`flush`](Self::flush) and
    /// [`checkpoint`](Self::checkpoint).
    ///
    /// # Errors
    ///
    /// If the connection has ended. Then it is not known which of the events since the last checkpoint the server has
    /// read; send them again over a new one, with the same ids.
    pub async fn send(&self, event: &Event) -> Result<(), ApiError> {
        self.send_text(encode_text("SEND", "/events/in", event)?).await
    }

    /// Queues an event that is JSON already. A frame that is no proper event makes the server hang up.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&self, frame: String) -> Result<(), ApiError> {
        self.link.send(frame).await
    }

    /// Waits until all that was queued before has been handed to the system.
    ///
    /// # Errors
    ///
    /// If the connection ends before that.
    pub async fn flush(&self) -> Result<(), ApiError> {
        self.link.flush().await
    }

    /// Waits until the server has read all that was queued before: it is pinged, and has answered.
    ///
    /// It has them in its memory then. It has stored them some time later, if there is room in its queue. A server that
    /// is flooded with events may take some ten seconds to answer.
    ///
    /// # Errors
    ///
    /// If the connection ends before that.
    pub async fn checkpoint(&self) -> Result<(), ApiError> {
        self.link.checkpoint().await
    }

    /// Sends what is queued, and closes the connection, also for all clones.
    ///
    /// # Errors
    ///
    /// If the connection has ended before all was sent.
    pub async fn close(self) -> Result<(), ApiError> {
        self.link.close().await
    }

    /// Waits until the connection has ended. Returns why.
    pub async fn closed(&self) -> ApiError {
        self.link.closed().await
    }

    /// Whether the connection has ended. [`closed`](Self::closed) says why.
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }
}
