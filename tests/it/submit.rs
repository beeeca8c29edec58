//! `submit`, futures, and futures as inputs.

#![expect(clippy::future_not_send, reason = "a task may stay on its thread")]

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use context::prelude::*;
use context::{AsyncClientContext, Client, RunErrorKind, SyncClientContext};
use futures::FutureExt as _;
use tokio::sync::{Barrier, Notify};

use crate::{recorded, recorded_sync};

#[derive(Debug, thiserror::Error)]
#[error("bad number {0}")]
struct Bad(u32);

#[task]
async fn double(n: u32) -> Result<u32, Bad> {
    if n == 13 { Err(Bad(n)) } else { Ok(n * 2) }
}

#[task]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[task]
async fn explodes() -> u32 {
    panic!("boom")
}

#[flow]
async fn chain() -> Result<u32, RunError> {
    let two = double::submit(1);
    let four = double::submit(&two);
    let sum = add::submit(two, four);
    sum.await
}

#[tokio::test]
async fn futures_are_inputs_and_their_runs_are_recorded() {
    let (value, recorder) = recorded(chain).await;
    assert_eq!(value.unwrap(), 6);
    let runs = recorder.task_runs();
    let (two, four, sum) = (&runs[0].0, &runs[1].0, &runs[2].0);
    assert_eq!(four.inputs.get("n"), [two.id]);
    assert_eq!(sum.inputs.get("a"), [two.id]);
    assert_eq!(sum.inputs.get("b"), [four.id]);
    assert_eq!(four.parameters.get("n"), Some(&2.into()));
}

#[flow]
fn sync_chain() -> Result<u32, RunError> {
    let two = double::submit(1);
    let four = double::submit(&two);
    add::submit(two, four).result_blocking()
}

#[test]
fn a_sync_flow_submits_without_a_runtime_of_its_own() {
    let (value, recorder) = recorded_sync(sync_chain);
    assert_eq!(value.unwrap(), 6);
    assert_eq!(recorder.task_runs().len(), 3);
}

