//! Where values come from: inputs and assets.

use context::prelude::*;
use context::{Recorded, TaskInputs, TaskRunId};
use serde_json::json;

use super::{half, square, sum, the_run};
use crate::recorded;

#[task]
async fn takes(n: u64, _shared: u64) -> (u64, TaskInputs) {
    (n, current_run!(task).task_inputs())
}

#[tokio::test]
async fn its_inputs_are_those_of_all_elements() {
    #[flow]
    async fn mapped() -> Result<[Vec<TaskRunId>; 3], RunError> {
        let numbers = half::map([2, 4]);
        let shared = half::submit(6);
        let before = half::submit(8);
        let ids = [
            numbers.iter().map(TaskFuture::task_run_id).collect(),
            vec![shared.task_run_id()],
            vec![before.task_run_id()],
        ];
        let takes = takes::with_options().wait_for(&before).reported_as_one();
        let taken = takes.map(&numbers, unmapped(shared)).await?;
        for ((_, inputs), id) in taken.iter().zip(&ids[0]) {
            assert_eq!(inputs.get("n"), [*id], "an element has its own");
            assert_eq!((inputs.get("_shared"), inputs.get("wait_for")), (&*ids[1], &*ids[2]));
        }
        Ok(ids)
    }
    let (ids, recorder) = recorded(mapped).await;
    let [numbers, shared, before] = ids.unwrap();
    let inputs = the_run(&recorder, "takes").0.inputs;
    assert_eq!(inputs.get("n"), numbers);
    assert_eq!(inputs.get("_shared"), shared);
    assert_eq!(inputs.get("wait_for"), before);
}

#[tokio::test]
async fn a_run_that_takes_elements_has_the_one_run_as_input() {
    #[flow]
    async fn mapped() -> Result<Vec<TaskInputs>, RunError> {
        let squares = square::with_options().reported_as_one().map([1, 2, 3]);
        let [first, second] = [half::submit(2), half::submit(4)];
        // Some of the elements, between others, in one argument.
        let mut some: Vec<TaskFuture<u64>> = (&squares).into_iter().take(2).cloned().collect();
        some.insert(1, first);
        some.push(second);
        sum::submit(some).await?;
        let each = takes::map(&squares, unmapped(1_u64)).await?;
        let again = takes::with_options().wait_for(&squares).reported_as_one();
        again.map(squares, unmapped(1_u64)).await?;
        Ok(each.into_iter().map(|(_, inputs)| inputs).collect())
    }
    let (each, recorder) = recorded(mapped).await;
    let one = the_run(&recorder, "square").0.id;
    let halves: Vec<_> = recorder.task_runs().into_iter().map(|(run, _)| run).collect();
    let halves: Vec<_> = halves.iter().filter(|run| run.task_name == "half").collect();
    let summed = the_run(&recorder, "sum").0.inputs;
    assert_eq!(summed.get("numbers"), [one, halves[0].id, halves[1].id]);
    for inputs in each.unwrap() {
        assert_eq!(inputs.get("n"), [one]);
    }
    let takes: Vec<_> =
        recorder.task_runs().into_iter().filter(|(run, _)| run.task_name == "takes").collect();
    assert_eq!(takes.len(), 4, "three runs, and one for three");
    assert!(takes.iter().all(|(run, _)| run.inputs.get("n") == [one]));
    assert_eq!(takes[3].0.inputs.get("wait_for"), [one]);
}

/// The assets that were told of: event, key, the run, and from what.
fn assets(
    recorder: &context::MemoryRecorder,
) -> Vec<(&'static str, String, TaskRunId, Vec<String>)> {
    let told = recorder.events().into_iter().filter_map(|event| match event {
        Recorded::Asset { event, asset, task_run_id, upstream, .. } => {
            let upstream = upstream.iter().map(|asset| asset.key().to_owned()).collect();
            Some((event.rsplit('.').next().unwrap(), asset.key().to_owned(), task_run_id, upstream))
        }
        _ => None,
    });
    told.collect()
}

