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
/// | `persist_result` | `true` or `false`: whether results are kept; default: as the caller does, or the settings |
/// | `result_storage` | where results are kept: a URL, a path, or a storage; tasks inherit it |
/// | `result_serializer` | `"json"`, `"compressed/json"`, or a serializer; tasks inherit it |
/// | `cache_result_in_memory` | `true` (the default) or `false`: whether kept results also stay in memory |
/// | `on_running` | a function or a list of them, called when an attempt begins |
/// | `on_completion` | the same, called when a run has completed |
/// | `on_failure` | the same, called when a run has failed, after the last attempt |
/// | `on_cancellation` | the same, called when a run was cancelled |
/// | `on_crashed` | the same, called when a run has crashed |
/// | `task_runner` | what runs the tasks that the flow submits |
/// | `log_prints` | `true` or `false`: whether `log_print!` writes to the log; default: as the caller does, or the settings |
/// | `handle` | a name for the handle type, or `false` for none |
/// | `crate` | where the `context` crate is found |
///
/// A hook is a `fn` or an `async fn`. Its arguments are the definition, the run and the state.
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
/// | `retry_condition` | a function that is asked before each retry |
/// | `timeout` | the longest that an attempt may take, such as `"1m 30s"` |
/// | `cache_policy` | when a result is found again, such as `inputs()`; `None` or `no_cache()` for never |
/// | `cache_key_fn` | a function that makes the key under which a result is found again, instead of a policy |
/// | `cache_expiration` | how long a kept result is found, such as `"1d"` |
/// | `refresh_cache` | `true` or `false`: whether each run makes its result anew |
/// | `persist_result` | `true` or `false`: whether results are kept; default: as the caller does, or the settings |
/// | `result_storage` | where results are kept: a URL, a path, or a storage; default: as the flow does |
/// | `result_serializer` | `"json"`, `"compressed/json"`, or a serializer; default: as the flow does |
/// | `result_storage_key` | a template such as `"{parameters[day]}-{flow_run.id}.json"`, instead of a policy |
/// | `cache_result_in_memory` | `true` (the default) or `false`: whether kept results also stay in memory |
/// | `on_running` | a function or a list of them, called when an attempt begins |
/// | `on_completion` | the same, called when a run has completed, also with a cached result |
/// | `on_failure` | the same, called when a run has failed, after the last attempt |
/// | `on_commit` | the same, called when the result of a run is committed |
/// | `on_rollback` | the same, called when a transaction with a run of this task is rolled back |
/// | `log_prints` | `true` or `false`: whether `log_print!` writes to the log; default: as the flow does |
/// | `asset_deps` | assets that each run reads without getting them as arguments, declared as in [`macro@materialize`] |
/// | `handle` | a name for the handle type, or `false` for none |
/// | `crate` | where the `context` crate is found |
///
/// A hook is a `fn` or an `async fn`. Its arguments, and those of `retry_condition`, are the definition, the run
/// and the state; `on_commit` and `on_rollback` get the transaction.
///
/// # Options that exclude each other
///
/// What Prefect ignores, with a warning or without, is an error here: `cache_policy` beside `cache_key_fn`; either of
/// them beside `result_storage_key`; these three and `cache_expiration` beside `persist_result = false`; and
/// `cache_expiration` beside a policy that keeps nothing. A `cache_expiration` alone is fine: it applies where the flow
/// or a setting keeps results.
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
/// The assets come first; every option of [`macro@task`] may follow, and `by`, the tool that makes the assets.
///
/// An asset, here and in `asset_deps`, is declared by
///
/// * a key, a URI such as `"s3://bucket/rows"`: checked by the compiler;
/// * a template of one, such as `"s3://bucket/{day}/rows"`: its fields are those of run names, and begin with parameters
///   of the function;
/// * `asset("s3://bucket/{day}/rows").with_name("Rows").with_owners(["ann"])`: a key or template with properties;
/// * a closure of the parameters, `|parameters| format!(..)`, or any expression that gives a key or an `Asset`.
///
/// A key that is made of parameters is checked when a run begins, before the function is called.
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
