use std::collections::BTreeMap;
use std::time::Duration;

use context_client::schema::{
    FlowFilter, FlowRunCreate, FlowRunFilter, FlowRunPolicy, FlowRunUpdate, JsonObject,
    OrchestrationStatus, Query, Sort, StateCreate, StateDetails, StateType, TaskRunCreate,
    TaskRunFilter,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{new_id, object, running, shared, texts, unique};

fn state(state_type: StateType) -> StateCreate {
    StateCreate::new(state_type)
}

#[tokio::test]
async fn a_flow_run_goes_from_state_to_state() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("states"), &[]).await.unwrap();
    let run = FlowRunCreate {
        name: Some("the-run".to_owned()),
        flow_version: Some("v1".to_owned()),
        parameters: object(json!({ "n": 5, "who": "bob" })),
        tags: texts(&["a", "b"]),
        labels: object(json!({ "team": "x" })),
        state: Some(state(StateType::Pending).with_name("Pending")),
        ..FlowRunCreate::new(flow.id)
    };
    let run = client.create_flow_run(&run).await.unwrap();
    assert_eq!((run.name.as_str(), run.flow_id), ("the-run", flow.id));
    assert_eq!(run.flow_version.as_deref(), Some("v1"));
    assert_eq!((run.tags, &run.parameters["who"]), (texts(&["a", "b"]), &json!("bob")));
    assert_eq!(run.state_type, Some(StateType::Pending));

    let result =
        client.set_flow_run_state(run.id, &state(StateType::Running), false).await.unwrap();
    assert_eq!(result.status, OrchestrationStatus::Accept);
    let accepted = result.state.unwrap();
    assert_eq!(accepted.state_details.flow_run_id, Some(run.id));
    assert!(accepted.state_details.transition_id.is_some());
    let completed =
        state(StateType::Completed).with_message("all done").with_data(json!({ "x": 1 }));
    client.set_flow_run_state(run.id, &completed, false).await.unwrap();

    let run = client.read_flow_run(run.id).await.unwrap();
    assert_eq!((run.run_count, run.labels["team"].as_str()), (1, Some("x")));
    assert!(run.start_time.is_some() && run.end_time >= run.start_time);
    let last = run.state.unwrap();
    assert!(last.is_final());
    assert_eq!((last.message.as_deref(), last.data), (Some("all done"), Some(json!({ "x": 1 }))));
    let states = client.read_flow_run_states(run.id).await.unwrap();
    let types: Vec<_> = states.into_iter().map(|state| state.state_type).collect();
    assert_eq!(types, [StateType::Pending, StateType::Running, StateType::Completed]);

    // It has ended: nobody works on it any more, unless it is forced.
    let pause = state(StateType::Paused);
    let result = client.set_flow_run_state(run.id, &pause, false).await.unwrap();
    assert_eq!(result.status, OrchestrationStatus::Abort);
    assert!(result.details.reason.is_some());
    let crashed =
        client.set_flow_run_state(run.id, &state(StateType::Crashed), true).await.unwrap();
    assert_eq!(crashed.status, OrchestrationStatus::Accept);

    client.delete_flow_run(run.id).await.unwrap();
    assert!(client.read_flow_run(run.id).await.unwrap_err().is_not_found());
    assert!(client.read_flow_run_states(run.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_server_decides_on_retries() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("retries"), &[]).await.unwrap();
    let policy =
        FlowRunPolicy { retries: Some(1), retry_delay: Some(1), ..FlowRunPolicy::default() };
    let run = FlowRunCreate { empirical_policy: Some(policy), ..FlowRunCreate::new(flow.id) };
    let run = client.create_flow_run(&run).await.unwrap();
    let propose =
        async |state: StateCreate| client.set_flow_run_state(run.id, &state, false).await.unwrap();
    propose(state(StateType::Running)).await;

    let rejected = propose(state(StateType::Failed).with_message("once")).await;
    assert_eq!(rejected.status, OrchestrationStatus::Reject);
    assert_eq!(rejected.details.reason.as_deref(), Some("Retrying"));
    let again = rejected.state.unwrap();
    assert_eq!(again.name.as_deref(), Some("AwaitingRetry"));
    assert!(again.state_details.scheduled_time.unwrap() > again.timestamp);

    let mut answer = propose(state(StateType::Running)).await;
    while answer.status == OrchestrationStatus::Wait {
        let delay = answer.details.delay_seconds.unwrap();
        tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        answer = propose(state(StateType::Running)).await;
    }
    assert_eq!(answer.status, OrchestrationStatus::Accept);
    assert_eq!(client.read_flow_run(run.id).await.unwrap().run_count, 2);
    assert_eq!(propose(state(StateType::Failed)).await.status, OrchestrationStatus::Accept);
}

