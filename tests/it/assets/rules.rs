//! The rules of assets, one by one, as Prefect has them.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use context::prelude::*;
use context::testing::Harness;
use context::{AssetContext, AssetMetadataError};
use futures::future::poll_immediate;
use serde_json::json;

use super::told;
use crate::{recorded, recorded_sync};

#[materialize("s3://raw")]
async fn raw() -> u32 {
    1
}

#[materialize("s3://other")]
async fn other() -> u32 {
    2
}

#[task]
async fn pass(x: u32) -> u32 {
    x
}

#[materialize("s3://made")]
async fn make(x: u32) -> u32 {
    x
}

#[task]
async fn upstream(_x: u32) -> Vec<String> {
    let assets = AssetContext::get().unwrap();
    assets.upstream_assets().iter().map(|asset| asset.key().to_owned()).collect()
}

// Rule 1.

#[tokio::test]
async fn every_attempt_builds_a_context_of_its_own() {
    #[materialize("s3://made", retries = 1)]
    async fn twice() -> Result<u32, AssetMetadataError> {
        let assets = AssetContext::get().unwrap();
        let before = assets.serialize(context::Secrets::Masked);
        assert_eq!(before["materialization_metadata"], json!({}));
        add_asset_metadata("s3://made", json!({ "try": current_run!().run_count() }))?;
        if current_run!().run_count() == 1 {
            add_asset_metadata("s3://none", json!({}))?;
        }
        Ok(1)
    }
    let (value, _) = recorded(twice).await;
    assert_eq!(value, Ok(1));
}

#[tokio::test]
async fn a_context_to_be_copied_is_copied_with_the_flag_reset() {
    #[task]
    async fn inside() -> (bool, usize) {
        let assets = AssetContext::get().unwrap();
        (assets.copy_to_child_ctx(), assets.downstream_assets().len())
    }
    #[materialize("s3://made")]
    async fn around() -> AssetContext {
        AssetContext::get().unwrap()
    }
    let copied = around().await.with_copy_to_child_ctx(true);
    assert_eq!(copied.scope(async { inside().await }).await, (false, 1));
}

// Rule 2.

#[tokio::test]
async fn what_a_run_waits_for_counts_like_an_argument() {
    #[flow]
    async fn waits() -> Result<u32, RunError> {
        let raw = raw::submit();
        make::with_options().wait_for(&raw).submit(other::submit()).await
    }
    let (value, recorder) = recorded(waits).await;
    assert_eq!(value.unwrap(), 2);
    assert!(told(&recorder).contains(&"+s3://made of s3://other, s3://raw".to_owned()));
}

