//! What we say to a server, compared with what Prefect's own client has said in the same scenario (`tests/data/wire`).
//!
//! Each test has the scenario's program in Rust, runs it against the server through a proxy that records, and compares.
//! What differs on purpose is listed with its reason, here and in `docs/deviations.md`; any other difference fails the
//! test, and so does one that is listed and is not there.

mod artifacts;
mod assets;
mod crash;
mod events;
mod failures;
mod flows;
mod graph;
mod history;
mod limits;
mod logs;
mod pause;
mod rules;
mod tasks;

use std::future::Future;

use context::{ContextModel as _, SettingsContext};
use prefect_server::compare::{Conversation, Difference, Side, ours};
use prefect_server::{PrefectServer, RecordingProxy};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::settings;

/// An error with the name that it has in the scenarios.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ValueError(&'static str);

/// An error with the name that it has in the scenarios.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RuntimeError(&'static str);

/// What was said to the server while `call` was made, through a proxy of its own; what this thread logs included. `None`
/// if there is no server.
async fn said<F: Future>(call: impl FnOnce() -> F) -> Option<(F::Output, Conversation)> {
    let proxy = RecordingProxy::start(PrefectServer::shared()?);
    Some(said_through(&proxy, call).await)
}

/// As `said`, where each state of each task run is told.
async fn said_in_full<F: Future>(call: impl FnOnce() -> F) -> Option<(F::Output, Conversation)> {
    let every = async { history::every_state().scope(async { call().await }).await };
    said(|| every).await
}

/// As `said`, through a proxy that the program may look at.
async fn said_through<F: Future>(
    proxy: &RecordingProxy,
    call: impl FnOnce() -> F,
) -> (F::Output, Conversation) {
    let (settings, home) = settings(&proxy.api_url());
    let subscriber = tracing_subscriber::registry().with(context::logging::api_layer());
    let _listening = tracing::subscriber::set_default(subscriber);
    let value = SettingsContext::new(settings).scope(async { call().await }).await;
    (value, ours(proxy).replacing(home.path().to_string_lossy(), "$PREFECT_HOME"))
}

/// A name that no other test, and no earlier run of this one, has given to anything on the server.
fn unique(stem: &str) -> String {
    let id = context::EventId::generate(context::Timestamp::now());
    format!("{stem}-{}", id.to_string().replace('-', ""))
}

const PROPOSALS: &str = "POST /flow_runs/*/set_state";
const TASK_RUNS: &str = "event prefect.task-run.*";

/// What differs in every scenario.
fn in_every_scenario() -> Vec<Difference> {
    vec![
        // Variables, and what was filled in, are read on both sides.
        Difference::new(
            "what the server has just answered is not asked for",
            Side::Prefects,
            |messages| {
                messages.retain(|message| {
                    let head = message.head();
                    let is_asked = head.starts_with("GET /variables/") || head.contains("/input/");
                    !head.starts_with("GET ") || is_asked
                });
            },
        ),
        Difference::only_we_say(
            "a flow run whose answer was lost is not created twice",
            "POST /flow_runs/",
            "idempotency_key",
        ),
        Difference::only_prefect_says(
            "nothing else than the default",
            PROPOSALS,
            "state/state_details/pause_reschedule",
        ),
        // Whether a result can be tracked by its identity: that of Python's objects.
        Difference::only_prefect_says(
            "nothing is tracked by identity",
            PROPOSALS,
            "state/state_details/untrackable_result",
        ),
        counted(),
    ]
}

/// What was recorded is counted, and whether somebody else has cancelled a flow run is asked and listened for. When that
/// is done, and how often, is a matter of time.
fn counted() -> Difference {
    const OURS: [&str; 3] =
        ["POST /task_runs/count", "POST /flow_runs/filter", "frame /events/out"];
    Difference::new("we look what was recorded, and who was cancelled", Side::Ours, |messages| {
        messages.retain(|message| !OURS.contains(&message.head().as_str()));
    })
    .if_any()
}

/// Flows that say nothing of their version have a hash: of the function here, of the file there.
fn version_of_the_function() -> Difference {
    Difference::said_otherwise(
        "the version is a hash of the function",
        "POST /flow_runs/",
        "flow_version",
    )
}

/// As in `in_every_scenario`, of task runs.
fn untracked_results() -> Difference {
    Difference::only_prefect_says(
        "nothing is tracked by identity",
        TASK_RUNS,
        "payload/validated_state/state_details/untrackable_result",
    )
}

/// Prefect keeps the exception of a flow run that has failed, for those who call `result()` elsewhere.
fn kept_exception() -> Difference {
    Difference::only_prefect_says(
        "errors are values of the process, and not kept",
        PROPOSALS,
        "state/data",
    )
}

/// The differences of a scenario, after those of every scenario.
fn and(differences: impl IntoIterator<Item = Difference>) -> Vec<Difference> {
    in_every_scenario().into_iter().chain(differences).collect()
}

/// Registering a flow once is enough.
fn once(pattern: &'static str) -> Difference {
    Difference::new("what was said once is known", Side::Prefects, move |messages| {
        let mut said = Vec::new();
        messages.retain(|message| {
            let is_new = !said.contains(&message.body);
            let stays = message.head() != pattern || is_new;
            said.push(message.body.clone());
            stays
        });
    })
}

/// Takes a member out of the object at a pointer.
fn forget(body: &mut Value, of: &str, member: &str) {
    let members = body.pointer_mut(of).and_then(Value::as_object_mut);
    members.and_then(|members| members.remove(member));
}

/// A blocking flow of Prefect logs any end as `INFO`. Its async flows and its tasks do as we do.
fn ends_are_logged_by_their_kind() -> Difference {
    Difference::new(
        "an end that is none to wish for is logged as an error",
        Side::Prefects,
        |messages| {
            for message in messages.iter_mut().filter(|it| it.head() == "log prefect.flow_runs") {
                let text = message.body["message"].as_str().unwrap_or_default();
                if text.starts_with("Finished in state") && !text.contains("Completed") {
                    assert_eq!(message.body["level"], 20);
                    message.body["level"] = 40.into();
                }
            }
        },
    )
}
