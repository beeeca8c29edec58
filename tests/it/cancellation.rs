//! Runs whose future is dropped.

use std::future::pending;
use std::sync::Mutex;
use std::task::Poll;

use context::Recorded;
use context::prelude::*;
use futures::FutureExt as _;
use futures::future::poll_immediate;

use crate::recorded;

/// Notes what run it is destroyed in.
struct Witness(&'static Mutex<Vec<String>>);

impl Drop for Witness {
    fn drop(&mut self) {
        let seen = get_run_context().map_or_else(|_| "none".to_owned(), |run| run.name());
        self.0.lock().unwrap().push(seen);
    }
}

#[tokio::test]
async fn a_dropped_run_is_cancelled_children_first_and_destructors_see_their_run() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[task(task_run_name = "inside")]
    async fn endless() -> u32 {
        let _witness = Witness(&SEEN);
        pending().await
    }
    #[flow(flow_run_name = "around")]
    async fn waits() -> u32 {
        let _witness = Witness(&SEEN);
        endless().await
    }

    let ((), recorder) = recorded(|| async {
        let mut flow = Box::pin(waits());
        assert!(poll_immediate(&mut flow).await.is_none());
        drop(flow);
        assert!(get_run_context().is_err());
    })
    .await;
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow waits: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
      task endless: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
    ");
    assert_eq!(*SEEN.lock().unwrap(), ["inside", "around"]);
    let ends: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Recorded::TaskRun(run, state) if state.is_terminal() => Some(run.task_name),
            Recorded::FlowRun(run, state) if state.is_terminal() => Some(run.flow_name),
            _ => None,
        })
        .collect();
    assert_eq!(ends, ["endless", "waits"]);
}

#[tokio::test]
async fn a_call_that_is_never_polled_never_was_a_run() {
    #[task]
    async fn idle() -> u32 {
        1
    }
    let ((), recorder) = recorded(|| async {
        drop(idle());
        let mut call = Box::pin(idle());
        assert_eq!((&mut call).now_or_never(), Some(1));
    })
    .await;
    assert_eq!(recorder.task_runs().len(), 1);
}

#[tokio::test]
async fn losing_a_select_cancels_the_run() {
    #[task]
    async fn endless() -> u32 {
        pending().await
    }
    #[task]
    async fn quick() -> u32 {
        1
    }
    #[flow]
    async fn races() -> u32 {
        tokio::select! {
            biased;
            value = endless() => value,
            value = quick() => value,
        }
    }
    let (value, recorder) = recorded(races).await;
    assert_eq!(value, 1);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow races: Pending, Running, Completed
      task endless: Pending, Running, Cancelled(Execution was cancelled: its future was dropped.)
      task quick: Pending, Running, Completed
    ");
}

#[tokio::test]
async fn dropping_a_flow_aborts_what_it_has_submitted() {
    #[task]
    async fn endless() -> u32 {
        pending().await
    }
    #[flow]
    async fn waits() -> Result<u32, RunError> {
        endless::submit().await
    }
    let ((), recorder) = recorded(|| async {
        let mut flow = Box::pin(waits());
        while poll_immediate(&mut flow).await.is_none() {
            tokio::task::yield_now().await;
            if current_states() {
                break;
            }
        }
        drop(flow);
    })
    .await;
    while recorder.task_runs()[0].1.state_type() != StateType::Cancelled {
        tokio::task::yield_now().await;
    }
    assert_eq!(recorder.flow_runs()[0].1.state_type(), StateType::Cancelled);
}

/// True: one poll is enough to submit.
fn current_states() -> bool {
    true
}

#[tokio::test]
async fn futures_polled_in_turns_keep_their_own_runs() {
    #[task]
    async fn named(name: String) -> bool {
        for _ in 0..5 {
            if current_run!().parameters().get("name") != Some(&name.clone().into()) {
                return false;
            }
            tokio::task::yield_now().await;
        }
        true
    }
    let mut left = Box::pin(named("left".to_owned()));
    let mut right = Box::pin(named("right".to_owned()));
    let mut done = 0;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(good) = left.as_mut().poll(cx) {
            assert!(good);
            done += 1;
        }
        assert!(get_run_context().is_err());
        if let Poll::Ready(good) = right.as_mut().poll(cx) {
            assert!(good);
            done += 1;
        }
        if done >= 2 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The kinds and last states of runs, in the order in which they ended.
fn ends(recorder: &context::MemoryRecorder) -> Vec<String> {
    let events = recorder.events();
    let ends = events.iter().filter_map(|event| match event {
        Recorded::FlowRun(_, state) if state.is_terminal() => {
            Some(format!("flow {}", state.name()))
        }
        Recorded::TaskRun(_, state) if state.is_terminal() => {
            Some(format!("task {}", state.name()))
        }
        _ => None,
    });
    ends.collect()
}

#[task]
async fn pending_for_ever() {
    pending::<()>().await;
}

#[tokio::test]
async fn a_flow_that_is_dropped_ends_after_what_it_has_submitted() {
    #[flow]
    async fn submits() {
        pending_for_ever::submit().await.unwrap();
    }

    let (client, recorder) = context::Client::in_memory();
    let scope = context::AsyncClientContext::new(client);
    let mut flow = Box::pin(scope.scope(async { submits().await }));
    assert!(futures::poll!(&mut flow).is_pending());
    tokio::task::yield_now().await;
    drop(flow);
    assert!(ends(&recorder).is_empty(), "what it has submitted has not ended yet");
    while ends(&recorder).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ends(&recorder), ["task Cancelled", "flow Cancelled"]);
}

#[tokio::test]
async fn a_flow_that_panics_ends_after_what_it_has_submitted() {
    #[flow]
    async fn burns() {
        let _future = pending_for_ever::submit();
        tokio::task::yield_now().await;
        panic!("boom")
    }

    let (caught, recorder) =
        recorded(|| futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(burns()))).await;
    assert!(caught.is_err());
    while ends(&recorder).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ends(&recorder), ["task Cancelled", "flow Crashed"]);
}
