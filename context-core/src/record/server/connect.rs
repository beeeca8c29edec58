//! Connecting: from settings to the connection that all runs under them share.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use context_client::{ClientConfig, ConfigError, PrefectClient};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::delivery::{ApiLine, Bounds, Delivery, WriteGate};
use super::limits::KnownLimits;
use super::progress::Progresses;
use super::spool::Spool;
use super::thread::ServerThread;
use super::watch::Watches;
use super::{Inner, Server};
use crate::secret::Secret;
use crate::settings::Settings;

/// The connections of this process. They stay: a program has few.
static CONNECTIONS: Mutex<Vec<Known>> = Mutex::new(Vec::new());
/// How many settings are known at once for what they mean.
const MOST_KNOWN: usize = 64;

/// Why there is no connection to the server that settings name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The thread that talks to the server could not be started.
    #[error("no thread can be started to talk to the server: {source}")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
}

struct Known {
    /// Settings that mean the endpoint.
    settings: Settings,
    endpoint: Endpoint,
    server: Server,
}

/// What connections differ in.
#[derive(Clone, PartialEq)]
struct Endpoint {
    url: String,
    key: Option<Secret<String>>,
    auth_string: Option<Secret<String>>,
    headers: Vec<(String, Secret<String>)>,
    insecure: bool,
    certificates: Option<PathBuf>,
    http2: bool,
    csrf: bool,
    timeout: Duration,
    retries: u32,
    jitter: f64,
    codes: Vec<u16>,
    /// Where is kept what cannot be sent.
    home: PathBuf,
}

impl Endpoint {
    fn of(settings: &Settings) -> Option<Self> {
        Some(Self {
            url: settings.api_url()?.to_owned(),
            key: settings.api_key().cloned(),
            auth_string: settings.api_auth_string().cloned(),
            headers: settings.client_custom_headers().to_vec(),
            insecure: settings.api_tls_insecure_skip_verify(),
            certificates: settings.api_ssl_cert_file().map(Into::into),
            http2: settings.api_enable_http2(),
            csrf: settings.client_csrf_support_enabled(),
            timeout: settings.api_request_timeout(),
            retries: settings.client_max_retries(),
            jitter: settings.client_retry_jitter_factor(),
            codes: settings.client_retry_extra_codes().to_vec(),
            home: settings.home().to_owned(),
        })
    }

    fn client(&self) -> Result<PrefectClient, ConfigError> {
        let exposed = |secret: &Option<Secret<String>>| secret.as_ref().map(|s| s.expose().clone());
        let config = ClientConfig::new(&self.url)?;
        let mut config = config
            .with_api_key(exposed(&self.key))
            .with_auth_string(exposed(&self.auth_string))
            .with_tls_insecure_skip_verify(self.insecure)
            .with_ssl_cert_file(self.certificates.clone())
            .with_http2(self.http2)
            .with_csrf_support(self.csrf)
            .with_request_timeout(self.timeout)
            .with_max_retries(self.retries)
            .with_retry_jitter(self.jitter)
            .with_retry_extra_codes(self.codes.iter().copied());
        for (name, value) in &self.headers {
            config = config.with_header(name, value.expose());
        }
        PrefectClient::new(config)
    }
}

/// What is known of the server behind a connection.
pub(super) struct Connection {
    /// The settings that named it first.
    pub(super) settings: Settings,
    pub(super) client: PrefectClient,
    /// The ids of flows, by name.
    flows: Mutex<HashMap<String, Uuid>>,
    /// Set once the server's version was looked at.
    pub(super) version: OnceCell<()>,
}

impl Connection {
    pub(super) fn flow(&self, name: &str) -> Option<Uuid> {
        lock(&self.flows).get(name).copied()
    }

    pub(super) fn note_flow(&self, name: &str, id: Uuid) {
        lock(&self.flows).insert(name.to_owned(), id);
    }
}

impl Server {
    /// The connection to the server that `settings` name; `None` if they name none. Connections under settings that mean
    /// the same are the same. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If the settings cannot be used, such as a file of certificates that is not there; or if the system has no thread
    /// left.
    pub fn of(settings: &Settings) -> Result<Option<Self>, ConnectError> {
        let Some(endpoint) = Endpoint::of(settings) else { return Ok(None) };
        let mut connections = lock(&CONNECTIONS);
        if let Some(known) = connections.iter().find(|known| known.settings == *settings) {
            return Ok(Some(known.server.clone()));
        }
        let known = connections.iter().find(|known| known.endpoint == endpoint);
        let server = match known {
            Some(known) => known.server.clone(),
            None => Self::connect(settings, &endpoint)?,
        };
        if known.is_none() || connections.len() < MOST_KNOWN {
            let (settings, server) = (settings.clone(), server.clone());
            connections.push(Known { settings, endpoint, server });
        }
        Ok(Some(server))
    }

    fn connect(settings: &Settings, endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let client = endpoint.client()?;
        let thread = ServerThread::start().map_err(|source| ConnectError::Thread { source })?;
        let gate = WriteGate::default();
        let (delivery, work) = Delivery::new(
            ApiLine::new(&client),
            client.api_url(),
            Spool::new(settings.home(), client.api_url()),
            gate.clone(),
            Bounds::of(settings),
        );
        thread.spawn(work);
        Ok(Self(Arc::new(Inner {
            connection: Connection {
                settings: settings.clone(),
                client,
                flows: Mutex::default(),
                version: OnceCell::new(),
            },
            thread,
            gate,
            delivery,
            watches: Watches::default(),
            limits: KnownLimits::default(),
            progresses: Progresses::default(),
        })))
    }

    /// Every connection of this process.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for known in lock(&CONNECTIONS).iter() {
            if !all.iter().any(|other| Arc::ptr_eq(&other.0, &known.server.0)) {
                all.push(known.server.clone());
            }
        }
        all
    }
}

/// Maps and lists are never left half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("client", &self.client).finish_non_exhaustive()
    }
}
