//! How the one run ends.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use context::prelude::*;
use context::{AbortHandle, SubmittedRun, TaskRunner};
use futures::future::poll_immediate;
use tokio::task::yield_now;

use super::{half, shown, square, the_run};
use crate::{panic_text, recorded, recorded_sync};

#[task]
async fn explodes_at(n: u64, bad: u64) -> u64 {
    assert_ne!(n, bad, "boom");
    n
}

#[tokio::test]
async fn a_panic_in_an_element_is_a_crash_of_the_whole_and_the_others_go_on() {
    #[flow]
    async fn mapped() -> Vec<String> {
        let runs = explodes_at::with_options().reported_as_one().map(0..4_u64, unmapped(1));
        runs.wait().await;
        runs.states().iter().map(|state| state.name().to_owned()).collect()
    }
    let (states, recorder) = recorded(mapped).await;
    assert_eq!(states, ["Completed", "Crashed", "Completed", "Completed"]);
    let end = the_run(&recorder, "explodes_at").1;
    assert!(end.is_crashed());
    let said = end.message().unwrap();
    assert!(
        said.starts_with("1 of 4 runs crashed; the first: Execution was interrupted by a panic: ")
            && said.contains("boom"),
        "{said}"
    );
}

#[test]
fn so_is_one_in_a_plain_function() {
    #[task]
    fn explodes(n: u64) -> u64 {
        assert!(n < 2, "boom");
        n
    }
    #[flow]
    fn mapped() -> RunError {
        explodes::with_options().reported_as_one().map(0..3_u64).result_blocking().unwrap_err()
    }
    let (error, recorder) = recorded_sync(mapped);
    assert!(error.is_crashed());
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task explodes: Pending, Running, <3 runs, 1 failed>, Crashed(1 of 3 runs crashed; the first: Execution was interrupted by a panic: boom)
    ");
}

#[task]
async fn endless(n: u64) -> u64 {
    if n == 0 { 0 } else { pending().await }
}

#[tokio::test]
async fn it_is_cancelled_with_its_flow_before_that() {
    #[flow]
    async fn waits() -> Result<Vec<u64>, RunError> {
        endless::with_options().reported_as_one().map(0..3_u64).await
    }
    let ((), recorder) = recorded(|| async {
        let mut flow = Box::pin(waits());
        for _ in 0..10 {
            assert!(poll_immediate(&mut flow).await.is_none());
            yield_now().await;
        }
        drop(flow);
        // What is aborted ends when the runtime drops it.
        yield_now().await;
    })
    .await;
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow waits: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
      task endless: Pending, Running, <3 runs, 2 failed>, Cancelled(2 of 3 runs were cancelled; the first: Execution was cancelled: its future was dropped.)
    ");
    let told: Vec<_> = recorder.events().into_iter().map(shown).collect();
    assert_eq!(told[told.len() - 3..], ["3 of 3", "endless Cancelled", "waits Cancelled"]);
}

#[tokio::test]
async fn it_is_cancelled_when_its_flow_crashes() {
    #[flow]
    async fn burns() {
        drop(endless::with_options().reported_as_one().map([1, 2]));
        yield_now().await;
        panic!("fire");
    }
    let (ended, recorder) =
        recorded(|| futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(burns()))).await;
    assert_eq!(panic_text(ended.unwrap_err()), "fire");
    while !recorder.flow_runs()[0].1.is_terminal() {
        yield_now().await;
    }
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow burns: Pending, Running, Crashed(Execution was interrupted by a panic: fire)
      task endless: Pending, Running, <2 runs, 2 failed>, Cancelled(2 of 2 runs were cancelled; the first: Execution was cancelled: its future was dropped.)
    ");
}

#[tokio::test]
async fn a_flow_ends_after_it_also_if_nobody_waits() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);

    #[task]
    async fn counted(_n: u32) {
        yield_now().await;
        ENDED.fetch_add(1, SeqCst);
    }
    #[flow]
    async fn forgets() {
        drop(counted::with_options().reported_as_one().map(0..20));
    }
    let ((), recorder) = recorded(forgets).await;
    assert_eq!(ENDED.load(SeqCst), 20);
    let told: Vec<_> = recorder.events().into_iter().map(shown).collect();
    assert_eq!(told[told.len() - 3..], ["20 of 20", "counted Completed", "forgets Completed"]);
}

