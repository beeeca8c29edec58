//! Assets: what was materialized, and of what.

use context::prelude::*;
use context::{Asset, AssetMetadataError};
use prefect_server::PrefectServer;
use prefect_server::compare::{Difference, assert_same, prefects, transcript};
use serde_json::{Value, json};

use crate::support::{flow_run, text, until};

use super::failures::failures_in_other_words;
use super::{ValueError, and, said, untracked_results, version_of_the_function};

fn clean() -> Asset {
    let asset = Asset::new("s3://bkt/clean.csv").unwrap().with_name("Clean");
    let asset = asset.with_description("cleaned").unwrap();
    asset.with_url("https://ex.com").with_owners(["ann"])
}

#[materialize("s3://bkt/raw.csv", by = "loader")]
async fn load() -> u64 {
    1
}

#[task]
async fn middle(x: u64) -> u64 {
    x
}

#[materialize(clean(), asset_deps = ["postgres://db/other"])]
async fn make_clean(x: u64) -> Result<u64, AssetMetadataError> {
    add_asset_metadata("s3://bkt/clean.csv", json!({ "rows": 2, "cols": 3 }))?;
    Ok(x)
}

#[materialize("s3://bkt/a.csv", "s3://bkt/b.csv")]
async fn bad(x: u64) -> Result<u64, ValueError> {
    drop(x.to_string());
    Err(ValueError("no"))
}

#[flow(name = "wire-h")]
async fn assets() -> u64 {
    let middle = middle::submit(load::submit());
    let made = make_clean::submit(middle);
    bad::submit(made).wait().await;
    0
}

#[tokio::test]
async fn scenario_09_assets() {
    let Some((done, said)) = said(assets).await else { return };
    assert_eq!(done, 0);
    assert_same(
        &prefects("09-assets"),
        &said,
        &and([
            version_of_the_function(),
            Difference::one_event_for_a_short_task(),
            untracked_results(),
            failures_in_other_words(),
            // Prefect has them in a set.
            Difference::in_any_order(
                "in the order in which they were named",
                "event prefect.asset.referenced",
            ),
        ]),
    );
}

/// An event without what differs from run to run: ids and names of runs, times.
fn essence(event: &Value) -> Value {
    let mut related: Vec<Value> = event["related"].as_array().unwrap().clone();
    for resource in &mut related {
        let role = text(&resource["prefect.resource.role"]).to_owned();
        if ["flow-run", "task-run", "flow"].contains(&role.as_str()) {
            let id = text(&resource["prefect.resource.id"]);
            let kind = id.rsplit_once('.').unwrap().0.to_owned();
            let name = text(&resource["prefect.resource.name"]);
            let name = if role == "task-run" { name.split_once('-').unwrap().0 } else { "" };
            *resource = json!({ "role": role, "kind": kind, "name": name });
        }
    }
    // Prefect has assets in a set.
    let assets = related.partition_point(|resource| resource["prefect.resource.role"] == "asset");
    related[..assets].sort_by_key(ToString::to_string);
    let payload = event["payload"].as_object().cloned().unwrap_or_default();
    json!({
        "event": event["event"],
        "resource": event["resource"],
        "related": related,
        "payload": payload,
    })
}

fn sorted(mut events: Vec<Value>) -> Vec<Value> {
    events.sort_by_key(ToString::to_string);
    events
}

#[tokio::test]
async fn the_server_has_the_asset_events_that_prefect_has_sent() {
    let Some(server) = PrefectServer::shared() else { return };
    let recorded = transcript("09-assets");
    let messages = recorded.as_array().unwrap().iter();
    let prefects: Vec<Value> = messages
        .filter_map(|message| message["client"].as_object().cloned().map(Value::Object))
        .filter(|event| {
            event["event"].as_str().is_some_and(|name| name.starts_with("prefect.asset."))
        })
        .map(|event| essence(&event))
        .collect();
    assert_eq!(prefects.len(), 7, "{prefects:#?}");
    let Some((state, _)) = said(assets::state).await else { return };
    let wanted = json!({
        "filter": {
            "related": { "id": [format!("prefect.flow-run.{}", flow_run(&state))] },
            "event": { "prefix": ["prefect.asset."] },
        },
        "limit": 50,
    });
    let mut told = Vec::new();
    until("the asset events are recorded", || {
        told = server.post("/events/filter", &wanted)["events"].as_array().unwrap().clone();
        told.len() >= prefects.len()
    })
    .await;
    let ours: Vec<Value> = told.iter().map(essence).collect();
    assert_eq!(sorted(ours), sorted(prefects));
}
