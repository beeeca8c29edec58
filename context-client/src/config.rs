//! How a server is reached: its URL, credentials, timeouts, retries and TLS.
//!
//! A [`ClientConfig`] is plain data; nothing is opened or read before a client is made of it. Secrets in it (keys,
//! header values, a password in the URL) never appear in its `Debug` text. It reads no environment: who has settings
//! hands them over.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// Why no client can be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error(
        "the API URL `{url}` is not a proper URL: {detail}; give one such as `http://127.0.0.1:4200/api` \
         (setting PREFECT_API_URL)"
    )]
    Url { url: String, detail: String },
    #[error("header {name:?} cannot be sent: {detail} (setting PREFECT_CLIENT_CUSTOM_HEADERS)")]
    Header { name: String, detail: String },
    #[error(
        "header {name:?} is the client's own and cannot be set; leave it out of PREFECT_CLIENT_CUSTOM_HEADERS"
    )]
    ProtectedHeader { name: String },
    #[error(
        "the API key cannot be sent in a header: it contains a line break or another control character \
         (setting PREFECT_API_KEY)"
    )]
    ApiKey,
    #[error(
        "the certificates in {path:?} cannot be used: {detail}; give a file with certificates in PEM format \
         (setting PREFECT_API_SSL_CERT_FILE)"
    )]
    CertFile { path: PathBuf, detail: String },
    #[error(
        "TLS cannot be set up: {detail}; install the system's root certificates, or name a file of certificates \
         (setting PREFECT_API_SSL_CERT_FILE)"
    )]
    Tls { detail: String },
    #[error(
        "HTTP/2 is asked for (setting PREFECT_API_ENABLE_HTTP2), and needs the Cargo feature `http2` of `context-client`"
    )]
    Http2Off,
    #[error("the HTTP client cannot be set up: {detail}")]
    Setup { detail: String },
}

/// How a server is reached.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use context_client::ClientConfig;
///
/// let config = ClientConfig::new("http://127.0.0.1:4200/api/")?
///     .with_auth_string(Some("admin:pass".to_owned()))
///     .with_request_timeout(Duration::from_secs(10));
///
/// assert_eq!(config.api_url(), "http://127.0.0.1:4200/api");
/// assert!(!format!("{config:?}").contains("pass"));
/// # Ok::<(), context_client::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ClientConfig {
    /// Without a slash at the end, and without user and password.
    pub(crate) url: Url,
    /// From the URL, decoded.
    pub(crate) userinfo: Option<Userinfo>,
    pub(crate) api_key: Option<String>,
    pub(crate) auth_string: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) request_timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) retry_jitter: f64,
    pub(crate) retry_extra_codes: Vec<u16>,
    pub(crate) tls_insecure_skip_verify: bool,
    pub(crate) ssl_cert_file: Option<PathBuf>,
    pub(crate) http2: bool,
    pub(crate) csrf_support: bool,
}

