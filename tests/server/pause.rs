//! Pauses about which the server decides: states, forms, timeouts, cancellation.

use std::time::{Duration, Instant};

use context::prelude::*;
use context::{FlowRunId, PauseError, ResumeError, Timestamp, pause_flow_run, resume_flow_run};
use prefect_server::PrefectServer;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Begun, Known, flow_run, text, under, under_blocking, until};

fn input(known: Known<'_>, key: &str) -> Value {
    known.server.get(&format!("/flow_runs/{}/input/{key}", known.id))
}

static CAREFUL: Begun = Begun::new();

#[flow(name = "pause: resumed")]
async fn careful() -> Result<(), PauseError> {
    CAREFUL.note();
    pause_flow_run().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_resumed_by_the_api_goes_on() {
    let Some(server) = PrefectServer::shared() else { return };
    let running = context::spawn(under(server, careful::state));
    let known = CAREFUL.paused(server, 1).await;
    let paused = known.flow_run();
    let details = &paused["state"]["state_details"];
    assert_eq!((&details["pause_key"], &details["pause_reschedule"]), (&json!("1"), &json!(false)));
    let timeout: Timestamp = serde_json::from_value(details["pause_timeout"].clone()).unwrap();
    let left = timeout.since(Timestamp::now());
    assert!(left > Duration::from_secs(3500) && left < Duration::from_secs(3601), "{left:?}");

    let answer = server.post(&format!("/flow_runs/{}/resume", known.id), &json!({}));
    assert_eq!(answer["status"], "ACCEPT");
    let resumed = Instant::now();
    let state = running.await.unwrap();
    // A second to notice, and time for a machine and a server that have much else to do.
    assert!(resumed.elapsed() < Duration::from_secs(60), "{:?}", resumed.elapsed());
    assert!(state.is_completed(), "{state}");
    assert_eq!(known.states(), "Pending, Running, Paused, Running, Completed");
}

#[flow(name = "pause: resumed at once")]
async fn brief() -> Result<(), PauseError> {
    let id = current_run!(flow).id();
    // As soon as it is paused, which may be before the server has begun to tell of the run.
    let resumed = context::spawn(async move {
        while let Err(ResumeError::NotPaused { .. }) = resume_flow_run(id).await {
            tokio::task::yield_now().await;
        }
        Instant::now()
    });
    pause_flow_run().await?;
    let since = resumed.await.unwrap().elapsed();
    // Without an event it would be looked at after a quarter of a minute.
    assert!(since < Duration::from_secs(10), "{since:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_resumed_at_once_goes_on_at_once() {
    let Some(server) = PrefectServer::shared() else { return };
    for _ in 0..3 {
        under(server, brief).await.unwrap();
    }
}

/// Whether a page may be published.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Approval {
    editor: String,
    #[serde(default)]
    urgent: bool,
}

static ASKS: Begun = Begun::new();

#[task]
async fn asks() -> Result<Approval, PauseError> {
    pause_flow_run().wait_for_input::<Approval>().description("who?").await
}

#[flow(name = "pause: input")]
async fn publish() -> Result<(Approval, u8), PauseError> {
    ASKS.note();
    let approval = asks().await?;
    Ok((approval, pause_flow_run().wait_for_input::<u8>().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_there_and_what_is_filled_in_is_given() {
    let Some(server) = PrefectServer::shared() else { return };
    let running = context::spawn(under(server, publish));
    let known = ASKS.paused(server, 1).await;
    let schema = "/flow_runs/{}/input/paused-1-schema".replace("{}", &known.id.to_string());
    until("the form is there", || server.request("GET", &schema, None).status == 200).await;
    let schema = input(known, "paused-1-schema");
    assert_eq!(schema["properties"]["editor"], json!({ "type": "string" }));
    assert_eq!(schema["required"], json!(["editor"]));
    let description =
        "/flow_runs/{}/input/paused-1-description".replace("{}", &known.id.to_string());
    until("it says what for", || server.request("GET", &description, None).status == 200).await;
    assert_eq!(input(known, "paused-1-description"), "who?");

    under(server, || async {
        // What does not fit is refused, and the run stays paused.
        let refused = resume_flow_run(known.id).run_input(json!({ "urgent": true })).await;
        let Err(ResumeError::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
        assert!(reason.contains("'editor' is a required property"), "{reason}");
        resume_flow_run(known.id).run_input(json!({ "editor": "ann" })).await.unwrap();
    })
    .await;
    ASKS.paused(server, 2).await;
    let schema = "/flow_runs/{}/input/paused-2-schema".replace("{}", &known.id.to_string());
    until("the second form is there", || server.request("GET", &schema, None).status == 200).await;
    let answer = json!({ "run_input": { "value": 7 } });
    assert_eq!(
        server.post(&format!("/flow_runs/{}/resume", known.id), &answer)["status"],
        "ACCEPT"
    );
    let ann = Approval { editor: "ann".to_owned(), urgent: false };
    assert_eq!(running.await.unwrap(), Ok((ann, 7)));
}

#[flow(name = "pause: timeout")]
fn impatient() -> Result<(), PauseError> {
    pause_flow_run().timeout(Duration::from_millis(700)).pause_blocking()
}

#[flow(name = "pause: stubborn")]
async fn stubborn() -> Result<u8, RunError> {
    let late = pause_flow_run().timeout(Duration::from_millis(700)).await.unwrap_err();
    assert!(late.is_timeout(), "{late}");
    Ok(7)
}

#[test]
fn who_is_not_resumed_in_time_fails() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under_blocking(server, impatient::state);
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Paused, Failed");
    let message = known.flow_run()["state"]["message"].clone();
    assert!(text(&message).ends_with("never resumed."), "{message}");
    let error = state.result().unwrap_err().to_string();
    assert!(error.contains("never resumed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_swallows_it_fails_nevertheless() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, stubborn::state).await;
    assert!(state.is_failed(), "{state}");
    let known = Known::new(server, flow_run(&state));
    assert_eq!(known.states(), "Pending, Running, Paused, Failed");
}

static CANCELLED: Begun = Begun::new();
static CANCELLED_SYNC: Begun = Begun::new();

#[flow(name = "pause: cancelled")]
async fn cancelled() -> Result<(), anyhow::Error> {
    CANCELLED.note();
    Ok(pause_flow_run().await?)
}

#[flow(name = "pause: cancelled, blocking")]
fn cancelled_sync() -> Result<(), anyhow::Error> {
    CANCELLED_SYNC.note();
    Ok(pause_flow_run().pause_blocking()?)
}

fn cancel(known: Known<'_>) -> Instant {
    let state = json!({ "state": { "type": "CANCELLING", "name": "Cancelling" }, "force": false });
    let answer = known.server.post(&format!("/flow_runs/{}/set_state", known.id), &state);
    assert_eq!(answer["status"], "ACCEPT", "{answer}");
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_that_is_cancelled_ends() {
    let Some(server) = PrefectServer::shared() else { return };
    let running = context::spawn(under(server, cancelled::state));
    let known = CANCELLED.paused(server, 1).await;
    let asked = cancel(known);
    let state = running.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(state.is_cancelled(), "{state}");
    assert_eq!(known.states(), "Pending, Running, Paused, Cancelling, Cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_one_too() {
    let Some(server) = PrefectServer::shared() else { return };
    let running = context::spawn_blocking(|| under_blocking(server, cancelled_sync::state));
    let known = CANCELLED_SYNC.paused(server, 1).await;
    cancel(known);
    let state = running.await.unwrap();
    assert!(state.is_cancelled(), "{state}");
    assert_eq!(known.states(), "Pending, Running, Paused, Cancelling, Cancelled");
}

static ATTEMPTS: Begun = Begun::new();

#[flow(name = "pause: attempts", retries = 3)]
async fn attempts() -> Result<u8, anyhow::Error> {
    ATTEMPTS.note();
    let given = pause_flow_run().wait_for_input::<u8>().await?;
    if current_run!().run_count() == 1 { anyhow::bail!("again") } else { Ok(given) }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_attempt_asks_again() {
    let Some(server) = PrefectServer::shared() else { return };
    let running = context::spawn(under(server, attempts));
    for attempt in 1..=2 {
        let known = ATTEMPTS.paused(server, attempt).await;
        under(server, || async {
            // Its form is there a moment later.
            let input = json!(attempt);
            while let Err(ResumeError::Refused { .. }) =
                resume_flow_run(known.id).run_input(&input).await
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert_eq!(running.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn what_is_not_paused_cannot_be_resumed() {
    let Some(server) = PrefectServer::shared() else { return };
    let state = under(server, || async {
        #[flow(name = "pause: ended")]
        async fn ended() {}

        ended::state().await
    })
    .await;
    let id = flow_run(&state);
    under(server, || async move {
        let error = resume_flow_run(id).await.unwrap_err();
        assert_eq!(error, ResumeError::NotPaused { id, state: "Completed".to_owned() });
        let nobodys = FlowRunId::generate(Timestamp::now());
        let error = resume_flow_run(nobodys).await.unwrap_err();
        assert_eq!(error, ResumeError::Unknown { id: nobodys });
    })
    .await;
}