#[tokio::test]
async fn a_proposal_that_is_sent_twice_counts_once() {
    let Some(client) = shared() else { return };
    let run = running(&client, "twice").await;
    let details = StateDetails { transition_id: Some(new_id()), ..StateDetails::default() };
    let completed = state(StateType::Completed).with_details(details);
    let first = client.set_flow_run_state(run.id, &completed, false).await.unwrap();
    let second = client.set_flow_run_state(run.id, &completed, false).await.unwrap();
    assert_eq!(first.status, OrchestrationStatus::Accept);
    assert!(!first.is_repeated() && second.is_repeated(), "{second:?}");
    assert_eq!(second.state.map(|state| state.id), first.state.map(|state| state.id));
    let states = client.read_flow_run_states(run.id).await.unwrap();
    let completed = states.iter().filter(|state| state.state_type == StateType::Completed);
    assert_eq!(completed.count(), 1);
}

#[tokio::test]
async fn the_same_key_is_the_same_run() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("key"), &[]).await.unwrap();
    let key = unique("key");
    let create = |name: &str| FlowRunCreate {
        name: Some(name.to_owned()),
        idempotency_key: Some(key.clone()),
        ..FlowRunCreate::new(flow.id)
    };
    let first = client.create_flow_run(&create("first")).await.unwrap();
    let second = client.create_flow_run(&create("second")).await.unwrap();
    assert_eq!((second.id, second.name.as_str()), (first.id, "first"));
    let found = client.read_flow_runs(FlowRunFilter::new().idempotency_keys([key])).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_flow_run_is_changed() {
    let Some(client) = shared() else { return };
    let run = running(&client, "changes").await;
    let changes = FlowRunUpdate {
        name: Some("renamed".to_owned()),
        flow_version: Some("v2".to_owned()),
        parameters: Some(object(json!({ "n": 1 }))),
        tags: Some(texts(&["late"])),
        infrastructure_pid: Some("host:17".to_owned()),
        empirical_policy: Some(FlowRunPolicy { retries: Some(3), ..FlowRunPolicy::default() }),
        job_variables: None,
    };
    client.update_flow_run(run.id, &changes).await.unwrap();
    let labels = object(json!({ "host": "h1", "cores": 2 }));
    client.update_flow_run_labels(run.id, &labels).await.unwrap();
    client.update_flow_run_labels(run.id, &object(json!({ "more": true }))).await.unwrap();

    let run = client.read_flow_run(run.id).await.unwrap();
    assert_eq!((run.name.as_str(), run.flow_version.as_deref()), ("renamed", Some("v2")));
    assert_eq!((run.tags, &run.parameters["n"]), (texts(&["late"]), &json!(1)));
    assert_eq!(run.infrastructure_pid.as_deref(), Some("host:17"));
    assert_eq!(run.empirical_policy.retries, Some(3));
    assert_eq!((&run.labels["host"], &run.labels["more"]), (&json!("h1"), &json!(true)));

    // Nothing is nothing.
    client.update_flow_run(run.id, &FlowRunUpdate::default()).await.unwrap();
    assert_eq!(client.read_flow_run(run.id).await.unwrap().name, "renamed");
    let err = client.update_flow_run(new_id(), &FlowRunUpdate::default()).await.unwrap_err();
    assert!(err.is_not_found(), "{err}");
}

