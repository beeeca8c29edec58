#![doc = include_str!("../README.md")]

pub use context_core::asset::{
    Asset, AssetKey, AssetKeyError, AssetProperties, AssetTemplate, AssetTemplateError, IntoAsset,
    IntoAssetTemplate, asset, asset_fn,
};
pub use context_core::cache::{
    CacheKeyError, CachePolicy, KeyContext, default_policy, flow_parameters, inputs, no_cache,
    run_id, task_source,
};
pub use context_core::clock::{ManualClock, Timestamp};
pub use context_core::context::{
    AssetContext, AssetMetadataError, AsyncClientContext, ClockContext, Context, ContextModel,
    DeploymentContext, EngineContext, FlowRunContext, HydratedContext, InCurrentContext, Policy,
    RunContext, Scope, SerializedContext, SettingsContext, SnapshotError, SyncClientContext,
    TagScope, TagsContext, TaskRunContext, TemporarySettings, UseProfile, WithContext,
    add_asset_metadata, get_run_context, get_settings_context, get_transaction, hydrated_context,
    root_settings_context, serialize_context, spawn, spawn_blocking, temporary_settings, thread,
    transaction, use_profile, with_context,
};
pub use context_core::definition::{
    FlowDefinition, FlowHook, FlowOptions, IntoRetryDelay, IntoSerializer, RetryCondition,
    RetryDelay, TaskDefinition, TaskHook, TaskOptions, TransactionHook, exponential_backoff,
};
#[cfg(unix)]
pub use context_core::engine::ProcessPoolTaskRunner;
pub use context_core::engine::{
    AbortHandle, AllowFailure, AsCompleted, AsCompletedBlocking, AsCompletedWithin, CallError,
    ConcurrentTaskRunner, DoneNotDone, EndedRun, FlowWithOptions, Input, IntoInput, IntoMapInput,
    MapInput, NotRemote, Opaque, Quote, RemoteAttempts, RemoteFailure, RemoteFuture, RemoteRun,
    RemoteValue, ReportedAsOne, SerializedCall, SubmittedRun, TaskFuture, TaskFutures, TaskRunner,
    ThreadPoolTaskRunner, Tracked, Unmapped, WaitFor, WithOptions, allow_failure, as_completed,
    opaque, quote, resolve_futures_to_states, resolve_futures_to_states_blocking, unmapped, wait,
    wait_blocking,
};
pub use context_core::events::{Event, EventError, Resource, emit_event};
pub use context_core::hook::{Hook, IntoHooks};
pub use context_core::id::{ArtifactId, EventId, FlowRunId, StateId, TaskRunId};
pub use context_core::limits::{ConcurrencyError, concurrency, rate_limit};
pub use context_core::parameters::Parameters;
pub use context_core::pause::{
    PauseError, PauseFlowRun, PauseForInput, ResumeError, ResumeFlowRun, pause_flow_run,
    resume_flow_run,
};
pub use context_core::program::init;
pub use context_core::record::{
    Client, FlowRun, Interest, MemoryRecorder, ProgressEvent, Recorded, Recorder, RunEvent,
    TaskInputs, TaskRun,
};
pub use context_core::results::{
    IntoStorage, IsolationLevel, ResultError, ResultStore, Serializer, Storage,
};
pub use context_core::secret::{Secret, Secrets};
pub use context_core::settings::profiles::{ProfileError, ProfileRef, ProfilesCollection};
pub use context_core::settings::{
    DefaultSerializer, IntoSetting, LoggingLevel, Profile, SettingInfo, SettingPlace,
    SettingSource, Settings, SettingsError, Summary, TaskRunEvents, ToVariables, WhenMissingFlow,
    WorkerVariables,
};
pub use context_core::state::{
    Failure, InvalidOption, MissingContext, NotReady, PauseEnd, RunError, RunErrorKind,
    RunInputKeyset, State, StateDetails, StateType,
};
pub use context_core::summary::SummaryRecorder;
pub use context_core::tags::{IntoTags, Tag, TagSet};
pub use context_core::transaction::{
    CommitMode, Stage, Transaction, TransactionError, TransactionFailure, TransactionOptions,
    TransactionState,
};
pub use context_core::{
    artifacts, cache, limits as concurrency, log_print, logging, names, record, registry, results,
    runtime, settings, variables,
};

