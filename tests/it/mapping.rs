//! `map`.

use std::collections::BTreeMap;

use context::RunErrorKind;
use context::prelude::*;

use crate::{recorded, recorded_sync};

#[task]
async fn square(n: u64) -> Result<u64, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(n * n) }
}

#[task]
fn scaled(n: u64, factor: u64, label: String) -> String {
    format!("{label}{}", n * factor)
}

#[tokio::test]
async fn one_run_for_each_element_in_order() {
    #[flow]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        square::map(0..5_u64).await
    }
    let (value, recorder) = recorded(mapped).await;
    assert_eq!(value.unwrap(), [0, 1, 4, 9, 16]);
    assert_eq!(recorder.task_runs().len(), 5);
}

#[test]
fn a_sync_flow_maps_too() {
    #[flow]
    fn mapped() -> Result<Vec<u64>, RunError> {
        square::map([1, 2, 3]).result_blocking()
    }
    assert_eq!(recorded_sync(mapped).0.unwrap(), [1, 4, 9]);
}

#[tokio::test]
async fn futures_and_unmapped_values_are_given_to_each_run() {
    #[flow]
    async fn mapped() -> Result<Vec<String>, RunError> {
        let squares = square::map(vec![1, 2, 3]);
        let factors = [square::submit(2), square::submit(3), square::submit(4)];
        scaled::map(squares, factors, unmapped("n=")).await
    }
    let (value, recorder) = recorded(mapped).await;
    assert_eq!(value.unwrap(), ["n=4", "n=36", "n=144"]);
    let last = recorder.task_runs().pop().unwrap().0;
    assert_eq!((last.inputs.get("n").len(), last.inputs.get("factor").len()), (1, 1));
    assert!(last.inputs.get("label").is_empty());
}

#[tokio::test]
async fn a_map_gives_its_keys() {
    #[flow]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        square::map(BTreeMap::from([(2, "two"), (3, "three")])).await
    }
    assert_eq!(mapped().await.unwrap(), [4, 9]);
}

#[tokio::test]
async fn one_failed_element_fails_only_its_own_children() {
    #[flow]
    async fn mapped() -> (RunError, Vec<String>) {
        let squares = square::map(vec![1, 13, 2]);
        let again = square::map(&squares);
        let states: Vec<_> = again.iter().map(TaskFuture::task_run_id).collect();
        assert_eq!(states.len(), 3);
        again.wait().await;
        let names = again.iter().map(|future| future.state().name().to_owned()).collect();
        (squares.await.unwrap_err(), names)
    }
    let (error, names) = mapped().await;
    assert!(error.is_failed());
    assert_eq!(names, ["Completed", "NotReady", "Completed"]);
}

#[tokio::test]
async fn the_first_error_comes_without_waiting_for_the_rest() {
    #[task]
    async fn fails_or_hangs(n: u64) -> Result<u64, String> {
        if n == 1 { Err("first".to_owned()) } else { std::future::pending().await }
    }
    #[flow(timeout = "1h")]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        let error = fails_or_hangs::map(vec![0, 1, 2]).await.unwrap_err();
        assert!(error.is_failed());
        Err(error)
    }
    tokio::select! {
        _ = mapped() => unreachable!("the flow waits for runs that never end"),
        () = async { for _ in 0..100 { tokio::task::yield_now().await; } } => {}
    }
}

#[tokio::test]
async fn lengths_that_differ_are_a_typed_error() {
    #[flow]
    async fn mapped() -> RunError {
        let futures = scaled::map(vec![1, 2], vec![1, 2, 3], unmapped(String::new()));
        assert!(futures.is_empty() && futures.error().is_some());
        futures.await.unwrap_err()
    }
    let (error, recorder) = recorded(mapped).await;
    assert!(matches!(
        error.kind(),
        RunErrorKind::MappingLengthMismatch { lengths, .. } if lengths == &[("n", 2), ("factor", 3)]
    ));
    assert_eq!(
        error.to_string(),
        "`scaled::map` got arguments of different lengths: `n` has 2, `factor` has 3; give iterables of one length, or wrap what all runs share in `unmapped(..)`"
    );
    assert!(recorder.task_runs().is_empty());
}

#[tokio::test]
async fn nothing_to_map_over_is_a_typed_error_and_an_empty_iterable_is_none() {
    #[flow]
    async fn mapped() -> (RunError, Vec<u64>) {
        let none = square::map(unmapped(1_u64)).await.unwrap_err();
        (none, square::map(Vec::<u64>::new()).await.unwrap())
    }
    let (none, empty) = mapped().await;
    assert!(matches!(none.kind(), RunErrorKind::MappingMissingIterable { .. }), "{none}");
    assert!(empty.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_runs_are_mapped_concurrently() {
    #[flow]
    async fn mapped() -> Result<u64, RunError> {
        Ok(square::map(100..10_100_u64).await?.into_iter().sum())
    }
    let expected: u64 = (100..10_100_u64).map(|n| n * n).sum();
    assert_eq!(mapped().await.unwrap(), expected);
}

#[tokio::test]
async fn options_apply_to_every_run_of_a_map() {
    #[flow]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        square::with_options().tags(["many"]).task_run_name("sq {n}").map([1, 2]).await
    }
    let (_, recorder) = recorded(mapped).await;
    let runs = recorder.task_runs();
    assert!(runs.iter().all(|(run, _)| run.tags == ["many"]));
    assert_eq!((runs[0].0.name.as_str(), runs[1].0.name.as_str()), ("sq 1", "sq 2"));
}
