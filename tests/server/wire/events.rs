//! Events of the program's own, in a flow and after it.

use context::prelude::*;
use context::{Event, EventError, Resource, emit_event};
use prefect_server::compare::{Difference, Side, assert_same, prefects};
use prefect_server::{PrefectServer, Record, RecordingProxy};
use serde_json::json;

use super::{and, said_through, version_of_the_function};
use crate::support::until;

#[flow(name = "wire-n")]
async fn events() -> Result<(), EventError> {
    let first = Event::new("my.custom.event", Resource::new("my.thing.1").with_name("Thing"))
        .with_related("peer", "other.2")
        .with_payload(json!({ "k": [1, 2] }));
    let first = emit_event(first)?;
    emit_event(Event::new("my.custom.second", "my.thing.1").following(&first)).map(drop)
}

#[tokio::test]
async fn scenario_17_custom_events() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let program = || async {
        events().await?;
        emit_event(Event::new("my.outside", "x"))?;
        let is_outside = |record: &Record| match record {
            Record::Frame(frame) => frame.json()["event"] == "my.outside",
            Record::Request(_) => false,
        };
        until("all is told", || proxy.records().iter().any(is_outside)).await;
        Ok::<_, EventError>(())
    };
    let (done, said) = said_through(&proxy, program).await;
    done.unwrap();
    let differences = and([
        version_of_the_function(),
        Difference::new(
            "what happens after a flow run has nothing to do with it",
            Side::Prefects,
            |messages| {
                let outside =
                    messages.iter_mut().find(|message| message.head() == "event my.outside");
                super::forget(&mut outside.unwrap().body, "", "related");
            },
        ),
    ]);
    assert_same(&prefects("17-custom-event"), &said, &differences);
}
