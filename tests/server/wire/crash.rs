//! Ctrl-C. The program is a child: the test starts this file again, and sends it the signal.

#![cfg(unix)]

use std::process::{Command, Stdio};

use context::prelude::*;
use context_core::program::run_main;
use prefect_server::compare::{Difference, assert_same, ours, prefects};
use prefect_server::{PrefectServer, Record, RecordingProxy};
use tracing_subscriber::layer::SubscriberExt as _;

use super::failures::failures_in_other_words;
use super::{and, ends_are_logged_by_their_kind, version_of_the_function};

#[task]
async fn slow() {
    std::future::pending::<()>().await;
}

#[flow(name = "wire-f-crash")]
fn interrupted() -> Result<(), RunError> {
    slow::submit().result_blocking()
}

#[test]
#[ignore = "a program that another test starts"]
fn program() {
    let subscriber = tracing_subscriber::registry().with(context::logging::api_layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    run_main(|| interrupted().unwrap());
}

#[test]
fn scenario_06_ctrl_c() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wire::crash::program", "--ignored", "--nocapture"])
        .env("PREFECT_API_URL", proxy.api_url())
        .env("PREFECT_HOME", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has been running for a second when this is said.
    proxy.wait_for("the task runs", |records| {
        let is_running = |record: &Record| match record {
            Record::Frame(frame) => frame.json()["event"] == "prefect.task-run.Running",
            Record::Request(_) => false,
        };
        records.iter().any(is_running).then_some(())
    });
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap();
    assert_same(
        &prefects("06-flow-crashed-sigint"),
        &ours(&proxy),
        &and([
            version_of_the_function(),
            Difference::one_event_for_a_short_task(),
            failures_in_other_words(),
            ends_are_logged_by_their_kind(),
        ]),
    );
}
