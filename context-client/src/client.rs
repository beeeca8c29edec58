//! The async client: one method for each call of the API.
//!
//! The methods are named as in Prefect's Python client, and grouped by what they are about, one file each. They put
//! paths and bodies together; how a request is sent, and sent again, is [`Transport`]'s.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attribution::Attribution;
use crate::config::{ClientConfig, ConfigError};
use crate::error::ApiError;
use crate::http::{Answer, Manner, Transport, Verb, encode};

mod admin;
mod artifacts;
mod automations;
mod concurrency;
mod deployments;
mod events;
mod flow_runs;
mod flows;
mod logs;
mod task_runs;
mod variables;
mod work_pools;

pub use deployments::ScheduledBefore;

/// A client of one Prefect server. Cheap to clone; clones share their connections.
///
/// Its methods are `async` and need a tokio runtime with timers and I/O. A connection lives on the runtime on which it
/// was made: use a client on one runtime. A request that the server cannot serve for now
/// is sent again, with growing delays, up to [`max_retries`](ClientConfig::with_max_retries) times; see
/// [the crate's page](crate#retries).
///
/// # Examples
///
/// ```no_run
/// use context_client::schema::{FlowRunCreate, StateCreate, StateType};
/// use context_client::{ClientConfig, PrefectClient};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = PrefectClient::new(ClientConfig::new("http://127.0.0.1:4200/api")?)?;
///
/// let flow = client.create_flow("nightly-load", &[]).await?;
/// let run = client.create_flow_run(&FlowRunCreate::new(flow.id)).await?;
/// let answer =
///     client.set_flow_run_state(run.id, &StateCreate::new(StateType::Running), false).await?;
/// println!("{} is {:?}", run.name, answer.status);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PrefectClient {
    pub(crate) transport: Arc<Transport>,
    max_retries: u32,
    attribution: Option<Arc<HeaderMap>>,
}

impl PrefectClient {
    /// A client for the server of `config`. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// If a header cannot be sent, the certificates cannot be read, or HTTP/2 is asked for without the Cargo feature
    /// `http2`.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        let max_retries = config.max_retries;
        let transport = Arc::new(Transport::new(config)?);
        Ok(Self { transport, max_retries, attribution: None })
    }

    /// How the server is reached.
    pub fn config(&self) -> &ClientConfig {
        self.transport.config()
    }

    /// The API's URL, without a slash at the end.
    pub fn api_url(&self) -> &str {
        self.config().api_url()
    }

    /// A client over the same connections that sends a request again `retries` times at most.
    #[must_use]
    pub fn with_max_retries(&self, retries: u32) -> Self {
        Self { max_retries: retries, ..self.clone() }
    }

    /// A client over the same connections whose requests say on whose behalf they are made.
    #[must_use]
    pub fn with_attribution(&self, attribution: &Attribution) -> Self {
        Self { attribution: Some(Arc::new(attribution.headers())), ..self.clone() }
    }

    async fn send(
        &self,
        verb: Verb,
        path: String,
        body: Option<bytes::Bytes>,
    ) -> Result<Answer, ApiError> {
        let manner =
            Manner { max_retries: self.max_retries, attribution: self.attribution.as_deref() };
        self.transport.send(manner, verb, path, body).await
    }

    /// Asks for what is at `path`.
    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, ApiError> {
        self.send(Verb::Get, path, None).await?.json()
    }

    /// Sends `body` to `path`, and reads the answer.
    fn post<'a, T: DeserializeOwned, B: Serialize + ?Sized>(
        &'a self,
        path: String,
        body: &B,
    ) -> impl Future<Output = Result<T, ApiError>> + Send + use<'a, T, B> {
        let body = encode(Verb::Post, &path, body);
        async move { self.send(Verb::Post, path, Some(body?)).await?.json() }
    }

    /// Sends `body` to `path`. The answer says nothing.
    fn tell<'a, B: Serialize + ?Sized>(
        &'a self,
        verb: Verb,
        path: String,
        body: &B,
    ) -> impl Future<Output = Result<(), ApiError>> + Send + use<'a, B> {
        let body = encode(verb, &path, body);
        async move { self.send(verb, path, Some(body?)).await.map(drop) }
    }

    /// Deletes what is at `path`.
    async fn delete(&self, path: String) -> Result<(), ApiError> {
        self.send(Verb::Delete, path, None).await.map(drop)
    }
}
