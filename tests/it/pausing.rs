//! Pauses where no server decides: inside of one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use context::prelude::*;
use context::testing::Harness;
use context::{
    AsyncClientContext, Client, FlowRun, FlowRunId, PauseError, Recorded, Recorder, ResumeError,
    RunEvent, SyncClientContext, pause_flow_run, resume_flow_run,
};
use futures::FutureExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

/// Tells which flow runs are paused.
#[derive(Debug)]
struct Pauses(mpsc::UnboundedSender<FlowRunId>);

impl Recorder for Pauses {
    fn record(&self, event: &RunEvent<'_>) {
        if let RunEvent::FlowRun(run) = event
            && run.state.is_paused()
        {
            self.0.send(run.id).unwrap();
        }
    }
}

/// Runs `call` against a recorder in memory, and has `resume` called with each flow run that is paused.
#[expect(clippy::future_not_send, reason = "a test polls it where it is made")]
async fn resumed<F, R>(
    call: impl FnOnce() -> F,
    resume: impl Fn(FlowRunId) -> R,
) -> (F::Output, Arc<context::MemoryRecorder>)
where
    F: Future,
    R: Future<Output = ()>,
{
    let (tell, mut paused) = mpsc::unbounded_channel();
    let (client, recorder) = Client::in_memory();
    let client = AsyncClientContext::new(client.and(Arc::new(Pauses(tell))));
    let output = client.scope(async {
        let mut running = Box::pin(call()).fuse();
        loop {
            futures::select_biased! {
                output = running => break output,
                id = Box::pin(paused.recv()).fuse() => resume(id.unwrap()).await,
            }
        }
    });
    (output.await, recorder)
}

/// Has a run go on, as soon as it waits. It is told to be paused just before.
async fn go_on(id: FlowRunId) {
    while let Err(ResumeError::Unknown { .. }) = resume_flow_run(id).await {
        tokio::task::yield_now().await;
    }
}

/// As `go_on`, with an answer.
async fn answer(id: FlowRunId, input: serde_json::Value) {
    while let Err(ResumeError::Unknown { .. }) = resume_flow_run(id).run_input(&input).await {
        tokio::task::yield_now().await;
    }
}

#[flow]
async fn careful() -> Result<&'static str, PauseError> {
    pause_flow_run().await?;
    pause_flow_run().await?;
    Ok("done")
}

#[tokio::test]
async fn a_paused_flow_waits_until_it_is_resumed_and_is_one_attempt() {
    let (output, recorder) = resumed(careful, go_on).await;
    assert_eq!(output, Ok("done"));
    assert_eq!(
        recorder.transcript(),
        "flow careful: Pending, Running, Paused, Running, Paused, Running, Completed\n"
    );
    let states: Vec<(FlowRun, State)> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Recorded::FlowRun(run, state) => Some((run, state)),
            _ => None,
        })
        .collect();
    assert!(states.windows(2).all(|pair| pair[0].1.timestamp() < pair[1].1.timestamp()));
    let (paused, completed) = (&states[2], &states[6]);
    assert_eq!(paused.1.details().pause_key.as_deref(), Some("1"));
    assert_eq!(states[4].1.details().pause_key.as_deref(), Some("2"));
    assert_eq!(completed.0.run_count, 1);
    // What was running: from `Running` to `Paused` and to the end.
    let span = |from: usize, to: usize| states[to].1.timestamp().since(states[from].1.timestamp());
    assert_eq!(paused.0.total_run_time, span(1, 2));
    assert_eq!(completed.0.total_run_time, span(1, 2) + span(3, 4) + span(5, 6));
}

#[flow]
fn careful_sync() -> Result<&'static str, PauseError> {
    pause_flow_run().pause_blocking()?;
    Ok("done")
}

#[test]
fn a_plain_flow_waits_too() {
    let (tell, mut paused) = mpsc::unbounded_channel();
    let (client, recorder) = Client::in_memory();
    let client = SyncClientContext::new(client.and(Arc::new(Pauses(tell))));
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let id = paused.blocking_recv().unwrap();
            while let Err(ResumeError::Unknown { .. }) = resume_flow_run(id).resume_blocking() {
                std::thread::yield_now();
            }
        });
        client.in_scope(careful_sync)
    });
    assert_eq!(output, Ok("done"));
    assert_eq!(
        recorder.transcript(),
        "flow careful-sync: Pending, Running, Paused, Running, Completed\n"
    );
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Approval {
    editor: String,
    #[serde(default)]
    urgent: bool,
}

#[flow]
async fn publish() -> Result<(Approval, u8), PauseError> {
    let approval = pause_flow_run().wait_for_input::<Approval>().description("who?").await?;
    Ok((approval, pause_flow_run().wait_for_input::<u8>().await?))
}

#[tokio::test]
async fn what_is_asked_for_is_given_by_whoever_resumes() {
    let pauses = Mutex::new(0);
    let (output, _) = resumed(publish, |id| {
        let pause = {
            let mut pauses = pauses.lock().unwrap();
            *pauses += 1;
            *pauses
        };
        async move {
            if pause == 2 {
                return answer(id, json!(7)).await;
            }
            // What does not fit is refused, and the run stays paused.
            let refused = loop {
                match resume_flow_run(id).run_input(json!({ "urgent": 1 })).await.unwrap_err() {
                    ResumeError::Unknown { .. } => tokio::task::yield_now().await,
                    refused => break refused.to_string(),
                }
            };
            assert!(
                refused.contains("its input does not fit: invalid type: integer `1`"),
                "{refused}"
            );
            answer(id, json!({ "editor": "ann" })).await;
        }
    })
    .await;
    let ann = Approval { editor: "ann".to_owned(), urgent: false };
    assert_eq!(output, Ok((ann, 7)));
}

