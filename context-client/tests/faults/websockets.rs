//! Websockets that break, refuse and are silent.

use std::task::Poll;
use std::time::Duration;

use context_client::schema::{Event, EventFilter, Resource};
use context_client::{ApiError, ClientConfig, PrefectClient};
use futures_util::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use uuid::Uuid;

/// Accepts a websocket as Prefect's server does, up to the client's first frame.
async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> (WebSocketStream<S>, Value) {
    #[expect(clippy::result_large_err, reason = "tungstenite asks for it")]
    fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        assert_eq!(request.headers()["sec-websocket-protocol"], "prefect");
        let protocol = HeaderValue::from_static("prefect");
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    }
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
    let hello = json_of(&socket.next().await.unwrap().unwrap());
    (socket, hello)
}

/// The same, and lets the client in.
pub(crate) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    let (mut socket, hello) = accept(stream).await;
    assert_eq!(hello["type"], "auth");
    socket.send(Message::text(r#"{"type":"auth_success"}"#)).await.unwrap();
    socket
}

/// A server for one connection, which `serve` gets.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> ClientConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    });
    ClientConfig::new(format!("http://{address}/api")).unwrap()
}

fn client(config: ClientConfig) -> PrefectClient {
    PrefectClient::new(config).unwrap()
}

fn event(number: usize) -> Event {
    Event::new("test.event", Resource::new(format!("test.{number}")))
}

fn json_of(frame: &Message) -> Value {
    serde_json::from_str(frame.to_text().unwrap()).unwrap()
}

fn goodbye(code: u16, reason: &'static str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

#[tokio::test]
async fn a_broken_connection_is_told_to_who_sends_and_to_who_waits() {
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        // Then not even goodbye.
        socket.next().await.unwrap().unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    events.send(&event(1)).await.unwrap();
    let why = events.closed().await;
    assert!(matches!(why, ApiError::WebsocketClosed { code: None, .. }), "{why:?}");
    assert!(why.is_unreachable() && !why.is_unauthorized());
    assert!(events.is_closed());
    assert_eq!(events.send(&event(2)).await.unwrap_err(), why);
    assert_eq!(events.flush().await.unwrap_err(), why);
    assert_eq!(events.checkpoint().await.unwrap_err(), why);
    assert_eq!(events.close().await.unwrap_err(), why);
}

#[tokio::test]
async fn a_checkpoint_ends_with_the_connection() {
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        // What comes after this is never read, hence never answered.
        socket.next().await.unwrap().unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    events.send(&event(1)).await.unwrap();
    let err = events.checkpoint().await.unwrap_err();
    assert!(matches!(err, ApiError::WebsocketClosed { .. }), "{err:?}");
}

#[tokio::test]
async fn a_goodbye_has_a_code_and_a_reason_and_is_returned() {
    let (done, returned) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        socket.close(goodbye(1011, "keepalive ping timeout")).await.unwrap();
        done.send(socket.next().await.unwrap().unwrap()).unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    let why = events.closed().await;
    assert!(matches!(why, ApiError::WebsocketClosed { code: Some(1011), .. }), "{why:?}");
    assert!(why.to_string().contains("keepalive ping timeout"), "{why}");
    assert!(why.is_unreachable());
    assert!(returned.await.unwrap().is_close());
}

#[tokio::test]
async fn everything_arrives_in_order_before_a_close() {
    const COUNT: usize = 5000;
    let (done, received) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        let mut ids = Vec::new();
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_text() {
                ids.push(json_of(&frame)["resource"][Resource::ID].as_str().unwrap().to_owned());
            }
        }
        done.send(ids).unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    for number in 0..COUNT {
        events.send(&event(number)).await.unwrap();
    }
    events.close().await.unwrap();
    let expected: Vec<_> = (0..COUNT).map(|number| format!("test.{number}")).collect();
    assert_eq!(received.await.unwrap(), expected);
}

#[tokio::test]
async fn what_is_queued_is_sent_when_the_last_sender_is_dropped() {
    let (done, received) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        let mut count = 0;
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(_) => count += 1,
                Message::Close(frame) => {
                    done.send((count, frame.map(|frame| u16::from(frame.code)))).unwrap();
                    return;
                }
                _ => {}
            }
        }
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    for number in 0..100 {
        events.clone().send(&event(number)).await.unwrap();
    }
    drop(events);
    assert_eq!(received.await.unwrap(), (100, Some(1000)));
}

