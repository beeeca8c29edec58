//! What another process tells is told here as it was there.

use serde_json::json;

use super::*;
use crate::event::Resource;
use crate::record::{MemoryRecorder, Recorder as _};

fn through_json(event: &RunEvent<'_>) -> RelayedEvent {
    let text = serde_json::to_string(&RelayedEvent::from(event)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What a recorder keeps of an event, and what it keeps of the same from another process.
fn both(event: &RunEvent<'_>) -> [String; 2] {
    let [here, there] = [MemoryRecorder::new(), MemoryRecorder::new()];
    here.record(event);
    through_json(event).tell(|_| &["url"], |event| there.record(event));
    [here, there].map(|recorder| format!("{:?}", recorder.events()))
}

fn assert_same(event: &RunEvent<'_>) {
    let [here, there] = both(event);
    assert_eq!(here, there);
}

fn with_task_run(f: impl FnOnce(&TaskRunEvent<'_>)) {
    let at = Timestamp::from_nanos(1_000_000_000);
    let ids = [(); 3].map(|()| TaskRunId::generate(at));
    let own: Tags = ["own"].into_iter().collect();
    let ambient = TagNode::push(None, ["around"].into_iter().collect());
    let mut inputs = TaskInputs::new();
    inputs.add("url", vec![ids[2]]);
    inputs.add(TaskInputs::WAIT_FOR, vec![ids[1]]);
    let parameters = Parameters::from_iter([("url", json!("x")), ("list", json!([1, null]))]);
    let state = State::new(StateType::Running, at)
        .with_name("Retrying")
        .with_message("again")
        .with_id(StateId::generate(at))
        .with_details(|details| details.cache_key = Some("k".to_owned()));
    f(&TaskRunEvent {
        id: ids[0],
        name: RunName::Derived("fetch", ids[0]),
        task_name: "fetch",
        task_key: ("fetch", "01234567"),
        task_version: Some("2"),
        dynamic_key: DynamicKey::Random(ids[0]),
        flow_run_id: Some(FlowRunId::generate(at)),
        parent: Some(ids[2]),
        child_flow_run_id: None,
        tags: RunTags { own: Some(&own), ambient: Some(&ambient) },
        inputs: &inputs,
        parameters: &parameters,
        run_count: 2,
        start_time: Some(at),
        end_time: None,
        total_run_time: Duration::from_millis(1500),
        flow_run_run_count: 1,
        retries: Retries {
            count: 3,
            delays: RetryDelays::Each(&[Duration::from_millis(20), Duration::from_secs(1)]),
            jitter: Some(0.5),
        },
        result: Some(&json!({ "storage_key": "k" })),
        state: &state,
    });
}

#[test]
fn runs_are_told_as_they_were() {
    with_task_run(|task_run| {
        assert_same(&RunEvent::TaskRun(*task_run));
        for delays in [RetryDelays::None, RetryDelays::Doubling(Duration::from_secs(2))] {
            let retries = Retries { delays, ..task_run.retries };
            let dynamic_key = DynamicKey::Counter(4);
            assert_same(&RunEvent::TaskRun(TaskRunEvent { retries, dynamic_key, ..*task_run }));
        }
        assert_same(&RunEvent::FlowRun(FlowRunEvent {
            id: FlowRunId::generate(Timestamp::from_nanos(5)),
            name: "calm-otter",
            flow_name: "crawl",
            flow_version: "1",
            parent_task_run_id: Some(task_run.id),
            tags: task_run.tags,
            parameters: task_run.parameters,
            run_count: 1,
            start_time: None,
            end_time: task_run.start_time,
            total_run_time: Duration::ZERO,
            state: task_run.state,
        }));
    });
}

#[test]
fn what_runs_tell_is_told_as_it_was() {
    with_task_run(|task_run| {
        let asset = |key: &str| Asset::new(key).unwrap().with_name("Rows");
        let (made, read) = (asset("s3://a/b"), [asset("s3://c/d")]);
        let metadata = json!({ "rows": 2 });
        for event in ["prefect.asset.referenced", "prefect.asset.materialization.succeeded"] {
            assert_same(&RunEvent::Asset(AssetEvent {
                event,
                asset: &made,
                task_run_id: task_run.id,
                task_run,
                upstream: &read,
                materialized_by: Some("polars"),
                metadata: metadata.as_object(),
            }));
        }
        let origin = Origin {
            flow_run_id: task_run.flow_run_id,
            flow_run_name: Some("calm-otter".to_owned()),
            flow_name: Some("crawl".to_owned()),
            task_run_id: Some(task_run.id),
            task_run_name: Some("fetch-1".to_owned()),
            tags: task_run.tags.to_set(),
        };
        for (event, kind) in
            [(ArtifactEvent::CREATED, Some("table")), (ArtifactEvent::UPDATED, None)]
        {
            assert_same(&RunEvent::Artifact(ArtifactEvent {
                event,
                id: ArtifactId::generate(Timestamp::from_nanos(7)),
                key: Some("k"),
                kind,
                description: None,
                data: &json!(50.5),
                origin: &origin,
            }));
        }
        let event = Event::new("shop.order.paid", Resource::new("shop.order.1").with_name("One"))
            .with_related("customer", "shop.customer.2")
            .with_payload(json!({ "amount": 20 }));
        assert_same(&RunEvent::Custom(CustomEvent { event: &event, origin: &origin }));
        assert_same(&RunEvent::Progress(ProgressEvent {
            task_run_id: task_run.id,
            flow_run_id: task_run.flow_run_id.unwrap(),
            name: task_run.name,
            done: 1,
            failed: 1,
            total: 3,
        }));
    });
}
