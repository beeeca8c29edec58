//! Runs in processes of their own, whose server is that of the process that has submitted them.

use context::artifacts::create_markdown_artifact;
use context::prelude::*;
use context::{FlowRunId, ProcessPoolTaskRunner};
use prefect_server::PrefectServer;
use serde_json::json;

use crate::support::{Known, flow_run, text, under};

/// What the children run.
#[test]
fn child() {
    context::init();
}

fn processes() -> ProcessPoolTaskRunner {
    ProcessPoolTaskRunner::new(2).with_arguments(["--exact", "processes::child", "--nocapture"])
}

#[task]
async fn inner(n: u32) -> u32 {
    n + 1
}

#[flow(name = "processes: inside")]
async fn inside(n: u32) -> (FlowRunId, u32) {
    (current_run!(flow).id(), inner(n).await)
}

#[task(tags = ["elsewhere"], retries = 1)]
async fn outer(n: u32) -> Result<(String, FlowRunId, u32), anyhow::Error> {
    if current_run!().run_count() == 1 {
        std::process::abort();
    }
    let artifact = create_markdown_artifact("# made elsewhere").await?;
    let (id, n) = inside(n).await;
    Ok((artifact.to_string(), id, n))
}

#[flow(name = "processes: all", task_runner = processes())]
async fn all() -> Result<(String, FlowRunId, u32), RunError> {
    outer::submit(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_another_process_is_on_the_server() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, all::state).await;
    let (artifact, subflow, n) = state.clone().result().unwrap();
    assert_eq!(n, 2);
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Completed");
    let run = known.task_run("outer");
    assert_eq!((&run["state_name"], &run["run_count"]), (&json!("Completed"), &json!(2)));
    assert_eq!(run["tags"], json!(["elsewhere"]));

    let artifact = server.get(&format!("/artifacts/{artifact}"));
    assert_eq!(artifact["task_run_id"], run["id"]);
    assert_eq!(artifact["flow_run_id"], json!(known.id));

    let stand_in = known.task_run("inside");
    assert_eq!(stand_in["state_name"], "Completed");
    assert_eq!(
        stand_in["task_inputs"]["__parents__"],
        json!([{ "input_type": "task_run", "id": run["id"] }])
    );
    let inside = Known::new(server, subflow);
    assert_eq!(inside.flow_run()["parent_task_run_id"], stand_in["id"]);
    assert_eq!(inside.states(), "Pending, Running, Completed");
    assert_eq!(text(&inside.task_run("inner")["state_name"]), "Completed");
}
