//! Retries: how often, after which delay, and for one call only.
//!
//! Prints a line for each attempt, and what came of the calls.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::time::Duration;

use context::prelude::*;

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("attempt {0} was refused")]
    Refused(u32),
    /// With this, the task may have a `timeout`: the engine has a way to report it.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Refuses the first `refusals` attempts.
fn attempt(refusals: u32) -> Result<u32, FetchError> {
    let run = current_run!(task);
    let count = run.run_count();
    println!("{:<11} attempt {count}", run.task_name());
    if count <= refusals { Err(FetchError::Refused(count)) } else { Ok(count) }
}

/// One delay for each retry; the last one repeats. A list, or a single delay.
#[task(retries = 3, retry_delay = ["10ms", "20ms"], timeout = "5s")]
async fn by_list(refusals: u32) -> Result<u32, FetchError> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    attempt(refusals)
}

/// Delays of 5, 10 and 20 ms, each up to a half more or less, so that many clients do not retry in step.
#[task(
    retries = 3,
    retry_delay = exponential_backoff(Duration::from_millis(5)),
    retry_jitter = 0.5,
)]
fn by_backoff(refusals: u32) -> Result<u32, FetchError> {
    attempt(refusals)
}

/// Not retried, unless a call asks for it.
#[task]
fn plain(refusals: u32) -> Result<u32, FetchError> {
    attempt(refusals)
}

#[flow]
async fn tasks() -> Result<(), FetchError> {
    println!("it took {} attempts", by_list(2).await?);
    println!("it took {} attempts", by_backoff(1)?);
    println!("it took {} attempts", plain::with_options().retries(1).call(1)?);
    // Without a retry left, the error is the function's own, as from a plain call.
    println!("it failed: {}", plain(1).expect_err("the first attempt is refused"));
    Ok(())
}

/// A flow is retried as a whole: its tasks run again, as new runs.
#[flow(retries = 1)]
fn whole_flow() -> Result<u32, FetchError> {
    let count = current_run!(flow).run_count();
    println!("the flow    attempt {count}");
    plain(2 - count)?;
    Ok(count)
}

#[context::main]
async fn main() -> Result<(), FetchError> {
    tasks().await?;
    println!("it took {} attempts", whole_flow()?);
    Ok(())
}
