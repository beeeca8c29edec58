//! The graph that the server makes of one event for each task run, told by hand and by us.

use context::prelude::*;
use prefect_server::PrefectServer;
use prefect_server::compare::{Difference, Message, Side, assert_same, prefects, transcript};
use serde_json::Value;

use super::said;
use crate::support::{flow_run, text};

#[task(tags = ["io"], task_run_name = "extract")]
async fn extract() -> Vec<u64> {
    vec![1, 2]
}

#[task(task_run_name = "transform")]
async fn transform(rows: Vec<u64>, extracted: TaskFuture<Vec<u64>>) -> u64 {
    nested::with_options().wait_for(&extracted).call().await.unwrap_err();
    rows.iter().sum()
}

#[task(task_run_name = "nested-call")]
async fn nested() -> Result<(), String> {
    Err("by hand, too".to_owned())
}

#[flow(name = "graph-proof-child")]
async fn child(_x: u64) {}

#[flow(name = "graph-proof", flow_run_name = "proof")]
async fn graph(n: u64) -> Result<u64, RunError> {
    let rows = extract::submit();
    let sum = transform::submit(&rows, rows.clone()).await?;
    child(sum).await;
    Ok(sum + n)
}

/// A line for each node: what it is, how it ended, and the labels of those it is connected with.
fn shape(graph: &Value) -> Vec<String> {
    let nodes = graph["nodes"].as_array().unwrap();
    // The name of a flow run is random.
    let label = |node: &Value| text(&node["label"]).split(" / ").next().unwrap().to_owned();
    let connected = |node: &Value, how: &str| {
        let others = node[how].as_array().cloned().unwrap_or_default();
        let of = |other: &Value| nodes.iter().find(|node| node[0] == other["id"]).unwrap();
        let mut labels: Vec<_> = others.iter().map(|other| label(&of(other)[1])).collect();
        labels.sort();
        labels.join(", ")
    };
    let mut lines: Vec<_> = nodes
        .iter()
        .map(|node| {
            let (node, is_root) =
                (&node[1], graph["root_node_ids"].as_array().unwrap().contains(&node[0]));
            format!(
                "{} {}: {}; parents: {}; children: {}; in: {}{}",
                text(&node["kind"]),
                label(node),
                text(&node["state_type"]),
                connected(node, "parents"),
                connected(node, "children"),
                connected(node, "encapsulating"),
                if is_root { "; root" } else { "" },
            )
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn scenario_21_the_graph() {
    let Some((state, said)) = said(|| graph::state(2)).await else { return };
    let server = PrefectServer::shared().unwrap();
    let path = format!("/flow_runs/{}/graph-v2", flow_run(&state));
    // A flow is called with values: what they were made of is not known. By hand it was said.
    let of_the_child = "flow-run graph-proof-child: COMPLETED; parents: transform";
    let (mut ours, mut by_hand) = (shape(&server.get(&path)), shape(&graph_by_hand()));
    assert!(by_hand.remove(0).starts_with(of_the_child));
    assert!(ours.remove(0).starts_with("flow-run graph-proof-child: COMPLETED; parents: ;"));
    for line in &mut by_hand {
        *line = line.replace("children: graph-proof-child", "children: ");
    }
    assert_eq!(ours, by_hand);

    let by_hand = prefects("21-handbuilt-graph").messages();
    let differences = [
        Difference::new("only how task runs ended is compared", Side::Ours, |messages| {
            messages.retain(|message| {
                message
                    .head()
                    .strip_prefix("event prefect.task-run.")
                    .is_some_and(|state| !matches!(state, "Pending" | "Running"))
            });
        }),
        Difference::new("requests are made by hand", Side::Prefects, |messages| {
            messages.retain(|message| message.head().starts_with("event "));
        }),
        Difference::new("by hand, only what is needed was said", Side::Ours, move |messages| {
            for message in messages {
                let name = |message: &Message| message.body["payload"]["task_run"]["name"].clone();
                let same = by_hand.iter().find(|other| name(other) == name(message)).unwrap();
                keep(&mut message.body, &same.body);
            }
        }),
        Difference::said_otherwise(
            "keys that tell functions apart",
            "event *",
            "payload/task_run/task_key",
        ),
        Difference::said_otherwise(
            "keys that tell runs apart",
            "event *",
            "payload/task_run/dynamic_key",
        ),
    ];
    assert_same(&prefects("21-handbuilt-graph"), &said, &differences);
}

fn graph_by_hand() -> Value {
    let entries = transcript("21-handbuilt-graph");
    let is_graph = |entry: &&Value| {
        entry["request"].as_str().is_some_and(|request| request.ends_with("/graph-v2"))
    };
    entries.as_array().unwrap().iter().find(is_graph).unwrap()["answer"].clone()
}

/// Keeps what `other` has, too. Things that are related are the same if their roles are.
fn keep(value: &mut Value, other: &Value) {
    match (value, other) {
        (Value::Object(members), Value::Object(others)) => {
            members.retain(|key, _| others.contains_key(key));
            members.iter_mut().for_each(|(key, value)| keep(value, &others[key]));
        }
        (Value::Array(items), Value::Array(others)) => {
            let like = |item: &Value| {
                let role = &item["prefect.resource.role"];
                others.iter().find(|other| &other["prefect.resource.role"] == role)
            };
            items.retain(|item| like(item).is_some());
            for item in items {
                if let Some(other) = like(&item.clone()) {
                    keep(item, other);
                }
            }
        }
        _ => {}
    }
}