#[tokio::test]
async fn flow_runs_are_found() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("finding"), &[]).await.unwrap();
    let tag = unique("tag");
    let before = Timestamp::now();
    let mut ids = BTreeMap::new();
    for name in ["a", "b", "c"] {
        let run = FlowRunCreate {
            name: Some(name.to_owned()),
            tags: if name == "c" { Vec::new() } else { vec![tag.clone()] },
            ..FlowRunCreate::new(flow.id)
        };
        ids.insert(name, client.create_flow_run(&run).await.unwrap().id);
    }
    client.set_flow_run_state(ids["b"], &state(StateType::Running), false).await.unwrap();
    let named = state(StateType::Cancelled).with_name("Stopped");
    client.set_flow_run_state(ids["c"], &named, false).await.unwrap();

    let names = async |filter: FlowRunFilter| -> Vec<String> {
        let query = Query::from(filter).and(FlowFilter::new().ids([flow.id])).sort(Sort::NameAsc);
        let runs = client.read_flow_runs(&query).await.unwrap();
        assert_eq!(client.count_flow_runs(&query).await.unwrap(), runs.len() as u64);
        runs.into_iter().map(|run| run.name).collect()
    };
    let all = FlowRunFilter::new;
    assert_eq!(names(all()).await, ["a", "b", "c"]);
    assert_eq!(names(all().ids([ids["a"], ids["c"]])).await, ["a", "c"]);
    assert_eq!(names(all().not_ids([ids["a"]])).await, ["b", "c"]);
    assert_eq!(names(all().names(["b"])).await, ["b"]);
    assert_eq!(names(all().name_like("C")).await, ["c"]);
    assert_eq!(names(all().tags_all([&tag])).await, ["a", "b"]);
    assert_eq!(names(all().tags_any([&tag, "other"])).await, ["a", "b"]);
    assert_eq!(names(all().state_types([StateType::Running])).await, ["b"]);
    assert_eq!(names(all().state_names(["Stopped"])).await, ["c"]);
    let since = client.read_flow_run(ids["b"]).await.unwrap().start_time.unwrap();
    assert_eq!(names(all().started_since(since).tags_all([&tag])).await, ["b"]);
    assert_eq!(names(all().started_until(since).tags_all([&tag])).await, ["a", "b"]);
    assert_eq!(names(all().expected_since(before)).await, ["a", "b", "c"]);
    assert!(names(all().expected_until(before)).await.is_empty());
    assert!(names(all().deployment_ids([new_id()])).await.is_empty());
}

#[tokio::test]
async fn a_flow_run_that_is_called_has_a_task_run_that_stands_for_it() {
    let Some(client) = shared() else { return };
    let parent = running(&client, "parent").await;
    let stand_in = TaskRunCreate {
        flow_run_id: Some(parent.id),
        task_key: "child".to_owned(),
        dynamic_key: "0".to_owned(),
        state: Some(state(StateType::Pending)),
        ..TaskRunCreate::default()
    };
    let stand_in = client.create_task_run(&stand_in).await.unwrap();
    let flow = client.create_flow(&unique("child"), &[]).await.unwrap();
    let child = FlowRunCreate {
        parent_task_run_id: Some(stand_in.id),
        state: Some(state(StateType::Pending)),
        ..FlowRunCreate::new(flow.id)
    };
    let child = client.create_flow_run(&child).await.unwrap();
    for filter in [
        FlowRunFilter::new().parent_task_run_ids([stand_in.id]),
        FlowRunFilter::new().parent_flow_run_ids([parent.id]),
    ] {
        let found = client.read_flow_runs(filter).await.unwrap();
        assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [child.id]);
    }
    client.set_flow_run_state(child.id, &state(StateType::Running), false).await.unwrap();
    client.set_flow_run_state(child.id, &state(StateType::Failed), false).await.unwrap();
    let stand_in = client.read_task_run(stand_in.id).await.unwrap();
    assert_eq!(stand_in.state_type, Some(StateType::Failed));
    assert_eq!(stand_in.state.unwrap().state_details.child_flow_run_id, Some(child.id));
    let subflows = TaskRunFilter::new().flow_run_ids([parent.id]).subflow_runs(true);
    assert_eq!(client.count_task_runs(&subflows).await.unwrap(), 1);

    let graph = client.read_flow_run_graph(parent.id).await.unwrap();
    assert_eq!(graph.nodes.len(), 1);
    let (id, node) = &graph.nodes[0];
    assert_eq!((*id, node.id, node.state_type.clone()), (child.id, child.id, StateType::Failed));
    assert_eq!(graph.states.last().unwrap().state_type, StateType::Running);
}

