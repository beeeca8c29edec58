//! Pause and resume: a flow that waits for a person, who may answer.
//!
//! Drafts a page, and waits until somebody approves it. With `PREFECT_API_URL` set, the page of the run has a form for that,
//! and its address is printed; so that the example ends by itself, an editor in the same program answers after a moment.
//! Without a server, only the same program can answer, and the editor does at once.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::time::Duration;

use context::prelude::*;
use context::{FlowRunId, PauseError, ResumeError, pause_flow_run, resume_flow_run, runtime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form: its fields, and what is said to each.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Approval {
    /// Who has read the page.
    editor: String,
    /// Whether it may be published.
    approved: bool,
    /// What is to be changed.
    #[serde(default)]
    remarks: String,
}

#[task]
fn draft() -> String {
    "All is well.".to_owned()
}

/// A task may pause the flow run that it belongs to, too.
#[task]
async fn ask(page: String) -> Result<Approval, PauseError> {
    pause_flow_run()
        .timeout(Duration::from_secs(60))
        .wait_for_input::<Approval>()
        .description(format!("May this be published?\n\n> {page}"))
        .await
}

#[flow]
async fn publish() -> anyhow::Result<String> {
    let run = current_run!(flow).id();
    if let Some(url) = runtime::flow_run::ui_url() {
        println!("the run, with the form: {url}");
    }
    // It runs beside the flow, and sees the same server.
    let editor = context::spawn(answer(run));
    let approval = ask(draft()).await?;
    editor.await??;
    anyhow::ensure!(approval.approved, "{} wants changes: {}", approval.editor, approval.remarks);
    Ok(format!("published, approved by {}", approval.editor))
}

/// The editor. First something that does not fit: that is refused, and the run stays paused.
async fn answer(run: FlowRunId) -> Result<(), ResumeError> {
    let refused = patiently(|| resume_flow_run(run).run_input(serde_json::json!({ "editor": 7 })));
    println!("refused: {}", refused.await.expect_err("it does not fit"));
    let approval = Approval { editor: "ann".to_owned(), approved: true, remarks: String::new() };
    patiently(|| resume_flow_run(run).run_input(&approval)).await
}

/// Resumes the run, once it is paused.
async fn patiently(resume: impl Fn() -> context::ResumeFlowRun) -> Result<(), ResumeError> {
    loop {
        match resume().await {
            // Not yet. Its form is there a moment after it is paused.
            Err(ResumeError::Unknown { .. } | ResumeError::NotPaused { .. }) => {}
            Err(ResumeError::Refused { reason, .. }) if reason.contains("schema not found") => {}
            resumed => return resumed,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    println!("{}", publish().await?);
    Ok(())
}
