//! Hooks: functions that are told how runs go, and one that decides whether a run is attempted again.
//!
//! Uploads photos to a server that is busy, and that refuses one of them. Look at who is told what: a busy server is asked
//! again, a refusal is final (the retry condition says so), and somebody is paged in the end. Hooks are plain or `async`
//! functions; one that fails or panics is logged, and changes nothing.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::time::Duration;

use context::prelude::*;
use context::{FlowDefinition, FlowRun, TaskDefinition, TaskRun, Timestamp};

#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("the server is busy")]
    Busy,
    #[error("the server refuses `{0}`: too large")]
    TooLarge(&'static str),
}

/// Asked before each retry: is there any hope? The state tells the text of the error.
fn is_temporary(_: &'static TaskDefinition, _: TaskRun, state: State) -> bool {
    state.error().is_some_and(|error| error.to_string().ends_with("is busy"))
}

/// Called when an attempt begins.
fn log_attempt(task: &'static TaskDefinition, run: TaskRun, state: State) {
    println!("  {} {}: {}, attempt {}", task.name(), run.name, state.name(), run.run_count);
}

/// Called after the last attempt. What it awaits is awaited before the run's caller goes on.
async fn tell_owner(_: &'static TaskDefinition, run: TaskRun, state: State) {
    tokio::time::sleep(Duration::from_millis(5)).await; // sends a mail
    let cause = state.error().map(ToString::to_string).unwrap_or_default();
    println!("  mail to the owner of {}: {cause}", run.name);
}

#[task(
    task_run_name = "'{photo}'",
    retries = 3,
    retry_delay = "10ms",
    retry_condition = is_temporary,
    on_running = log_attempt,
    on_failure = tell_owner,
)]
async fn upload(photo: &'static str, busy: u32) -> Result<(), UploadError> {
    tokio::task::yield_now().await; // sends it
    match photo {
        "panorama.tiff" => Err(UploadError::TooLarge(photo)),
        _ if current_run!(task).run_count() <= busy => Err(UploadError::Busy),
        _ => Ok(()),
    }
}

async fn page(
    flow: &'static FlowDefinition,
    run: FlowRun,
    state: State,
) -> Result<(), UploadError> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    println!("PAGE: {} is {} in its attempt {}", flow.name(), state.name(), run.run_count);
    Err(UploadError::Busy) // nobody answers the pager; the run does not mind
}

fn rejoice(_: &'static FlowDefinition, run: FlowRun, _: State) {
    let took = run.start_time.map(|start| Timestamp::now().since(start));
    println!("done after {} ms", took.unwrap_or_default().as_millis());
}

#[flow(on_completion = rejoice, on_failure = [page])]
async fn upload_album(photos: Vec<&'static str>) -> Result<usize, UploadError> {
    for photo in &photos {
        upload(photo, 2).await?;
    }
    Ok(photos.len())
}

/// A plain flow has the same hooks; one of them is `async`, and is waited for.
#[flow(on_completion = rejoice, on_crashed = [page])]
fn clean_up(photos: usize) {
    println!("{photos} local copies are removed");
}

#[context::main]
async fn main() {
    println!("an album with a photo that is too large:");
    let failed = upload_album(vec!["harbour.jpg", "panorama.tiff"]).await;
    println!("it failed: {}", failed.expect_err("one photo is refused"));

    println!("a smaller one:");
    let photos = upload_album(vec!["harbour.jpg"]).await.expect("retries are enough");
    clean_up(photos);
}
