#![doc = include_str!("../README.md")]

pub use context_core::asset::{Asset, AssetKey, AssetKeyError, AssetProperties, IntoAsset};
pub use context_core::context::{
    AssetContext, AssetMetadataError, AsyncClientContext, Context, ContextModel, DeploymentContext,
    EngineContext, FlowRunContext, InCurrentContext, Policy, RunContext, Scope, SettingsContext,
    SyncClientContext, TagScope, TagsContext, TaskRunContext, add_asset_metadata, get_run_context,
    spawn, spawn_blocking, thread,
};
pub use context_core::definition::{
    FlowDefinition, FlowOptions, IntoRetryDelay, RetryDelay, TaskDefinition, TaskOptions,
    exponential_backoff,
};
pub use context_core::engine::{
    AllowFailure, FlowWithOptions, Input, IntoInput, IntoMapInput, MapInput, TaskFuture,
    TaskFutures, Unmapped, WaitFor, WithOptions, allow_failure, unmapped,
};
pub use context_core::id::{FlowRunId, TaskRunId};
pub use context_core::parameters::Parameters;
pub use context_core::record::{
    Client, Interest, MemoryRecorder, Recorded, Recorder, RunEvent, TaskInputs,
};
pub use context_core::secret::{Secret, Secrets};
pub use context_core::settings::Settings;
pub use context_core::state::{
    Failure, InvalidOption, MissingContext, NotReady, RunError, RunErrorKind, State, StateType,
};
pub use context_core::tags::{IntoTags, Tag, TagSet};
pub use context_core::{clock::Timestamp, names, record, registry};

pub use context_macros::{current_run, flow, main, materialize, tags, task};

/// What expansions of the macros name. Not for people: anything here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use context_core::private::*;
}

/// What most programs use: `use context::prelude::*;`.
pub mod prelude {
    pub use crate::{
        ContextModel, FlowRunContext, InCurrentContext, RunContext, RunError, State, StateType,
        TagsContext, TaskFuture, TaskFutures, TaskRunContext, add_asset_metadata, allow_failure,
        exponential_backoff, get_run_context, unmapped,
    };
    pub use context_macros::{current_run, flow, materialize, tags, task};
}
