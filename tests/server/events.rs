//! Events of programs.

use context::prelude::*;
use context::{Event, EventError, Resource, emit_event};
use prefect_server::PrefectServer;
use serde_json::json;

use crate::support::{Known, events, flow_run, text, under};

#[flow(name = "events: custom")]
async fn custom() -> Result<(), EventError> {
    let first = emit_event(
        Event::new("my.custom.event", Resource::new("my.thing.1").with_name("Thing"))
            .with_related("peer", "other.2")
            .with_payload(json!({ "k": [1, 2] })),
    )?;
    emit_event(Event::new("my.custom.second", "my.thing.1").following(&first)).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_what_surrounds_it() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, || async { tags!("events-t", { custom::state().await }) }).await;
    let known = Known::new(server, flow_run(&state));
    let mut told = events(server, "my.thing.1", 2).await;
    told.sort_by_key(|event| text(&event["occurred"]).to_owned());
    let run = known.flow_run();
    assert_eq!(told[0]["event"], "my.custom.event");
    assert_eq!(
        told[0]["resource"],
        json!({ "prefect.resource.id": "my.thing.1", "prefect.resource.name": "Thing" })
    );
    assert_eq!(told[0]["payload"], json!({ "k": [1, 2] }));
    assert_eq!(
        told[0]["related"],
        json!([
            { "prefect.resource.id": "other.2", "prefect.resource.role": "peer" },
            {
                "prefect.resource.id": format!("prefect.flow-run.{}", known.id),
                "prefect.resource.role": "flow-run",
                "prefect.resource.name": run["name"],
            },
            {
                "prefect.resource.id": format!("prefect.flow.{}", text(&run["flow_id"])),
                "prefect.resource.role": "flow",
                "prefect.resource.name": "events: custom",
            },
            { "prefect.resource.id": "prefect.tag.events-t", "prefect.resource.role": "tag" },
        ])
    );
    assert_eq!(
        (&told[1]["event"], &told[1]["follows"]),
        (&json!("my.custom.second"), &told[0]["id"])
    );
}
