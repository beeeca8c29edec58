//! Websockets: events to the server, and events, logs and task runs from it.
//!
//! | call | what goes over it |
//! |---|---|
//! | [`events_in`](PrefectClient::events_in) | events to the server, one frame each, without any answer |
//! | [`subscribe_events`](PrefectClient::subscribe_events) | events that fit a filter, as they happen |
//! | [`subscribe_logs`](PrefectClient::subscribe_logs) | lines of logs, as they are written |
//! | [`subscribe_scheduled_task_runs`](PrefectClient::subscribe_scheduled_task_runs) | task runs to execute |
//!
//! Each connection has a task of its own on the runtime that opened it. It keeps reading, so that the server's pings are
//! answered while nobody looks, and pings the server itself: a connection over which nothing was heard for a minute is
//! given up. A connection is opened once. Nothing is connected again behind the caller's back, because only the caller
//! knows what was lost.
//!
//! A server takes what arrives and stores it later. That a frame was read by the server
//! ([`checkpoint`](EventSender::checkpoint)) does not mean that it will be stored; who needs to know reads it back.

use serde_json::json;

use crate::client::PrefectClient;
use crate::error::ApiError;
use crate::schema::{Event, EventFilter, Log, LogFilter, TaskRun};

mod actor;
mod connect;
mod sender;
mod subscriber;

pub use sender::EventSender;
pub use subscriber::Subscriber;

/// Events, as they happen. See [`PrefectClient::subscribe_events`].
pub type EventSubscriber = Subscriber<Event>;
/// Lines of logs, as they are written. See [`PrefectClient::subscribe_logs`].
pub type LogSubscriber = Subscriber<Log>;
/// Task runs to execute. See [`PrefectClient::subscribe_scheduled_task_runs`].
pub type TaskRunSubscriber = Subscriber<TaskRun>;

impl PrefectClient {
    /// Opens a websocket over which events are sent.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses the credentials
    /// ([`is_unauthorized`](ApiError::is_unauthorized)). It is tried once.
    pub async fn events_in(&self) -> Result<EventSender, ApiError> {
        let path = "/events/in";
        let socket = connect::open(&self.transport, path).await?;
        Ok(EventSender::new(actor::spawn(socket, path, None)))
    }

    /// Subscribes to the events that fit a filter.
    ///
    /// With `backfill`, those of the last minutes come first, from the filter's [`since`](EventFilter::since) on. A
    /// filter that sets no times means events from a minute ago up to a year from now.
    ///
    /// The server begins some milliseconds after this returns. Backfill what must not be missed.
    ///
    /// # Errors
    ///
    /// As [`events_in`](Self::events_in). A filter that the server does not understand ends the subscription without
    /// a word.
    pub async fn subscribe_events(
        &self,
        filter: &EventFilter,
        backfill: bool,
    ) -> Result<EventSubscriber, ApiError> {
        let filter = subscriber::with_times(filter);
        let first = json!({ "type": "filter", "filter": filter, "backfill": backfill });
        self.subscribe(
            "/events/out",
            first,
            subscriber::Kind { member: Some("event"), acks: false },
        )
        .await
    }

    /// Subscribes to the lines of logs that fit a filter. Only those that are written from now on come.
    ///
    /// Prefect's server passes logs on if it is started with `PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED=true` and
    /// `PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED=true`. Otherwise it lets one subscribe, and nothing comes.
    ///
    /// # Errors
    ///
    /// As [`subscribe_events`](Self::subscribe_events).
    pub async fn subscribe_logs(&self, filter: &LogFilter) -> Result<LogSubscriber, ApiError> {
        let first = json!({ "type": "filter", "filter": filter });
        self.subscribe("/logs/out", first, subscriber::Kind { member: Some("log"), acks: false })
            .await
    }

    /// Subscribes to the task runs of these tasks that a background worker is to execute.
    ///
    /// A task run that was handed out by [`next`](Subscriber::next) is this worker's, and no other gets it. One that
    /// was sent, but not handed out when the connection ends, goes to another worker.
    ///
    /// `keys` are the `task_key`s, `client_id` is what the worker is called.
    ///
    /// # Errors
    ///
    /// As [`events_in`](Self::events_in).
    pub async fn subscribe_scheduled_task_runs(
        &self,
        keys: &[String],
        client_id: &str,
    ) -> Result<TaskRunSubscriber, ApiError> {
        let first = json!({ "type": "subscribe", "keys": keys, "client_id": client_id });
        let kind = subscriber::Kind { member: None, acks: true };
        self.subscribe("/task_runs/subscriptions/scheduled", first, kind).await
    }

    async fn subscribe<T>(
        &self,
        path: &'static str,
        first: serde_json::Value,
        kind: subscriber::Kind,
    ) -> Result<Subscriber<T>, ApiError> {
        let mut socket = connect::open(&self.transport, path).await?;
        connect::send(&mut socket, &self.transport, path, first.to_string()).await?;
        let (inbox, frames) = subscriber::channel();
        Ok(Subscriber::new(actor::spawn(socket, path, Some(inbox)), frames, path, kind))
    }
}