#[tokio::test]
async fn a_server_that_does_not_read_is_waited_for() {
    // 60 MB, which is more than sockets and queues hold.
    const COUNT: usize = 3000;
    let (go, gone) = oneshot::channel::<()>();
    let (done, received) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        gone.await.unwrap();
        let mut count = 0;
        while let Some(Ok(frame)) = socket.next().await {
            count += usize::from(frame.is_text());
        }
        done.send(count).unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    let sender = events.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..COUNT {
            sender.send_text(format!("{:>20000}", "x")).await.unwrap();
        }
        sender.flush().await.unwrap();
    });
    let mut sending = Box::pin(sending);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut sending).await;
    assert!(early.is_err(), "it went where nobody reads");
    go.send(()).unwrap();
    sending.await.unwrap();
    events.close().await.unwrap();
    assert_eq!(received.await.unwrap(), COUNT);
}

#[tokio::test]
async fn who_writes_reads_meanwhile() {
    // The server reads nothing before it has got rid of 60 MB, and so would a client that only writes.
    const COUNT: usize = 3000;
    let (done, received) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        for _ in 0..COUNT {
            socket.send(Message::text(format!("{:>20000}", "x"))).await.unwrap();
        }
        let mut count = 0;
        while let Some(Ok(frame)) = socket.next().await {
            count += usize::from(frame.is_text());
        }
        done.send(count).unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    for _ in 0..COUNT {
        events.send_text(format!("{:>20000}", "x")).await.unwrap();
    }
    events.close().await.unwrap();
    assert_eq!(received.await.unwrap(), COUNT);
}

#[tokio::test]
async fn pings_are_answered_while_nobody_looks() {
    let (done, answered) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        socket.send(Message::Ping("still there?".into())).await.unwrap();
        done.send(socket.next().await.unwrap().unwrap()).unwrap();
    })
    .await;
    let events = client(config).events_in().await.unwrap();
    assert_eq!(answered.await.unwrap(), Message::Pong("still there?".into()));
    drop(events);
}

#[tokio::test]
async fn credentials_are_shown_in_the_first_frame() {
    let text = |text: &str| Some(text.to_owned());
    for (auth, key, token) in [
        (None, None, Value::Null),
        (text("admin:pass"), text("pnu_1"), json!("admin:pass")),
        (None, text("pnu_1"), json!("pnu_1")),
    ] {
        let (done, hello) = oneshot::channel();
        let config = server(|stream| async {
            let (mut socket, hello) = accept(stream).await;
            done.send(hello).unwrap();
            socket.close(goodbye(1008, "Invalid token")).await.unwrap();
        })
        .await;
        let config = config.with_auth_string(auth).with_api_key(key);
        let err = client(config).events_in().await.unwrap_err();
        assert_eq!(hello.await.unwrap(), json!({ "type": "auth", "token": token }));
        assert!(err.is_unauthorized() && !err.is_unreachable(), "{err:?}");
        let text = err.to_string();
        assert!(text.contains("Invalid token"), "{text}");
        assert!(text.contains("PREFECT_API_AUTH_STRING"), "{text}");
        assert!(!text.contains("pass") && !text.contains("pnu_1"), "{text}");
    }
}

#[tokio::test]
async fn no_websocket_is_opened_where_there_is_none() {
    for (head, unreachable) in [("404 Not Found", false), ("502 Bad Gateway", true)] {
        let config = server(move |mut stream| async move {
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            // It is the client that hangs up.
            while stream.readable().await.is_ok() && stream.try_read(&mut [0; 1024]).unwrap() > 0 {}
        })
        .await;
        let err = client(config).events_in().await.unwrap_err();
        assert!(matches!(err, ApiError::WebsocketRefused { .. }), "{err:?}");
        assert!(err.to_string().contains(head), "{err}");
        assert_eq!(err.is_unreachable(), unreachable);
    }
}