#[tokio::test]
async fn a_paused_flow_run_is_resumed_with_input() {
    let Some(client) = shared() else { return };
    let run = running(&client, "pause").await;
    let keys = ["description", "response", "schema"]
        .map(|key| (key.to_owned(), format!("paused-1-{key}")));
    let details = StateDetails {
        pause_timeout: Some(Timestamp::now() + SignedDuration::from_mins(5)),
        pause_key: Some("1".to_owned()),
        pause_reschedule: Some(false),
        run_input_keyset: Some(BTreeMap::from(keys)),
        ..StateDetails::default()
    };
    let schema = r#"{"type":"object","properties":{"age":{"type":"integer"}}}"#;
    client.create_flow_run_input(run.id, "paused-1-schema", schema).await.unwrap();
    let paused = state(StateType::Paused).with_name("Paused").with_details(details);
    let result = client.set_flow_run_state(run.id, &paused, false).await.unwrap();
    assert_eq!(result.status, OrchestrationStatus::Accept);
    assert_eq!(client.read_flow_run_input(run.id, "paused-1-schema").await.unwrap(), schema);

    let wrong = client.resume_flow_run(run.id, Some(json!({ "age": "old" }))).await.unwrap();
    assert_eq!(wrong.status, OrchestrationStatus::Reject, "{wrong:?}");
    let right = client.resume_flow_run(run.id, Some(json!({ "age": 7 }))).await.unwrap();
    assert_eq!(right.status, OrchestrationStatus::Accept, "{right:?}");
    let answer = client.read_flow_run_input(run.id, "paused-1-response").await.unwrap();
    assert_eq!(serde_json::from_str::<JsonObject>(&answer).unwrap(), object(json!({ "age": 7 })));
    let run = client.read_flow_run(run.id).await.unwrap();
    assert_eq!(run.state_type, Some(StateType::Running));
    assert_eq!(run.empirical_policy.resuming, Some(true));

    let again = client.resume_flow_run(run.id, None).await.unwrap();
    assert_ne!(again.status, OrchestrationStatus::Accept);
    assert!(client.resume_flow_run(new_id(), None).await.is_err());
}

#[tokio::test]
async fn inputs_are_kept_by_key() {
    let Some(client) = shared() else { return };
    let run = running(&client, "inputs").await;
    for key in ["in-1", "in-2", "other"] {
        client.create_flow_run_input(run.id, key, &format!("\"{key}\"")).await.unwrap();
    }
    let err = client.create_flow_run_input(run.id, "in-1", "2").await.unwrap_err();
    assert!(err.is_conflict(), "{err}");
    let keys = async |limit: u32, without: &[&str]| -> Vec<String> {
        let without = texts(without);
        let inputs = client.filter_flow_run_input(run.id, "in-", limit, &without).await.unwrap();
        assert!(inputs.iter().all(|input| input.flow_run_id == run.id));
        inputs.into_iter().map(|input| input.key).collect()
    };
    assert_eq!(keys(10, &[]).await, ["in-1", "in-2"]);
    assert_eq!(keys(1, &[]).await, ["in-1"]);
    assert_eq!(keys(10, &["in-1"]).await, ["in-2"]);
    assert_eq!(client.read_flow_run_input(run.id, "in-1").await.unwrap(), "\"in-1\"");
    client.delete_flow_run_input(run.id, "in-1").await.unwrap();
    assert!(client.read_flow_run_input(run.id, "in-1").await.unwrap_err().is_not_found());
    assert!(client.delete_flow_run_input(run.id, "in-1").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_cannot_be_is_said() {
    let Some(client) = shared() else { return };
    let text = client.create_flow_run(&FlowRunCreate::new(new_id())).await.unwrap_err();
    assert!(text.is_conflict(), "{text}");
    assert!(text.to_string().contains("POST /flow_runs/ was answered with 409"), "{text}");

    let id = new_id();
    let err = client.set_flow_run_state(id, &state(StateType::Running), false).await.unwrap_err();
    assert!(err.is_not_found() && err.to_string().contains(&id.to_string()), "{err}");
    assert!(err.to_string().contains("not found"), "{err}");

    let run = running(&client, "wrong").await;
    let unknown = state(StateType::Unknown("ASLEEP".to_owned()));
    let err = client.set_flow_run_state(run.id, &unknown, false).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("body.state.type: Input should be"), "{err}");

    let large = FlowRunCreate {
        parameters: object(json!({ "text": "x".repeat(600 * 1024) })),
        ..FlowRunCreate::new(run.flow_id)
    };
    let err = client.create_flow_run(&large).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().len() < 2000, "what was sent is not repeated: {err}");
}
