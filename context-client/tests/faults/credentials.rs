//! Tokens against cross-site requests, and what else goes with each request.

use std::sync::Mutex;

use context_client::{Attribution, PrefectClient};

use crate::peer::{Peer, Reply, Request};

const CREATED: &str = r#"{"id":"1a9d2d71-cba2-4169-b863-555dbe8be348","name":"load"}"#;

/// A server that wants the token that it gave last. Each is good for `good_for` requests.
async fn server(good_for: usize) -> Peer {
    let state = Mutex::new((0, 0));
    Peer::start(move |request: &Request, _| {
        let (given, used) = &mut *state.lock().unwrap();
        if request.path.starts_with("/csrf-token?client=") {
            *given += 1;
            *used = 0;
            let body =
                format!(r#"{{"token":"token-{given}","expiration":"2999-01-01T00:00:00Z"}}"#);
            return Reply::new(200, &body);
        }
        let current = format!("token-{given}");
        match request.header("prefect-csrf-token") {
            None => Reply::new(403, r#"{"detail":"Missing CSRF token."}"#),
            Some(token) if token == current && *used < good_for => {
                *used += 1;
                Reply::new(201, CREATED)
            }
            Some(_) => Reply::new(403, r#"{"detail":"Invalid CSRF token or client identifier."}"#),
        }
    })
    .await
}

/// What has arrived, without the client's id.
fn lines(peer: &Peer) -> Vec<String> {
    peer.lines().iter().map(|line| line.split('?').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_token_is_fetched_when_it_is_wanted_and_kept() {
    let peer = server(10).await;
    let client = PrefectClient::new(peer.config()).unwrap();
    for _ in 0..2 {
        client.create_flow("load", &[]).await.unwrap();
    }
    assert_eq!(lines(&peer), ["POST /flows/", "GET /csrf-token", "POST /flows/", "POST /flows/"]);
    let requests = peer.requests();
    let id = requests[1].path.split('=').nth(1).unwrap();
    assert_eq!(requests[2].header("prefect-csrf-client"), Some(id));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let peer = server(1).await;
    let client = PrefectClient::new(peer.config()).unwrap();
    client.create_flow("load", &[]).await.unwrap();
    client.create_flow("load", &[]).await.unwrap();
    assert_eq!(lines(&peer)[3..], ["POST /flows/", "GET /csrf-token", "POST /flows/"]);

    let peer = server(0).await;
    let client = PrefectClient::new(peer.config()).unwrap();
    let err = client.create_flow("load", &[]).await.unwrap_err();
    assert_eq!(err.status(), Some(403));
    assert_eq!(lines(&peer), ["POST /flows/", "GET /csrf-token", "POST /flows/"]);
}

#[tokio::test]
async fn many_requests_at_once_fetch_one_token() {
    let peer = server(1000).await;
    let client = PrefectClient::new(peer.config()).unwrap();
    let call = |client: PrefectClient| async move { client.create_flow("load", &[]).await };
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(call(client.clone()))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let tokens = lines(&peer).iter().filter(|line| *line == "GET /csrf-token").count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn without_support_nothing_is_fetched_and_the_error_says_what_to_set() {
    let peer = server(10).await;
    let client = PrefectClient::new(peer.config().with_csrf_support(false)).unwrap();
    let text = client.create_flow("load", &[]).await.unwrap_err().to_string();
    assert!(text.contains("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=true"), "{text}");
    assert_eq!(peer.lines(), ["POST /flows/"]);
}

#[tokio::test]
async fn a_server_without_tokens_is_asked_for_none() {
    let peer = Peer::start(|_, _| Reply::new(201, CREATED)).await;
    let client = PrefectClient::new(peer.config()).unwrap();
    client.create_flow("load", &[]).await.unwrap();
    assert_eq!(peer.lines(), ["POST /flows/"]);
}

#[tokio::test]
async fn attribution_and_custom_headers_are_sent() {
    let peer = Peer::start(|_, _| Reply::new(200, "\"3.8.8\"")).await;
    let config = peer.config().with_header("X-Gateway", "7").with_api_key(Some("pnu_1".to_owned()));
    let client = PrefectClient::new(config).unwrap();
    let load = Attribution { flow_name: Some("load".to_owned()), ..Attribution::default() };
    client.with_attribution(&load).server_version().await.unwrap();
    client.server_version().await.unwrap();
    let requests = peer.requests();
    assert_eq!(requests[0].header("x-prefect-flow-name"), Some("load"));
    assert_eq!(requests[1].header("x-prefect-flow-name"), None);
    for request in &requests {
        assert_eq!(request.header("x-gateway"), Some("7"));
        assert_eq!(request.header("authorization"), Some("Bearer pnu_1"));
    }
}
