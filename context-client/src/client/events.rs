//! Events over HTTP. Over websockets: [`crate::websocket`].

use serde_json::json;

use super::PrefectClient;
use crate::error::ApiError;
use crate::http::{Verb, segment};
use crate::schema::{Event, EventFilter, EventPage};

impl PrefectClient {
    /// Sends events. The answer comes when the server has them in its queue, not when it has stored them.
    ///
    /// # Errors
    ///
    /// If one is not understood (422), or the call fails.
    pub async fn post_events(&self, events: &[Event]) -> Result<(), ApiError> {
        self.tell(Verb::Post, "/events".to_owned(), events).await
    }

    /// The first of the events that a filter finds: the newest, or the oldest if the filter says so. The others follow
    /// with [`read_events_page`](Self::read_events_page).
    ///
    /// # Errors
    ///
    /// If the filter is not understood (422), or the call fails.
    pub async fn read_events(&self, filter: &EventFilter) -> Result<EventPage, ApiError> {
        self.post("/events/filter".to_owned(), &json!({ "filter": filter })).await
    }

    /// The page after `page`, or `None` if it was the last.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn read_events_page(&self, page: &EventPage) -> Result<Option<EventPage>, ApiError> {
        // The server names itself in the link as it sees itself, which may be behind a proxy. Only the token counts.
        let Some(link) = &page.next_page else { return Ok(None) };
        let token = url::Url::parse(link).ok().and_then(|link| {
            link.query_pairs()
                .find(|(key, _)| key == "page-token")
                .map(|(_, token)| token.into_owned())
        });
        let path = "/events/filter/next";
        let Some(token) = token else {
            return Err(ApiError::Decode {
                method: Verb::Post.as_str(),
                path: "/events/filter".to_owned(),
                detail: "the link to the next page has no `page-token`".to_owned(),
            });
        };
        self.get(format!("{path}?page-token={}", segment(&token))).await.map(Some)
    }
}
