//! Subflows.

use context::prelude::*;

use crate::{recorded, recorded_sync};

#[task]
async fn step(n: u32) -> u32 {
    n
}

#[flow(name = "Child Flow")]
async fn child(n: u32) -> Result<u32, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(step(n).await) }
}

#[flow]
fn sync_child(n: u32) -> u32 {
    n
}

#[task]
async fn calls_a_flow(n: u32) -> Result<u32, String> {
    child(n).await
}

#[flow]
async fn parent() -> Result<u32, String> {
    let first = child(1).await?;
    let second = child(2).await?;
    let sync = sync_child(3);
    drop(child(13).await);
    Ok(first + second + sync + calls_a_flow(4).await?)
}

#[tokio::test]
async fn a_subflow_is_a_flow_run_with_a_task_run_that_stands_for_it() {
    let (value, recorder) = recorded(|| async { tags!("t", { parent().await }) }).await;
    assert_eq!(value, Ok(10));
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow parent [t]: Pending, Running, Completed
      subflow Child Flow-0 [t]: Pending, Running, Completed
        flow Child Flow [t]: Pending, Running, Completed
          task step [t]: Pending, Running, Completed
      subflow Child Flow-1 [t]: Pending, Running, Completed
        flow Child Flow [t]: Pending, Running, Completed
          task step [t]: Pending, Running, Completed
      subflow sync-child-0 [t]: Pending, Running, Completed
        flow sync-child [t]: Pending, Running, Completed
      subflow Child Flow-2 [t]: Pending, Running, Failed(Flow run encountered an exception: String: unlucky)
        flow Child Flow [t]: Pending, Running, Failed(Flow run encountered an exception: String: unlucky)
      task calls_a_flow [t]: Pending, Running, Completed
        subflow Child Flow-3 [t]: Pending, Running, Completed
          flow Child Flow [t]: Pending, Running, Completed
            task step [t]: Pending, Running, Completed
    ");
    let flows = recorder.flow_runs();
    let tasks = recorder.task_runs();
    let stand_in = tasks.iter().find(|(run, _)| run.name == "Child Flow-1").unwrap();
    let child = flows.iter().find(|(run, _)| Some(run.id) == stand_in.0.child_flow_run_id).unwrap();
    assert_eq!(child.0.parent_task_run_id, Some(stand_in.0.id));
    assert_eq!(stand_in.0.dynamic_key, "1");
    assert_eq!(stand_in.0.flow_run_id, Some(flows[0].0.id));
}

#[tokio::test]
async fn a_task_in_a_subflow_is_not_the_child_of_a_task_outside() {
    #[flow]
    async fn outer() -> Result<u32, String> {
        calls_a_flow(4).await
    }
    let (_, recorder) = recorded(outer).await;
    let tasks = recorder.task_runs();
    let step = tasks.iter().find(|(run, _)| run.task_name == "step").unwrap();
    assert_eq!(step.0.parent, None);
    let stand_in = tasks.iter().find(|(run, _)| run.child_flow_run_id.is_some()).unwrap();
    let caller = tasks.iter().find(|(run, _)| run.task_name == "calls_a_flow").unwrap();
    assert_eq!(stand_in.0.parent, Some(caller.0.id));
}

#[tokio::test]
async fn a_flow_called_in_a_task_outside_a_flow_is_at_the_top() {
    let (_, recorder) = recorded(|| calls_a_flow(1)).await;
    assert_eq!(recorder.flow_runs()[0].0.parent_task_run_id, None);
}

#[test]
fn runs_know_their_root() {
    #[flow]
    fn inner() -> (context::FlowRunId, Option<context::FlowRunId>) {
        let run = current_run!(flow);
        (run.root_flow_run_id(), run.parent_flow_run_id())
    }
    #[flow]
    fn outer() -> bool {
        let own = current_run!(flow).id();
        inner() == (own, Some(own)) && current_run!(flow).root_flow_run_id() == own
    }
    assert!(recorded_sync(outer).0);
}

#[tokio::test]
async fn with_options_calls_a_flow_under_other_options() {
    let (value, recorder) = recorded(|| async {
        child::with_options().name("other").flow_run_name("one").call(7).await
    })
    .await;
    assert_eq!(value, Ok(7));
    let run = recorder.flow_runs().remove(0).0;
    assert_eq!((run.flow_name.as_str(), run.name.as_str()), ("other", "one"));
    assert_eq!(sync_child::with_options().retries(1).call(3), 3);
}

#[tokio::test]
async fn flows_run_concurrently_without_seeing_each_other() {
    #[flow]
    async fn own(n: u32) -> bool {
        let id = current_run!(flow).id();
        for _ in 0..10 {
            tokio::task::yield_now().await;
            if current_run!(flow).id() != id || step(n).await != n {
                return false;
            }
        }
        true
    }
    let all = futures::future::join_all((0..10).map(own)).await;
    assert!(all.into_iter().all(|good| good));
}

#[tokio::test]
async fn a_retried_flow_calls_its_subflows_anew_counting_from_zero() {
    #[flow]
    async fn inner() -> u32 {
        1
    }
    #[flow(retries = 1)]
    async fn outer() -> Result<u32, String> {
        let sum = inner().await + inner().await;
        if current_run!().run_count() == 1 { Err("again".to_owned()) } else { Ok(sum) }
    }
    let (value, recorder) = recorded(outer).await;
    assert_eq!(value, Ok(2));
    let names: Vec<_> = recorder.task_runs().into_iter().map(|(run, _)| run.name).collect();
    assert_eq!(names, ["inner-0", "inner-1", "inner-0", "inner-1"]);
}
