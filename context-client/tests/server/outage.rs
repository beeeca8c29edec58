//! A server that goes away and comes back.

use std::time::{Duration, Instant};

use context_client::schema::{Event, EventFilter, FlowRunCreate, Resource};
use context_client::{ApiError, ClientConfig, PrefectClient};
use prefect_server::{Options, PrefectServer};

use crate::unique;

/// One server for all: starting one takes some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_waited_for() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut server = PrefectServer::not_started(Options::new());
    let config = ClientConfig::new(server.api_url()).unwrap();
    let client = PrefectClient::new(config.clone()).unwrap();

    // It was never there: that is said at once.
    let started = Instant::now();
    let err = client.create_flow("x", &[]).await.unwrap_err();
    assert!(matches!(err, ApiError::Connect { .. }) && err.is_unreachable(), "{err:?}");
    assert!(client.events_in().await.unwrap_err().is_unreachable());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    // It is there, and then it hangs.
    server.restart();
    let flow = client.create_flow(&unique("outage"), &[]).await.unwrap();
    server.pause();
    let impatient = config.with_request_timeout(Duration::from_millis(200)).with_max_retries(0);
    let impatient = PrefectClient::new(impatient).unwrap();
    let err = impatient.read_flow(flow.id).await.unwrap_err();
    assert!(matches!(err, ApiError::Timeout { .. }) && err.is_unreachable(), "{err:?}");
    let err = impatient.events_in().await.unwrap_err();
    assert!(matches!(err, ApiError::Timeout { .. }) && err.is_unreachable(), "{err:?}");
    server.resume();

    // It is killed. Connections end, and the next call waits until it is back.
    let events = client.events_in().await.unwrap();
    let mut subscriber = client.subscribe_events(&EventFilter::new(), false).await.unwrap();
    events.send(&Event::new("test.before", Resource::new("x"))).await.unwrap();
    server.kill();
    assert!(events.closed().await.is_unreachable());
    while let Some(item) = subscriber.next().await {
        if let Err(err) = item {
            assert!(err.is_unreachable(), "{err:?}");
        }
    }
    let again = tokio::spawn({
        let client = client.clone();
        async move { client.create_flow_run(&FlowRunCreate::new(flow.id)).await }
    });
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    });
    let server = server.await.unwrap();
    assert_eq!(again.await.unwrap().unwrap().flow_id, flow.id);
    client.events_in().await.unwrap().checkpoint().await.unwrap();
    drop(server);
}
