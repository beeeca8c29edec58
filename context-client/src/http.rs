//! Requests: sent with credentials, sent again where that helps, and read.
//!
//! A [`Transport`] is the connections to one server and what is known of it: whether it was ever reached, and the token
//! it wants. All calls go through [`Transport::send`], so Prefect's rules for retries are written once, here and in
//! [`retry`]. It knows no paths and no schemas.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::{ClientConfig, ConfigError};
use crate::error::ApiError;

mod answer;
mod csrf;
mod retry;
pub(crate) mod tls;

pub(crate) use answer::causes;

/// The version of the API that the requests are written for.
pub(crate) const API_VERSION: &str = "0.8.4";

/// How a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What an answer with a status of success carries.
#[derive(Debug)]
pub(crate) struct Answer {
    verb: Verb,
    path: String,
    body: Bytes,
}

/// The connections to one server.
pub(crate) struct Transport {
    http: reqwest::Client,
    config: ClientConfig,
    headers: HeaderMap,
    tls: Arc<rustls::ClientConfig>,
    /// What the environment says about proxies.
    proxies: Matcher,
    csrf: csrf::Csrf,
    /// Whether the server has ever answered. From then on a refused connection is worth another attempt.
    connected: AtomicBool,
}

/// What is different from client to client over the same connections.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) max_retries: u32,
    pub(crate) attribution: Option<&'a HeaderMap>,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send + 'a>>;

impl Transport {
    pub(crate) fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        if config.http2 && !cfg!(feature = "http2") {
            return Err(ConfigError::Http2Off);
        }
        let headers = headers(&config)?;
        // A server of Prefect's hangs up after 5 s, a load balancer after 30 s. A connection is given up before that,
        // so that no request meets a closed one.
        let idle = if config.url.scheme() == "http" { 4 } else { 25 };
        let tls = tls::client_config(&config)?;
        let mut offered = tls.clone();
        if config.http2 {
            offered.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(offered)
            .default_headers(headers.clone())
            .user_agent(user_agent())
            .timeout(config.request_timeout)
            .connect_timeout(config.request_timeout)
            .pool_idle_timeout(Duration::from_secs(idle))
            .pool_max_idle_per_host(8)
            .tcp_nodelay(true)
            .redirect(redirects());
        let http = if config.http2 { http } else { http.http1_only() };
        let http = http
            .build()
            .map_err(|err| ConfigError::Setup { detail: causes(&err.without_url()) })?;
        let csrf = csrf::Csrf::new(config.csrf_support);
        Ok(Self {
            http,
            config,
            headers,
            tls: Arc::new(tls),
            proxies: Matcher::from_env(),
            csrf,
            connected: AtomicBool::new(false),
        })
    }

    pub(crate) const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The headers of every request, for websockets.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What is trusted, for websockets.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// Which proxies there are, for websockets.
    pub(crate) const fn proxies(&self) -> &Matcher {
        &self.proxies
    }

