//! Tracked calls: lineage of direct calls.

use std::collections::{BTreeMap, HashMap};

use context::prelude::*;
use context::{Recorded, TaskRun, Tracked};

use super::told;
use crate::{recorded, recorded_sync};

#[materialize("s3://raw")]
async fn raw() -> Vec<u32> {
    vec![3, 1, 2]
}

#[task]
async fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}

#[materialize("s3://made")]
async fn save(rows: Vec<u32>) -> Result<usize, anyhow::Error> {
    anyhow::ensure!(!rows.is_empty(), "nothing to save");
    Ok(rows.len())
}

/// Which runs each run of a task has as inputs, by name.
fn inputs_of(recorder: &context::MemoryRecorder, task: &str) -> Vec<(String, Vec<String>)> {
    let runs: Vec<TaskRun> = recorder.task_runs().into_iter().map(|(run, _)| run).collect();
    let names: HashMap<_, _> = runs.iter().map(|run| (run.id, run.task_name.clone())).collect();
    let run = runs.iter().find(|run| run.task_name == task).unwrap();
    let inputs = run.inputs.iter();
    inputs
        .map(|(parameter, sources)| {
            let names = sources.iter().map(|id| names[id].clone()).collect();
            (parameter.to_owned(), names)
        })
        .collect()
}

#[tokio::test]
async fn a_tracked_value_is_an_input_of_tracked_calls() {
    #[flow]
    async fn lake() -> Result<usize, anyhow::Error> {
        let rows = raw::tracked().await;
        assert_eq!(rows[0], 3, "it is used like the value");
        let rows = sorted::tracked(rows).await;
        assert_eq!(*rows, [1, 2, 3]);
        Ok(save::tracked(rows).await?.into_inner())
    }
    let (saved, recorder) = recorded(lake).await;
    assert_eq!(saved.unwrap(), 3);
    assert_eq!(told(&recorder), ["+s3://raw", ">s3://raw", "+s3://made of s3://raw"]);
    assert_eq!(inputs_of(&recorder, "save"), [("rows".to_owned(), vec!["sorted".to_owned()])]);
    assert_eq!(inputs_of(&recorder, "sorted"), [("rows".to_owned(), vec!["raw".to_owned()])]);
}

#[tokio::test]
async fn a_tracked_value_is_an_input_wherever_a_future_is() {
    #[task]
    async fn both(pair: (Vec<u32>, Vec<u32>)) -> usize {
        pair.0.len() + pair.1.len()
    }
    #[task]
    async fn double(row: u32) -> u32 {
        row * 2
    }
    #[flow]
    async fn lake() -> Result<usize, anyhow::Error> {
        let rows = raw::tracked().await;
        assert_eq!(save::submit(&rows).await?, 3);
        assert_eq!(save::with_options().call(&rows).await?, 3);
        let doubled: Vec<u32> = double::map(&rows).result().await?;
        assert_eq!(doubled, [6, 2, 4]);
        let waited = sorted::with_options().wait_for(&rows).submit(vec![0]);
        assert_eq!(save::submit(waited).await?, 1);
        Ok(both::submit((rows.clone(), rows)).await?)
    }
    let (value, recorder) = recorded(lake).await;
    assert_eq!(value.unwrap(), 6);
    let made: Vec<_> = told(&recorder).into_iter().filter(|told| told.contains("made")).collect();
    assert_eq!(made, ["+s3://made of s3://raw"; 3]);
    assert_eq!(inputs_of(&recorder, "double"), [("row".to_owned(), vec!["raw".to_owned()])]);
    let pair = inputs_of(&recorder, "both");
    assert_eq!(pair, [("pair".to_owned(), vec!["raw".to_owned(), "raw".to_owned()])]);
}