#[tokio::test]
async fn a_caller_does_not_count() {
    #[task(asset_deps = ["s3://of-the-caller"])]
    async fn caller() -> Vec<String> {
        upstream(1).await
    }
    #[flow]
    async fn calls() -> Vec<String> {
        caller().await
    }
    assert_eq!(recorded(calls).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_flow_run_nothing_is_upstream() {
    let tracked = raw::tracked().await;
    assert_eq!(upstream::with_options().call(tracked).await, Vec::<String>::new());
}

// Rule 3.

#[tokio::test]
async fn references_flow_through_plain_tasks_and_stop_at_materializing_ones() {
    #[materialize("s3://end")]
    async fn end(x: u32) -> u32 {
        x
    }
    #[flow]
    async fn chain() -> Result<u32, RunError> {
        let made = make::submit(pass::submit(pass::submit(raw::submit())));
        end::submit(pass::submit(made)).await
    }
    let (value, recorder) = recorded(chain).await;
    assert_eq!(value.unwrap(), 1);
    assert_eq!(
        told(&recorder),
        [
            "+s3://raw",
            ">s3://raw",
            "+s3://made of s3://raw",
            ">s3://made",
            "+s3://end of s3://made"
        ]
    );
}

#[tokio::test]
async fn a_plain_task_carries_on_what_it_reads_and_what_it_got() {
    #[task(asset_deps = ["s3://read"])]
    async fn reads(x: u32) -> u32 {
        x
    }
    #[flow]
    async fn carries() -> Result<Vec<String>, RunError> {
        upstream::submit(reads::submit(raw::submit())).await
    }
    assert_eq!(recorded(carries).await.0.unwrap(), ["s3://raw", "s3://read"]);
}

// Rule 4.

#[tokio::test]
async fn a_failed_upstream_that_is_allowed_carries_its_assets_on() {
    #[materialize("s3://never")]
    async fn fails() -> Result<u32, String> {
        Err("disk full".to_owned())
    }
    #[materialize("s3://made")]
    async fn anyway(x: Result<u32, RunError>) -> u32 {
        x.unwrap_or(0)
    }
    #[flow]
    async fn goes_on() -> Result<u32, RunError> {
        anyway::submit(allow_failure(fails::submit())).await
    }
    let (value, recorder) = recorded(goes_on).await;
    assert_eq!(value.unwrap(), 0);
    assert_eq!(told(&recorder), ["-s3://never", ">s3://never", "+s3://made of s3://never"]);
}

// Rules 5 and 6 are also in `events`.

#[tokio::test]
async fn metadata_is_merged_field_by_field_and_not_deeper() {
    #[materialize("s3://made")]
    async fn says() -> Result<serde_json::Value, AssetMetadataError> {
        add_asset_metadata("s3://made", json!({ "a": { "x": 1 }, "b": 1 }))?;
        add_asset_metadata("s3://made", json!({ "a": { "y": 2 } }))?;
        let assets = AssetContext::get().unwrap().serialize(context::Secrets::Masked);
        Ok(assets["materialization_metadata"].clone())
    }
    let metadata = recorded(says).await.0.unwrap();
    assert_eq!(metadata, json!({ "s3://made": { "a": { "y": 2 }, "b": 1 } }));
}

#[tokio::test]
async fn what_a_failed_attempt_said_is_gone() {
    #[materialize("s3://made", retries = 1)]
    async fn second_time() -> Result<(), anyhow::Error> {
        if current_run!().run_count() == 1 {
            add_asset_metadata("s3://made", json!({ "first": true }))?;
            anyhow::bail!("first");
        }
        Ok(add_asset_metadata("s3://made", json!({ "second": true }))?)
    }
    let (value, recorder) = recorded(second_time).await;
    assert!(value.is_ok());
    let metadata: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            context::Recorded::Asset { metadata, .. } => metadata,
            _ => None,
        })
        .collect();
    assert_eq!(metadata, [json!({ "second": true }).as_object().unwrap().clone()]);
}

// Rule 7.

#[tokio::test]
async fn completed_and_failed_runs_tell_of_assets() {
    #[materialize("s3://made", asset_deps = ["s3://read"])]
    async fn ends(well: bool) -> Result<(), String> {
        if well { Ok(()) } else { Err("no".to_owned()) }
    }
    let (_, recorder) = recorded(|| ends(true)).await;
    assert_eq!(told(&recorder), [">s3://read", "+s3://made of s3://read"]);
    // What was read is told of also when it was read in vain.
    let (_, recorder) = recorded(|| ends(false)).await;
    assert_eq!(told(&recorder), [">s3://read", "-s3://made of s3://read"]);
}

#[tokio::test]
async fn a_retried_run_tells_of_assets_once_at_its_end() {
    #[materialize("s3://made", retries = 2)]
    async fn third_time() -> Result<(), String> {
        if current_run!().run_count() < 3 { Err("no".to_owned()) } else { Ok(()) }
    }
    let (_, recorder) = recorded(third_time).await;
    assert_eq!(told(&recorder), ["+s3://made"]);
}

#[tokio::test]
async fn crashed_and_cancelled_runs_tell_nothing() {
    #[materialize("s3://made", asset_deps = ["s3://read"])]
    fn crashes() {
        panic!("boom");
    }
    #[materialize("s3://made", asset_deps = ["s3://read"])]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    let (_, recorder) = recorded_sync(|| std::panic::catch_unwind(crashes).expect_err("it panics"));
    assert!(recorder.transcript().contains("Crashed"), "{}", recorder.transcript());
    assert_eq!(told(&recorder), Vec::<String>::new());
    let (_, recorder) = recorded(|| async {
        assert!(poll_immediate(Box::pin(waits())).await.is_none());
    })
    .await;
    assert!(recorder.transcript().contains("Cancelled"), "{}", recorder.transcript());
    assert_eq!(told(&recorder), Vec::<String>::new());
}