#[task]
async fn reads(n: u64) -> u64 {
    n
}

#[materialize("s3://lake/table", by = "duckdb", asset_deps = ["s3://lake/schema"])]
async fn writes(n: u64) -> Result<u64, String> {
    add_asset_metadata("s3://lake/table", json!({ "last": n, format!("row {n}"): true }))
        .map_err(|error| error.to_string())?;
    if n == 13 { Err("disk full".to_owned()) } else { Ok(n) }
}

#[tokio::test]
async fn what_elements_read_follows_their_futures_one_by_one() {
    #[flow]
    async fn lake() -> Result<(), RunError> {
        let first = reads::with_options().asset_deps(["s3://first"]).submit(1);
        let second = reads::with_options().asset_deps(["s3://second"]).submit(2);
        let read = reads::with_options().reported_as_one().map([first, second]);
        let read = read.into_futures()?;
        let [one, two] = <[_; 2]>::try_from(read).unwrap();
        writes::submit(two).await?;
        writes::submit(one).await?;
        Ok(())
    }
    let (value, recorder) = recorded(lake).await;
    value.unwrap();
    let made: Vec<_> = assets(&recorder).into_iter().filter(|told| told.0 == "succeeded").collect();
    assert_eq!(made[0].3, ["s3://second", "s3://lake/schema"]);
    assert_eq!(made[1].3, ["s3://first", "s3://lake/schema"]);
}

#[tokio::test]
async fn what_elements_have_made_is_told_once() {
    #[flow]
    async fn lake() -> Result<(), RunError> {
        let first = reads::with_options().asset_deps(["s3://first"]).submit(1);
        let second = reads::with_options().asset_deps(["s3://second"]).submit(2);
        let written = writes::with_options().reported_as_one().map([first, second]);
        writes::with_options().name("later").submit(sum::submit(written)).await?;
        Ok(())
    }
    let (value, recorder) = recorded(lake).await;
    value.unwrap();
    let one = the_run(&recorder, "writes").0.id;
    let told = assets(&recorder);
    let of_one: Vec<_> = told.iter().filter(|told| told.2 == one).collect();
    let referenced = |key: &str| ("referenced", key.to_owned(), one, Vec::new());
    let upstream = ["s3://first", "s3://second", "s3://lake/schema"].map(ToOwned::to_owned);
    assert_eq!(
        of_one,
        [
            &referenced("s3://first"),
            &referenced("s3://second"),
            &referenced("s3://lake/schema"),
            &("succeeded", "s3://lake/table".to_owned(), one, upstream.to_vec()),
        ]
    );
    assert_eq!(told.len() - of_one.len(), 3, "the other run tells of its own");
    let metadata = recorder.events().into_iter().find_map(|event| match event {
        Recorded::Asset { metadata: Some(metadata), materialized_by, .. } => {
            assert_eq!(materialized_by.as_deref(), Some("duckdb"));
            Some(serde_json::Value::Object(metadata))
        }
        _ => None,
    });
    assert_eq!(metadata, Some(json!({ "last": 2, "row 1": true, "row 2": true })));
    insta::assert_snapshot!(recorder.transcript().lines().nth(3).unwrap(), @"  task writes: Pending, Running, <2 runs>, Completed, <prefect.asset.referenced s3://first>, <prefect.asset.referenced s3://second>, <prefect.asset.referenced s3://lake/schema>, <prefect.asset.materialization.succeeded s3://lake/table>");
}

#[tokio::test]
async fn what_some_elements_could_not_make_has_failed() {
    #[flow]
    async fn lake() {
        writes::with_options().reported_as_one().map([1, 13]).wait().await;
    }
    let ((), recorder) = recorded(lake).await;
    let events: Vec<_> = assets(&recorder).into_iter().map(|told| told.0).collect();
    assert_eq!(events, ["referenced", "failed"]);
}
