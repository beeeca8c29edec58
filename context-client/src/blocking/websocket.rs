//! Websockets that wait.

use std::fmt;
use std::task::Poll;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{BlockingPrefectClient, RuntimeThread};
use crate::error::ApiError;
use crate::schema::{Event, EventFilter, Log, LogFilter, TaskRun};
use crate::websocket::{EventSender, Subscriber};

impl BlockingPrefectClient {
    /// [`PrefectClient::events_in`](crate::PrefectClient::events_in), waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn events_in(&self) -> Result<BlockingEventSender, ApiError> {
        let sender = self.runtime.wait(self.client.events_in())?;
        Ok(BlockingEventSender { sender, runtime: self.runtime.clone() })
    }

    /// [`PrefectClient::subscribe_events`](crate::PrefectClient::subscribe_events), waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe_events(
        &self,
        filter: &EventFilter,
        backfill: bool,
    ) -> Result<BlockingSubscriber<Event>, ApiError> {
        self.subscribed(self.runtime.wait(self.client.subscribe_events(filter, backfill)))
    }

    /// [`PrefectClient::subscribe_logs`](crate::PrefectClient::subscribe_logs), waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe_logs(&self, filter: &LogFilter) -> Result<BlockingSubscriber<Log>, ApiError> {
        self.subscribed(self.runtime.wait(self.client.subscribe_logs(filter)))
    }

    /// [`PrefectClient::subscribe_scheduled_task_runs`](crate::PrefectClient::subscribe_scheduled_task_runs), waited
    /// for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe_scheduled_task_runs(
        &self,
        keys: &[String],
        client_id: &str,
    ) -> Result<BlockingSubscriber<TaskRun>, ApiError> {
        let subscribed = self.client.subscribe_scheduled_task_runs(keys, client_id);
        self.subscribed(self.runtime.wait(subscribed))
    }

    fn subscribed<T>(
        &self,
        subscriber: Result<Subscriber<T>, ApiError>,
    ) -> Result<BlockingSubscriber<T>, ApiError> {
        Ok(BlockingSubscriber { subscriber: subscriber?, runtime: self.runtime.clone() })
    }
}

/// An [`EventSender`] whose methods wait.
#[derive(Clone)]
pub struct BlockingEventSender {
    sender: EventSender,
    runtime: RuntimeThread,
}

impl BlockingEventSender {
    /// [`EventSender::send`], waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send(&self, event: &Event) -> Result<(), ApiError> {
        self.runtime.wait(self.sender.send(event))
    }

    /// [`EventSender::send_text`], waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_text(&self, frame: String) -> Result<(), ApiError> {
        self.runtime.wait(self.sender.send_text(frame))
    }

    /// [`EventSender::flush`], waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn flush(&self) -> Result<(), ApiError> {
        self.runtime.wait(self.sender.flush())
    }

    /// [`EventSender::checkpoint`], waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn checkpoint(&self) -> Result<(), ApiError> {
        self.runtime.wait(self.sender.checkpoint())
    }

    /// [`EventSender::close`], waited for.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close(self) -> Result<(), ApiError> {
        self.runtime.wait(self.sender.close())
    }

    /// [`EventSender::closed`], waited for.
    pub fn closed(&self) -> ApiError {
        self.runtime.wait(self.sender.closed())
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl fmt::Debug for BlockingEventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingEventSender").finish_non_exhaustive()
    }
}

/// A [`Subscriber`] that is waited for: an iterator that ends with the connection.
///
/// # Examples
///
/// ```no_run
/// use context_client::schema::EventFilter;
/// use context_client::{ApiError, BlockingPrefectClient};
///
/// # fn example(client: &BlockingPrefectClient) -> Result<(), ApiError> {
/// for event in client.subscribe_events(&EventFilter::new().name_prefixes(["shop."]), true)? {
///     println!("{}", event?.event);
/// }
/// # Ok(())
/// # }
/// ```
pub struct BlockingSubscriber<T> {
    subscriber: Subscriber<T>,
    runtime: RuntimeThread,
}

impl<T: DeserializeOwned> BlockingSubscriber<T> {
    /// The next item, or [`Poll::Pending`] if there is none within `timeout`. It comes with a later call then.
    pub fn next_within(&mut self, timeout: Duration) -> Poll<Option<Result<T, ApiError>>> {
        let next = async { tokio::time::timeout(timeout, self.subscriber.next()).await };
        self.runtime.wait(next).map_or(Poll::Pending, Poll::Ready)
    }

    /// [`Subscriber::close`], waited for.
    pub fn close(self) {
        self.runtime.wait(self.subscriber.close());
    }
}

impl<T: DeserializeOwned> Iterator for BlockingSubscriber<T> {
    type Item = Result<T, ApiError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.wait(self.subscriber.next())
    }
}

impl<T> fmt::Debug for BlockingSubscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingSubscriber")
            .field("subscriber", &self.subscriber)
            .finish_non_exhaustive()
    }
}
