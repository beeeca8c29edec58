//! The lineage graph of flow runs, and where else assets are shown.

use std::sync::Arc;

use context::assets::{LineageOutcome, lineage};
use context::prelude::*;
use context::testing::Harness;
use context::{
    Asset, AsyncClientContext, Client, FlowRunId, Recorder as _, SummaryRecorder, asset, runtime,
};
use serde_json::json;

use crate::recorded;
use crate::support::page;

#[materialize("s3://lake/raw", by = "http", asset_deps = ["https://example.com/raw"])]
async fn raw() -> Vec<u32> {
    vec![3, 1, 2]
}

#[task(task_run_name = "sort")]
async fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}

#[materialize(asset("s3://lake/{name}").with_name("Mart"), task_run_name = "mart of {name}")]
async fn mart(name: String, rows: Vec<u32>) -> Result<usize, anyhow::Error> {
    add_asset_metadata(format!("s3://lake/{name}"), json!({ "rows": rows.len() }))?;
    anyhow::ensure!(name != "bad", "bad name");
    Ok(rows.len())
}

fn here() -> FlowRunId {
    FlowRunContext::get().map(|run| run.id()).unwrap()
}

#[flow]
async fn lake() -> FlowRunId {
    let rows = raw::submit();
    let sorted = sorted::submit(rows);
    mart::submit("good".to_owned(), &sorted).await.unwrap();
    mart::submit("bad".to_owned(), &sorted).await.unwrap_err();
    here()
}

#[tokio::test]
async fn a_flow_run_has_a_graph_of_what_was_made_of_what() {
    let (id, _) = recorded(lake).await;
    let graph = lineage(id);
    assert!(graph.is_complete());
    let keys: Vec<_> = graph.assets().iter().map(Asset::key).collect();
    assert_eq!(
        keys,
        ["https://example.com/raw", "s3://lake/raw", "s3://lake/good", "s3://lake/bad"]
    );
    let runs: Vec<_> =
        graph.runs().iter().map(|run| (run.task_name.as_str(), run.outcome)).collect();
    assert_eq!(
        runs,
        [
            ("raw", LineageOutcome::Succeeded),
            ("sorted", LineageOutcome::Succeeded),
            ("mart", LineageOutcome::Succeeded),
            ("mart", LineageOutcome::Failed)
        ]
    );
    assert_eq!(graph.edges().count(), 7);
    let ancestors: Vec<_> = graph.ancestors_of("s3://lake/good").into_iter().collect();
    assert_eq!(ancestors, ["https://example.com/raw", "s3://lake/raw"]);
    assert_eq!(graph.runs()[2].metadata["s3://lake/good"]["rows"], 3);
    let events = graph.to_open_lineage();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1]["job"]["name"], "lake.mart");
    assert_eq!(events[1]["run"]["facets"]["parent"]["run"]["runId"], json!(id));
    assert_eq!(events[2]["eventType"], "FAIL");
    for drawn in [graph.to_mermaid(), graph.to_dot()] {
        assert!(drawn.contains("mart of good") && drawn.contains("failed"), "{drawn}");
    }
}

#[tokio::test]
async fn a_graph_is_kept_though_nobody_records_states() {
    let id = AsyncClientContext::new(Client::off()).scope(async { lake().await }).await;
    assert_eq!(lineage(id).runs().len(), 4);
}

#[tokio::test]
async fn a_running_flow_sees_what_there_is_so_far() {
    #[flow]
    async fn looks() -> Vec<usize> {
        let mut seen = vec![lineage(here()).runs().len()];
        raw().await;
        seen.push(lineage(here()).runs().len());
        seen
    }
    assert_eq!(recorded(looks).await.0, [0, 1]);
}

#[tokio::test]
async fn the_graph_of_a_flow_run_has_those_of_its_subflows() {
    #[flow]
    async fn inner() -> FlowRunId {
        raw().await;
        here()
    }
    #[flow]
    async fn middle() -> FlowRunId {
        inner().await
    }
    #[flow]
    async fn outer() -> (FlowRunId, FlowRunId) {
        let inner = middle().await;
        mart("good".to_owned(), vec![1]).await.unwrap();
        (here(), inner)
    }
    let ((outer, inner), _) = recorded(outer).await;
    assert_eq!(lineage(outer).runs().len(), 2);
    assert_eq!(lineage(inner).runs().len(), 1);
    assert_eq!(lineage(outer).to_mermaid().matches("subgraph").count(), 2);
}

