//! Artifacts: created at the server, linked to their runs, and told.

use context::artifacts::{
    ArtifactError, create_image_artifact, create_link_artifact, create_markdown_artifact,
    create_progress_artifact, create_table_artifact, update_progress_artifact,
};
use context::prelude::*;
use context::{ArtifactId, Timestamp};
use prefect_server::PrefectServer;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{Known, events, flow_run, text, under, under_blocking};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    grade: f64,
}

#[task(tags = ["artifacts-io"])]
async fn in_task() -> Result<[ArtifactId; 2], ArtifactError> {
    let rows = [Row { name: "ann", grade: 1.5 }, Row { name: "bob", grade: f64::NAN }];
    let table = create_table_artifact(rows).key("tab").description("d").await?;
    let progress = create_progress_artifact(10.0).key("prog").await?;
    update_progress_artifact(progress, 120.0).await?;
    Ok([table, progress])
}

#[flow(name = "artifacts: all kinds")]
async fn all_kinds() -> Result<Vec<ArtifactId>, ArtifactError> {
    let mut ids = vec![
        create_markdown_artifact("# hi").key("md").description("desc").await?,
        create_link_artifact("https://ex.com").link_text("x").key("lnk").await?,
        create_image_artifact("https://ex.com/a.png").await?,
    ];
    ids.extend(in_task().await?);
    Ok(ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_kept_with_its_run_and_told() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, all_kinds::state).await;
    let ids = state.clone().result().unwrap();
    let known = Known::new(server, flow_run(&state));
    let read = |id: &ArtifactId| server.get(&format!("/artifacts/{id}"));
    let shown: Vec<Value> = ids
        .iter()
        .map(|id| {
            let artifact = read(id);
            assert_eq!(artifact["flow_run_id"], json!(known.id), "{artifact:#}");
            json!([artifact["type"], artifact["key"], artifact["description"], artifact["data"]])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!(["markdown", "md", "desc", "# hi"]),
            json!(["markdown", "lnk", null, "[x](https://ex.com)"]),
            json!(["image", null, null, "https://ex.com/a.png"]),
            json!([
                "table",
                "tab",
                "d",
                "[{\"name\":\"ann\",\"grade\":1.5},{\"name\":\"bob\",\"grade\":null}]"
            ]),
            json!(["progress", "prog", null, 100]),
        ]
    );
    let task = known.task_run("in_task");
    assert_eq!(read(&ids[0])["task_run_id"], Value::Null);
    assert_eq!(read(&ids[3])["task_run_id"], task["id"]);

    let about = |id: &ArtifactId| format!("prefect.artifact.{id}");
    let told = events(server, &about(&ids[3]), 1).await;
    assert_eq!(told[0]["event"], "prefect.artifact.created");
    assert_eq!(told[0]["resource"]["prefect.resource.name"], "tab");
    assert_eq!(told[0]["payload"], json!({ "key": "tab", "type": "table", "description": "d" }));
    let related: Vec<_> = told[0]["related"]
        .as_array()
        .unwrap()
        .iter()
        .map(|related| {
            (text(&related["prefect.resource.role"]), related["prefect.resource.id"].clone())
        })
        .collect();
    let run = known.flow_run();
    let resource = |kind: &str, id: &Value| json!(format!("prefect.{kind}.{}", text(id)));
    assert_eq!(
        related,
        [
            ("flow-run", resource("flow-run", &run["id"])),
            ("task-run", resource("task-run", &task["id"])),
            ("flow", resource("flow", &run["flow_id"])),
            ("tag", json!("prefect.tag.artifacts-io")),
        ]
    );
    let told = events(server, &about(&ids[4]), 2).await;
    let updated = told.iter().find(|event| event["event"] == "prefect.artifact.updated").unwrap();
    assert_eq!(updated["payload"], json!({ "data": 100.0 }));
}

#[flow(name = "artifacts: blocking")]
fn blocking() -> Result<ArtifactId, ArtifactError> {
    create_markdown_artifact("by a plain function").create_blocking()
}

#[test]
fn plain_functions_and_code_outside_of_runs_create_them_too() {
    let Some(server) = PrefectServer::shared() else { return };
    let inside = under_blocking(server, blocking).unwrap();
    let outside =
        under_blocking(server, || create_markdown_artifact("alone").create_blocking()).unwrap();
    let read = |id: ArtifactId| server.get(&format!("/artifacts/{id}"));
    assert!(read(inside)["flow_run_id"].is_string());
    assert_eq!(
        (&read(outside)["flow_run_id"], &read(outside)["data"]),
        (&Value::Null, &json!("alone"))
    );
}

#[test]
fn an_artifact_that_is_not_there_is_an_error() {
    let Some(server) = PrefectServer::shared() else { return };
    let nobodys = ArtifactId::generate(Timestamp::now());
    let updated =
        under_blocking(server, || update_progress_artifact(nobodys, 1.0).update_blocking());
    assert_eq!(updated, Err(ArtifactError::Unknown { id: nobodys }));
}

#[test]
fn a_server_that_is_away_is_an_error_that_says_so() {
    let (settings, _home) = crate::support::settings("http://127.0.0.1:9/api");
    let created = context::SettingsContext::new(settings)
        .in_scope(|| create_markdown_artifact("x").key("k").create_blocking());
    let error = created.unwrap_err().to_string();
    assert!(error.starts_with("cannot create the artifact `k`: "), "{error}");
    assert!(error.contains("http://127.0.0.1:9/api"), "{error}");
}