#[doc(inline)]
/// # Example: a task that is attempted again after an hour
///
/// ```
/// use std::time::Duration;
/// use context::prelude::*;
/// use context::testing::Harness;
///
/// #[task(retries = 1, retry_delay = "1h")]
/// async fn fetch(page: u32) -> Result<u32, String> {
///     if current_run!().run_count() == 1 { Err("busy".to_owned()) } else { Ok(page) }
/// }
///
/// #[flow]
/// async fn crawl(pages: Vec<u32>) -> Result<u32, String> {
///     let mut sum = 0;
///     for page in pages {
///         sum += fetch(page).await?;
///     }
///     Ok(sum)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let harness = Harness::new().manual_clock(); // nothing waits for real
/// let report = harness.run(|| crawl(vec![1, 2])).await;
///
/// assert_eq!(report.output, Ok(3));
/// report.assert_completed();
/// report.assert_runs("fetch", 2);
/// assert_eq!(report.elapsed(), Duration::from_secs(7200));
/// assert_eq!(report.timeline(), "\
/// flow crawl: Pending, Running, +7200s Completed
///   task fetch: Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +3600s Retrying, Completed
///   task fetch: +3600s Pending, Running, AwaitingRetry(Task run encountered an exception String: busy), +7200s Retrying, Completed
/// ");
/// # }
/// ```
///
/// With [insta](https://docs.rs/insta), the text is kept by the test itself:
/// `insta::assert_snapshot!(report.timeline(), @"…")`.
pub use context_core::testing;

#[doc(inline)]
/// # Example: a flow of two tasks
///
/// The call gives what the function returns. Around it, the run goes from `Pending` over `Running` to an end.
///
/// ```
/// use context::prelude::*;
///
/// #[task(retries = 2, retry_delay = ["1ms", "5ms"])]
/// async fn fetch(day: u32) -> Result<u32, String> {
///     if current_run!().run_count() < 2 { Err("not yet".to_owned()) } else { Ok(day * 10) }
/// }
///
/// /// A plain function is a task, too.
/// #[task]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// #[flow(flow_run_name = "load day {day}", timeout = "1m")]
/// async fn load(day: u32) -> Result<u32, anyhow::Error> {
///     let fetched = fetch(day).await.map_err(anyhow::Error::msg)?;
///     Ok(add(fetched, 1))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), anyhow::Error> {
/// assert_eq!(load(4).await?, 41);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// A panic of the function ends the run as `Crashed` and goes on to the caller. An error that only the engine can report
/// (a bad option, a timeout of a function whose type cannot carry it) is raised as a panic that carries a [`RunError`];
/// a return type of `Result<_, E>` with `E: From<RunError>` gets it as an `Err` instead.
pub use context_macros::flow;