#[tokio::test]
async fn without_inputs_it_never_begins() {
    #[flow]
    async fn mapped() -> Vec<String> {
        // All of them fail, and name the run that recorders know.
        let unlucky = square::with_options().reported_as_one().map([7, 17]);
        let halves = half::with_options().reported_as_one().map(&unlucky);
        // Some of them fail.
        let mixed = square::with_options().name("mixed").reported_as_one().map([1, 7]);
        let others = half::with_options().name("others").reported_as_one().map(&mixed);
        // One of them is waited for.
        let patient = half::with_options().name("patient").wait_for(&unlucky);
        let patient = patient.reported_as_one().map([1]);
        let mut states = Vec::new();
        for runs in [&halves, &others, &patient] {
            runs.wait().await;
            states.extend(runs.states().iter().map(|state| state.name().to_owned()));
        }
        states
    }
    let (states, recorder) = recorded(mapped).await;
    assert_eq!(states, ["NotReady", "NotReady", "Completed", "NotReady", "NotReady"]);
    let unlucky = the_run(&recorder, "square").0.id;
    let mixed = the_run(&recorder, "mixed").0.id;
    let text = recorder.transcript();
    let text = text.replace(&unlucky.to_string(), "<unlucky>");
    insta::assert_snapshot!(text.replace(&mixed.to_string(), "<mixed>"), @r"
    flow mapped: Pending, Running, Completed
      task square [cpu]: Pending, Running, <2 runs, 2 failed>, Failed(2 of 2 runs failed; the first: Task run encountered an exception String: 7 is unlucky)
      task half: Pending, <2 runs, 2 failed>, NotReady(2 of 2 runs were not ready; the first: Upstream task run '<unlucky>' did not reach a 'COMPLETED' state.)
      task mixed [cpu]: Pending, Running, <2 runs, 1 failed>, Failed(1 of 2 runs failed; the first: Task run encountered an exception String: 7 is unlucky)
      task others: Pending, Running, <2 runs, 1 failed>, Failed(1 of 2 runs was not ready; the first: Upstream task run '<mixed>' did not reach a 'COMPLETED' state.)
      task patient: Pending, <1 run, 1 failed>, NotReady(1 of 1 runs was not ready; the first: Upstream task run '<unlucky>' did not reach a 'COMPLETED' state.)
    ");
}

#[tokio::test]
async fn an_option_that_is_wrong_fails_all_before_they_begin() {
    #[flow]
    async fn mapped() -> RunError {
        let squares = square::with_options().task_run_name("{m}").reported_as_one().map([1, 2]);
        squares.await.unwrap_err()
    }
    let (error, recorder) = recorded(mapped).await;
    assert!(error.to_string().contains("`{m}`") || error.to_string().contains("`m`"), "{error}");
    assert_eq!(recorder.task_states("square")[0].len(), 2, "it was never running");
    let end = the_run(&recorder, "square").1;
    assert_eq!(end.name(), "Failed");
    assert!(end.message().unwrap().starts_with("2 of 2 runs failed; the first: "), "{end}");
}

#[tokio::test]
async fn elements_that_would_wait_for_themselves_end_it_too() {
    #[task]
    async fn narcissist(
        own: tokio::sync::oneshot::Receiver<TaskFuture<u64>>,
    ) -> Result<u64, RunError> {
        let own = own.await.unwrap();
        half::with_options().reported_as_one().map([own]).await.map(|halves| halves[0])
    }
    #[flow]
    async fn reflecting() -> RunError {
        let (send, receive) = tokio::sync::oneshot::channel();
        let future = narcissist::submit(receive);
        send.send(future.clone()).unwrap();
        future.await.unwrap_err()
    }
    let (_, recorder) = recorded(reflecting).await;
    let end = the_run(&recorder, "half").1;
    assert_eq!(end.name(), "Failed");
    assert!(end.message().unwrap().starts_with("1 of 1 runs failed; the first: "), "{end}");
}

/// Takes two runs and no more.
#[derive(Debug, Default)]
struct Exhausted(AtomicUsize);

impl TaskRunner for Exhausted {
    fn name(&self) -> &str {
        "exhausted"
    }

    fn duplicate(&self) -> std::sync::Arc<dyn TaskRunner> {
        std::sync::Arc::new(Self::default())
    }

    fn submit(&self, run: SubmittedRun) -> AbortHandle {
        assert!(self.0.fetch_add(1, SeqCst) < 2, "no more");
        run.spawn()
    }
}

#[tokio::test]
async fn a_panic_while_it_is_submitted_ends_it() {
    #[flow(task_runner = Exhausted::default())]
    async fn mapped() {
        let submitted = std::panic::catch_unwind(|| {
            drop(square::with_options().reported_as_one().map(0..5_u64));
        });
        assert_eq!(panic_text(submitted.unwrap_err()), "no more");
    }
    let ((), recorder) = recorded(mapped).await;
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task square [cpu]: Pending, Running, <5 runs, 3 failed>, Crashed(3 of 5 runs crashed; the first: Execution was interrupted by a panic.)
    ");
}