    /// Sends a request until it is answered with success, or another attempt is pointless.
    ///
    /// `path` begins with a slash, is below the API's URL, and is encoded.
    pub(crate) fn send<'a>(
        &'a self,
        manner: Manner<'a>,
        verb: Verb,
        path: String,
        body: Option<Bytes>,
    ) -> Sending<'a> {
        // Boxed, so that each method of the client is a small future.
        Box::pin(self.send_until_answered(manner, verb, path, body))
    }

    async fn send_until_answered(
        &self,
        manner: Manner<'_>,
        verb: Verb,
        path: String,
        body: Option<Bytes>,
    ) -> Result<Answer, ApiError> {
        let url = format!("{}{path}", self.config.api_url());
        let call = answer::Call { verb, path: &path, config: &self.config };
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let mut token = None;
            if verb != Verb::Get {
                token = self.csrf.token(self).await?;
            }
            let had_connected = self.connected.load(Ordering::Relaxed);
            let outcome = self.attempt(&manner, verb, &url, body.clone(), token.as_ref()).await;
            let (after, err) = match outcome {
                Ok(got) => {
                    self.connected.store(true, Ordering::Relaxed);
                    if got.is_success() {
                        return Ok(Answer { verb, path, body: got.body });
                    }
                    let err = got.to_error(&call);
                    // Nothing has been done by a server that wants another token, so it is asked again at once.
                    if csrf::is_wanted_by(&err)
                        && !renewed
                        && self.csrf.renew(self, token.as_ref()).await?
                    {
                        renewed = true;
                        continue;
                    }
                    if !retry::is_retryable(got.code, &self.config.retry_extra_codes) {
                        return Err(err);
                    }
                    tries += u32::from(!got.maintenance);
                    (err.retry_after(), err)
                }
                Err(err) => {
                    let err = answer::failure(&call, err);
                    if matches!(err, ApiError::Connect { .. }) && !had_connected {
                        return Err(err);
                    }
                    tries += 1;
                    (None, err)
                }
            };
            if tries > manner.max_retries {
                return Err(err);
            }
            let wait = retry::delay(tries, after, self.config.retry_jitter, fastrand::f64());
            tracing::debug!(
                "{err}; another attempt is made in {:.1} s (number {} of {})",
                wait.as_secs_f64(),
                tries + 1,
                manner.max_retries.saturating_add(1),
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        manner: &Manner<'_>,
        verb: Verb,
        url: &str,
        body: Option<Bytes>,
        token: Option<&csrf::Token>,
    ) -> Result<answer::Received, reqwest::Error> {
        let mut request = self.http.request(verb.method(), url);
        if let Some(attribution) = manner.attribution {
            request = request.headers(attribution.clone());
        }
        if let Some(token) = token {
            request = request
                .header("Prefect-Csrf-Token", token.text.clone())
                .header("Prefect-Csrf-Client", self.csrf.client_id());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await?;
        answer::Received::read(response, Timestamp::now()).await
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn method(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

impl Answer {
    /// The body as a text.
    pub(crate) fn text(&self) -> Result<String, ApiError> {
        String::from_utf8(self.body.to_vec()).map_err(|err| ApiError::Decode {
            method: self.verb.as_str(),
            path: self.path.clone(),
            detail: err.utf8_error().to_string(),
        })
    }

    /// The JSON of the body as a value.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|err| ApiError::Decode {
            method: self.verb.as_str(),
            path: self.path.clone(),
            detail: err.to_string(),
        })
    }
}

/// `body` as JSON.
pub(crate) fn encode<B: Serialize + ?Sized>(
    verb: Verb,
    path: &str,
    body: &B,
) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|err| ApiError::Encode {
        method: verb.as_str(),
        path: path.to_owned(),
        detail: err.to_string(),
    })
}

/// `value` as JSON, in a text.
pub(crate) fn encode_text(
    method: &'static str,
    path: &str,
    value: &impl Serialize,
) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|err| ApiError::Encode {
        method,
        path: path.to_owned(),
        detail: err.to_string(),
    })
}

/// One segment of a path: what has a meaning in a URL is escaped.
pub(crate) fn segment(text: &str) -> String {
    const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, &ESCAPED).to_string()
}

pub(crate) fn user_agent() -> String {
    format!("context-client/{} (API {API_VERSION})", env!("CARGO_PKG_VERSION"))
}

/// What goes with every request: the version, the credentials, and what the user adds.
fn headers(config: &ClientConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert("x-prefect-api-version", HeaderValue::from_static(API_VERSION));
    let basic = |pair: String| format!("Basic {}", BASE64.encode(pair));
    let authorization = match (&config.auth_string, &config.api_key, &config.userinfo) {
        (Some(pair), _, _) => Some(basic(pair.clone())),
        (None, Some(key), _) => Some(format!("Bearer {key}")),
        (None, None, Some(info)) => Some(basic(format!("{}:{}", info.user, info.password))),
        (None, None, None) => None,
    };
    if let Some(text) = authorization {
        let value = HeaderValue::try_from(text).map_err(|_| ConfigError::ApiKey)?;
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in &config.headers {
        let protected = ["user-agent", "prefect-csrf-token", "prefect-csrf-client"];
        if protected.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return Err(ConfigError::ProtectedHeader { name: name.clone() });
        }
        let header = HeaderName::try_from(name.as_str()).map_err(|_| ConfigError::Header {
            name: name.clone(),
            detail: "the name is empty or has characters that names of headers cannot have"
                .to_owned(),
        })?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| ConfigError::Header {
            name: name.clone(),
            detail: "its value contains a line break or another control character".to_owned(),
        })?;
        headers.insert(header, value);
    }
    for value in headers.values_mut() {
        value.set_sensitive(true);
    }
    Ok(headers)
}

/// A request is sent on as it is, within the same server only: another one is not to see the credentials.
fn redirects() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        let same = attempt.previous().first().is_some_and(|first| {
            let next = attempt.url();
            first.scheme() == next.scheme()
                && first.host() == next.host()
                && first.port_or_known_default() == next.port_or_known_default()
        });
        let unchanged = matches!(attempt.status().as_u16(), 307 | 308);
        if same && unchanged && attempt.previous().len() <= 5 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

#[cfg(test)]
mod tests;