#[tokio::test]
async fn a_sync_flow_submits_on_a_runtime_with_one_thread() {
    assert_eq!(sync_chain().unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_flow_submits_on_a_runtime_with_many_threads() {
    assert_eq!(sync_chain().unwrap(), 6);
}

#[tokio::test]
async fn submitted_runs_are_concurrent() {
    #[task]
    async fn meets(barrier: Arc<Barrier>) -> bool {
        barrier.wait().await;
        true
    }
    #[flow]
    async fn all() -> Result<Vec<bool>, RunError> {
        let barrier = Arc::new(Barrier::new(5));
        let futures: TaskFutures<bool> = (0..5).map(|_| meets::submit(barrier.clone())).collect();
        futures.await
    }
    assert_eq!(all().await.unwrap(), [true; 5]);
}

#[tokio::test]
async fn an_upstream_failure_makes_a_run_not_ready_and_its_function_is_not_called() {
    #[flow]
    async fn broken() -> (RunError, RunError) {
        let bad = double::submit(13);
        let after = double::submit(&bad);
        (bad.await.unwrap_err(), after.await.unwrap_err())
    }
    let ((bad, after), recorder) = recorded(broken).await;
    assert!(bad.is_failed());
    assert_eq!(bad.user_error::<Bad>().unwrap().0, 13);
    assert!(bad.to_string().starts_with("task run 'double-"), "{bad}");
    assert!(after.is_not_ready(), "{after}");
    let id = recorder.task_runs()[0].0.id;
    let states = &recorder.task_states("double")[1];
    assert_eq!(states.len(), 2);
    assert_eq!(
        states[1].to_string(),
        format!(
            "NotReady('Upstream task run '{id}' did not reach a 'COMPLETED' state.', type=PENDING)"
        )
    );
}

#[tokio::test]
async fn wait_for_orders_runs_without_passing_values() {
    static DONE: AtomicBool = AtomicBool::new(false);

    #[task]
    async fn first() -> Rc<()> {
        // `Rc` as a return type: direct calls are unaffected by what `submit` would need.
        Rc::new(())
    }
    #[task]
    async fn slow(notify: Arc<Notify>) -> u32 {
        notify.notified().await;
        DONE.store(true, Ordering::SeqCst);
        1
    }
    #[task]
    async fn later() -> bool {
        DONE.load(Ordering::SeqCst)
    }
    #[flow]
    async fn ordered() -> Result<(bool, RunError), RunError> {
        drop(first().await);
        let notify = Arc::new(Notify::new());
        let slow = slow::submit(notify.clone());
        let bad = double::submit(13);
        let later = later::with_options().wait_for([&slow]).submit();
        let never = later::with_options().wait_for((&slow, &bad)).submit();
        notify.notify_one();
        Ok((later.await?, never.await.unwrap_err()))
    }
    let (value, recorder) = recorded(|| async { ordered().boxed_local().await }).await;
    let (done, never) = value.unwrap();
    assert!(done && never.is_not_ready());
    let runs = recorder.task_runs();
    let later = runs.iter().find(|(run, _)| run.task_name == "later").unwrap();
    assert_eq!(later.0.inputs.get("wait_for").len(), 1);
}

#[tokio::test]
async fn a_call_waits_for_its_inputs_too() {
    #[flow]
    async fn direct() -> Result<u32, RunError> {
        let two = double::submit(1);
        let four = double::submit(&two);
        let call = move || add::with_options().tags(["direct"]).call(two, four);
        Ok(context::spawn_blocking(call).await.unwrap())
    }
    let (value, recorder) = recorded(direct).await;
    assert_eq!(value.unwrap(), 6);
    let sum = recorder.task_runs().into_iter().find(|(run, _)| run.task_name == "add").unwrap().0;
    assert_eq!(sum.inputs.get("a").len(), 1);
    assert_eq!(sum.tags, ["direct"]);
}

#[tokio::test]
async fn allow_failure_passes_an_error_on_as_a_value() {
    #[task]
    async fn copes(input: Result<u32, RunError>) -> String {
        match input {
            Ok(value) => format!("value {value}"),
            Err(error) => format!("error {}", error.user_error::<Bad>().unwrap()),
        }
    }
    #[flow]
    async fn coping() -> Result<(String, String, RunError), RunError> {
        let (good, bad, crashed) = (double::submit(1), double::submit(13), explodes::submit());
        Ok((
            copes::submit(allow_failure(good)).await?,
            copes::submit(allow_failure(&bad)).await?,
            copes::submit(allow_failure(crashed)).await.unwrap_err(),
        ))
    }
    let (good, bad, crashed) = coping().await.unwrap();
    assert_eq!((good.as_str(), bad.as_str()), ("value 2", "error bad number 13"));
    assert!(crashed.is_not_ready());
}

#[tokio::test]
async fn a_panic_in_a_submitted_run_is_crashed_for_those_who_wait() {
    #[flow]
    async fn burning() -> RunError {
        explodes::submit().await.unwrap_err()
    }
    let (error, recorder) = recorded(burning).await;
    assert!(error.is_crashed());
    assert!(error.to_string().ends_with("crashed: boom"), "{error}");
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow burning: Pending, Running, Completed
      task explodes: Pending, Running, Crashed(Execution was interrupted by a panic: boom)
    ");
}

#[tokio::test]
async fn a_flow_ends_after_the_runs_it_has_submitted() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);

    #[task]
    async fn counted() -> usize {
        tokio::task::yield_now().await;
        ENDED.fetch_add(1, Ordering::SeqCst)
    }
    #[flow]
    async fn forgets() {
        for _ in 0..20 {
            drop(counted::submit());
        }
    }
    let ((), recorder) = recorded(forgets).await;
    assert_eq!(ENDED.load(Ordering::SeqCst), 20);
    let events = recorder.events();
    assert!(matches!(
        events.last(),
        Some(context::Recorded::FlowRun(run, state)) if run.flow_name == "forgets" && state.is_completed()
    ));
}

