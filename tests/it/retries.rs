//! Retries of tasks and flows.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use context::prelude::*;

use crate::{recorded, recorded_sync};

/// Fails until its `good`-th call.
fn attempt(calls: &AtomicU32, good: u32) -> Result<u32, String> {
    let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
    if call < good { Err(format!("try {call}")) } else { Ok(call) }
}

#[tokio::test]
async fn without_a_delay_a_task_is_retrying_at_once() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task(retries = 2)]
    async fn flaky(text: String) -> Result<u32, String> {
        assert_eq!(text, "same");
        assert_eq!(current_run!().run_count(), CALLS.load(Ordering::SeqCst) + 1);
        attempt(&CALLS, 3)
    }

    #[flow]
    async fn retrying() -> Result<u32, String> {
        flaky("same".to_owned()).await
    }

    let (value, recorder) = recorded(retrying).await;
    assert_eq!(value, Ok(3));
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow retrying: Pending, Running, Completed
      task flaky: Pending, Running, Retrying, Retrying, Completed
    ");
    assert_eq!(recorder.task_runs()[0].0.run_count, 3);
}

#[test]
fn without_a_delay_a_sync_task_is_retrying_at_once() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task(retries = 2)]
    fn flaky() -> Result<u32, String> {
        attempt(&CALLS, 3)
    }

    let (value, recorder) = recorded_sync(flaky);
    assert_eq!(value, Ok(3));
    insta::assert_snapshot!(recorder.transcript(), @"task flaky: Pending, Running, Retrying, Retrying, Completed");
}

#[tokio::test(start_paused = true)]
async fn with_delays_a_task_awaits_each_and_the_last_repeats() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task(retries = 3, retry_delay = ["1s", "5s"])]
    async fn flaky() -> Result<u32, String> {
        attempt(&CALLS, 4)
    }

    let began = tokio::time::Instant::now();
    let (value, recorder) = recorded(flaky).await;
    assert_eq!(value, Ok(4));
    assert_eq!(began.elapsed().as_secs(), 11);
    insta::assert_snapshot!(recorder.transcript(), @"task flaky: Pending, Running, AwaitingRetry(Task run encountered an exception String: try 1), Retrying, AwaitingRetry(Task run encountered an exception String: try 2), Retrying, AwaitingRetry(Task run encountered an exception String: try 3), Retrying, Completed");
    let states = &recorder.task_states("flaky")[0];
    let waits: Vec<_> = states
        .iter()
        .filter_map(|state| Some(state.scheduled_time()?.since(state.timestamp()).as_secs()))
        .collect();
    assert_eq!(waits, [1, 5, 5]);
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_the_delay() {
    #[task(retries = 3, retry_delay = exponential_backoff(Duration::from_secs(2)))]
    async fn hopeless() -> Result<u32, String> {
        Err("never".to_owned())
    }

    let began = tokio::time::Instant::now();
    let (value, recorder) = recorded(hopeless).await;
    assert_eq!(value, Err("never".to_owned()));
    assert_eq!(began.elapsed().as_secs(), 2 + 4 + 8);
    assert_eq!(recorder.task_runs()[0].0.run_count, 4);
}

#[tokio::test(start_paused = true)]
async fn jitter_keeps_the_delay_within_its_bounds() {
    #[task(retries = 20, retry_delay = "10s", retry_jitter = 0.5)]
    async fn hopeless() -> Result<u32, String> {
        Err("never".to_owned())
    }

    let (_, recorder) = recorded(hopeless).await;
    let waits: Vec<f64> = recorder.task_states("hopeless")[0]
        .iter()
        .filter_map(|state| Some(state.scheduled_time()?.since(state.timestamp()).as_secs_f64()))
        .collect();
    assert_eq!(waits.len(), 20);
    assert!(waits.iter().all(|wait| (5.0..=15.0).contains(wait)), "{waits:?}");
    assert!(waits.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.001), "{waits:?}");
}

