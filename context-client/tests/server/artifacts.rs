use std::collections::BTreeMap;

use context_client::schema::{ArtifactCreate, ArtifactFilter, ArtifactUpdate, Query, Sort};
use serde_json::{Value, json};

use crate::{new_id, running, shared, unique};

fn artifact(key: &str, kind: &str, data: Value) -> ArtifactCreate {
    ArtifactCreate {
        key: Some(key.to_owned()),
        kind: Some(kind.to_owned()),
        data: Some(data),
        ..ArtifactCreate::default()
    }
}

#[tokio::test]
async fn an_artifact_has_versions() {
    let Some(client) = shared() else { return };
    let (run, key) = (running(&client, "artifacts").await, unique("report"));
    let first = ArtifactCreate {
        description: Some("*weekly*".to_owned()),
        metadata: BTreeMap::from([("pages".to_owned(), "2".to_owned())]),
        flow_run_id: Some(run.id),
        ..artifact(&key, "markdown", json!("# one"))
    };
    let first = client.create_artifact(&first).await.unwrap();
    assert_eq!((first.key.as_deref(), first.flow_run_id), (Some(key.as_str()), Some(run.id)));
    assert_eq!(first.metadata["pages"], "2");
    let second = client.create_artifact(&artifact(&key, "markdown", json!("# two"))).await.unwrap();

    let read = client.read_artifact(first.id).await.unwrap();
    assert_eq!((read.data, read.description.as_deref()), (Some(json!("# one")), Some("*weekly*")));
    let latest = client.read_latest_artifact(&key).await.unwrap().unwrap();
    assert_eq!((latest.id, latest.data), (second.id, Some(json!("# two"))));
    let versions = Query::from(ArtifactFilter::new().keys([&key])).sort(Sort::CreatedDesc);
    let versions = client.read_artifacts(versions).await.unwrap();
    assert_eq!(versions.iter().map(|a| a.id).collect::<Vec<_>>(), [second.id, first.id]);
    let of_run = ArtifactFilter::new().flow_run_ids([run.id]).types(["markdown"]);
    assert_eq!(client.read_artifacts(of_run).await.unwrap().len(), 1);

    client.delete_artifact(second.id).await.unwrap();
    assert_eq!(client.read_latest_artifact(&key).await.unwrap().unwrap().id, first.id);
    assert!(client.read_artifact(second.id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn progress_is_changed() {
    let Some(client) = shared() else { return };
    let key = unique("progress");
    let progress = client.create_artifact(&artifact(&key, "progress", json!(0.0))).await.unwrap();
    let update = ArtifactUpdate {
        data: Some(json!(62.5)),
        description: Some("on the way".to_owned()),
        ..ArtifactUpdate::default()
    };
    client.update_artifact(progress.id, &update).await.unwrap();
    let read = client.read_artifact(progress.id).await.unwrap();
    assert_eq!((read.data, read.description.as_deref()), (Some(json!(62.5)), Some("on the way")));
    assert!(client.update_artifact(new_id(), &update).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said() {
    let Some(client) = shared() else { return };
    assert_eq!(client.read_latest_artifact(&unique("none")).await.unwrap(), None);
    let err = client.create_artifact(&artifact("Not OK", "markdown", json!(""))).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("body.key"), "{err}");
}