#[tokio::test]
async fn a_websocket_of_something_else_is_not_taken_for_prefects() {
    let config = server(|stream| async {
        // It does not agree to speak as Prefect does.
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    })
    .await;
    let err = client(config).events_in().await.unwrap_err();
    assert!(matches!(err, ApiError::Decode { .. }) && !err.is_unreachable(), "{err:?}");
    assert!(err.to_string().contains("is a Prefect 3 server at the API URL?"), "{err}");
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let config = server(|stream| async {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let client = client(config.with_request_timeout(Duration::from_millis(50)));
    let err = client.events_in().await.unwrap_err();
    assert!(matches!(err, ApiError::Timeout { .. }), "{err:?}");
    assert!(err.to_string().contains("/events/in"), "{err}");
}

#[tokio::test]
async fn a_subscription_goes_on_after_what_it_cannot_read_and_ends_once() {
    let (done, filter) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        done.send(json_of(&socket.next().await.unwrap().unwrap())).unwrap();
        let good = json!({ "type": "event", "event": event(7) }).to_string();
        for frame in [r#"{"type":"event","event":{"id":1}}"#, r#"{"type":"news"}"#, &good] {
            socket.send(Message::text(frame)).await.unwrap();
        }
        socket.close(goodbye(1001, "going away")).await.unwrap();
    })
    .await;
    let names = EventFilter::new().names(["test.event"]);
    let mut events = client(config).subscribe_events(&names, true).await.unwrap();

    let filter = filter.await.unwrap();
    assert_eq!((&filter["type"], &filter["backfill"]), (&json!("filter"), &json!(true)));
    assert_eq!(filter["filter"]["event"], json!({ "name": ["test.event"] }));
    let occurred = &filter["filter"]["occurred"];
    let time = |key: &str| occurred[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time("since") < Timestamp::now() && Timestamp::now() < time("until"));

    let unreadable = events.next().await.unwrap().unwrap_err();
    assert!(matches!(unreadable, ApiError::Decode { .. }), "{unreadable:?}");
    assert_eq!(events.next().await.unwrap().unwrap().resource.id(), "test.7");
    let end = events.next().await.unwrap().unwrap_err();
    assert!(matches!(end, ApiError::WebsocketClosed { code: Some(1001), .. }), "{end:?}");
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_task_run_is_acknowledged_when_it_is_taken() {
    let run = json!({ "id": Uuid::from_u128(7), "task_key": "k", "dynamic_key": "0" }).to_string();
    let (arrived, has_arrived) = oneshot::channel();
    let (done, acknowledged) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        let first = json_of(&socket.next().await.unwrap().unwrap());
        socket.send(Message::text(run)).await.unwrap();
        socket.send(Message::Ping("arrived?".into())).await.unwrap();
        let pong = socket.next().await.unwrap().unwrap();
        arrived.send((first, pong)).unwrap();
        done.send(socket.next().await.unwrap().unwrap()).unwrap();
    })
    .await;
    let keys = ["k".to_owned()];
    let mut runs = client(config).subscribe_scheduled_task_runs(&keys, "worker-1").await.unwrap();
    let (first, pong) = has_arrived.await.unwrap();
    assert_eq!(first, json!({ "type": "subscribe", "keys": ["k"], "client_id": "worker-1" }));
    assert!(pong.is_pong(), "it is not acknowledged before it is taken: {pong:?}");
    assert_eq!(runs.next().await.unwrap().unwrap().id, Uuid::from_u128(7));
    assert_eq!(json_of(&acknowledged.await.unwrap()), json!({ "type": "ack" }));
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    const COUNT: usize = 200;
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        socket.next().await.unwrap().unwrap();
        for number in 0..COUNT {
            let frame = json!({ "type": "event", "event": event(number) }).to_string();
            socket.send(Message::text(frame)).await.unwrap();
            tokio::task::yield_now().await;
        }
        while socket.next().await.is_some() {}
    })
    .await;
    let mut events = client(config).subscribe_events(&EventFilter::new(), false).await.unwrap();
    let mut ids = Vec::new();
    while ids.len() < COUNT {
        // Polled once and dropped, again and again.
        if let Poll::Ready(item) = futures_util::poll!(Box::pin(events.next())) {
            ids.push(item.unwrap().unwrap().resource.id().to_owned());
        } else {
            tokio::task::yield_now().await;
        }
    }
    let expected: Vec<_> = (0..COUNT).map(|number| format!("test.{number}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_subscription_ends_when_it_is_dropped() {
    let (done, ended) = oneshot::channel();
    let config = server(|stream| async {
        let mut socket = greet(stream).await;
        socket.next().await.unwrap().unwrap();
        done.send(socket.next().await.unwrap().unwrap()).unwrap();
    })
    .await;
    let events = client(config).subscribe_events(&EventFilter::new(), false).await.unwrap();
    drop(events);
    assert!(ended.await.unwrap().is_close());
}