#[tokio::test]
async fn a_flow_awaits_its_retry_and_runs_its_tasks_again() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task]
    async fn step() -> Result<u32, String> {
        attempt(&CALLS, 2)
    }

    #[flow(retries = 1)]
    async fn twice(text: String) -> Result<u32, String> {
        assert_eq!(text, "same");
        step().await
    }

    let (value, recorder) = recorded(|| twice("same".to_owned())).await;
    assert_eq!(value, Ok(2));
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow twice: Pending, Running, AwaitingRetry(Flow run encountered an exception: String: try 1), Running, Completed
      task step: Pending, Running, Failed(Task run encountered an exception String: try 1)
      task step: Pending, Running, Completed
    ");
    let names: Vec<_> = recorder.flow_runs().into_iter().map(|(run, _)| run.name).collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn a_sync_flow_awaits_its_retry_and_runs_its_tasks_again() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[flow(retries = 1, retry_delay = "1ms")]
    fn twice() -> Result<u32, String> {
        attempt(&CALLS, 2)
    }

    let (value, recorder) = recorded_sync(twice);
    assert_eq!(value, Ok(2));
    insta::assert_snapshot!(recorder.transcript(), @"flow twice: Pending, Running, AwaitingRetry(Flow run encountered an exception: String: try 1), Running, Completed");
}

#[tokio::test]
async fn a_panic_is_not_retried() {
    #[task(retries = 3)]
    async fn explodes() -> Result<u32, String> {
        panic!("boom")
    }

    let (caught, recorder) =
        recorded(|| futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(explodes())))
            .await;
    assert!(caught.is_err());
    insta::assert_snapshot!(recorder.transcript(), @"task explodes: Pending, Running, Crashed(Execution was interrupted by a panic: boom)");
}

#[tokio::test]
async fn with_options_gives_retries_to_a_task_that_has_none() {
    static CALLS: AtomicU32 = AtomicU32::new(0);

    #[task]
    async fn flaky(text: String) -> Result<u32, String> {
        assert_eq!(text, "same");
        attempt(&CALLS, 3)
    }

    let (value, recorder) =
        recorded(|| async { flaky::with_options().retries(2).call("same").await }).await;
    assert_eq!(value, Ok(3));
    assert_eq!(recorder.task_runs()[0].0.run_count, 3);
}

#[tokio::test]
async fn each_attempt_sees_a_context_of_its_own() {
    static SEEN: std::sync::Mutex<Vec<u32>> = std::sync::Mutex::new(Vec::new());

    #[task(retries = 2)]
    async fn flaky() -> Result<u32, String> {
        let before = current_run!(task);
        tokio::task::yield_now().await;
        let after = current_run!(task);
        assert_eq!((before.id(), before.run_count()), (after.id(), after.run_count()));
        SEEN.lock().unwrap().push(after.run_count());
        Err("again".to_owned())
    }

    drop(flaky().await);
    assert_eq!(*SEEN.lock().unwrap(), [1, 2, 3]);
}

/// Every attempt has a frame of its own, and so has a run that is named by its options.
#[test]
fn retried_and_named_runs_stay_in_the_transaction_around_them() {
    static TOLD: AtomicU32 = AtomicU32::new(0);

    fn tell(_: context::Transaction) {
        TOLD.fetch_add(1, Ordering::SeqCst);
    }

    #[task(retries = 1, on_commit = tell)]
    fn retried() -> Result<(), String> {
        if current_run!().run_count() == 1 { Err("busy".to_owned()) } else { Ok(()) }
    }

    #[task(task_run_name = "number {n}", on_commit = tell)]
    fn named(n: u32) -> u32 {
        n
    }

    let (done, _) = recorded_sync(|| {
        transaction().in_scope(|txn| {
            retried().unwrap();
            named(1);
            assert_eq!(TOLD.load(Ordering::SeqCst), 0, "the block has not ended");
            assert_eq!(txn.children().len(), 2);
            anyhow::Ok(())
        })
    });
    done.unwrap();
    assert_eq!(TOLD.load(Ordering::SeqCst), 2);
}
