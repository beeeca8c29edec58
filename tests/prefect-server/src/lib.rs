//! A real Prefect server for tests.
//!
//! Most tests share one server, and tell their runs apart by the names of their flows:
//!
//! ```no_run
//! use prefect_server::PrefectServer;
//!
//! let Some(server) = PrefectServer::shared() else { return };
//! let flows = server.post("/flows/filter", &serde_json::json!({}));
//! ```
//!
//! What breaks a server, or needs other settings, starts [its own](PrefectServer::start). A server is started from a
//! database that was migrated once for this machine, which takes seconds instead of half a minute.
//!
//! `CONTEXT_TEST_PYTHON` names a Python in which Prefect is installed; `.ci/run` makes one. Without it, the tests that
//! need a server are left out with a notice, except in CI (`CI=true`), where that is a failure.
//! `CONTEXT_TEST_PREFECT_API_URL` names a server that runs already, for all test binaries of a suite.
//!
//! This crate is for tests alone: what cannot be done is a panic that says why. It knows nothing of the library that is
//! tested, so that it can tell what really happened.

pub mod compare;
mod environment;
mod http;
mod options;
mod port;
mod process;
mod proxy;
mod server;
mod template;

pub use environment::{VERSION, python_command};
pub use http::Answer;
pub use options::Options;
pub use proxy::{Direction, Frame, Record, RecordingProxy, Request};
pub use server::PrefectServer;
