//! Definitions: what the macros know about an annotated function, and the options it was given.
//!
//! A definition is a `static`: one for each annotated function, shared by all its runs and instantiations. Its options
//! are the expressions in the attribute, evaluated once, at the first use.
//!
//! A definition does not know the function's types or body; handles do (`engine::TaskFn`).

mod assets;
mod extra;
mod hooks;
mod options;
mod persistence;
mod retry;

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use crate::cache::CodeSource;

pub use extra::TransactionHook;
pub use hooks::{FlowHook, FlowHookArguments, RetryCondition, TaskHook, TaskHookArguments};
pub use options::{FlowOptions, TaskOptions};
pub use persistence::IntoSerializer;
pub use retry::{IntoRetryDelay, RetryDelay, exponential_backoff};

pub(crate) use assets::RunAssets;
pub(crate) use extra::TaskExtra;
pub(crate) use hooks::Moment;
pub(crate) use persistence::{CachingDefaults, Keeping, Resolved};

/// What the macro reads off an annotated function.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// The function's name.
    pub name: &'static str,
    /// The path of the module it is in.
    pub module: &'static str,
    /// The source file, as the compiler names it.
    pub file: &'static str,
    /// The line of the attribute.
    pub line: u32,
    /// Sixteen hex digits over the function's tokens; a task's key has the first eight.
    pub source_hash: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// The parameters' names, in order.
    pub parameters: &'static [&'static str],
    /// True for an `async fn`.
    pub is_async: bool,
}

impl Meta {
    /// The first eight digits of the source's hash.
    pub(crate) fn short_hash(&self) -> &'static str {
        self.source_hash.get(..8).unwrap_or(self.source_hash)
    }

    /// Of no function at all.
    pub(crate) const NONE: Self = Self {
        name: "",
        module: "",
        file: "",
        line: 0,
        source_hash: "",
        doc: "",
        parameters: &[],
        is_async: false,
    };
}

/// A task: one annotated function.
pub struct TaskDefinition {
    meta: Meta,
    options: LazyLock<TaskOptions>,
    source: OnceLock<CodeSource>,
}

/// A flow: one annotated function.
pub struct FlowDefinition {
    meta: Meta,
    options: LazyLock<FlowOptions>,
}

impl TaskDefinition {
    /// A definition as the macros make it; `options` is evaluated once, at the first use.
    pub const fn new(meta: Meta, options: fn() -> TaskOptions) -> Self {
        Self { meta, options: LazyLock::new(options), source: OnceLock::new() }
    }

    /// What tells the task's code from other code, for cache keys: the module, the name, and a hash of the source.
    pub(crate) fn code_source(&self) -> &CodeSource {
        self.source.get_or_init(|| {
            let Meta { module, name, source_hash, .. } = self.meta;
            CodeSource::new(format!("{module}::{name} {source_hash}"))
        })
    }

    /// What the macro read off the function.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The options of the attribute.
    pub fn options(&self) -> &TaskOptions {
        &self.options
    }

    /// The task's name: the `name` option, else the function's name.
    pub fn name(&self) -> &str {
        self.options().task_name(self)
    }

    /// The description: the option, else the doc comment.
    pub fn description(&self) -> &str {
        self.options().description_text().unwrap_or(self.meta.doc)
    }

    /// The identity of the task across runs: function name and a hash of its source, `fetch-1a2b3c4d`.
    ///
    /// Neither `name` nor `with_options` change it.
    pub fn task_key(&self) -> String {
        format!("{}-{}", self.meta.name, self.meta.short_hash())
    }
}

impl FlowDefinition {
    /// A definition as the macros make it; `options` is evaluated once, at the first use.
    pub const fn new(meta: Meta, options: fn() -> FlowOptions) -> Self {
        Self { meta, options: LazyLock::new(options) }
    }

    /// What the macro read off the function.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The options of the attribute.
    pub fn options(&self) -> &FlowOptions {
        &self.options
    }

    /// The flow's name: the `name` option, else the function's name with `-` for `_`.
    pub fn name(&self) -> String {
        self.options().flow_name(self)
    }

    /// The description: the option, else the doc comment.
    pub fn description(&self) -> &str {
        self.options().description_text().unwrap_or(self.meta.doc)
    }

    /// The version: the option, else the hash of the source.
    pub fn version(&self) -> &str {
        self.options().version_text().unwrap_or(self.meta.source_hash)
    }
}

impl fmt::Debug for TaskDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinition").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl fmt::Debug for FlowDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowDefinition").field("meta", &self.meta).finish_non_exhaustive()
    }
}
