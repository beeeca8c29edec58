//! A client of the Prefect 3 API: typed, async and blocking, over HTTP and websockets.
//!
//! A [`ClientConfig`] says how a server is reached. A [`PrefectClient`] made of it has one method for each call, named
//! as in Prefect's Python client; a [`BlockingPrefectClient`] has the same methods, and needs no runtime. What goes over the wire is in [`schema`], and [`websocket`] has events and
//! subscriptions. All that can go wrong with a call is an [`ApiError`].
//!
//! # Retries
//!
//! A request is sent again after the statuses 408, 429, 502 and 503, after a time-out, and after an interrupted
//! connection; five times at most by default, after 2, 4, 8, 16 and 32 s, each up to a fifth more or less. If the server
//! says how long it wants to be left alone (`Retry-After`), it is at least that. A server in maintenance
//! (`Prefect-Maintenance`) is asked again without end. A refused connection is reported at once, unless the server has
//! answered before: then it is being started again.
//!
//! This holds for all calls, as in Prefect. Most can be repeated: runs, deployments and flows by their keys, proposals
//! of states by their `transition_id`, events by their id. Lines of logs and artifacts may be there twice.

mod attribution;
mod blocking;
mod client;
mod config;
mod error;
mod http;
pub mod schema;
pub mod websocket;

pub use attribution::Attribution;
pub use blocking::{BlockingEventSender, BlockingPrefectClient, BlockingSubscriber};
pub use client::{PrefectClient, ScheduledBefore};
pub use config::{ClientConfig, ConfigError};
pub use error::ApiError;
