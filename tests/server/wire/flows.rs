//! Flows: retried, called by flows and tasks, cancelled.

use context::AsyncClientContext;
use context::prelude::*;
use context_client::schema::{OrchestrationStatus, StateCreate, StateDetails, StateType};
use prefect_server::compare::{Difference, Side, assert_same, prefects};

use super::failures::failures_in_other_words;
use super::{
    RuntimeError, and, ends_are_logged_by_their_kind, kept_exception, once, said,
    untracked_results, version_of_the_function,
};

#[task]
fn t() -> u64 {
    1
}

#[flow(name = "wire-d", retries = 2, retry_delay = "1s")]
async fn retried() -> Result<u64, RuntimeError> {
    let one = t();
    match current_run!(flow).run_count() {
        1 => Err(RuntimeError("first")),
        _ => Ok(one),
    }
}

#[tokio::test]
async fn scenario_04_retries_by_the_server() {
    let Some((result, said)) = said(retried).await else { return };
    assert_eq!(result.unwrap(), 1);
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        kept_exception(),
        failures_in_other_words(),
        Difference::new(
            "the time of a retry is waited for before it is proposed",
            Side::Prefects,
            |messages| {
                messages.retain(|message| !message.outcome.contains(" WAIT "));
            },
        ),
        Difference::folded(
            "a heart beats in its own time, and not once more for an attempt",
            "event prefect.flow-run.heartbeat",
        ),
    ]);
    assert_same(&prefects("04-flow-retries"), &said, &differences);
}

mod subflow {
    use context::prelude::*;

    #[task]
    fn t(x: u64) -> u64 {
        x + 1
    }

    #[flow(name = "wire-e-child")]
    fn child(x: u64) -> u64 {
        t(x)
    }

    #[task]
    fn wrapping(x: u64) -> u64 {
        child(x)
    }

    #[flow(name = "wire-e-parent")]
    pub(super) async fn parent(x: u64) -> u64 {
        t(x) + child(2) + wrapping(3)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_05_subflows() {
    let Some((sum, said)) = said(|| subflow::parent(1)).await else { return };
    assert_eq!(sum, 9);
    const STAND_IN: &str = "POST /task_runs/";
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        once("POST /flows/"),
        Difference::new("lines name the subflow, also in a task", Side::Both, |messages| {
            messages.retain(|message| {
                let text = message.body["message"].as_str().unwrap_or_default();
                !text.starts_with("Beginning subflow run")
            });
        }),
        Difference::only_prefect_sends(
            "no run of an earlier attempt is adopted",
            "POST /flow_runs/filter",
        ),
        Difference::only_we_say(
            "a stand-in whose answer was lost is not created twice",
            STAND_IN,
            "id",
        ),
        Difference::said_otherwise(
            "the version is a hash of the function",
            STAND_IN,
            "task_version",
        ),
        Difference::only_prefect_says(
            "nothing else than the default",
            STAND_IN,
            "state/state_details",
        ),
        Difference::only_prefect_says("out of use", STAND_IN, "empirical_policy/max_retries"),
        Difference::only_prefect_says(
            "out of use",
            STAND_IN,
            "empirical_policy/retry_delay_seconds",
        ),
        Difference::new(
            "calls of a flow are counted in the flow run, whoever calls",
            Side::Both,
            |messages| {
                let in_a_task = messages.iter_mut().filter(|message| message.head() == STAND_IN);
                for message in in_a_task.filter(|message| !message.body["task_inputs"].is_null()) {
                    message.body["dynamic_key"] = "<unique>".into();
                    message.body["name"] = "<by the key>".into();
                }
            },
        ),
        Difference::new(
            "a heartbeat is of the flow run, not of the task that called",
            Side::Prefects,
            |messages| {
                let hearts =
                    messages.iter_mut().filter(|message| message.head().ends_with("heartbeat"));
                for related in hearts.filter_map(|message| message.body["related"].as_array_mut()) {
                    related.retain(|related| related["prefect.resource.role"] != "task-run");
                }
            },
        ),
    ]);
    assert_same(&prefects("05-subflow"), &said, &differences);
}

#[task]
fn quick() -> u64 {
    1
}

/// Cancels its own run through the API, as somebody else might do, and goes on as long as it is left to.
#[flow(name = "wire-f-cancel")]
async fn cancelled() -> Result<u64, RunError> {
    quick();
    let (id, client) = (current_run!(flow).id(), AsyncClientContext::get_or_create());
    let api = client.client().server().unwrap().api().clone();
    let details = StateDetails { flow_run_id: Some(id.into()), ..StateDetails::default() };
    let cancelling = StateCreate::new(StateType::Cancelling).with_name("Cancelling");
    let answer = api.set_flow_run_state(id.into(), &cancelling.with_details(details), false).await;
    assert_eq!(answer.unwrap().status, OrchestrationStatus::Accept);
    std::future::pending().await
}

#[flow(name = "wire-f-returns-cancelled")]
async fn returns_cancelled() -> State {
    State::cancelled().with_message("self")
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_07_cancelled() {
    let both = || async { (cancelled().await, returns_cancelled().await) };
    let Some(((result, state), said)) = said(both).await else { return };
    assert!(result.unwrap_err().is_cancelled());
    assert!(state.is_cancelled());
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        Difference::new(
            "a run that is cancelled ends, and does not complete",
            Side::Both,
            |messages| {
                let ends = [
                    "Finished in state Completed()",
                    "Finished in state Cancelled('Execution was cancelled on request.')",
                ];
                messages.retain(|message| {
                    let is_end = message.head() == "log prefect.flow_runs"
                        && ends.iter().any(|end| message.body["message"] == *end);
                    !is_end && message.body["state"]["type"] != "COMPLETED"
                });
            },
        ),
        ends_are_logged_by_their_kind(),
        Difference::new("who cancels says why, or who obeys does", Side::Both, |messages| {
            let why = ["by user", "Execution was cancelled on request."];
            for message in
                messages.iter_mut().filter_map(|it| it.body.pointer_mut("/state/message"))
            {
                if why.iter().any(|why| message == why) {
                    *message = "<why>".into();
                }
            }
        }),
    ]);
    assert_same(&prefects("07-flow-cancelled"), &said, &differences);
}
