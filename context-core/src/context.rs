//! The ambient contexts: what surrounds a piece of running code.
//!
//! Each kind of context is a small immutable value. Code reads the innermost one with `get`, and enters another with
//! `scope` (a future) or `in_scope` (a closure); both restore what was there before, however the code inside ends.
//! Entering twice or leaving without entering cannot be written, because there is no `enter` and no `exit`.
//!
//! What surrounds a piece of code is captured as a whole by [`Context::current`] and carried to other threads and tasks
//! by [`spawn`], [`spawn_blocking`], [`thread::spawn`], [`InCurrentContext`] and [`Context::wrap`]. A plain
//! `tokio::spawn` or `std::thread::spawn` carries nothing: the code inside starts with no context.
//!
//! | kind | inherited by a spawn | written into a snapshot |
//! |---|---|---|
//! | [`FlowRunContext`], [`TaskRunContext`], [`TagsContext`], [`SettingsContext`], [`DeploymentContext`] | yes | yes |
//! | [`AssetContext`] | yes | no: it is built again from the arguments |
//! | [`ClockContext`] | yes | no: it belongs to the process |
//! | [`SyncClientContext`], [`AsyncClientContext`] | no: a client ends with its scope | no |
//!
//! The table is data: [`ContextModel::POLICY`]. This module knows nothing of how runs are executed.

mod assets;
mod attention;
mod capture;
mod client;
mod clock;
mod course;
mod deployment;
mod flow_run;
mod frame;
mod ledger;
mod origin;
mod reported;
mod results;
mod run;
mod scope;
mod settings;
mod snapshot;
mod spawn;
mod submissions;
mod tags;
mod task_run;
mod transaction;

use std::future::Future;

use serde_json::Value;

use crate::secret::Secrets;

pub use assets::{AssetContext, AssetMetadataError, add_asset_metadata};
pub use capture::Context;
pub use client::{AsyncClientContext, SyncClientContext};
pub use clock::ClockContext;
pub use deployment::DeploymentContext;
pub use flow_run::{EngineContext, FlowRunContext};
pub use run::{RunContext, current_flow_run, current_run, current_task_run, get_run_context};
pub use scope::Scope;
pub use settings::{
    SettingsContext, TemporarySettings, UseProfile, get_settings_context, root_settings_context,
    temporary_settings, use_profile,
};
pub use snapshot::{
    HydratedContext, SerializedContext, SnapshotError, WithContext, hydrated_context,
    serialize_context, with_context,
};
pub use spawn::{InCurrentContext, spawn, spawn_blocking, thread};
pub use tags::{TagScope, TagsBlock, TagsContext, TagsGuard, enter_tags};
pub use task_run::TaskRunContext;
pub use transaction::{get_transaction, transaction};

pub(crate) use assets::GatheredAssets;
pub(crate) use attention::Attention;
pub(crate) use course::Interlude;
pub(crate) use flow_run::{FlowRunData, RunTally, StandIn};
pub(crate) use frame::{Frame, LiveTask, TaskDetails};
pub(crate) use ledger::Ledger;
pub(crate) use reported::ReportedRun;
pub(crate) use results::ResultScope;
pub(crate) use submissions::Ticket;
pub(crate) use transaction::{AttemptEnd, TaskTransactions, abandon as abandon_transaction};

/// What becomes of a kind of context when code is spawned or a snapshot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// True if spawned code sees it. Otherwise it belongs to the scope and ends with it.
    pub inherited_by_spawn: bool,
    /// True if a snapshot that crosses processes contains it.
    pub written_to_snapshot: bool,
}

impl Policy {
    /// Spawned code sees it and snapshots contain it.
    pub const EVERYWHERE: Self = Self { inherited_by_spawn: true, written_to_snapshot: true };
    /// Spawned code sees it; snapshots do not contain it.
    pub const IN_PROCESS: Self = Self { inherited_by_spawn: true, written_to_snapshot: false };
    /// It belongs to the scope that entered it.
    pub const LOCAL: Self = Self { inherited_by_spawn: false, written_to_snapshot: false };
}

/// A kind of ambient context.
///
/// # Example: every kind is read and entered in the same way
///
/// ```
/// use context_core::context::{ContextModel, TagsContext};
///
/// let nightly = TagsContext::new(["nightly"]);
/// let seen = nightly.in_scope(|| TagsContext::get().current_tags().len());
/// assert_eq!(seen, 1);
/// assert_eq!(TagsContext::get().current_tags().len(), 0);
/// ```
pub trait ContextModel: Clone + Sized {
    /// The kind's name, as Prefect spells it.
    const NAME: &'static str;
    /// What becomes of it when code is spawned or a snapshot is written.
    const POLICY: Policy;

    /// The innermost context of this kind, if there is one.
    fn get() -> Option<Self>;

    /// A copy to change with the kind's `with_…` methods. The original and every scope it is entered in stay as they
    /// are.
    #[must_use]
    fn model_copy(&self) -> Self {
        self.clone()
    }

    /// The context as JSON. Secrets are masked unless `secrets` asks for them.
    fn serialize(&self, secrets: Secrets) -> Value;

    /// Runs `f` inside this context.
    fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R;

    /// Ties `future` to this context: it is polled and dropped inside, on whatever thread.
    ///
    /// Everything else that surrounds the future is what surrounds *this call*. A flow or task called in the argument
    /// list was called outside and has captured that: write `scope(async { load().await })`, not `scope(load())`.
    fn scope<F: Future>(&self, future: F) -> Scope<F>;
}
