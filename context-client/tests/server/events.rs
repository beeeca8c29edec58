use std::collections::BTreeSet;
use std::time::Duration;

use context_client::PrefectClient;
use context_client::schema::{
    Event, EventFilter, EventPage, Resource, StateCreate, StateType, TaskRunFilter,
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::{eventually, new_id, running, shared, unique};

/// The one event of a short task run.
fn completed(flow_run: Uuid, task_run: Uuid, number: usize) -> Event {
    let resource = Resource::new(format!("prefect.task-run.{task_run}"))
        .with("prefect.orchestration", "client");
    let mut event = Event::new("prefect.task-run.Completed", resource);
    event.related =
        vec![Resource::new(format!("prefect.flow-run.{flow_run}")).with_role("flow-run")];
    event.payload = json!({
        "validated_state": { "type": "COMPLETED", "name": "Completed", "message": "well" },
        "task_run": {
            "name": format!("load-{number}"), "task_key": "load", "dynamic_key": number.to_string(),
            "tags": ["io"], "run_count": 1, "start_time": event.occurred, "end_time": event.occurred,
            "total_run_time": 0.25,
        },
    });
    event
}

#[tokio::test]
async fn task_runs_that_are_sent_as_events_are_read_back() {
    const COUNT: usize = 500;
    let Some(client) = shared() else { return };
    let flow_run = running(&client, "events").await;
    let ids: Vec<_> = (0..COUNT).map(|_| new_id()).collect();
    let events = client.events_in().await.unwrap();
    for (number, id) in ids.iter().enumerate() {
        events.send(&completed(flow_run.id, *id, number)).await.unwrap();
    }
    events.checkpoint().await.unwrap();
    events.close().await.unwrap();

    let of_run = TaskRunFilter::new().flow_run_ids([flow_run.id]);
    let of_run = of_run.state_types([StateType::Completed]);
    eventually("all task runs", async || {
        let count = client.count_task_runs(&of_run).await?;
        Ok((count == COUNT as u64).then_some(()))
    })
    .await;
    let run = client.read_task_run(ids[7]).await.unwrap();
    assert_eq!((run.name.as_str(), run.run_count), ("load-7", 1));
    assert!((run.total_run_time - 0.25).abs() < 1e-9);
    let state = run.state.unwrap();
    assert_eq!(state.message.as_deref(), Some("well"));
    assert_eq!(state.state_details.flow_run_id, Some(flow_run.id));
}

#[tokio::test]
async fn the_server_hangs_up_after_what_is_no_event() {
    let Some(client) = shared() else { return };
    let events = client.events_in().await.unwrap();
    events.send_text("{}".to_owned()).await.unwrap();
    let why = events.closed().await;
    assert!(why.is_unreachable(), "{why:?}");
    assert!(events.checkpoint().await.is_err());
}

#[tokio::test]
async fn a_subscription_gets_what_happens() {
    let Some(client) = shared() else { return };
    let name = unique("test.live");
    let filter = EventFilter::new().names([name.as_str()]);
    // What has happened before it, and what happens after.
    client.post_events(&[Event::new(&name, Resource::new("test.before"))]).await.unwrap();
    eventually("the first event", async || {
        Ok((client.read_events(&filter).await?.total == 1).then_some(()))
    })
    .await;
    let mut subscriber = client.subscribe_events(&filter, true).await.unwrap();
    let first = subscriber.next().await.unwrap().unwrap();
    assert_eq!(first.resource.id(), "test.before");

    let sent = Event {
        related: vec![Resource::new("test.other").with_role("peer").with("colour", "red")],
        payload: json!({ "rows": [1, 2] }),
        follows: Some(first.id),
        ..Event::new(&name, Resource::new("test.after").with(Resource::NAME, "After"))
    };
    let events = client.events_in().await.unwrap();
    events.send(&sent).await.unwrap();
    events.send(&Event::new(unique("test.unwanted"), Resource::new("x"))).await.unwrap();
    events.flush().await.unwrap();
    let after = subscriber.next().await.unwrap().unwrap();
    // The server keeps microseconds.
    let micros = |event: &Event| event.occurred.as_microsecond();
    assert_eq!(micros(&after), micros(&sent));
    assert_eq!(Event { occurred: sent.occurred, ..after }, sent);

    let quiet = tokio::time::timeout(Duration::from_millis(300), subscriber.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    subscriber.close().await;
}

#[tokio::test]
async fn a_cancellation_by_somebody_else_is_noticed() {
    let Some(client) = shared() else { return };
    let run = running(&client, "cancelled").await;
    let id = format!("prefect.flow-run.{}", run.id);
    let filter = EventFilter::new().names(["prefect.flow-run.Cancelling"]).resource_ids([&id]);
    let mut cancellations = client.subscribe_events(&filter, true).await.unwrap();
    let cancelling = StateCreate::new(StateType::Cancelling);
    client.set_flow_run_state(run.id, &cancelling, false).await.unwrap();
    let event = cancellations.next().await.unwrap().unwrap();
    assert_eq!(event.resource.id(), id);
}

async fn all_pages(client: &PrefectClient, filter: &EventFilter) -> Vec<EventPage> {
    let mut pages = vec![client.read_events(filter).await.unwrap()];
    while let Some(next) = client.read_events_page(pages.last().unwrap()).await.unwrap() {
        pages.push(next);
    }
    pages
}

#[tokio::test]
async fn events_are_read_page_by_page() {
    const COUNT: usize = 120;
    let Some(client) = shared() else { return };
    let name = unique("test.paged");
    let start = Timestamp::now() - SignedDuration::from_mins(1);
    let event = |number: usize| Event {
        occurred: start + Duration::from_millis(number as u64),
        ..Event::new(&name, Resource::new(format!("test.{number:03}")).with("kind", "odd"))
    };
    let events: Vec<_> = (0..COUNT).map(event).collect();
    client.post_events(&events).await.unwrap();
    let filter = EventFilter::new().names([name.as_str()]);
    eventually("all events", async || {
        Ok((client.read_events(&filter).await?.total == COUNT as u64).then_some(()))
    })
    .await;

    let pages = all_pages(&client, &filter.clone().oldest_first()).await;
    assert_eq!(pages.iter().map(|page| page.events.len()).collect::<Vec<_>>(), [50, 50, 20]);
    let resources: Vec<_> =
        pages.iter().flat_map(|page| &page.events).map(|event| event.resource.id()).collect();
    assert!(resources.is_sorted(), "{resources:?}");
    assert_eq!(resources.iter().collect::<BTreeSet<_>>().len(), COUNT);
    let newest = client.read_events(&filter).await.unwrap();
    assert_eq!(newest.events[0].resource.id(), "test.119");

    let total = async |filter: EventFilter| client.read_events(&filter).await.unwrap().total;
    let ids = events[..3].iter().map(|event| event.id);
    assert_eq!(total(filter.clone().ids(ids)).await, 3);
    assert_eq!(total(filter.clone().resource_ids(["test.007"])).await, 1);
    assert_eq!(total(filter.clone().resource_id_prefixes(["test.00"])).await, 10);
    assert_eq!(total(filter.clone().since(events[100].occurred)).await, 20);
    assert_eq!(total(filter.clone().until(events[9].occurred)).await, 10);
    assert_eq!(total(filter.clone().related_ids(["none"])).await, 0);
    assert_eq!(total(EventFilter::new().name_prefixes([&name[..20]])).await, COUNT as u64);
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_there_once() {
    let Some(client) = shared() else { return };
    let flow_run = running(&client, "again").await;
    let (id, events) = (new_id(), client.events_in().await.unwrap());
    let event = completed(flow_run.id, id, 0);
    for _ in 0..3 {
        events.send(&event).await.unwrap();
    }
    events.checkpoint().await.unwrap();
    let states = eventually("the task run", async || {
        let states = client.read_task_run_states(id).await?;
        Ok((!states.is_empty()).then_some(states))
    })
    .await;
    assert_eq!(states.iter().map(|state| state.id).collect::<Vec<_>>(), [event.id]);
}

#[tokio::test]
async fn many_send_over_one_connection() {
    const EACH: usize = 50;
    let Some(client) = shared() else { return };
    let name = unique("test.shared");
    let events = client.events_in().await.unwrap();
    let send = |sender: usize| {
        let (events, name) = (events.clone(), name.clone());
        async move {
            for number in 0..EACH {
                let resource = Resource::new(format!("test.{sender}.{number}"));
                events.send(&Event::new(&name, resource)).await.unwrap();
            }
            events.checkpoint().await.unwrap();
        }
    };
    join_all((0..4).map(send)).await;
    let filter = EventFilter::new().names([name.as_str()]);
    eventually("all events", async || {
        Ok((client.read_events(&filter).await?.total == 4 * EACH as u64).then_some(()))
    })
    .await;
}

#[tokio::test]
async fn a_wrong_event_is_refused_over_http() {
    let Some(client) = shared() else { return };
    let nothing = Event::new("test.nothing", Resource::default());
    let err = client.post_events(&[nothing]).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("prefect.resource.id"), "{err}");
}
