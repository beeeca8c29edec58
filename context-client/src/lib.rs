//! A client of the Prefect 3 API: typed, async and blocking, over HTTP and websockets.
//!
//! A [`ClientConfig`] says how a server is reached. A [`PrefectClient`] made of it has one method for each call, named
//! as in Prefect's Python client. A [`BlockingPrefectClient`] has the same methods, and needs no runtime. What goes over
//! the wire is in [`schema`], and [`websocket`] has events and subscriptions. All that can go wrong with a call is an
//! [`ApiError`].
//!
//! ```no_run
//! use context_client::schema::{FlowRunFilter, Query, StateType};
//! use context_client::{ClientConfig, PrefectClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = PrefectClient::new(ClientConfig::new("http://127.0.0.1:4200/api")?)?;
//!
//! let failed = FlowRunFilter::new().tags_all(["nightly"]).state_types([StateType::Failed]);
//! for run in client.read_flow_runs(Query::from(failed).limit(20)).await? {
//!     let why = run.state.and_then(|state| state.message).unwrap_or_default();
//!     println!("{} failed: {why}", run.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Credentials
//!
//! A server of one's own may want a user and a password ([`with_auth_string`](ClientConfig::with_auth_string)), Prefect
//! Cloud wants a key ([`with_api_key`](ClientConfig::with_api_key)). They go with each request, and open each websocket.
//! No secret is shown by `Debug`, told in an error, or sent to another server by a redirect. A token against cross-site
//! requests is fetched when the server asks for one, and kept.
//!
//! # Retries
//!
//! A request is sent again after the statuses 408, 429, 502 and 503, after a time-out, and after an interrupted
//! connection; five times at most by default, after 2, 4, 8, 16 and 32 s, each up to a fifth more or less. If the server
//! says how long it wants to be left alone (`Retry-After`), it is at least that. A server in maintenance
//! (`Prefect-Maintenance`) is asked again without end. A refused connection is reported at once, unless the server has
//! answered before: then it is being started again. Each of these waits is told to `tracing`, at the level of debug.
//!
//! This holds for all calls, as in Prefect. Most can be repeated: runs, deployments and flows by their keys, proposals
//! of states by their `transition_id`, events by their id. Lines of logs and artifacts may be there twice.
//!
//! Slots of a concurrency limit that are taken (423) are an error at once: how long to wait for them is the caller's
//! decision.
//!
//! # Proxies
//!
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are read when a client is made. Websockets go through proxies
//! that speak plain HTTP. Nothing else is read from the environment.

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

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
