//! Artifacts of each kind, and a variable.

use context::artifacts::{
    ArtifactError, create_link_artifact, create_markdown_artifact, create_progress_artifact,
    create_table_artifact, update_progress_artifact,
};
use context::prelude::*;
use context::variables;
use prefect_server::compare::{Difference, Side, assert_same, prefects};
use serde_json::json;

use super::{and, said, unique, untracked_results, version_of_the_function};

#[task]
async fn t() -> Result<(), ArtifactError> {
    create_table_artifact([json!({ "a": 1 })]).key("tab").description("d").await?;
    let progress = create_progress_artifact(10.0).key("prog").await?;
    update_progress_artifact(progress, 100.0).await.map(drop)
}

#[flow(name = "wire-i")]
async fn artifacts_and_variables() -> Result<(), anyhow::Error> {
    let name = NAME.get().unwrap();
    create_markdown_artifact("# hi").key("md").description("desc").await?;
    create_link_artifact("https://ex.com").link_text("x").key("lnk").await?;
    variables::set(name, json!({ "a": 1 })).tags(["x"]).await?;
    assert_eq!(variables::get(name).await?, Some(json!({ "a": 1 })));
    assert_eq!(variables::get_or("missing_v", 3).await?, 3);
    variables::set(name, 7).overwrite(true).await?;
    Ok(t().await?)
}

/// The flow has no parameters.
static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[tokio::test]
async fn scenario_10_artifacts_and_variables() {
    let name = NAME.get_or_init(|| unique("wire_v"));
    let Some((done, said)) = said(artifacts_and_variables).await else { return };
    done.unwrap();
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        Difference::new(
            "whether there is a variable shows when it is set",
            Side::Both,
            |messages| {
                messages.retain(|message| match message.head().as_str() {
                    "GET /variables/name/wire_v" => !message.outcome.starts_with("404"),
                    "POST /variables/" => !message.outcome.starts_with("409"),
                    _ => true,
                });
            },
        ),
        Difference::new("JSON has no spaces", Side::Both, |messages| {
            for message in messages.iter_mut().filter(|it| it.body["type"] == "table") {
                let rows = message.body["data"].as_str().unwrap();
                message.body["data"] = serde_json::from_str(rows).unwrap();
            }
        }),
        Difference::only_prefect_says(
            "the name is that of the address",
            "PATCH /variables/name/wire_v",
            "name",
        ),
        Difference::left_out("prefect.artifact.created", |message| {
            message.body["resource"]["prefect.resource.name"] == "prog"
        }),
    ]);
    assert_same(&prefects("10-artifacts-variables"), &said.replacing(name, "wire_v"), &differences);
}
