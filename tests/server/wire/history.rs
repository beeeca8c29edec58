//! The history that the server has of task runs: the same states as those that Prefect tells of.
//!
//! A short task run is told of once, with its end, unless every state is wanted (`CONTEXT_TASK_RUN_EVENTS=every`).

use std::future::Future;

use context::{ContextModel as _, SettingsContext, State};
use prefect_server::PrefectServer;
use prefect_server::compare::prefects;

use super::tasks::{caching, failure, retried_tasks, two_tasks};
use crate::support::{Known, flow_run, text, under};

/// Settings under which each state of a task run is told.
pub(super) fn every_state() -> SettingsContext {
    let settings = SettingsContext::get().settings().clone();
    SettingsContext::new(settings.with("CONTEXT_TASK_RUN_EVENTS", "every").unwrap())
}

/// The states of each task run, by name and type, as Prefect tells of them in a scenario.
fn prefects_histories(scenario: &str) -> Vec<Vec<String>> {
    let mut runs: Vec<(String, Vec<String>)> = Vec::new();
    for message in prefects(scenario).messages() {
        let state = &message.body["payload"]["validated_state"];
        if !message.head().starts_with("event prefect.task-run.") {
            continue;
        }
        let run = message.resource().unwrap().to_owned();
        let state = format!("{} ({})", text(&state["name"]), text(&state["type"]));
        match runs.iter_mut().find(|(known, _)| *known == run) {
            Some((_, states)) => states.push(state),
            None => runs.push((run, vec![state])),
        }
    }
    runs.into_iter().map(|(_, states)| states).collect()
}

/// The states of each task run of a flow run, as the server has them, in the order in which the runs were begun.
fn histories<T>(server: &PrefectServer, state: &State<T>) -> Vec<Vec<String>> {
    let mut runs = Known::new(server, flow_run(state)).task_runs();
    runs.sort_by_key(|run| text(&run["expected_start_time"]).to_owned());
    let states = |run: &serde_json::Value| {
        let path = format!("/task_run_states/?task_run_id={}", text(&run["id"]));
        let mut states = server.get(&path).as_array().unwrap().clone();
        states.sort_by_key(|state| text(&state["timestamp"]).to_owned());
        let shown = |state: &serde_json::Value| {
            format!("{} ({})", text(&state["name"]), text(&state["type"]))
        };
        states.iter().map(shown).collect()
    };
    runs.iter().map(states).collect()
}

/// Runs a flow under the settings of a program, and then with every state told. The server has Prefect's history of it:
/// the whole one, or of a run that was only created, begun and ended its end.
#[expect(clippy::future_not_send, reason = "a test polls it where it is made")]
async fn same_history<T, F: Future<Output = State<T>>>(scenario: &str, call: impl Fn() -> F) {
    let Some(server) = PrefectServer::shared() else { return };
    let prefects = prefects_histories(scenario);
    let every = || async { every_state().scope(async { call().await }).await };
    assert_eq!(histories(server, &under(server, every).await), prefects, "{scenario}");

    let short = |states: &Vec<String>| match &states[..] {
        [pending, running, end]
            if pending.starts_with("Pending") && running.starts_with("Running") =>
        {
            vec![end.clone()]
        }
        _ => states.clone(),
    };
    let shortened: Vec<_> = prefects.iter().map(short).collect();
    assert_eq!(histories(server, &under(server, &call).await), shortened, "{scenario}");
}

#[tokio::test]
async fn of_calls_and_submitted_runs() {
    same_history("01-flow-two-tasks", || two_tasks::state(5, "bob".to_owned())).await;
}

#[tokio::test]
async fn of_a_failure() {
    same_history("02-task-failure", failure::state).await;
}

#[tokio::test]
async fn of_retries() {
    same_history("03-task-retries", retried_tasks::state).await;
}

/// The scenario has both in two flow runs.
#[tokio::test]
async fn of_a_cached_result() {
    let Some(server) = PrefectServer::shared() else { return };
    let [made, cached] = &prefects_histories("19-cache-hit")[..] else { panic!("two task runs") };
    let twice = || async {
        let run = || async { every_state().scope(async { caching::state(7).await }).await };
        (run().await, run().await)
    };
    let (first, second) = under(server, twice).await;
    assert_eq!(histories(server, &first), std::slice::from_ref(made));
    assert_eq!(histories(server, &second), std::slice::from_ref(cached));
}