#[tokio::test]
async fn runs_that_are_reported_as_one_are_one_in_the_graph() {
    #[flow]
    async fn many() -> FlowRunId {
        let names = (0..20).map(|name| name.to_string()).collect::<Vec<_>>();
        let rows = raw::tracked().await;
        let marts = mart::with_options().reported_as_one().map(names, unmapped(rows));
        assert_eq!(marts.result().await.unwrap().len(), 20);
        here()
    }
    let (id, _) = recorded(many).await;
    let graph = lineage(id);
    let makes: Vec<_> = graph.runs().iter().map(|run| run.makes.len()).collect();
    assert_eq!(makes, [1, 20]);
}

#[tokio::test]
async fn cached_crashed_and_cancelled_runs_are_in_the_graph() {
    #[materialize("s3://once", cache_policy = inputs())]
    async fn once(x: u32) -> u32 {
        x
    }
    #[materialize("s3://crashed")]
    async fn crashes() {
        panic!("boom");
    }
    #[materialize("s3://cancelled")]
    async fn waits() {
        std::future::pending::<()>().await;
    }
    #[flow]
    async fn all() {
        once(1).await;
        once(1).await;
        crashes::submit().await.unwrap_err();
        assert!(futures::future::poll_immediate(Box::pin(waits())).await.is_none());
    }
    let report = Harness::new().run(all).await;
    let graph = report.lineage();
    let outcomes: Vec<_> = graph.runs().iter().map(|run| run.outcome.word()).collect();
    assert_eq!(outcomes, ["succeeded", "cached", "crashed", "cancelled"]);
    let kinds: Vec<_> =
        graph.to_open_lineage().iter().map(|event| event["eventType"].clone()).collect();
    assert_eq!(kinds, ["COMPLETE", "FAIL", "ABORT"]);
}

#[tokio::test]
async fn the_runtime_tells_what_a_run_makes_and_reads() {
    #[materialize("s3://made/{x}", asset_deps = ["s3://read"])]
    async fn looks(x: u32, rows: Vec<u32>) -> (Vec<Asset>, Vec<Asset>) {
        assert_eq!((x, rows.len(), current_run!().run_count()), (1, 3, 1));
        (runtime::task_run::assets(), runtime::task_run::upstream_assets())
    }
    #[flow]
    async fn run() -> (Vec<Asset>, Vec<Asset>) {
        assert!(runtime::task_run::assets().is_empty());
        looks::tracked(1, raw::tracked().await).await.into_inner()
    }
    let ((made, read), _) = recorded(run).await;
    let keys = |assets: &[Asset]| assets.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(keys(&made), ["s3://made/1"]);
    assert_eq!(keys(&read), ["s3://lake/raw", "s3://read"]);
}

#[tokio::test]
async fn the_summary_lists_the_first_of_many_assets() {
    #[flow]
    async fn inner() {
        for name in 0..10 {
            mart(name.to_string(), vec![1]).await.unwrap();
        }
    }
    #[flow]
    async fn outer() {
        raw().await;
        inner().await;
        raw().await;
    }
    let (read, writer) = page();
    let summary = Arc::new(SummaryRecorder::new(writer));
    let client = Client::local().and(summary.clone());
    AsyncClientContext::new(client).scope(async { outer().await }).await;
    summary.flush();
    let text = read();
    let end: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("12 task")).collect();
    assert!(end[0].contains("· 12 assets ·"), "{text}");
    assert_eq!(end[1], "→ s3://lake/raw · from https://example.com/raw · by http", "once: {text}");
    assert_eq!(end[8..], ["→ s3://lake/6", "… and others"], "{text}");
}

#[tokio::test]
async fn the_summary_ends_with_the_assets() {
    let (read, writer) = page();
    let summary = Arc::new(SummaryRecorder::new(writer));
    let client = Client::local().and(summary.clone());
    AsyncClientContext::new(client).scope(async { lake().await }).await;
    summary.flush();
    let text = read();
    let end: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("4 task runs")).collect();
    assert!(end[0].contains("3 completed, 1 failed · 2 assets, 1 failed ·"), "{text}");
    assert_eq!(
        end[1..],
        [
            "→ s3://lake/raw · from https://example.com/raw · by http",
            "→ s3://lake/good · from s3://lake/raw",
            "✗ s3://lake/bad · failed · from s3://lake/raw",
        ],
        "{text}"
    );
}