#[doc(inline)]
/// # Example: concurrent runs, and results as inputs
///
/// ```
/// use context::prelude::*;
///
/// #[task(tags = ["io"])]
/// async fn fetch(page: u32) -> Result<Vec<u32>, String> {
///     Ok(vec![page; 2])
/// }
///
/// #[task]
/// fn total(pages: Vec<Vec<u32>>, factor: u32) -> u32 {
///     pages.concat().iter().sum::<u32>() * factor
/// }
///
/// #[flow]
/// async fn crawl() -> Result<u32, RunError> {
///     let pages = fetch::map([1, 2, 3]); // one run for each element, all at once
///     let total = total::submit(pages, 10); // waits for them, and is known to depend on them
///     total.await
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), RunError> {
/// assert_eq!(crawl().await?, 120);
/// # Ok(())
/// # }
/// ```
///
/// # Example: ten thousand runs that a server is told of as one
///
/// A server needs tens of milliseconds for each task run that it is told of. With [`reported_as_one`](ReportedAsOne) it is
/// told of one, and of its progress; futures, retries, hooks and the rest are as always.
///
/// ```
/// use context::Client;
/// use context::prelude::*;
///
/// #[task(retries = 1)]
/// async fn parse(page: u32) -> Result<u32, String> {
///     if page % 5_000 == 1 { Err(format!("page {page} is empty")) } else { Ok(page) }
/// }
///
/// #[flow]
/// async fn crawl() -> usize {
///     let rows = parse::with_options().reported_as_one().map(0..10_000);
///     rows.wait().await;
///     rows.iter().filter(|row| row.state().is_completed()).count()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let (client, recorder) = Client::in_memory();
/// let parsed = context::AsyncClientContext::new(client).scope(async { crawl().await }).await;
/// assert_eq!(parsed, 9_998);
/// let (run, state) = recorder.task_runs().remove(0);
/// assert_eq!((run.task_name.as_str(), state.name()), ("parse", "Failed"));
/// assert!(state.message().unwrap().starts_with("2 of 10000 runs failed; the first: "));
/// assert_eq!(recorder.task_runs().len(), 1);
/// # }
/// ```
///
/// # Example: other options for one call
///
/// ```
/// # use context::prelude::*;
/// #[task]
/// async fn fetch(url: String) -> Result<usize, RunError> {
///     Ok(url.len())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), RunError> {
/// let fetch = fetch::with_options().retries(5).task_run_name("fetch {url}").call("https://example.com");
/// assert_eq!(fetch.await?, 19);
/// # Ok(())
/// # }
/// ```
///
/// # What surrounds a call
///
/// A call of an `async` task captures what surrounds it (the run, tags, settings) when it is *called*, not when it is
/// awaited: `let call = tags!("io", { fetch(url) }); call.await` has the tag, and `tokio::spawn(fetch(url))` belongs to
/// the flow that spawns it.
///
/// # What cannot be submitted
///
/// `submit`, `map` and `with_options` need owned, `Send` arguments. Where they cannot be offered, using them is a compile
/// error that says why; calling the function always works.
pub use context_macros::task;

#[doc(inline)]
/// # Example: an asset, and what there is to say about it
///
/// ```
/// use context::prelude::*;
///
/// #[materialize("file:///tmp/rows.csv", by = "csv", asset_deps = ["https://example.com/raw"])]
/// async fn save(rows: Vec<u32>) -> Result<usize, anyhow::Error> {
///     add_asset_metadata("file:///tmp/rows.csv", serde_json::json!({ "rows": rows.len() }))?;
///     Ok(rows.len())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), anyhow::Error> {
/// assert_eq!(save(vec![1, 2]).await?, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Example: keys that depend on parameters, and properties
///
/// ```
/// use context::{asset, prelude::*, runtime};
///
/// #[materialize(
///     asset("s3://lake/{day}/rows.parquet").with_name("Rows").with_owners(["data@example.com"]),
///     asset_deps = ["https://example.com/{day}.json"],
/// )]
/// fn save(day: String) -> Result<String, RunError> {
///     Ok(runtime::task_run::assets()[0].key().to_owned())
/// }
///
/// assert_eq!(save("monday".to_owned())?, "s3://lake/monday/rows.parquet");
/// let error = save("the 1st".to_owned()).unwrap_err();
/// assert!(error.to_string().contains("contains ' ', which is not allowed"));
/// # Ok::<(), RunError>(())
/// ```
pub use context_macros::materialize;

#[doc(inline)]
/// # Example: tags around several calls
///
/// ```
/// use context::prelude::*;
///
/// #[task(tags = ["io"])]
/// async fn fetch() -> String {
///     current_run!().tags().to_string()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let team = String::from("team-7");
/// let seen = tags!("nightly", team, { fetch().await });
/// assert_eq!(seen, "io, nightly, team-7");
/// # }
/// ```
///
/// # Example: without a block
///
/// `select!` hides its awaits from a block, so it stands in a scope. A scope takes what is *called inside it*: a task
/// called in the argument list was called outside.
///
/// ```
/// # use context::prelude::*;
/// # #[tokio::main]
/// # async fn main() {
/// let inside = tags!("race")
///     .scope(async {
///         tokio::select! {
///             tags = async { TagsContext::get() } => tags,
///         }
///     })
///     .await;
/// assert_eq!(inside.current_tags().to_string(), "race");
/// assert_eq!(tags!("a", "b").in_scope(|| TagsContext::get().current_tags().len()), 2);
/// # }
/// ```
pub use context_macros::tags;

#[doc(inline)]
/// # Example
///
/// ```
/// use context::prelude::*;
///
/// #[flow]
/// fn nightly(day: String) -> (String, Option<serde_json::Value>) {
///     let run = current_run!();
///     (current_run!(flow).flow_name(), run.parameters().get("day").cloned())
/// }
///
/// let (flow, day) = nightly("monday".to_owned());
/// assert_eq!((flow.as_str(), day), ("nightly", Some("monday".into())));
/// assert!(get_run_context().is_err());
/// ```
///
/// # Panics
///
/// Outside a run, with the two usual causes. [`get_run_context`] is the form that returns an error.
pub use context_macros::current_run;

#[doc(inline)]
/// # Example
///
/// ```no_run
/// use context::prelude::*;
///
/// #[flow]
/// async fn crawl() -> Result<(), anyhow::Error> {
///     Ok(())
/// }
///
/// #[context::main]
/// async fn main() -> Result<(), anyhow::Error> {
///     crawl().await
/// }
/// ```
///
/// # Panics
///
/// If the system cannot start the runtime's threads.
pub use context_macros::main;

/// What expansions of the macros name. Not for people: anything here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use context_core::private::*;
}

