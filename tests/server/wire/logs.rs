//! Logs: lines of flows and tasks, and what is printed.

use context::prelude::*;
use prefect_server::compare::{Difference, assert_same, prefects};

use super::{and, said, untracked_results, version_of_the_function};

#[task(log_prints = true)]
async fn t() -> u64 {
    tracing::warn!("from task");
    context::log_print!("printed");
    1
}

#[flow(name = "wire-g")]
async fn logs() -> u64 {
    tracing::info!("hello wörld");
    let one = t().await;
    tracing::error!("bye");
    one
}

#[tokio::test]
async fn scenario_08_logs() {
    let Some((one, said)) = said(logs).await else { return };
    assert_eq!(one, 1);
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
    ]);
    assert_same(&prefects("08-logs"), &said, &differences);
}
