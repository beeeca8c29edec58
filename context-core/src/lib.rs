//! Contexts, definitions, engine and recording of `context`, Prefect 3's programming model in Rust.
//!
//! Programs use the `context` crate, which re-exports what they need and adds the macros. The modules form layers; each
//! uses only those below it (`tests/layering.rs` enforces the table):
//!
//! | layer | modules |
//! |---|---|
//! | doors | `private` |
//! | surface | [`artifacts`], [`events`], [`limits`], [`pause`], [`variables`], [`runtime`], [`program`], [`logging`], [`testing`] |
//! | engine | [`engine`] |
//! | ambient | [`context`] |
//! | catalogue | [`registry`], [`definition`] |
//! | services | [`record`], [`results`], [`cache`], [`transaction`], `concurrency`, [`summary`], [`lineage`] |
//! | mechanism | `stack`, `runner` |
//! | values | [`tags`], [`parameters`], [`names`], [`state`], [`hook`], [`asset`], [`event`], [`settings`] |
//! | ground | [`id`], [`clock`], [`secret`] |

pub mod artifacts;
pub mod asset;
pub mod cache;
pub mod clock;
mod concurrency;
pub mod context;
pub mod definition;
pub mod engine;
pub mod event;
pub mod events;
pub mod hook;
pub mod id;
pub mod limits;
pub mod lineage;
pub mod logging;
pub mod names;
pub mod parameters;
pub mod pause;
#[doc(hidden)]
pub mod private;
pub mod program;
pub mod record;
pub mod registry;
pub mod results;
mod runner;
pub mod runtime;
pub mod secret;
pub mod settings;
mod stack;
pub mod state;
pub mod summary;
pub mod tags;
pub mod testing;
pub mod transaction;
pub mod variables;