/// `user:password` of a URL.
#[derive(Clone)]
pub(crate) struct Userinfo {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl ClientConfig {
    /// The server whose API is at `api_url`, with Prefect's defaults for everything else.
    ///
    /// `api_url` is the value of `PREFECT_API_URL`: `http` or `https`, with the path of the API, which ends in `/api`
    /// for Prefect's own server. A slash at the end does not matter. A user and password in it are sent as basic
    /// authentication, unless there are other credentials.
    ///
    /// # Errors
    ///
    /// If it is no URL, has another scheme or no host, or carries a query or fragment.
    pub fn new(api_url: impl AsRef<str>) -> Result<Self, ConfigError> {
        let text = api_url.as_ref().trim();
        let wrong = |detail: String| ConfigError::Url { url: without_secrets(text), detail };
        let mut url = Url::parse(text).map_err(|err| wrong(err.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("the scheme is `{}`, not `http` or `https`", url.scheme())));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("an API URL has no `?` and no `#`".to_owned()));
        }
        let userinfo = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(Userinfo {
                user: decoded(user),
                password: decoded(password.unwrap_or_default()),
            }),
        };
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        // They fail for URLs without a host only, and http has one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            url,
            userinfo,
            api_key: None,
            auth_string: None,
            headers: Vec::new(),
            request_timeout: Duration::from_mins(1),
            max_retries: 5,
            retry_jitter: 0.2,
            retry_extra_codes: Vec::new(),
            tls_insecure_skip_verify: false,
            ssl_cert_file: None,
            http2: false,
            csrf_support: true,
        })
    }

    /// The API's URL, without a slash at the end and without user and password.
    pub fn api_url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The key for Prefect Cloud (`PREFECT_API_KEY`), sent as `Authorization: Bearer`. Empty is none.
    #[must_use]
    pub fn with_api_key(mut self, key: Option<String>) -> Self {
        self.api_key = key.filter(|key| !key.is_empty());
        self
    }

    /// `user:password` of a self-hosted server (`PREFECT_API_AUTH_STRING`), sent as `Authorization: Basic`. Empty is
    /// none. It goes before an API key.
    #[must_use]
    pub fn with_auth_string(mut self, auth: Option<String>) -> Self {
        self.auth_string = auth.filter(|auth| !auth.is_empty());
        self
    }

    /// One more header for every request and websocket (`PREFECT_CLIENT_CUSTOM_HEADERS`).
    ///
    /// A name that is given again replaces the value. `Authorization` replaces what the credentials would be sent as.
    /// `User-Agent`, `Prefect-Csrf-Token` and `Prefect-Csrf-Client` are the client's own, and refused when a client
    /// is made.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// How long one attempt of a request may take as a whole (`PREFECT_API_REQUEST_TIMEOUT`). A minute by default.
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How often a request is sent again (`PREFECT_CLIENT_MAX_RETRIES`). 5 by default; 0 is one attempt.
    #[must_use]
    pub const fn with_max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// By which part of itself a delay is varied (`PREFECT_CLIENT_RETRY_JITTER_FACTOR`). 0.2 by default, kept within
    /// 0 and 1.
    #[must_use]
    pub const fn with_retry_jitter(mut self, factor: f64) -> Self {
        self.retry_jitter = if factor.is_nan() { 0.0 } else { factor.clamp(0.0, 1.0) };
        self
    }

    /// Statuses after which a request is sent again, besides 408, 429, 502 and 503
    /// (`PREFECT_CLIENT_RETRY_EXTRA_CODES`).
    #[must_use]
    pub fn with_retry_extra_codes(mut self, codes: impl IntoIterator<Item = u16>) -> Self {
        self.retry_extra_codes = codes.into_iter().collect();
        self
    }

    /// Whether any certificate of the server is accepted (`PREFECT_API_TLS_INSECURE_SKIP_VERIFY`). Whoever is on the
    /// way can then read the credentials.
    #[must_use]
    pub const fn with_tls_insecure_skip_verify(mut self, skip: bool) -> Self {
        self.tls_insecure_skip_verify = skip;
        self
    }

    /// A file with certificates in PEM format (`PREFECT_API_SSL_CERT_FILE`). They are trusted in place of the
    /// system's. It is read when a client is made for an `https` URL.
    #[must_use]
    pub fn with_ssl_cert_file(mut self, path: Option<PathBuf>) -> Self {
        self.ssl_cert_file = path.filter(|path| !path.as_os_str().is_empty());
        self
    }

    /// Whether to speak HTTP/2 if the server does (`PREFECT_API_ENABLE_HTTP2`). Needs the Cargo feature `http2`;
    /// without it, a client cannot be made.
    #[must_use]
    pub const fn with_http2(mut self, http2: bool) -> Self {
        self.http2 = http2;
        self
    }

    /// Whether tokens against cross-site requests are fetched when the server asks for them
    /// (`PREFECT_CLIENT_CSRF_SUPPORT_ENABLED`). Yes by default.
    #[must_use]
    pub const fn with_csrf_support(mut self, csrf: bool) -> Self {
        self.csrf_support = csrf;
        self
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |present: bool| present.then_some(Masked);
        f.debug_struct("ClientConfig")
            .field("api_url", &self.api_url())
            .field("userinfo", &masked(self.userinfo.is_some()))
            .field("api_key", &masked(self.api_key.is_some()))
            .field("auth_string", &masked(self.auth_string.is_some()))
            .field(
                "headers",
                &self.headers.iter().map(|(name, _)| (name, Masked)).collect::<Vec<_>>(),
            )
            .field("request_timeout", &self.request_timeout)
            .field("max_retries", &self.max_retries)
            .field("retry_jitter", &self.retry_jitter)
            .field("retry_extra_codes", &self.retry_extra_codes)
            .field("tls_insecure_skip_verify", &self.tls_insecure_skip_verify)
            .field("ssl_cert_file", &self.ssl_cert_file)
            .field("http2", &self.http2)
            .field("csrf_support", &self.csrf_support)
            .finish()
    }
}

/// What is shown in the place of a secret.
struct Masked;

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A text that may be a URL, without what may be a secret: what is before the last `@`, and what follows a `?` or `#`.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("//") {
        Some((scheme, rest)) => (format!("{scheme}//"), rest),
        None => (String::new(), text),
    };
    // A password with a slash in it makes a broken URL: mask up to the last `@` of the whole rest.
    let rest = match rest.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => rest.to_owned(),
    };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}{}***", &rest[..=at]),
        None => format!("{scheme}{rest}"),
    }
}

/// `%41` is `A`; what is not UTF-8 afterwards is replaced.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;
