//! What can go wrong with a call.
//!
//! There is one error type for all calls, [`ApiError`]. Its variants are the places where a call fails: the server's
//! answer, the way to it, the reading of the answer, a websocket. Its texts name the call and say what to do; they hold
//! no secrets. It knows nothing of how requests are made.

use std::time::Duration;

use thiserror::Error;

/// Why a call to the API failed. Retries are over when it is returned.
///
/// # Examples
///
/// ```
/// use context_client::ApiError;
///
/// fn advice(err: &ApiError) -> &'static str {
///     match err {
///         err if err.is_unreachable() => "later",
///         err if err.is_not_found() => "no such thing",
///         _ => "give up",
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The server answered with a status that is no success.
    #[error("{method} {path} was answered with {code}{}{}", of_detail(.detail), of_code(*.code, .detail))]
    Status {
        /// Of the request, such as `POST`.
        method: &'static str,
        /// Below the API's URL, such as `/flow_runs/`.
        path: String,
        /// The HTTP status.
        code: u16,
        /// What the server says about it; empty if it says nothing.
        detail: String,
        /// How long the server wants to be left alone (header `Retry-After`).
        retry_after: Option<Duration>,
    },
    /// No connection could be made.
    #[error(
        "cannot connect to the Prefect API at {api_url}: {detail}; is the server running there, and is the setting \
         PREFECT_API_URL right?"
    )]
    Connect {
        /// The API's URL, without credentials.
        api_url: String,
        /// What the system says.
        detail: String,
    },
    /// There was no answer in time.
    #[error(
        "{method} {path} had no answer from {api_url} within {timeout:?} (setting PREFECT_API_REQUEST_TIMEOUT)"
    )]
    Timeout {
        /// Of the request; `GET` for a websocket.
        method: &'static str,
        /// Below the API's URL.
        path: String,
        /// The API's URL, without credentials.
        api_url: String,
        /// How long one attempt was waited for.
        timeout: Duration,
    },
    /// The connection broke while the request or its answer was on the way.
    #[error("{method} {path} was interrupted on its way to or from {api_url}: {detail}")]
    Transport {
        /// Of the request.
        method: &'static str,
        /// Below the API's URL.
        path: String,
        /// The API's URL, without credentials.
        api_url: String,
        /// What happened.
        detail: String,
    },
    /// The answer is not what this call is answered with.
    #[error(
        "the answer to {method} {path} cannot be read: {detail}; is a Prefect 3 server at the API URL?"
    )]
    Decode {
        /// Of the request.
        method: &'static str,
        /// Below the API's URL.
        path: String,
        /// Which part is unexpected.
        detail: String,
    },
    /// What is to be sent cannot be written as JSON.
    #[error("the body of {method} {path} cannot be written as JSON: {detail}")]
    Encode {
        /// Of the request; `SEND` for a frame of a websocket.
        method: &'static str,
        /// Below the API's URL.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A websocket was not opened, because the server refused it.
    #[error("the server refused the websocket {path}: {detail}{}", of_refusal(*.code))]
    WebsocketRefused {
        /// Below the API's URL, such as `/events/in`.
        path: String,
        /// An HTTP status, or the code of a websocket's close.
        code: Option<u16>,
        /// The reason it gives.
        detail: String,
    },
    /// A websocket is closed.
    #[error(
        "the websocket {path} is closed{}: {detail}",
        .code.map(|code| format!(" with code {code}")).unwrap_or_default()
    )]
    WebsocketClosed {
        /// Below the API's URL, such as `/events/in`.
        path: String,
        /// The code the server closed it with. `None` if the connection just ended.
        code: Option<u16>,
        /// The reason.
        detail: String,
    },
}

impl ApiError {
    /// The HTTP status, if there was an answer.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether what was asked for does not exist (404).
    pub const fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404))
    }

    /// Whether it exists already, or refers to something that does not exist (409).
    pub const fn is_conflict(&self) -> bool {
        matches!(self.status(), Some(409))
    }

    /// Whether all slots of a concurrency limit are taken (423). See [`retry_after`](Self::retry_after).
    pub const fn is_locked(&self) -> bool {
        matches!(self.status(), Some(423))
    }

    /// Whether the credentials are missing or wrong.
    pub const fn is_unauthorized(&self) -> bool {
        match self {
            Self::Status { code, .. } => *code == 401,
            Self::WebsocketRefused { code: Some(code), .. }
            | Self::WebsocketClosed { code: Some(code), .. } => matches!(code, 401 | 403 | 1008),
            _ => false,
        }
    }

    /// How long the server wants to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the server is away or cannot answer for now, so that the same call may succeed later.
    ///
    /// That is: no connection, no answer in time, an interrupted connection, 502, 503 or 504 after all retries, or a
    /// websocket that ended without the server having refused anything.
    pub const fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Transport { .. } => true,
            Self::Status { code, .. } => matches!(code, 502..=504),
            Self::WebsocketRefused { code, .. } => {
                matches!(code, None | Some(502..=504 | 1001 | 1006 | 1011..=1013))
            }
            Self::WebsocketClosed { code, .. } => {
                matches!(code, None | Some(1000 | 1001 | 1006 | 1011..=1013))
            }
            Self::Decode { .. } | Self::Encode { .. } => false,
        }
    }
}

fn of_detail(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// What to do about a status.
fn of_code(code: u16, detail: &str) -> &'static str {
    match code {
        300..=399 => "; the setting PREFECT_API_URL should name the place where the API is now",
        401 => {
            "; the server wants credentials: set PREFECT_API_AUTH_STRING (a server of your own) or PREFECT_API_KEY \
             (Prefect Cloud), or correct them"
        }
        403 if detail.contains("CSRF") => {
            "; the server wants CSRF tokens: set PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=true"
        }
        403 => "; the credentials (PREFECT_API_AUTH_STRING, PREFECT_API_KEY) do not allow this",
        404 if detail == "Not Found" => {
            "; nothing is known under this path: is the API URL right (it mostly ends in `/api`), and the id?"
        }
        503 if detail.contains("Service Unavailable") => {
            "; its database is busy or away: try later"
        }
        _ => "",
    }
}

fn of_refusal(code: Option<u16>) -> &'static str {
    match code {
        Some(401 | 403 | 1008) => {
            "; check the settings PREFECT_API_AUTH_STRING (a server of your own) and PREFECT_API_KEY (Prefect Cloud)"
        }
        Some(404) => "; is the API URL right (it mostly ends in `/api`)?",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