#[flow]
async fn impatient() -> Result<(), PauseError> {
    pause_flow_run().timeout(Duration::from_millis(20)).await
}

/// Swallows that it was not resumed.
#[flow]
async fn stubborn() -> Result<u8, RunError> {
    pause_flow_run().timeout(Duration::from_millis(20)).await.unwrap_err();
    Ok(7)
}

#[tokio::test]
async fn who_is_not_resumed_in_time_fails_whatever_its_function_says() {
    let harness = Harness::new();
    let report = harness.run(impatient).await;
    assert!(report.output.clone().unwrap_err().is_timeout());
    report.assert_states("impatient", ["Pending", "Running", "Paused", "Failed"]);
    let (_, state) = &report.flow_runs()[0];
    let message = state.message().unwrap();
    assert!(message.contains("was paused and never resumed: nobody did within 20ms"), "{message}");

    let report = harness.run(stubborn).await;
    let error = report.output.clone().unwrap_err().to_string();
    assert!(error.contains("The flow was paused and never resumed."), "{error}");
    report.assert_states("stubborn", ["Pending", "Running", "Paused", "Failed"]);
}

#[flow(retries = 2)]
async fn fails_while_paused() -> Result<(), String> {
    // A pause whose future is dropped leaves the run paused.
    drop(pause_flow_run().into_future().now_or_never());
    Err("no".to_owned())
}

#[flow]
async fn ends_while_paused() -> Result<(), String> {
    drop(pause_flow_run().into_future().now_or_never());
    Ok(())
}

#[tokio::test]
async fn a_run_may_end_while_it_is_paused_and_is_not_tried_again() {
    let harness = Harness::new();
    let report = harness.run(fails_while_paused).await;
    report.assert_states("fails-while-paused", ["Pending", "Running", "Paused", "Failed"]);
    let report = harness.run(ends_while_paused).await;
    report.assert_states("ends-while-paused", ["Pending", "Running", "Paused", "Completed"]);
    let (run, _) = &report.flow_runs()[0];
    let error = resume_flow_run(run.id).await.unwrap_err();
    assert_eq!(error, ResumeError::Unknown { id: run.id }, "it has ended");
}

#[flow(retries = 1)]
async fn paused_in_each_attempt() -> Result<(), anyhow::Error> {
    pause_flow_run().await?;
    if current_run!().run_count() == 1 { anyhow::bail!("again") } else { Ok(()) }
}

#[tokio::test]
async fn each_attempt_pauses_anew_and_a_resume_uses_up_no_retry() {
    let (output, recorder) = resumed(paused_in_each_attempt, go_on).await;
    assert!(output.is_ok());
    let states: Vec<String> = recorder
        .events()
        .iter()
        .filter_map(|event| match event {
            Recorded::FlowRun(run, state) => Some(format!("{} {}", run.run_count, state.name())),
            _ => None,
        })
        .collect();
    assert_eq!(
        states,
        [
            "0 Pending",
            "1 Running",
            "1 Paused",
            "1 Running",
            "1 AwaitingRetry",
            "2 Running",
            "2 Paused",
            "2 Running",
            "2 Completed",
        ]
    );
}

#[flow]
async fn one_key() -> Result<(u8, u8), PauseError> {
    let ask = || pause_flow_run().key("once").wait_for_input::<u8>();
    Ok((ask().await?, ask().await?))
}

#[tokio::test]
async fn a_key_pauses_once_and_gives_the_same_again() {
    let (output, recorder) = resumed(one_key, |id| answer(id, json!(7))).await;
    assert_eq!(output, Ok((7, 7)));
    assert_eq!(
        recorder.transcript(),
        "flow one-key: Pending, Running, Paused, Running, Completed\n"
    );
}

#[task]
async fn asks() -> Result<(), PauseError> {
    pause_flow_run().await
}

#[flow]
async fn inner() -> Result<(), RunError> {
    asks::submit().await
}

#[flow]
async fn outer() -> Result<(), RunError> {
    inner().await
}

#[tokio::test]
async fn a_task_pauses_the_flow_run_that_it_belongs_to() {
    let (output, recorder) = resumed(outer, go_on).await;
    assert!(output.is_ok());
    assert_eq!(
        recorder.transcript(),
        "\
flow outer: Pending, Running, Completed
  subflow inner-0: Pending, Running, Paused, Running, Completed
    flow inner: Pending, Running, Paused, Running, Completed
      task asks: Pending, Running, Completed
"
    );
}

#[flow(timeout = "20ms")]
async fn too_long() -> Result<(), anyhow::Error> {
    Ok(pause_flow_run().await?)
}

#[tokio::test]
async fn the_timeout_of_a_flow_goes_on_while_it_is_paused() {
    let report = Harness::new().run(too_long).await;
    assert!(report.output.is_err());
    report.assert_states("too-long", ["Pending", "Running", "Paused", "TimedOut"]);
}

#[tokio::test]
async fn a_paused_flow_that_is_dropped_is_cancelled() {
    let report = Harness::new()
        .run(|| async {
            let mut running = Box::pin(careful());
            assert!(running.as_mut().now_or_never().is_none());
            drop(running);
        })
        .await;
    report.assert_states("careful", ["Pending", "Running", "Paused", "Cancelled"]);
}

#[tokio::test]
async fn under_a_manual_clock_a_pause_ends_when_the_test_says_so() {
    let harness = Harness::new().manual_clock();
    let clock = harness.clock().unwrap().clone();
    let report = harness
        .run(|| async {
            let mut running = Box::pin(careful());
            assert!(running.as_mut().now_or_never().is_none(), "it is nobody's next step");
            clock.advance(Duration::from_secs(3600));
            running.await
        })
        .await;
    assert!(report.output.clone().unwrap_err().is_timeout());
}