#[test]
fn a_sync_flow_ends_after_the_runs_it_has_submitted() {
    #[flow]
    fn forgets() {
        for number in 0..20 {
            drop(add::submit(number, 1));
        }
    }
    let ((), recorder) = recorded_sync(forgets);
    assert_eq!(recorder.task_runs().iter().filter(|(_, state)| state.is_completed()).count(), 20);
}

#[tokio::test]
async fn outside_a_flow_submit_gives_a_typed_error() {
    let error = double::submit(1).await.unwrap_err();
    assert!(error.is_missing_context());
    assert!(error.to_string().contains("hint: "), "{error}");
    let error = double::map(vec![1, 2]).await.unwrap_err();
    assert!(error.is_missing_context());
}

#[tokio::test]
async fn a_run_that_waits_for_itself_gets_a_typed_error() {
    static OWN: OnceLock<TaskFuture<u32>> = OnceLock::new();

    #[task]
    async fn narcissist(published: Arc<Notify>) -> Result<u32, RunError> {
        published.notified().await;
        let future = OWN.get().unwrap();
        let as_input = double::submit(future).await.unwrap_err();
        assert!(matches!(as_input.kind(), RunErrorKind::SelfDependency { .. }), "{as_input}");
        future.await
    }
    #[flow]
    async fn reflecting() -> RunError {
        let published = Arc::new(Notify::new());
        let future = narcissist::submit(published.clone());
        OWN.set(future.clone()).unwrap();
        published.notify_one();
        future.await.unwrap_err()
    }
    let error = reflecting().await;
    let source = error.user_error::<RunError>().unwrap();
    assert!(matches!(source.kind(), RunErrorKind::SelfDependency { .. }), "{error}");
}

