//! The client that waits, where waiting is unusual.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use context_client::schema::EventFilter;
use context_client::{ApiError, BlockingPrefectClient, ClientConfig};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::peer::{Peer, Reply};

/// A server on a thread of its own, which ends with this.
struct Server {
    config: ClientConfig,
    _end: oneshot::Sender<()>,
}

fn server(reply: Reply) -> Server {
    let (tell, told) = mpsc::channel();
    let (end, ended) = oneshot::channel();
    thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let peer = Peer::start(move |_, _| reply.clone()).await;
            tell.send(peer.config()).unwrap();
            let _ = ended.await;
        });
    });
    Server { config: told.recv().unwrap(), _end: end }
}

fn client(server: &Server) -> BlockingPrefectClient {
    BlockingPrefectClient::new(server.config.clone()).unwrap()
}

fn version() -> Reply {
    Reply::new(200, "\"3.8.8\"")
}

#[test]
fn it_waits_without_a_runtime() {
    let server = server(version());
    let client = client(&server);
    for _ in 0..3 {
        assert_eq!(client.server_version().unwrap(), "3.8.8");
    }
}

#[test]
fn it_waits_within_either_kind_of_runtime() {
    let server = server(version());
    let mut single = Builder::new_current_thread();
    let mut multi = Builder::new_multi_thread();
    for builder in [&mut single, multi.worker_threads(1)] {
        let client = client(&server);
        // These runtimes have no timers and sockets of their own.
        let runtime = builder.build().unwrap();
        let version = runtime.block_on(async move { client.server_version() });
        assert_eq!(version.unwrap(), "3.8.8");
    }
}

#[test]
fn it_waits_in_a_task_that_has_used_up_its_share() {
    let server = server(version());
    let client = client(&server);
    let task = async move {
        // A task may poll so and so often before it has to make room. Then nothing seems to be ready any more.
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..1000 {
            sender.send(()).unwrap();
        }
        while futures_util::poll!(Box::pin(receiver.recv())).is_ready() {}
        assert!(!receiver.is_empty(), "the share is not used up");
        client.server_version()
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    let version =
        LocalSet::new().block_on(&runtime, async { tokio::task::spawn_local(task).await.unwrap() });
    assert_eq!(version.unwrap(), "3.8.8");
}

#[test]
fn many_threads_wait_with_one_client() {
    let server = server(version());
    let client = client(&server);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(client.server_version().unwrap(), "3.8.8");
                }
            });
        }
    });
}

#[test]
fn a_refused_websocket_is_an_error() {
    let server = server(Reply::new(403, ""));
    let client = client(&server);
    assert!(client.events_in().unwrap_err().is_unauthorized());
    let err = client.subscribe_events(&EventFilter::new(), false).unwrap_err();
    assert!(err.is_unauthorized(), "{err}");
}

#[test]
fn requests_are_sent_again_and_time_out_as_in_the_async_client() {
    let busy = server(Reply::new(503, "").with("Retry-After", "0.01"));
    let err = client(&busy).with_max_retries(2).api_healthcheck().unwrap_err();
    assert_eq!(err.status(), Some(503));

    let silent = server(Reply::Silence);
    let config = silent.config.with_request_timeout(Duration::from_millis(50));
    let client = BlockingPrefectClient::new(config.with_max_retries(0)).unwrap();
    let err = client.api_healthcheck().unwrap_err();
    assert!(matches!(err, ApiError::Timeout { .. }), "{err:?}");
}
