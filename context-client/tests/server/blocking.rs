//! The client that waits.

use std::task::Poll;
use std::time::Duration;

use context_client::schema::{
    Event, EventFilter, FlowRunCreate, LogCreate, LogFilter, OrchestrationStatus, Resource,
    StateCreate, StateType,
};
use context_client::{BlockingPrefectClient, ClientConfig};
use prefect_server::PrefectServer;

use crate::unique;

fn shared() -> Option<BlockingPrefectClient> {
    let config = ClientConfig::new(PrefectServer::shared()?.api_url()).unwrap();
    Some(BlockingPrefectClient::new(config).unwrap())
}

#[test]
fn a_flow_run_from_beginning_to_end() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("blocking"), &[]).unwrap();
    let run = client.create_flow_run(&FlowRunCreate::new(flow.id)).unwrap();
    for state_type in [StateType::Running, StateType::Completed] {
        let result = client.set_flow_run_state(run.id, &StateCreate::new(state_type), false);
        assert_eq!(result.unwrap().status, OrchestrationStatus::Accept);
    }
    let line = LogCreate {
        name: "test".to_owned(),
        level: 20,
        message: "done".to_owned(),
        timestamp: jiff::Timestamp::now(),
        flow_run_id: Some(run.id),
        task_run_id: None,
    };
    client.create_logs(&[line]).unwrap();
    let logs = client.read_logs(LogFilter::new().flow_run_ids([run.id])).unwrap();
    assert_eq!(logs[0].message, "done");
    assert_eq!(client.read_flow_run(run.id).unwrap().state_type, Some(StateType::Completed));
    assert!(client.read_flow(run.id).unwrap_err().is_not_found());
}

#[test]
fn events_are_sent_and_waited_for() {
    let Some(client) = shared() else { return };
    let name = unique("test.blocking");
    let filter = EventFilter::new().names([name.as_str()]);
    let mut subscriber = client.subscribe_events(&filter, true).unwrap();
    let nothing = subscriber.next_within(Duration::from_millis(50));
    assert!(nothing.is_pending(), "{nothing:?}");

    let events = client.events_in().unwrap();
    for number in 0..3 {
        events.send(&Event::new(&name, Resource::new(format!("test.{number}")))).unwrap();
    }
    events.checkpoint().unwrap();
    let first = match subscriber.next_within(Duration::from_secs(30)) {
        Poll::Ready(Some(Ok(event))) => event,
        other => panic!("{other:?}"),
    };
    let others = subscriber.by_ref().take(2).map(Result::unwrap);
    let received: Vec<_> = std::iter::once(first).chain(others).collect();
    let ids: Vec<_> = received.iter().map(|event| event.resource.id()).collect();
    assert_eq!(ids, ["test.0", "test.1", "test.2"]);
    events.close().unwrap();
    subscriber.close();
}

#[tokio::test]
async fn it_may_be_used_where_others_are_async() {
    let Some(client) = shared() else { return };
    assert_eq!(client.server_version().unwrap(), prefect_server::VERSION);
    let other = tokio::task::spawn_blocking(move || client.server_version());
    assert_eq!(other.await.unwrap().unwrap(), prefect_server::VERSION);
}
