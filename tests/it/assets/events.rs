//! `#[materialize]`, `asset_deps` and the assets of runs.

use context::prelude::*;
use context::{AssetContext, AssetMetadataError, Recorded};
use serde_json::json;

use crate::{recorded, recorded_sync};

#[task(asset_deps = ["https://example.com/raw"])]
async fn read() -> Vec<u32> {
    vec![1, 2]
}

#[task]
async fn clean(rows: Vec<u32>) -> Vec<u32> {
    rows
}

#[materialize("file:///data/rows.parquet", by = "polars", retries = 1)]
async fn save(rows: Vec<u32>) -> Result<usize, anyhow::Error> {
    add_asset_metadata("file:///data/rows.parquet", json!({ "rows": rows.len(), "try": 0 }))?;
    add_asset_metadata("file:///data/rows.parquet", json!({ "try": current_run!().run_count() }))?;
    anyhow::ensure!(current_run!().run_count() == 2, "first try");
    Ok(rows.len())
}

#[flow]
async fn lake() -> Result<usize, RunError> {
    let rows = clean::submit(read::submit());
    save::submit(rows).await
}

#[tokio::test]
async fn a_materialization_tells_what_was_made_and_read() {
    let (value, recorder) = recorded(lake).await;
    assert_eq!(value.unwrap(), 2);
    let assets: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Recorded::Asset { event, asset, upstream, materialized_by, metadata, .. } => {
                let upstream: Vec<_> = upstream.iter().map(|a| a.key().to_owned()).collect();
                Some((event, asset.key().to_owned(), upstream, materialized_by, metadata))
            }
            _ => None,
        })
        .collect();
    assert_eq!(assets.len(), 2);
    assert_eq!(
        (assets[0].0, assets[0].1.as_str()),
        ("prefect.asset.referenced", "https://example.com/raw")
    );
    let made = &assets[1];
    assert_eq!(made.0, "prefect.asset.materialization.succeeded");
    assert_eq!(made.1, "file:///data/rows.parquet");
    assert_eq!(made.2, ["https://example.com/raw"]);
    assert_eq!(made.3.as_deref(), Some("polars"));
    assert_eq!(made.4.clone().map(serde_json::Value::Object), Some(json!({ "rows": 2, "try": 2 })));
}

#[materialize("s3://lake/never")]
fn never() -> Result<(), String> {
    Err("disk full".to_owned())
}

#[test]
fn a_failed_materialization_says_so() {
    let (_, recorder) = recorded_sync(never);
    let events: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Recorded::Asset { event, .. } => Some(event),
            _ => None,
        })
        .collect();
    assert_eq!(events, ["prefect.asset.materialization.failed"]);
}

#[tokio::test]
async fn metadata_is_only_for_what_the_run_makes() {
    #[task]
    async fn plain() -> AssetMetadataError {
        add_asset_metadata("s3://x", json!({})).unwrap_err()
    }
    #[materialize("s3://made")]
    async fn makes() -> (AssetMetadataError, AssetMetadataError, AssetMetadataError) {
        let other = add_asset_metadata("s3://other", json!({})).unwrap_err();
        let list = add_asset_metadata("s3://made", json!([1])).unwrap_err();
        (other, list, plain().await)
    }
    let (other, list, nested) = makes().await;
    assert_eq!(
        other.to_string(),
        "this task run does not materialize `s3://other`; it materializes s3://made"
    );
    assert_eq!(list.to_string(), "metadata of `s3://made` must be a JSON object, not a list");
    assert!(nested.to_string().contains("materializes nothing"), "{nested}");
    let outside = add_asset_metadata("s3://x", json!({})).unwrap_err();
    assert!(matches!(outside, AssetMetadataError::MissingContext(_)));
}

#[task]
async fn remote() -> Result<(), AssetMetadataError> {
    add_asset_metadata("s3://made", json!({ "where": "elsewhere" }))
}

#[tokio::test]
async fn a_context_that_is_copied_to_children_is_the_first_childs() {
    #[materialize("s3://made")]
    async fn makes() -> AssetContext {
        AssetContext::get().unwrap()
    }
    let original = makes().await;
    let copied = original.with_copy_to_child_ctx(true);
    let (inside, recorder) = recorded(|| copied.scope(async { remote().await })).await;
    assert!(inside.is_ok());
    assert!(matches!(
        recorder.events().last(),
        Some(Recorded::Asset { asset, .. }) if asset.key() == "s3://made"
    ));
    assert!(original.scope(async { remote().await }).await.is_err());
}