#[tokio::test]
async fn a_cached_run_tells_nothing_whoever_says_that_it_is() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[materialize("s3://made", cache_policy = inputs())]
    async fn once(x: u32) -> u32 {
        CALLS.fetch_add(1, SeqCst);
        x
    }
    #[materialize("s3://made")]
    async fn says_so() -> State {
        State::completed().with_name("Cached")
    }
    #[flow]
    async fn both() -> u32 {
        let sum = once(1).await + once(1).await;
        let state = says_so().await;
        assert_eq!(state.name(), "Cached");
        sum
    }
    let report = Harness::new().run(both).await;
    assert_eq!((report.output, CALLS.load(SeqCst)), (2, 1));
    assert_eq!(told(report.recorder()), ["+s3://made"]);
}

#[tokio::test]
async fn a_run_that_is_not_ready_tells_nothing() {
    #[task]
    async fn fails() -> Result<u32, String> {
        Err("no".to_owned())
    }
    #[flow]
    async fn waits() {
        assert!(make::submit(fails::submit()).await.is_err());
    }
    assert_eq!(told(&recorded(waits).await.1), Vec::<String>::new());
}

#[tokio::test]
async fn a_plain_task_tells_nothing_of_what_it_reads() {
    #[task(asset_deps = ["s3://read"])]
    async fn reads() -> u32 {
        1
    }
    let (_, recorder) = recorded(reads).await;
    assert_eq!(told(&recorder), Vec::<String>::new());
}

// Rule 9.

#[tokio::test]
async fn assets_do_not_cross_into_subflows_nor_out_of_them() {
    #[flow]
    async fn sub(x: u32) -> Result<u32, RunError> {
        make::submit(x).await
    }
    #[flow]
    async fn around() -> Result<Vec<String>, RunError> {
        let made = sub(raw::tracked().await.into_inner()).await?;
        upstream::submit(pass::submit(made)).await
    }
    let (seen, recorder) = recorded(around).await;
    assert_eq!(seen.unwrap(), Vec::<String>::new());
    assert_eq!(told(&recorder), ["+s3://raw", "+s3://made"]);
}

#[tokio::test]
async fn a_value_of_another_flow_run_has_no_assets_here() {
    #[flow]
    async fn sub(x: Tracked<u32>) -> Result<Vec<String>, RunError> {
        upstream::submit(x).await
    }
    #[flow]
    async fn around() -> Result<Vec<String>, RunError> {
        sub(raw::tracked().await).await
    }
    assert_eq!(recorded(around).await.0.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_materialization_inside_another_has_no_relation_with_it() {
    #[materialize("s3://outer", asset_deps = ["s3://read"])]
    async fn outer() -> u32 {
        make(1).await
    }
    #[flow]
    async fn nested() -> u32 {
        outer().await
    }
    let (_, recorder) = recorded(nested).await;
    assert_eq!(told(&recorder), ["+s3://made", ">s3://read", "+s3://outer of s3://read"]);
}

#[tokio::test]
async fn what_a_plain_task_reads_is_not_inherited_by_what_it_calls() {
    #[task(asset_deps = ["s3://read"])]
    async fn plain() -> u32 {
        make(1).await
    }
    #[flow]
    async fn nested() -> u32 {
        plain().await
    }
    assert_eq!(told(&recorded(nested).await.1), ["+s3://made"]);
}

// Rule 11.

#[tokio::test]
async fn a_context_as_json_has_lists_of_keys() {
    #[materialize("s3://made", by = "polars", asset_deps = ["s3://read"])]
    async fn makes(_x: u32) -> serde_json::Value {
        AssetContext::get().unwrap().serialize(context::Secrets::Masked)
    }
    #[flow]
    async fn run() -> Result<serde_json::Value, RunError> {
        makes::submit(raw::submit()).await
    }
    let json = recorded(run).await.0.unwrap();
    assert_eq!(json["direct_asset_dependencies"], json!(["s3://read"]));
    assert_eq!(json["downstream_assets"], json!(["s3://made"]));
    assert_eq!(json["upstream_assets"], json!(["s3://raw"]));
    assert_eq!(json["materialized_by"], json!("polars"));
    assert_eq!(json["copy_to_child_ctx"], json!(false));
    assert!(json["task_run_id"].as_str().is_some_and(|id| id.len() == 36));
}
