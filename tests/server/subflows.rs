//! Subflows: a task run stands for each in the flow run that called it, and links them.

use context::prelude::*;
use prefect_server::PrefectServer;
use serde_json::json;

use crate::support::{Known, flow_run, text, under};

#[flow(name = "subflows: child")]
async fn child(x: u32) -> Result<u32, String> {
    if x == 0 { Err("zero".to_owned()) } else { Ok(leaf(x)) }
}

#[task]
fn leaf(x: u32) -> u32 {
    x + 1
}

#[task]
async fn calls_a_flow(x: u32) -> Result<u32, String> {
    child(x).await
}

#[flow(name = "subflows: parent")]
async fn parent() -> Result<u32, String> {
    let sum = child(1).await? + calls_a_flow(2).await?;
    child(0).await.unwrap_err();
    Ok(sum)
}

#[tokio::test]
async fn a_subflow_is_linked_by_a_task_run_that_has_its_states() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, parent::state).await;
    assert_eq!(state.clone().result().unwrap(), 5);
    let known = Known::new(server, flow_run(&state));
    let stand_ins: Vec<_> = known
        .task_runs()
        .into_iter()
        .filter(|run| text(&run["task_key"]).starts_with("child-"))
        .collect();
    let shown: Vec<_> = stand_ins
        .iter()
        .map(|run| (text(&run["name"]), text(&run["state_name"]), text(&run["dynamic_key"])))
        .collect();
    assert_eq!(
        shown,
        [
            ("subflows: child-0", "Completed", "0"),
            ("subflows: child-1", "Completed", "1"),
            ("subflows: child-2", "Failed", "2"),
        ]
    );
    let caller = known.task_run("calls_a_flow");
    assert_eq!(
        stand_ins[1]["task_inputs"]["__parents__"],
        json!([{ "input_type": "task_run", "id": caller["id"] }])
    );
    for stand_in in &stand_ins {
        let wanted = json!({
            "flow_runs": { "parent_task_run_id": { "any_": [stand_in["id"]] } }
        });
        let children = server.post("/flow_runs/filter", &wanted);
        let children = children.as_array().unwrap();
        assert_eq!(children.len(), 1);
        assert_eq!(children[0]["state_name"], stand_in["state_name"]);
        let details = &stand_in["state"]["state_details"];
        assert_eq!(details["child_flow_run_id"], children[0]["id"]);
    }
}
