//! Logging: how what a program logs reaches its console.
//!
//! Programs log with the macros of [`tracing`](https://docs.rs/tracing). Every run is a span with the target
//! `context::run`, called `flow_run` or `task_run`, that carries the ids and names of the run; so every subscriber sees
//! which run an event belongs to, also one that the program has made itself. Prefect's `get_run_logger` has no
//! counterpart because nothing has to be got.
//!
//! For programs that have no subscriber, [`init`] installs one that writes to the standard error stream in the form of
//! Prefect's console:
//!
//! ```text
//! 12:34:56.789 | INFO    | Flow run 'brave-otter' - crawling 3 pages
//! 12:34:56.790 | WARNING | Task run 'fetch-1a2' - slow server seconds=4.2
//! 12:34:56.801 | INFO    | my_program::disk - 12 rows are written
//! ```
//!
//! What stands before the message is the innermost run that the event belongs to, or where it comes from if it belongs
//! to none. With a subscriber of your own, [`layer`] adds the same lines.
//!
//! Where a server is told of the runs, it gets what is logged inside of them, too: `api_layer` does that, and is part of
//! what [`init`] installs. An event with the field `send_to_api = false` stays here.
//!
//! # What is written
//!
//! | | |
//! |---|---|
//! | `PREFECT_LOGGING_LEVEL` | the least severe level, of everything; `CRITICAL` is the same as `ERROR` |
//! | `PREFECT_DEBUG_MODE` | if true, the level is at least `DEBUG` |
//! | `RUST_LOG` | levels of single targets, such as `warn,my_program=debug`; they win over the above |
//! | `PREFECT_LOGGING_COLORS`, `NO_COLOR` | no colour if the first is false or the second is not empty, nor if the stream is not a terminal |
//!
//! Prefect's level holds for its own loggers, and everything else is told from `WARNING` on; here it holds for the whole
//! program, and `RUST_LOG` narrows it.
//!
//! # Printing
//!
//! Prefect's `log_prints` turns what a run prints into log records. Rust's `println!` cannot be redirected, so code that
//! should follow the option prints with [`log_print!`](crate::log_print): it prints as `println!` does, and logs instead
//! inside of a run that logs its prints (`PREFECT_LOGGING_LOG_PRINTS`).
//!
//! Without the feature `logging`, only printing is here. This module knows the runs as their spans and the ambient
//! contexts show them; who makes the spans and what is logged of a run's states is the engine's business.

#[cfg(all(feature = "logging", feature = "server"))]
mod api;
#[cfg(feature = "logging")]
mod console;
#[cfg(feature = "logging")]
mod install;
#[cfg(feature = "logging")]
mod line;
mod print;
#[cfg(feature = "logging")]
mod run;

#[cfg(all(feature = "logging", feature = "server"))]
pub use api::api_layer;
#[cfg(feature = "logging")]
pub use console::Console;
#[cfg(feature = "logging")]
pub use install::{LoggingIsSetUp, init, layer, try_init};
#[doc(hidden)]
pub use print::{logs_prints, print};
/// What `log_print!` names. Not for people.
#[doc(hidden)]
pub use tracing as __tracing;

/// The target of the spans of runs.
pub const RUN_TARGET: &str = "context::run";
/// The name of a flow run's span.
pub const FLOW_RUN_SPAN: &str = "flow_run";
/// The name of a task run's span.
pub const TASK_RUN_SPAN: &str = "task_run";

#[cfg(test)]
#[cfg(feature = "logging")]
mod tests;
