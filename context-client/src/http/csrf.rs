//! Tokens against cross-site requests, for servers that want them.
//!
//! Most servers want none. Therefore the first request goes without, and a token is fetched when the server asks for
//! one; Prefect's own client asks each server beforehand. A token is kept until it expires or is refused.

use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Manner, Transport, Verb};
use crate::error::ApiError;

/// What is known of the token.
pub(super) struct Csrf {
    client: String,
    supported: bool,
    token: Mutex<Option<Token>>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    expiration: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answered {
    token: String,
    #[serde(default)]
    expiration: Option<Timestamp>,
}

/// Whether the server has refused a request because of the token.
pub(super) fn is_wanted_by(err: &ApiError) -> bool {
    matches!(err, ApiError::Status { code: 403, detail, .. }
        if detail.contains("Missing CSRF token") || detail.contains("Invalid CSRF token"))
}

impl Csrf {
    pub(super) fn new(supported: bool) -> Self {
        Self { client: Uuid::new_v4().to_string(), supported, token: Mutex::new(None) }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client
    }

    /// The token to send, if the server has ever wanted one. Fetches another one if it has expired.
    pub(super) async fn token(&self, transport: &Transport) -> Result<Option<Token>, ApiError> {
        let mut known = self.token.lock().await;
        let expired = known
            .as_ref()
            .is_some_and(|token| token.expiration.is_some_and(|at| at <= Timestamp::now()));
        if expired {
            *known = self.fetch(transport).await?;
        }
        Ok(known.clone())
    }

    /// Fetches a token, after `refused` was. Whether there is another one now.
    pub(super) async fn renew(
        &self,
        transport: &Transport,
        refused: Option<&Token>,
    ) -> Result<bool, ApiError> {
        if !self.supported {
            return Ok(false);
        }
        let mut known = self.token.lock().await;
        // Another request may have been faster.
        if known.as_ref() == refused {
            *known = self.fetch(transport).await?;
        }
        Ok(known.is_some())
    }

    /// `None` if the server gives no tokens after all.
    async fn fetch(&self, transport: &Transport) -> Result<Option<Token>, ApiError> {
        let path = format!("/csrf-token?client={}", self.client);
        let manner = Manner { max_retries: transport.config.max_retries, attribution: None };
        match transport.send(manner, Verb::Get, path, None).await {
            Ok(answer) => {
                let Answered { token, expiration } = answer.json()?;
                Ok(Some(Token { text: token, expiration }))
            }
            Err(ApiError::Status { code: 404 | 422, .. }) => Ok(None),
            Err(err) => Err(err),
        }
    }
}
