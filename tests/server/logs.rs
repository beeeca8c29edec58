//! What is logged inside of runs, as the server shows it.

use context::prelude::*;
use prefect_server::PrefectServer;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Known, flow_run, text, under};

#[task]
async fn careful() {
    tracing::warn!(seconds = 4.2, "slow server");
    tracing::info!(send_to_api = false, "a secret between us");
}

#[flow(name = "logs: both")]
async fn both() {
    tracing::info!("crawling 3 pages");
    careful().await;
    tracing::debug!("not at this level");
}

#[tokio::test]
async fn lines_have_the_ids_of_their_runs_and_come_in_order() {
    let Some(server) = PrefectServer::shared() else { return };
    let subscriber = tracing_subscriber::registry().with(context::logging::api_layer());
    let _listening = tracing::subscriber::set_default(subscriber);
    tracing::info!("outside of all runs");
    let state = under(server, both::state).await;
    let known = Known::new(server, flow_run(&state));
    let wanted = json!({
        "logs": { "flow_run_id": { "any_": [known.id] } }, "sort": "TIMESTAMP_ASC",
    });
    let logs = server.post("/logs/filter", &wanted);
    let shown: Vec<_> = logs.as_array().unwrap().iter().map(shown).collect();
    let name = text(&known.flow_run()["name"]).to_owned();
    assert_eq!(
        shown,
        [
            format!("prefect.flow_runs 20 Beginning flow run '{name}' for flow 'logs: both'"),
            "prefect.flow_runs 20 crawling 3 pages".to_owned(),
            "prefect.task_runs 30 slow server seconds=4.2".to_owned(),
            "prefect.task_runs 20 Finished in state Completed()".to_owned(),
            "prefect.flow_runs 20 Finished in state Completed()".to_owned(),
        ]
    );
    let task = known.task_run("careful")["id"].clone();
    let of_task = logs.as_array().unwrap().iter().filter(|log| log["task_run_id"] == task);
    assert_eq!(of_task.count(), 2);
}

fn shown(log: &Value) -> String {
    format!("{} {} {}", text(&log["name"]), log["level"], text(&log["message"]))
}
