//! The macros of the `context` workflow library.
//!
//! Use them through the facade crate `context`, whose documentation has the examples: what they expand to names
//! `::context::__private` (or the path given with `crate = path`) and nothing else but `::core` and `::std`.
//!
//! Each attribute macro is a pipeline of plain functions over token streams: `parse` (syntax only), `model` (what the
//! user wrote, complete), `check` (rules that connect parts), `expand` (cannot fail). Every independent mistake is
//! reported in one pass, and the user's function is emitted whatever happens.

mod attribute;
mod cfg;
mod check;
mod current_run;
mod diagnostics;
mod entry;
mod expand;
mod main_function;
mod model;
mod parse;
mod source_hash;
mod tags;
mod tokens;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

use crate::model::Kind;

/// Makes a function a flow: each call is a flow run with its own context, states and retries.
///
/// Works on `fn` and `async fn`, free functions and methods. The function keeps its signature.
///
/// | option | value |
/// |---|---|
/// | `name` | text; default: the function's name with `-` for `_` |
/// | `description` | text; default: the doc comment |
/// | `version` | text; default: a hash of the source |
/// | `flow_run_name` | a template such as `"load {day}"`, or a callable |
/// | `retries` | how often a failed run is tried again |
/// | `retry_delay` | the wait before a retry, such as `"10s"` |
/// | `timeout` | the longest that an attempt may take, such as `"1m 30s"` |
/// | `handle` | a name for the handle type, or `false` for none |
/// | `crate` | where the `context` crate is found |
///
/// The facade documents the macro with examples.
#[proc_macro_attribute]
pub fn flow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("flow", arguments, item, |arguments, item| {
        attribute::run(Kind::Flow, arguments, item)
    })
}

/// Makes a function a task: each call is a task run with its own context, states and retries.
///
/// Works on `fn` and `async fn`, free functions and methods. The function keeps its signature. A free function also
/// gets a handle, a type of the same name: `fetch::submit(..)`, `fetch::map(..)`, `fetch::with_options()`.
///
/// | option | value |
/// |---|---|
/// | `name` | text; default: the function's name |
/// | `description` | text; default: the doc comment |
/// | `version` | text |
/// | `tags` | tags of every run of this task |
/// | `task_run_name` | a template such as `"fetch {url}"`, or a callable |
/// | `retries` | how often a failed run is tried again |
/// | `retry_delay` | the wait before a retry: `"10s"`, or one for each: `["1s", "5s"]` |
/// | `retry_jitter` | how far a delay may stray, as a fraction of it |
/// | `timeout` | the longest that an attempt may take, such as `"1m 30s"` |
/// | `asset_deps` | assets that each run reads without getting them as arguments |
/// | `handle` | a name for the handle type, or `false` for none |
/// | `crate` | where the `context` crate is found |
///
/// The facade documents the macro with examples.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("task", arguments, item, |arguments, item| {
        attribute::run(Kind::Task, arguments, item)
    })
}

/// Makes a function a task that makes assets: `#[materialize("s3://bucket/rows", by = "polars")]`.
///
/// The assets' keys come first; every option of [`macro@task`] may follow, and `by`, the tool that makes the assets.
///
/// The facade documents the macro with examples.
#[proc_macro_attribute]
pub fn materialize(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("materialize", arguments, item, |arguments, item| {
        attribute::run(Kind::Materialize, arguments, item)
    })
}

/// Makes a function a program's entry point: starts the runtime, runs the function, and flushes what was recorded.
///
/// | option | value |
/// |---|---|
/// | `worker_threads` | how many threads run async code |
/// | `flavor` | `"multi_thread"` (the default) or `"current_thread"` |
/// | `crate` | where the `context` crate is found |
///
/// The facade documents the macro with examples.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("context::main", arguments, item, main_function::run)
}

/// Runs a block with tags: `tags!("a", "b", { .. })`, or makes a set of tags: `tags!("a", "b")`.
///
/// The block is an expression. It stays in place: `?`, `return`, `break`, `.await` and borrows work as in any block.
///
/// The facade documents the macro with examples.
#[proc_macro]
pub fn tags(input: TokenStream) -> TokenStream {
    entry::function("tags!", input, tags::run)
}

/// The current run: `current_run!()`, or one kind of it: `current_run!(flow)`, `current_run!(task)`.
///
/// The facade documents the macro with examples.
#[proc_macro]
pub fn current_run(input: TokenStream) -> TokenStream {
    entry::function("current_run!", input, current_run::run)
}