#[tokio::test]
async fn collections_of_tracked_values_are_inputs_for_the_collections() {
    #[task]
    async fn list(rows: Vec<Vec<u32>>, array: [Vec<u32>; 2], maybe: Option<Vec<u32>>) -> usize {
        rows.len() + array.len() + usize::from(maybe.is_some())
    }
    #[task]
    async fn maps(
        ordered: BTreeMap<u8, Vec<u32>>,
        hashed: HashMap<u8, Vec<u32>>,
        three: (Vec<u32>, Vec<u32>, Vec<u32>),
    ) -> usize {
        ordered.len() + hashed.len() + three.2.len()
    }
    #[flow]
    async fn lake() -> usize {
        let one = raw::tracked().await;
        let two = || one.clone();
        let listed = list::tracked(vec![two()], [two(), two()], Some(two())).await;
        let map = || [(1, two())];
        let mapped =
            maps::tracked(BTreeMap::from(map()), HashMap::from(map()), (two(), two(), two())).await;
        *listed + *mapped
    }
    let (value, recorder) = recorded(lake).await;
    assert_eq!(value, 4 + 5);
    let counts = |task| -> Vec<usize> {
        inputs_of(&recorder, task).iter().map(|(_, runs)| runs.len()).collect()
    };
    assert_eq!(counts("list"), [1, 2, 1]);
    assert_eq!(counts("maps"), [1, 1, 3]);
}

#[tokio::test]
async fn a_failed_tracked_call_gives_the_functions_own_error() {
    #[derive(Debug, PartialEq)]
    struct Own(u32);
    #[task]
    async fn fails(x: u32) -> Result<u32, Own> {
        if x > 1 { Err(Own(x)) } else { Ok(x) }
    }
    let (failed, recorder) = recorded(|| fails::tracked(2)).await;
    assert_eq!(failed.unwrap_err(), Own(2));
    assert!(recorder.transcript().contains("Failed("));
    let good: Result<Tracked<u32>, Own> = fails::tracked(1).await;
    assert_eq!(*good.unwrap(), 1);
}

#[test]
fn a_plain_fn_is_tracked_at_once() {
    #[materialize("s3://raw")]
    fn make() -> u32 {
        20
    }
    #[materialize("s3://made", retries = 1)]
    fn add(x: u32, y: u32) -> Result<u32, String> {
        x.checked_add(y).ok_or_else(|| "too much".to_owned())
    }
    #[flow]
    fn sums() -> Result<u32, String> {
        let twenty = make::tracked();
        let run = twenty.task_run_id();
        let named = add::with_options().task_run_name("sum");
        let sum = named.tracked(Tracked::map(twenty, |x| x + 1), 1)?;
        assert_ne!(sum.task_run_id(), run);
        Ok(*sum)
    }
    let (sum, recorder) = recorded_sync(sums);
    assert_eq!(sum, Ok(22));
    assert_eq!(told(&recorder), ["+s3://raw", ">s3://raw", "+s3://made of s3://raw"]);
    let id = recorder.task_runs().iter().find(|(run, _)| run.task_name == "add").unwrap().0.clone();
    assert_eq!(id.name, "sum");
}

#[tokio::test]
async fn a_tracked_value_knows_the_id_under_which_its_run_is_recorded() {
    #[flow]
    async fn one() -> context::TaskRunId {
        raw::tracked().await.task_run_id()
    }
    let (id, recorder) = recorded(one).await;
    assert!(recorder.events().iter().any(
        |event| matches!(event, Recorded::TaskRun(run, _) if run.id == id && run.task_name == "raw")
    ));
}

#[tokio::test]
async fn what_is_taken_out_of_a_tracked_value_has_no_lineage() {
    #[flow]
    async fn loses() -> Result<usize, anyhow::Error> {
        let rows = raw::tracked().await;
        let sum = save::submit(rows.to_vec()).await?;
        Ok(sum + save(raw().await).await? + save::tracked(rows.into_inner()).await?.into_inner())
    }
    let (value, recorder) = recorded(loses).await;
    assert_eq!(value.unwrap(), 9);
    assert!(!told(&recorder).iter().any(|told| told.contains(" of ")), "{:?}", told(&recorder));
}