/// Assets and lineage: what tasks make, and of what.
///
#[doc = include_str!("../docs/lineage.md")]
///
/// # Example: the graph of a flow run
///
/// ```
/// use context::assets::lineage;
/// use context::prelude::*;
///
/// #[materialize("file:///lake/{day}/raw.csv", asset_deps = ["https://example.com/{day}"])]
/// async fn download(day: String) -> Vec<usize> {
///     vec![3, 1, day.len()]
/// }
///
/// #[materialize("file:///lake/sums.csv")]
/// async fn sum(rows: Vec<usize>) -> usize {
///     rows.iter().sum()
/// }
///
/// #[flow]
/// async fn lake() -> Option<context::FlowRunId> {
///     let rows = download::tracked("monday").await;
///     sum::tracked(rows).await;
///     FlowRunContext::get().map(|run| run.id())
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let graph = lake().await.map(lineage).expect("a flow run");
/// let upstream: Vec<_> = graph.upstream_of("file:///lake/sums.csv").into_iter().collect();
/// assert_eq!(upstream, ["file:///lake/monday/raw.csv"]);
/// assert!(graph.to_mermaid().starts_with("flowchart LR"));
/// # }
/// ```
pub mod assets {
    pub use context_core::asset::{
        Asset, AssetKey, AssetKeyError, AssetProperties, AssetTemplate, AssetTemplateError,
        DescriptionTooLong, IntoAsset, IntoAssetTemplate, asset, asset_fn,
    };
    pub use context_core::context::{AssetContext, AssetMetadataError, add_asset_metadata};
    pub use context_core::lineage::{
        LineageEdge, LineageGraph, LineageOutcome, LineageRun, MOST_KEPT, MOST_OF_A_FLOW_RUN,
        lineage,
    };
}

/// What most programs use: `use context::prelude::*;`.
pub mod prelude {
    pub use crate::{
        ContextModel, FlowRunContext, InCurrentContext, RunContext, RunError, State, StateType,
        TagsContext, TaskFuture, TaskFutures, TaskRunContext, Tracked, add_asset_metadata,
        allow_failure, default_policy, exponential_backoff, flow_parameters, get_run_context,
        inputs, no_cache, run_id, task_source, transaction, unmapped, use_profile,
    };
    pub use context_macros::{current_run, flow, materialize, tags, task};
}
