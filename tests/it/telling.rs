//! What programs tell besides how their runs go: artifacts, events, variables.

use context::artifacts::{
    ArtifactError, create_markdown_artifact, create_progress_artifact, create_table_artifact,
    update_progress_artifact,
};
use context::prelude::*;
use context::testing::Harness;
use context::{
    AsyncClientContext, Client, Event, EventError, Recorded, Resource, SummaryRecorder, emit_event,
    variables,
};
use serde_json::json;

use crate::support::in_both_drivers;

#[task(tags = ["io"])]
async fn measure() -> Result<(), ArtifactError> {
    create_table_artifact([("a", 1)]).key("table").await?;
    let progress = create_progress_artifact(10.0).await?;
    update_progress_artifact(progress, 100.0).await.map(drop)
}

#[task]
fn measure_blocking() -> Result<(), ArtifactError> {
    create_markdown_artifact("# hi").create_blocking().map(drop)
}

#[flow]
async fn report() -> Result<(), ArtifactError> {
    tags!("nightly", {
        create_markdown_artifact("# hi").key("report").description("of today").await?;
        measure().await?;
    });
    measure_blocking()
}

#[tokio::test]
async fn artifacts_belong_to_the_run_that_has_made_them() {
    let harness_report = Harness::new().run(report).await;
    harness_report.assert_completed();
    assert_eq!(
        harness_report.transcript(),
        "\
flow report: Pending, Running, <prefect.artifact.created report>, Completed
  task measure [io, nightly]: Pending, Running, <prefect.artifact.created table>, \
<prefect.artifact.created progress>, <prefect.artifact.updated 100.0>, Completed
  task measure_blocking: Pending, Running, <prefect.artifact.created markdown>, Completed
"
    );
    let (flow_run, _) = &harness_report.flow_runs()[0];
    let (task_run, _) = &harness_report.task_runs()[0];
    let origins: Vec<_> = harness_report
        .recorder()
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Recorded::Artifact { origin, .. } => Some(origin),
            _ => None,
        })
        .collect();
    assert_eq!((origins[0].flow_run_id, origins[0].task_run_id), (Some(flow_run.id), None));
    assert_eq!(origins[0].flow_run_name.as_deref(), Some(flow_run.name.as_str()));
    assert_eq!(origins[1].task_run_id, Some(task_run.id));
    assert_eq!(origins[1].task_run_name.as_deref(), Some(task_run.name.as_str()));
    assert_eq!(origins[1].tags.to_string(), "io, nightly");
}

#[tokio::test]
async fn the_summary_counts_artifacts() {
    let (text, writer) = crate::support::page();
    let client = Client::local().and(std::sync::Arc::new(SummaryRecorder::new(writer)));
    AsyncClientContext::new(client).scope(async { report().await }).await.unwrap();
    let text = text();
    assert!(text.contains("2 task runs: 2 completed · 4 artifacts · "), "{text}");
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            #[task(tags = ["t"])]
            $($async)? fn tells() -> Result<(), EventError> {
                let paid = emit_event(
                    Event::new("shop.order.paid", Resource::new("shop.order.17").with_name("Order 17"))
                        .with_payload(json!({ "amount": 20 })),
                )?;
                emit_event(Event::new("shop.order.sent", "shop.order.17").following(&paid)).map(drop)
            }

            #[$($test)*]
            $($async)? fn events_are_told_with_the_runs_around_them() {
                let report = Harness::new().$run(tells)$($wait)*;
                report.assert_completed();
                assert_eq!(
                    report.transcript(),
                    "task tells [t]: Pending, Running, <shop.order.paid shop.order.17>, \
                     <shop.order.sent shop.order.17>, Completed\n"
                );
                let events: Vec<_> = report
                    .recorder()
                    .events()
                    .into_iter()
                    .filter_map(|event| match event {
                        Recorded::Custom { event, origin } => Some((event, origin)),
                        _ => None,
                    })
                    .collect();
                assert_eq!(events[1].0.follows(), Some(events[0].0.id()));
                assert_eq!(events[0].1.task_run_id, Some(report.task_runs()[0].0.id));
                assert_eq!(events[0].1.flow_run_id, None);
            }
        }
    };
}
in_both_drivers!(rules);

#[flow]
async fn counts() -> Result<u32, variables::VariableError> {
    let next = variables::get_or("runs", 0_u32).await? + 1;
    variables::set("runs", next).overwrite(true).await?;
    Ok(next)
}

#[tokio::test]
async fn variables_last_from_one_run_to_the_next() {
    let harness = Harness::new();
    assert_eq!(harness.run(counts).await.output, Ok(1));
    assert_eq!(harness.run(counts).await.output, Ok(2));
    assert_eq!(Harness::new().run(counts).await.output, Ok(1), "another home");
}
