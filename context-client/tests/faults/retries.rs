//! Requests that are sent again, and those that are not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use context_client::schema::{
    ConcurrencyMode, Event, EventFilter, LogCreate, Query, Resource, StateCreate, StateType,
};
use context_client::{ApiError, ClientConfig, PrefectClient};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::peer::{Peer, Reply};

const BUSY: &str = r#"{"exception_message":"Service Unavailable"}"#;

fn client(peer: &Peer) -> PrefectClient {
    PrefectClient::new(peer.config()).unwrap()
}

fn busy(seconds: &str) -> Reply {
    Reply::new(503, BUSY).with("Retry-After", seconds)
}

fn version() -> Reply {
    Reply::new(200, "\"3.8.8\"")
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_wants() {
    let peer = Peer::start(|_, before| if before < 3 { busy("0.1") } else { version() }).await;
    let started = Instant::now();
    assert_eq!(client(&peer).server_version().await.unwrap(), "3.8.8");
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
    assert_eq!(peer.lines(), ["GET /admin/version"; 4]);
}

#[tokio::test]
async fn each_attempt_carries_the_whole_request() {
    let created = r#"{"id":"1a9d2d71-cba2-4169-b863-555dbe8be348","name":"load"}"#;
    let reply = move |before| if before == 0 { busy("0") } else { Reply::new(201, created) };
    let peer = Peer::start(move |_, before| reply(before)).await;
    client(&peer).create_flow("load", &["a".to_owned()]).await.unwrap();
    let requests = peer.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.body, r#"{"name":"load","tags":["a"]}"#);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-prefect-api-version"), Some("0.8.4"));
        assert!(request.header("user-agent").unwrap().starts_with("context-client/"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_after_five_retries() {
    let peer = Peer::start(|_, _| busy("0.01")).await;
    let err = client(&peer).create_logs(&[]).await.unwrap_err();
    assert_eq!(peer.lines().len(), 6);
    assert!(err.is_unreachable());
    assert_eq!((err.status(), err.retry_after()), (Some(503), Some(Duration::from_millis(10))));
    let text = err.to_string();
    assert!(text.starts_with("POST /logs/ was answered with 503: Service Unavailable"), "{text}");
}

#[tokio::test]
async fn the_number_of_retries_can_be_changed_over_the_same_connections() {
    let peer = Peer::start(|_, _| busy("0")).await;
    let client = client(&peer);
    assert!(client.with_max_retries(0).server_version().await.is_err());
    assert_eq!(peer.lines().len(), 1);
    assert!(client.with_max_retries(2).server_version().await.is_err());
    assert_eq!(peer.lines().len(), 1 + 3);
}

#[tokio::test]
async fn only_some_statuses_are_worth_another_attempt() {
    for (code, attempts) in [(408, 2), (429, 2), (502, 2), (503, 2), (500, 1), (423, 1), (504, 1)] {
        let peer = Peer::start(move |_, _| Reply::new(code, "").with("Retry-After", "0")).await;
        let err = client(&peer).with_max_retries(1).server_version().await.unwrap_err();
        assert_eq!((err.status(), peer.lines().len()), (Some(code), attempts));
    }
    let peer = Peer::start(|_, _| Reply::new(504, "").with("Retry-After", "0")).await;
    let config = peer.config().with_retry_extra_codes([504]).with_max_retries(1);
    assert!(PrefectClient::new(config).unwrap().server_version().await.is_err());
    assert_eq!(peer.lines().len(), 2);
}

#[tokio::test]
async fn a_server_in_maintenance_is_asked_until_it_is_back() {
    let peer = Peer::start(|_, before| match before {
        0..20 => busy("0").with("Prefect-Maintenance", "true"),
        _ => version(),
    })
    .await;
    let client = client(&peer).with_max_retries(1);
    assert_eq!(client.server_version().await.unwrap(), "3.8.8");
    assert_eq!(peer.lines().len(), 21);
}

#[tokio::test]
async fn taken_slots_are_the_callers_business() {
    let locked = || Reply::new(423, r#"{"detail":"Locked"}"#).with("Retry-After", "1.96");
    let peer = Peer::start(move |_, _| locked()).await;
    let names = ["db".to_owned()];
    let mode = ConcurrencyMode::Concurrency;
    let err = client(&peer).increment_concurrency_slots(&names, 1, mode).await.unwrap_err();
    assert!(err.is_locked());
    assert_eq!(err.retry_after(), Some(Duration::from_millis(1960)));
    assert_eq!(peer.lines().len(), 1);
}

#[tokio::test]
async fn an_interrupted_connection_is_tried_again() {
    let peer = Peer::start(|_, before| if before == 0 { Reply::HangUp } else { version() }).await;
    assert_eq!(client(&peer).server_version().await.unwrap(), "3.8.8");
    assert_eq!(peer.lines().len(), 2);

    let peer = Peer::start(|_, _| Reply::HangUp).await;
    let err = client(&peer).with_max_retries(0).server_version().await.unwrap_err();
    assert!(matches!(err, ApiError::Transport { .. }), "{err}");
    assert!(err.is_unreachable());
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let peer = Peer::start(|_, _| Reply::Silence).await;
    let config = peer.config().with_request_timeout(Duration::from_millis(50)).with_max_retries(0);
    let err = PrefectClient::new(config).unwrap().server_version().await.unwrap_err();
    assert!(matches!(err, ApiError::Timeout { .. }), "{err:?}");
    assert!(err.to_string().contains("PREFECT_API_REQUEST_TIMEOUT"), "{err}");
    assert!(err.is_unreachable());
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_server_that_was_never_there_is_reported_at_once() {
    let config = ClientConfig::new(format!("http://{}/api", nobody().await)).unwrap();
    let started = Instant::now();
    let err = PrefectClient::new(config).unwrap().server_version().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(matches!(err, ApiError::Connect { .. }), "{err:?}");
    assert!(err.to_string().contains("Connection refused"), "{err}");
    assert!(err.is_unreachable());
}

#[tokio::test]
async fn a_server_that_was_there_before_is_waited_for() {
    let peer = Peer::start(|_, _| version().with("Connection", "close")).await;
    let client = client(&peer);
    client.server_version().await.unwrap();
    let url = client.api_url().to_owned();
    let address = url.trim_start_matches("http://").trim_end_matches("/api").to_owned();
    drop(peer);

    // It is refused now, and tried again after about two seconds.
    let refused = client.with_max_retries(0);
    let refused = loop {
        match refused.server_version().await {
            Ok(_) => tokio::task::yield_now().await,
            Err(err) => break err,
        }
    };
    assert!(matches!(refused, ApiError::Connect { .. }), "{refused:?}");
    let mut again = Box::pin(client.server_version());
    let early = tokio::time::timeout(Duration::from_millis(500), &mut again).await;
    assert!(early.is_err(), "nobody was there: {early:?}");
    let peer = Peer::listen(TcpListener::bind(&address).await.unwrap(), |_, _| version());
    assert_eq!(again.await.unwrap(), "3.8.8");
    assert_eq!(peer.lines().len(), 1);
}

#[tokio::test]
async fn an_answer_of_another_kind_is_named() {
    let peer = Peer::start(|_, _| Reply::new(200, "<html>Sign in</html>")).await;
    let err = client(&peer).server_version().await.unwrap_err();
    assert!(matches!(err, ApiError::Decode { .. }), "{err:?}");
    let text = err.to_string();
    assert!(text.contains("GET /admin/version") && text.contains("Prefect 3 server"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_server_only() {
    let peer = Peer::start(|request, _| match request.path.as_str() {
        "/moved/api/version" => Reply::new(200, "\"0.8.4\""),
        "/version" => Reply::new(307, "").with("Location", "/moved/api/version"),
        _ => Reply::new(308, "").with("Location", "https://elsewhere.example/api?secret=1"),
    })
    .await;
    let config = peer.config().with_auth_string(Some("admin:pass".to_owned()));
    let client = PrefectClient::new(config).unwrap();
    assert_eq!(client.api_version().await.unwrap(), "0.8.4");
    assert!(peer.requests().iter().all(|request| request.header("authorization").is_some()));

    let err = client.server_version().await.unwrap_err();
    let text = err.to_string();
    assert_eq!(err.status(), Some(308));
    assert!(text.contains("redirects to https://elsewhere.example/api"), "{text}");
    assert!(text.contains("PREFECT_API_URL") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_new_proposal_has_an_id_which_its_repetitions_share() {
    let answer = json!({ "state": null, "status": "ABORT", "details": { "reason": "no" } });
    let answer = Reply::new(200, &answer.to_string());
    let peer = Peer::start(move |_, n| if n == 0 { busy("0") } else { answer.clone() }).await;
    let client = client(&peer);
    let state = StateCreate::new(StateType::Running);
    client.set_flow_run_state(Uuid::nil(), &state, false).await.unwrap();
    client.set_flow_run_state(Uuid::nil(), &state, true).await.unwrap();

    let bodies = peer.requests().into_iter().map(|request| request.body);
    let bodies: Vec<Value> = bodies.map(|body| serde_json::from_str(&body).unwrap()).collect();
    let id = |n: usize| bodies[n]["state"]["state_details"]["transition_id"].as_str().unwrap();
    assert_eq!(id(0), id(1), "the same proposal, sent again");
    assert_ne!(id(1), id(2), "another proposal");
    assert_eq!((&bodies[1]["force"], &bodies[2]["force"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn the_next_page_is_asked_for_where_the_first_was() {
    let page = |event: &str, next: Option<&str>| {
        let events = [Event::new(event, Resource::new("r"))];
        json!({ "events": events, "total": 2, "next_page": next }).to_string()
    };
    // The server names itself as it sees itself, which is not how it is reached.
    let next = "http://internal:4200/api/events/filter/next?page-token=ab%2Bc%3D";
    let (first, last) = (page("a", Some(next)), page("b", None));
    let peer = Peer::start(move |request, _| {
        Reply::new(200, if request.method == "POST" { &first } else { &last })
    })
    .await;
    let client = client(&peer);
    let first = client.read_events(&EventFilter::new()).await.unwrap();
    let last = client.read_events_page(&first).await.unwrap().unwrap();
    assert_eq!((first.events[0].event.as_str(), last.events[0].event.as_str()), ("a", "b"));
    assert_eq!(client.read_events_page(&last).await.unwrap(), None);
    let next = "GET /events/filter/next?page-token=ab%2Bc%3D";
    assert_eq!(peer.lines(), ["POST /events/filter", next]);
}

#[tokio::test]
async fn names_are_escaped_in_paths() {
    let peer = Peer::start(|_, _| Reply::new(404, r#"{"detail":"Flow not found"}"#)).await;
    let client = client(&peer);
    assert!(client.read_flow_by_name("two words/é?").await.unwrap_err().is_not_found());
    assert_eq!(client.read_variable_by_name("a#b").await.unwrap(), None);
    let flow = "GET /flows/name/two%20words%2F%C3%A9%3F";
    assert_eq!(peer.lines(), [flow, "GET /variables/name/a%23b"]);
}

#[tokio::test]
async fn a_large_batch_is_sent_whole() {
    let peer = Peer::start(|_, _| Reply::new(201, "null")).await;
    let line = LogCreate {
        name: "big".to_owned(),
        level: 20,
        message: "ä".repeat(2_000_000),
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        flow_run_id: None,
        task_run_id: None,
    };
    client(&peer).create_logs(std::slice::from_ref(&line)).await.unwrap();
    assert!(peer.requests()[0].body.contains(&line.message));
    let err = client(&peer).read_logs(Query::new()).await.unwrap_err();
    assert!(matches!(err, ApiError::Decode { .. }), "{err}");
}
