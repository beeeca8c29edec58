//! Assets: what was materialized, and of what.

use context::prelude::*;
use context::{Asset, AssetMetadataError};
use prefect_server::compare::{Difference, assert_same, prefects};
use serde_json::json;

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
