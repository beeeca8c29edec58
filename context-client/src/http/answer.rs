//! Answers and failures, read for what they say.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{LOCATION, RETRY_AFTER};
use serde_json::Value;

use super::{Verb, retry};
use crate::config::ClientConfig;
use crate::error::ApiError;

/// The longest text of the server, in characters, that an error repeats.
const LONGEST_DETAIL: usize = 1000;
/// The same for what is no JSON: mostly a page of a proxy.
const LONGEST_PAGE: usize = 200;

/// Which request an answer belongs to.
pub(super) struct Call<'a> {
    pub(super) verb: Verb,
    pub(super) path: &'a str,
    pub(super) config: &'a ClientConfig,
}

/// An answer, read to its end.
pub(super) struct Received {
    pub(super) code: u16,
    pub(super) body: Bytes,
    /// Whether the server says that it is in maintenance: then it will come back, and attempts are not counted.
    pub(super) maintenance: bool,
    retry_after: Option<Duration>,
    location: Option<String>,
}

impl Received {
    pub(super) async fn read(
        response: reqwest::Response,
        now: Timestamp,
    ) -> Result<Self, reqwest::Error> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            code: response.status().as_u16(),
            maintenance: response
                .headers()
                .get("prefect-maintenance")
                .is_some_and(|value| value == "true"),
            retry_after: text(RETRY_AFTER).and_then(|value| retry::parse_retry_after(value, now)),
            location: text(LOCATION).map(str::to_owned),
            body: response.bytes().await?,
        })
    }

    pub(super) const fn is_success(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    pub(super) fn to_error(&self, call: &Call<'_>) -> ApiError {
        let detail = match (&self.location, self.code) {
            (Some(location), 300..=399) => {
                // What follows a `?` may be a secret.
                let place = location.split('?').next().unwrap_or_default();
                format!("the server redirects to {place}")
            }
            _ => detail(&self.body),
        };
        ApiError::Status {
            method: call.verb.as_str(),
            path: call.path.to_owned(),
            code: self.code,
            detail,
            retry_after: self.retry_after,
        }
    }
}

/// Why there is no answer.
pub(super) fn failure(call: &Call<'_>, err: reqwest::Error) -> ApiError {
    let (method, path) = (call.verb.as_str(), call.path.to_owned());
    let api_url = call.config.api_url().to_owned();
    let err = err.without_url();
    if err.is_timeout() {
        ApiError::Timeout { method, path, api_url, timeout: call.config.request_timeout }
    } else if err.is_connect() {
        ApiError::Connect { api_url, detail: causes(&err) }
    } else {
        ApiError::Transport { method, path, api_url, detail: causes(&err) }
    }
}

/// What an error and its causes say, without what is said twice.
pub(crate) fn causes(err: &dyn Error) -> String {
    let mut parts = vec![err.to_string()];
    let mut next = err.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    // The first ones are the libraries' ("error sending request", "client error (Connect)"); the reason follows.
    if parts.len() > 1 {
        parts.retain(|part| {
            !part.starts_with("error sending request") && !part.starts_with("client error")
        });
    }
    parts.join(": ")
}

/// What a body says about why the request was not served.
fn detail(body: &[u8]) -> String {
    let mut longest = LONGEST_DETAIL;
    let text = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => {
            let parts = ["exception_message", "detail", "exception_detail"];
            let parts = parts.iter().filter_map(|key| object.get(*key)).filter_map(reason);
            let text = parts.collect::<Vec<_>>().join(" ");
            if text.is_empty() { String::from_utf8_lossy(body).into_owned() } else { text }
        }
        _ => {
            longest = LONGEST_PAGE;
            String::from_utf8_lossy(body).trim().to_owned()
        }
    };
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A text, or what a validation found: where, and what is wrong. What was sent is left out, it may be a secret.
fn reason(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            Some(items.iter().map(problem).collect::<Vec<_>>().join("; ")).filter(|s| !s.is_empty())
        }
        other => Some(other.to_string()),
    }
}

fn problem(item: &Value) -> String {
    let place = item.get("loc").and_then(Value::as_array).map(|place| {
        place
            .iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(".")
    });
    match (place, item.get("msg").and_then(Value::as_str)) {
        (Some(place), Some(msg)) => format!("{place}: {msg}"),
        (None, Some(msg)) => msg.to_owned(),
        _ => item.to_string(),
    }
}

#[cfg(test)]
mod tests;
