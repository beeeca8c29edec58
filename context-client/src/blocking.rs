//! The same client for programs that do not use tokio, and for plain functions.
//!
//! A [`BlockingPrefectClient`] has a thread with a small runtime, on which its connections live. A method polls the
//! async client's future on the caller's thread, which sleeps in between. It may therefore be called anywhere, also
//! within a runtime (whose thread it then occupies for so long).
//!
//! Each method is the async one of the same name, waited for. They are listed in one place, [`methods`], with their
//! signatures; a test compares the list with the async client.

use std::fmt;

use crate::attribution::Attribution;
use crate::client::PrefectClient;
use crate::config::{ClientConfig, ConfigError};

mod methods;
mod runtime;
mod websocket;

use runtime::RuntimeThread;
pub use websocket::{BlockingEventSender, BlockingSubscriber};

/// A client of one Prefect server whose methods wait. Cheap to clone; clones share their connections and their thread,
/// which ends with the last of them.
///
/// It has the methods of [`PrefectClient`], where each is described.
///
/// # Examples
///
/// ```no_run
/// use context_client::{BlockingPrefectClient, ClientConfig};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = BlockingPrefectClient::new(ClientConfig::new("http://127.0.0.1:4200/api")?)?;
/// println!("Prefect {}", client.server_version()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BlockingPrefectClient {
    client: PrefectClient,
    // Dropped after the client, whose connections live on it.
    runtime: RuntimeThread,
}

impl BlockingPrefectClient {
    /// A client for the server of `config`. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// As [`PrefectClient::new`], or if no thread can be started.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        Ok(Self { client: PrefectClient::new(config)?, runtime: RuntimeThread::start()? })
    }

    /// How the server is reached.
    pub fn config(&self) -> &ClientConfig {
        self.client.config()
    }

    /// The API's URL, without a slash at the end.
    pub fn api_url(&self) -> &str {
        self.client.api_url()
    }

    /// A client over the same connections that sends a request again `retries` times at most.
    #[must_use]
    pub fn with_max_retries(&self, retries: u32) -> Self {
        Self { client: self.client.with_max_retries(retries), runtime: self.runtime.clone() }
    }

    /// A client over the same connections whose requests say on whose behalf they are made.
    #[must_use]
    pub fn with_attribution(&self, attribution: &Attribution) -> Self {
        Self { client: self.client.with_attribution(attribution), runtime: self.runtime.clone() }
    }
}

impl fmt::Debug for BlockingPrefectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPrefectClient").field("client", &self.client).finish()
    }
}

#[cfg(test)]
mod tests;
