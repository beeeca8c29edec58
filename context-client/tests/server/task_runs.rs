use std::collections::BTreeMap;

use context_client::schema::{
    OrchestrationStatus, Query, RetryDelay, Sort, StateCreate, StateDetails, StateType, TaskInput,
    TaskRunCreate, TaskRunFilter, TaskRunPolicy,
};
use jiff::Timestamp;
use serde_json::json;

use crate::{new_id, object, running, shared, texts};

#[tokio::test]
async fn a_task_run_is_created_once_and_goes_from_state_to_state() {
    let Some(client) = shared() else { return };
    let flow_run = running(&client, "tasks").await;
    let upstream = new_id();
    let inputs = [
        ("rows", vec![TaskInput::TaskRun { id: upstream }]),
        ("n", vec![TaskInput::Parameter { name: "n".to_owned() }]),
        ("wait_for", Vec::new()),
    ];
    let create = TaskRunCreate {
        id: Some(new_id()),
        name: Some("load-0".to_owned()),
        flow_run_id: Some(flow_run.id),
        task_key: "load".to_owned(),
        dynamic_key: "0".to_owned(),
        task_version: Some("v1".to_owned()),
        tags: texts(&["io"]),
        labels: object(json!({ "team": "x" })),
        task_inputs: inputs.map(|(key, inputs)| (key.to_owned(), inputs)).into(),
        empirical_policy: Some(TaskRunPolicy {
            retries: Some(2),
            retry_delay: Some(RetryDelay::Each(vec![1.0, 2.5])),
            retry_jitter_factor: Some(0.5),
        }),
        state: Some(StateCreate::new(StateType::Pending)),
        ..TaskRunCreate::default()
    };
    let run = client.create_task_run(&create).await.unwrap();
    assert_eq!(Some(run.id), create.id);
    assert_eq!(run.task_inputs, create.task_inputs);
    assert_eq!((run.tags, run.task_version.as_deref()), (texts(&["io"]), Some("v1")));
    assert_eq!(Some(run.empirical_policy), create.empirical_policy);

    let again = TaskRunCreate { id: None, name: Some("other".to_owned()), ..create };
    let again = client.create_task_run(&again).await.unwrap();
    assert_eq!((again.id, again.name.as_str()), (run.id, "load-0"));

    for state_type in [StateType::Running, StateType::Completed] {
        let state = StateCreate::new(state_type);
        let result = client.set_task_run_state(run.id, &state, false).await.unwrap();
        assert_eq!(result.status, OrchestrationStatus::Accept);
    }
    let states = client.read_task_run_states(run.id).await.unwrap();
    let names: Vec<_> = states.iter().map(|state| state.display_name()).collect();
    assert_eq!(names, ["Pending", "Running", "Completed"]);
    assert_eq!(states[2].state_details.task_run_id, Some(run.id));
    let run = client.read_task_run(run.id).await.unwrap();
    assert_eq!((run.state_type, run.run_count), (Some(StateType::Completed), 1));
    assert_eq!(run.flow_run_id, Some(flow_run.id));

    client.delete_task_run(run.id).await.unwrap();
    let err = client.read_task_run(run.id).await.unwrap_err();
    assert!(err.is_not_found() && err.to_string().contains("Task not found"), "{err}");
}

#[tokio::test]
async fn task_runs_are_found_and_counted() {
    let Some(client) = shared() else { return };
    let flow_run = running(&client, "counted").await;
    for number in 0..5 {
        let state = if number < 2 { StateType::Completed } else { StateType::Failed };
        let run = TaskRunCreate {
            name: Some(format!("run-{number}")),
            flow_run_id: Some(flow_run.id),
            task_key: "k".to_owned(),
            dynamic_key: number.to_string(),
            tags: if number == 4 { texts(&["last"]) } else { Vec::new() },
            state: Some(StateCreate::new(state)),
            ..TaskRunCreate::default()
        };
        client.create_task_run(&run).await.unwrap();
    }
    let of_run = || TaskRunFilter::new().flow_run_ids([flow_run.id]);
    let count = async |filter: TaskRunFilter| client.count_task_runs(filter).await.unwrap();
    assert_eq!(count(of_run()).await, 5);
    assert_eq!(count(of_run().state_types([StateType::Completed])).await, 2);
    assert_eq!(count(of_run().state_names(["Failed"])).await, 3);
    assert_eq!(count(of_run().tags_all(["last"])).await, 1);
    assert_eq!(count(of_run().names(["run-1", "run-2", "none"])).await, 2);
    assert_eq!(count(of_run().name_like("RUN-")).await, 5);
    assert_eq!(count(of_run().subflow_runs(true)).await, 0);
    assert_eq!(count(of_run().ids([new_id()])).await, 0);
    assert_eq!(count(of_run().started_since(Timestamp::now())).await, 0);

    // Page by page.
    let mut names = Vec::new();
    loop {
        let page = Query::from(of_run()).sort(Sort::NameAsc).limit(2).offset(names.len() as u64);
        let runs = client.read_task_runs(page).await.unwrap();
        if runs.is_empty() {
            break;
        }
        assert!(runs.len() <= 2);
        names.extend(runs.into_iter().map(|run| run.name));
    }
    assert_eq!(names, ["run-0", "run-1", "run-2", "run-3", "run-4"]);
    let err = client.read_task_runs(Query::new().limit(201)).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
}

#[tokio::test]
async fn a_task_run_of_no_flow_run_is_refused() {
    let Some(client) = shared() else { return };
    let run = TaskRunCreate {
        flow_run_id: Some(new_id()),
        task_key: "k".to_owned(),
        dynamic_key: "0".to_owned(),
        ..TaskRunCreate::default()
    };
    let err = client.create_task_run(&run).await.unwrap_err();
    assert!(err.is_conflict(), "{err}");
}

#[tokio::test]
async fn task_runs_for_background_workers_are_handed_out_once() {
    let Some(client) = shared() else { return };
    let key = crate::unique("bg");
    let keys = [key.clone()];
    let mut first = client.subscribe_scheduled_task_runs(&keys, "worker-1").await.unwrap();
    let parameters = new_id();
    let create = async |number: u32| {
        let details = StateDetails {
            deferred: Some(true),
            task_parameters_id: Some(parameters),
            scheduled_time: Some(Timestamp::now()),
            ..StateDetails::default()
        };
        let run = TaskRunCreate {
            task_key: key.clone(),
            dynamic_key: format!("{key}-{number}"),
            task_inputs: BTreeMap::new(),
            state: Some(StateCreate::new(StateType::Scheduled).with_details(details)),
            ..TaskRunCreate::default()
        };
        client.create_task_run(&run).await.unwrap().id
    };
    let ids = [create(0).await, create(1).await];
    let taken = first.next().await.unwrap().unwrap();
    assert_eq!(taken.id, ids[0]);
    let details = taken.state.unwrap().state_details;
    assert_eq!((details.deferred, details.task_parameters_id), (Some(true), Some(parameters)));

    // The other one was sent, but nobody has taken it when this worker goes.
    first.close().await;
    let mut second = client.subscribe_scheduled_task_runs(&keys, "worker-2").await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap().id, ids[1]);
}

#[tokio::test]
async fn a_subscription_without_keys_is_refused_with_a_reason() {
    let Some(client) = shared() else { return };
    let mut runs = client.subscribe_scheduled_task_runs(&[], "worker-1").await.unwrap();
    let err = runs.next().await.unwrap().unwrap_err();
    assert!(err.to_string().contains("with code 4001: Protocol violation"), "{err}");
    assert!(!err.is_unreachable());
}