#[tokio::test]
async fn blocking_the_only_thread_is_a_typed_error() {
    #[flow]
    async fn stuck() -> RunError {
        double::submit(1).result_blocking().unwrap_err()
    }
    assert!(matches!(stuck().await.kind(), RunErrorKind::WouldBlock { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn futures_can_be_shared_watched_and_waited_for() {
    #[flow]
    async fn watching() -> Result<(), RunError> {
        let gate = Arc::new(Notify::new());
        #[task]
        async fn gated(gate: Arc<Notify>) -> u32 {
            gate.notified().await;
            7
        }
        let future = gated::submit(gate.clone());
        assert!(!future.is_finished());
        let early = future.wait_timeout(Duration::from_millis(1)).await;
        assert!(!early.is_terminal());
        let called = Arc::new(AtomicUsize::new(0));
        let counter = called.clone();
        future.add_done_callback(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        gate.notify_one();
        assert_eq!((&future).await?, 7);
        let other = future.clone();
        assert!(future.wait().await.is_completed());
        assert_eq!(other.result().await?, 7);
        let counter = called.clone();
        future.add_done_callback(move |_| {
            counter.fetch_add(10, Ordering::SeqCst);
        });
        // The first callback may still be on its way: waiting does not wait for callbacks.
        while called.load(Ordering::SeqCst) != 11 {
            tokio::task::yield_now().await;
        }
        assert_eq!(future.state().state_type(), StateType::Completed);
        assert_eq!(future.result_blocking()?, 7);
        Ok(())
    }
    watching().await.unwrap();
}

#[tokio::test]
async fn submitted_runs_use_the_client_of_their_flow() {
    #[flow]
    async fn quiet() -> Result<u32, RunError> {
        double::submit(1).await
    }
    let (client, recorder) = Client::in_memory();
    let value = AsyncClientContext::new(client)
        .scope(async {
            let inner = AsyncClientContext::new(Client::off()).scope(async { quiet().await }).await;
            // Its client has ended when the run begins: the next one outside counts.
            let sync = SyncClientContext::new(Client::off()).in_scope(quiet).await;
            (inner, sync)
        })
        .await;
    assert_eq!((value.0.unwrap(), value.1.unwrap()), (2, 2));
    assert_eq!(recorder.flow_runs().len(), 1);
}

#[tokio::test]
async fn a_crash_of_the_flow_aborts_what_it_has_submitted() {
    #[task]
    async fn endless() -> u32 {
        std::future::pending().await
    }
    #[flow]
    async fn burning() -> u32 {
        let future = endless::submit();
        tokio::task::yield_now().await;
        drop(future);
        panic!("boom")
    }
    let (caught, recorder) = recorded(|| AssertUnwindSafe(burning()).catch_unwind()).await;
    assert!(caught.is_err());
    while recorder.task_runs()[0].1.state_type() != StateType::Cancelled {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn only_a_return_type_named_result_is_taken_apart() {
    type Fallible = Result<u32, Bad>;

    #[task]
    async fn hidden(n: u32) -> Fallible {
        if n == 13 { Err(Bad(n)) } else { Ok(n) }
    }
    #[flow]
    async fn both() -> (Result<Fallible, RunError>, Result<Fallible, RunError>) {
        (hidden::submit(1).await, hidden::submit(13).await)
    }
    let ((good, bad), recorder) = recorded(both).await;
    assert!(matches!(good, Ok(Ok(1))));
    // The run has failed all the same; its value is the error.
    assert!(matches!(bad, Ok(Err(Bad(13)))));
    assert_eq!(recorder.task_runs()[1].1.state_type(), StateType::Failed);
}

#[tokio::test]
async fn a_call_that_would_block_the_only_thread_is_a_typed_error() {
    #[task]
    fn next(n: u32) -> Result<u32, RunError> {
        Ok(n + 1)
    }
    #[flow]
    async fn stuck() -> RunError {
        let future = double::submit(1);
        next::with_options().call(future).unwrap_err()
    }
    let error = stuck().await;
    assert!(matches!(error.kind(), RunErrorKind::WouldBlock { .. }), "{error}");
}

#[test]
fn runs_of_a_sync_flow_can_do_io() {
    #[task]
    async fn listens() -> Result<u16, std::io::Error> {
        Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
    }
    #[flow]
    fn flow_of_io() -> Result<u16, RunError> {
        listens::submit().result_blocking()
    }
    assert!(flow_of_io().unwrap() > 0);
}

#[test]
fn a_local_set_on_many_threads_changes_nothing() {
    #[flow]
    async fn ordered() -> Result<u32, RunError> {
        let first = double::submit(1);
        double::with_options().wait_for(&first).submit(2).await
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let (value, sum) = runtime.block_on(local.run_until(async { (ordered().await, sync_chain()) }));
    assert_eq!((value.unwrap(), sum.unwrap()), (4, 6));
}

#[tokio::test]
async fn a_panic_anywhere_is_a_crash_for_everybody() {
    struct Bomb;
    impl std::fmt::Display for Bomb {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in display")
        }
    }
    impl serde::Serialize for Bomb {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("in serialize")
        }
    }
    #[task]
    async fn shows_badly() -> Result<(), Bomb> {
        Err(Bomb)
    }
    #[task(task_run_name = || -> String { panic!("in name") })]
    async fn named_badly() {}
    #[task]
    async fn makes() -> Bomb {
        Bomb
    }
    #[task]
    async fn takes(bomb: Bomb) {
        let Bomb = bomb;
    }
    #[flow]
    async fn all() -> Vec<(bool, StateType)> {
        let futures =
            [shows_badly::submit(), named_badly::submit(), takes::submit(makes::submit())];
        let mut ends = Vec::new();
        for future in futures {
            let state = future.wait().await.state_type();
            ends.push((future.await.unwrap_err().is_crashed(), state));
        }
        ends
    }
    let (ends, recorder) = recorded(all).await;
    assert_eq!(ends, [(true, StateType::Crashed); 3]);
    for task in ["shows_badly", "named_badly", "takes"] {
        let states = &recorder.task_states(task)[0];
        assert_eq!(states.last().unwrap().state_type(), StateType::Crashed, "{task}");
    }
}

#[tokio::test]
async fn a_future_that_has_given_its_value_says_so() {
    #[flow]
    async fn greedy() -> RunError {
        let mut future = double::submit(1);
        assert_eq!((&mut future).await.unwrap(), 2);
        future.await.unwrap_err()
    }
    assert!(matches!(greedy().await.kind(), RunErrorKind::AlreadyTaken { .. }));
}
