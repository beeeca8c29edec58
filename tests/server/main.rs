//! Flows against a real Prefect server: what they report is read back through its API.
//!
//! Each test has its own flows and looks at its own runs only. See `prefect_server` for where the server comes from.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(
    clippy::unused_async,
    reason = "flows are written as those of Prefect that they are compared with"
)]

mod artifacts;
mod cancellation;
mod events;
mod fan_out;
mod faults;
mod limits;
mod logs;
mod pause;
#[cfg(unix)]
mod processes;
mod support;
mod variables;

mod retries;
mod states;
mod subflows;
mod wire;
