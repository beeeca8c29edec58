//! Where somebody else decides about the flow run.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use context::prelude::*;
use context::record::{
    Answer, Cancellation, Decision, Held, NewFlowRun, OrchestrationError, Orchestrator, Origin,
    RegisteredFlowRun,
};
use context::{
    AsyncClientContext, Client, FlowRunId, Interest, MemoryRecorder, Recorder, RunEvent, TaskRunId,
};

use super::the_run;

/// Accepts everything, notes who takes slots, and can cancel.
#[derive(Debug, Default)]
struct Accepts {
    slots: Mutex<Vec<TaskRunId>>,
    watched: Mutex<Option<Cancellation>>,
}

fn answer<T: Send + 'static>(value: T) -> Answer<T> {
    Box::pin(ready(Ok::<_, OrchestrationError>(value)))
}

impl Orchestrator for Accepts {
    fn register(&self, run: NewFlowRun) -> Answer<RegisteredFlowRun> {
        let stand_in = run.stand_in.map(|stand_in| stand_in.id);
        let id = FlowRunId::generate(context::Timestamp::now());
        answer(RegisteredFlowRun { id, name: run.flow_name, stand_in })
    }

    fn rename(&self, _: FlowRunId, _: String) -> Answer<()> {
        answer(())
    }

    fn propose(&self, _: FlowRunId, state: State, _: bool) -> Answer<Decision> {
        answer(Decision::Accept(state))
    }

    fn watch(&self, _: FlowRunId, cancellation: Cancellation) -> Held {
        *self.watched.lock().unwrap() = Some(cancellation);
        Box::new(())
    }

    fn finish(&self, _: FlowRunId) -> Answer<()> {
        answer(())
    }

    fn take_tag_slots(&self, run: &Origin, tags: &[String]) -> Option<Answer<Held>> {
        assert_eq!(tags, ["db"]);
        self.slots.lock().unwrap().push(run.task_run_id.unwrap());
        Some(answer(Box::new(())))
    }
}

/// Wants no parameters: nothing but the orchestrator makes a run more than its attempt.
#[derive(Debug)]
struct States(Arc<MemoryRecorder>);

impl Recorder for States {
    fn interest(&self) -> Interest {
        Interest { every_state: true, parameters: false }
    }

    fn record(&self, event: &RunEvent<'_>) {
        self.0.record(event);
    }
}

fn orchestrated() -> (AsyncClientContext, Arc<MemoryRecorder>, Arc<Accepts>) {
    let recorder = Arc::new(MemoryRecorder::new());
    let client = Client::new(Arc::new(States(recorder.clone())));
    let orchestrator = Arc::new(Accepts::default());
    (
        AsyncClientContext::new(client.with_orchestrator(orchestrator.clone())),
        recorder,
        orchestrator,
    )
}

#[tokio::test]
async fn each_element_takes_slots_for_the_run_that_is_known() {
    #[task]
    async fn asks(n: u32) -> u32 {
        n
    }
    #[flow]
    async fn mapped() -> Result<Vec<u32>, RunError> {
        tags!("db", { asks::with_options().reported_as_one().map([1, 2, 3]) }).await
    }
    let (client, recorder, orchestrator) = orchestrated();
    assert_eq!(client.scope(async { mapped().await }).await.unwrap(), [1, 2, 3]);
    let one = the_run(&recorder, "asks").0.id;
    assert_eq!(*orchestrator.slots.lock().unwrap(), [one; 3]);
}

#[tokio::test]
async fn it_is_cancelled_with_a_flow_run_that_somebody_cancels() {
    #[task]
    async fn endless(n: u32) -> u32 {
        if n == 0 { 0 } else { std::future::pending().await }
    }
    #[flow]
    async fn mapped() -> Result<Vec<u32>, RunError> {
        endless::with_options().reported_as_one().map(0..3_u32).await
    }
    let (client, recorder, orchestrator) = orchestrated();
    let flow = client.scope(async { mapped().await });
    let cancel = async {
        while !recorder.transcript().contains("endless: Pending, Running") {
            tokio::task::yield_now().await;
        }
        let wish = orchestrator.watched.lock().unwrap().clone().unwrap();
        wish.request();
    };
    let (ended, ()) =
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(flow, cancel) })
            .await
            .unwrap();
    assert!(ended.unwrap_err().is_cancelled());
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Cancelled(Execution was cancelled on request.)
      task endless: Pending, Running, <3 runs, 2 failed>, Cancelled(2 of 3 runs were cancelled; the first: Execution was cancelled: its future was dropped.)
    ");
}
