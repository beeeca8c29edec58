//! The types against what Prefect's client and server were recorded to send (`tests/data`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

static ANSWERS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../tests/data/answers.json")).unwrap());
static REQUESTS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../tests/data/requests.json")).unwrap());

fn answer<T: DeserializeOwned>(name: &str) -> T {
    T::deserialize(&ANSWERS[name]).unwrap_or_else(|err| panic!("{name}: {err}"))
}

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn object(value: Value) -> JsonObject {
    serde_json::from_value(value).unwrap()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// Without what says nothing: nulls, empty lists and objects, and what the server takes for granted anyway.
fn without_defaults(value: &Value) -> Value {
    const GRANTED: [(&str, Value); 3] = [
        ("untrackable_result", Value::Bool(false)),
        ("pause_reschedule", Value::Bool(false)),
        ("replaces", Value::Null),
    ];
    // Prefect has other names for these now, and sends both.
    const OLD: [&str; 2] = ["max_retries", "retry_delay_seconds"];
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(key, value)| {
                !OLD.contains(&key.as_str())
                    && !GRANTED.iter().any(|(k, v)| k == key && v == *value)
            })
            .map(|(key, value)| (key.clone(), without_defaults(value)))
            .filter(|(_, value)| {
                !matches!(value, Value::Null) && *value != json!([]) && *value != json!({})
            })
            .collect::<JsonObject>()
            .into(),
        Value::Array(items) => items.iter().map(without_defaults).collect(),
        // The same time may be written with more zeros.
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => time.to_string().into(),
            Err(_) => text.clone().into(),
        },
        other => other.clone(),
    }
}

#[track_caller]
fn assert_sent_as_prefect_does(name: &str, ours: &impl Serialize) {
    let ours = serde_json::to_value(ours).unwrap();
    assert_eq!(without_defaults(&ours), without_defaults(&REQUESTS[name]), "{name}");
    assert!(!ours.to_string().contains("null"), "what is not there is left out: {ours}");
}

#[test]
fn a_flow_is_sent_and_read() {
    let flow =
        FlowCreate { name: "wire-a".to_owned(), tags: Vec::new(), labels: JsonObject::new() };
    assert_sent_as_prefect_does("flow", &flow);
    let flow: Flow = answer("flow");
    assert_eq!((flow.name.as_str(), flow.tags.len()), ("wire-a", 0));
    assert_eq!(flow.created.unwrap().to_string(), "2026-11-22T12:10:12.81717Z");
}

#[test]
fn a_flow_run_is_sent_and_read() {
    let run = FlowRunCreate {
        flow_version: Some("v1".to_owned()),
        parameters: object(json!({ "n": 5, "who": "bob" })),
        empirical_policy: Some(FlowRunPolicy {
            retries: Some(0),
            retry_delay: Some(0),
            ..FlowRunPolicy::default()
        }),
        tags: texts(&["run-tag"]),
        state: Some(StateCreate::new(StateType::Pending).with_name("Pending")),
        ..FlowRunCreate::new(id("1a9d2d71-cba2-4169-b863-555dbe8be348"))
    };
    assert_sent_as_prefect_does("flow_run", &run);

    let run: FlowRun = answer("flow_run");
    assert_eq!(run.name, "tungsten-malkoha");
    assert_eq!(run.parameters["who"], "bob");
    assert_eq!(run.empirical_policy.retries, Some(0));
    assert_eq!(run.state_type, Some(StateType::Running));
    assert_eq!((run.run_count, run.tags), (1, texts(&["run-tag"])));
    assert!(run.start_time.is_some() && run.end_time.is_none());
    let state = run.state.unwrap();
    assert_eq!((state.display_name().as_str(), state.is_final()), ("Running", false));
    assert_eq!(state.state_details.flow_run_id, Some(run.id));
}

#[test]
fn a_proposal_is_sent() {
    let state = StateCreate::new(StateType::Failed)
        .with_name("Failed")
        .with_message("Flow run encountered an exception: RuntimeError: first")
        .with_data(REQUESTS["proposal"]["state"]["data"].clone())
        .with_details(StateDetails {
            flow_run_id: Some(id("7e10ea1b-1915-4f29-856c-7761160892b8")),
            retriable: Some(false),
            transition_id: Some(id("0d697fb6-db0b-45fb-aec8-4f632cf5702d")),
            ..StateDetails::default()
        });
    assert_sent_as_prefect_does("proposal", &json!({ "state": state, "force": false }));
}

#[test]
fn what_became_of_a_proposal_is_read() {
    let accepted: OrchestrationResult = answer("accepted");
    assert_eq!(accepted.status, OrchestrationStatus::Accept);
    assert_eq!(accepted.details, OrchestrationDetails::default());

    let rejected: OrchestrationResult = answer("rejected");
    let state = rejected.state.as_ref().unwrap();
    assert_eq!(rejected.status, OrchestrationStatus::Reject);
    assert_eq!(rejected.details.reason.as_deref(), Some("Retrying"));
    assert_eq!(state.name.as_deref(), Some("AwaitingRetry"));
    assert!(state.state_details.scheduled_time.is_some() && state.data.is_some());
    assert!(!rejected.is_repeated());

    let waiting: OrchestrationResult = answer("waiting");
    assert_eq!(waiting.status, OrchestrationStatus::Wait);
    assert_eq!(waiting.details.delay_seconds, Some(1.0));

    let aborted: OrchestrationResult = answer("aborted");
    assert_eq!(aborted.status, OrchestrationStatus::Abort);
    assert!(aborted.details.reason.unwrap().contains("terminal state COMPLETED"));

    assert_eq!(answer::<OrchestrationResult>("resumed").status, OrchestrationStatus::Accept);
}

#[test]
fn a_proposal_that_was_sent_again_is_recognised() {
    let result: OrchestrationResult = serde_json::from_value(json!({
        "state": null,
        "status": "REJECT",
        "details": { "type": "reject_details", "reason": "This run has already made this state transition." },
    }))
    .unwrap();
    assert!(result.is_repeated());
}

#[test]
fn a_task_run_is_sent_and_read() {
    let run = TaskRunCreate {
        name: Some("wire-e-child-0".to_owned()),
        flow_run_id: Some(id("1ff61463-8da5-4d0b-9c4e-d3bd672910d5")),
        task_key: "child-fd104812".to_owned(),
        dynamic_key: "0".to_owned(),
        task_version: Some("440d58623bef984fa019a973a8be97fe".to_owned()),
        empirical_policy: Some(TaskRunPolicy {
            retries: Some(0),
            retry_delay: Some(RetryDelay::Seconds(0.0)),
            retry_jitter_factor: None,
        }),
        task_inputs: BTreeMap::from([("x".to_owned(), Vec::new())]),
        state: Some(StateCreate::new(StateType::Pending).with_name("Pending")),
        ..TaskRunCreate::default()
    };
    assert_sent_as_prefect_does("task_run", &run);
    // An argument that came from nowhere is sent all the same.
    assert_eq!(serde_json::to_value(&run).unwrap()["task_inputs"], json!({ "x": [] }));

    let run: TaskRun = answer("task_run");
    assert_eq!(run.state_type, Some(StateType::Pending));
    assert_eq!(run.empirical_policy.retry_delay, Some(RetryDelay::Seconds(0.0)));
}

#[test]
fn inputs_of_a_task_run_have_types() {
    let upstream = Uuid::from_u128(7);
    let inputs = vec![
        TaskInput::TaskRun { id: upstream },
        TaskInput::FlowRun { id: upstream },
        TaskInput::Parameter { name: "n".to_owned() },
        TaskInput::Constant { kind: "int".to_owned() },
    ];
    let sent = serde_json::to_value(&inputs).unwrap();
    let types: Vec<_> = sent.as_array().unwrap().iter().map(|input| &input["input_type"]).collect();
    assert_eq!(types, ["task_run", "flow_run", "parameter", "constant"]);
    assert_eq!(sent[0], json!({ "input_type": "task_run", "id": upstream }));
    assert_eq!(serde_json::from_value::<Vec<TaskInput>>(sent).unwrap(), inputs);
    let newer = json!({ "input_type": "asset", "key": "s3://a" });
    assert_eq!(serde_json::from_value::<TaskInput>(newer).unwrap(), TaskInput::Unknown);
}

#[test]
fn delays_of_retries_are_whole_numbers_where_they_can() {
    let sent = |delay| serde_json::to_string(&delay).unwrap();
    assert_eq!(sent(RetryDelay::Seconds(3.0)), "3");
    assert_eq!(sent(RetryDelay::Seconds(0.5)), "0.5");
    assert_eq!(sent(RetryDelay::Each(vec![1.0, 2.5])), "[1.0,2.5]");
    let read = |text| serde_json::from_str::<RetryDelay>(text).unwrap();
    assert_eq!(read("2"), RetryDelay::Seconds(2.0));
    assert_eq!(read("[1, 2.5]"), RetryDelay::Each(vec![1.0, 2.5]));
}

#[test]
fn logs_are_sent() {
    let log = LogCreate {
        name: "prefect.flow_runs".to_owned(),
        level: 20,
        message: "Beginning flow run 'festive-chamois' for flow 'wire-g'".to_owned(),
        timestamp: "2026-11-22T12:11:26.832879Z".parse().unwrap(),
        flow_run_id: Some(id("f22aef5c-f057-446a-b9c1-5b13c1603e90")),
        task_run_id: None,
    };
    assert_sent_as_prefect_does("logs", &[log]);
}

#[test]
fn an_artifact_is_sent_and_read() {
    let artifact = ArtifactCreate {
        key: Some("tab".to_owned()),
        kind: Some("table".to_owned()),
        description: Some("d".to_owned()),
        data: Some(json!(r#"[{"a": 1}]"#)),
        flow_run_id: Some(id("f16b6bba-1eca-4742-9fb9-9c0a2c82726c")),
        task_run_id: Some(id("01a2032b-48ed-7581-b8cb-26d8c0b38897")),
        ..ArtifactCreate::default()
    };
    assert_sent_as_prefect_does("artifact", &artifact);
    let update = ArtifactUpdate { data: Some(json!(100.0)), ..ArtifactUpdate::default() };
    assert_sent_as_prefect_does("artifact_update", &update);
    let artifact: Artifact = answer("artifact");
    assert_eq!(artifact.kind.as_deref(), Some("table"));
    assert!(artifact.metadata.is_empty());
}

#[test]
fn a_variable_is_sent_and_read() {
    let variable =
        VariableCreate { name: "wire_v".to_owned(), value: json!({ "a": 1 }), tags: texts(&["x"]) };
    assert_sent_as_prefect_does("variable", &variable);
    let update = VariableUpdate {
        name: Some("wire_v".to_owned()),
        value: Some(json!(7)),
        tags: Some(Vec::new()),
    };
    assert_sent_as_prefect_does("variable_update", &update);
    let variable: Variable = answer("variable");
    assert_eq!((variable.value, variable.tags), (json!({ "a": 1 }), texts(&["x"])));
}

#[test]
fn a_deployment_is_sent_and_read() {
    let version = "de8df25ff6f82215319c2d46639dc647".to_owned();
    let interval = Schedule::Interval {
        interval: 3600.0,
        anchor_date: Some("2026-11-22T12:14:02.417330Z".parse().unwrap()),
        timezone: Some("UTC".to_owned()),
    };
    let deployment = DeploymentCreate {
        name: "k-dep".to_owned(),
        flow_id: id("6b11d63d-e1a9-45b5-86ab-a434678d8304"),
        paused: Some(false),
        schedules: vec![DeploymentScheduleCreate::new(interval.clone())],
        enforce_parameter_schema: Some(true),
        parameter_openapi_schema: Some(object(
            REQUESTS["deployment"]["parameter_openapi_schema"].clone(),
        )),
        parameters: object(json!({ "secs": 0.5 })),
        tags: texts(&["ktag"]),
        description: Some("None".to_owned()),
        path: Some(".".to_owned()),
        entrypoint: Some("kserve.py:wire_k".to_owned()),
        version: Some(version.clone()),
        version_info: Some(VersionInfo {
            kind: "prefect:simple".to_owned(),
            version,
            more: JsonObject::new(),
        }),
        ..DeploymentCreate::default()
    };
    assert_sent_as_prefect_does("deployment", &deployment);

    let deployment: Deployment = answer("deployment");
    assert_eq!(deployment.status, Some(DeploymentStatus::NotReady));
    assert_eq!(deployment.schedules[0].schedule, interval);
    assert!(deployment.enforce_parameter_schema && deployment.schedules[0].active);

    let run = DeploymentFlowRunCreate {
        name: Some("plain".to_owned()),
        parameters: object(json!({ "mode": "plain" })),
        ..DeploymentFlowRunCreate::default()
    };
    assert_sent_as_prefect_does("deployment_flow_run", &run);
}

#[test]
fn a_schedule_is_one_of_three_or_kept() {
    let read = |value: Value| serde_json::from_value::<Schedule>(value).unwrap();
    let cron = read(json!({ "cron": "0 9 * * *", "timezone": "Europe/Rome", "day_or": true }));
    assert!(
        matches!(&cron, Schedule::Cron { cron, day_or: Some(true), .. } if cron == "0 9 * * *")
    );
    let rrule = read(json!({ "rrule": "FREQ=DAILY", "timezone": "UTC" }));
    assert!(matches!(&rrule, Schedule::RRule { rrule, .. } if rrule == "FREQ=DAILY"));
    let newer = json!({ "sunset": "Rome" });
    assert_eq!(serde_json::to_value(read(newer.clone())).unwrap(), newer);
}

#[test]
fn a_work_pool_is_sent_and_read() {
    let pool = WorkPoolCreate {
        name: "rust-pool".to_owned(),
        kind: Some("process".to_owned()),
        ..WorkPoolCreate::default()
    };
    assert_sent_as_prefect_does("work_pool", &pool);
    let pool: WorkPool = answer("work_pool");
    assert_eq!((pool.kind.as_str(), pool.status), ("process", Some(WorkPoolStatus::NotReady)));
    let queue: WorkQueue = answer("work_queue");
    assert_eq!((queue.name.as_str(), queue.priority), ("default", Some(1)));
    let run: WorkerFlowRun = answer("worker_flow_run");
    assert_eq!(run.flow_run.name, "sage-worm");
    assert_eq!(run.flow_run.empirical_policy.retries, None);
}

#[test]
fn limits_are_sent_and_read() {
    let limit = GlobalConcurrencyLimitCreate {
        name: "wire-rate".to_owned(),
        limit: 5,
        slot_decay_per_second: Some(5.0),
        ..GlobalConcurrencyLimitCreate::default()
    };
    assert_sent_as_prefect_does("global_limit", &limit);
    let limit: GlobalConcurrencyLimit = answer("global_limit");
    assert!(limit.active);
    assert_eq!((limit.limit, limit.slot_decay_per_second), (5, 5.0));
    let limit: ConcurrencyLimit = answer("tag_limit");
    assert_eq!((limit.tag.as_str(), limit.concurrency_limit), ("wire-lim", 1));
    assert_eq!(answer::<ConcurrencyLease>("lease").limits[0].name, "wire-gcl");
    assert!(answer::<ConcurrencyLease>("no_lease").limits.is_empty());
}

#[test]
fn a_graph_is_read() {
    let graph: Graph = answer("graph");
    assert_eq!(graph.root_node_ids.len(), 1);
    let nodes: BTreeMap<&str, &GraphNode> =
        graph.nodes.iter().map(|(_, node)| (node.label.as_str(), node)).collect();
    let (extract, transform) = (nodes["extract"], nodes["transform"]);
    let nested = nodes["nested-call"];
    assert_eq!(nested.parents[0].id, extract.id);
    assert_eq!(nested.encapsulating[0].id, transform.id);
    assert_eq!(nested.state_type, StateType::Failed);
    assert_eq!(transform.artifacts[0].key.as_deref(), Some("rep"));
    assert_eq!(nodes["graph-proof-child / strict-swan"].kind, NodeKind::FlowRun);
    let states: Vec<_> = graph.states.iter().map(|state| state.name.as_str()).collect();
    assert_eq!(states, ["Pending", "Running", "Completed"]);
}

#[test]
fn an_event_is_written_as_it_was_read() {
    let event: Event = answer("event");
    assert_eq!(event.resource.id(), "my.thing.1");
    assert_eq!(event.related[0].role(), Some("peer"));
    let written = serde_json::to_value(&event).unwrap();
    for (key, value) in ANSWERS["event"].as_object().unwrap() {
        assert_eq!(&written[key], value, "{key}");
    }
}

#[test]
fn what_is_not_known_is_kept() {
    let state: StateType = serde_json::from_str("\"ASLEEP\"").unwrap();
    assert_eq!(state, StateType::Unknown("ASLEEP".to_owned()));
    assert!(!state.is_final());
    assert_eq!(serde_json::to_string(&state).unwrap(), "\"ASLEEP\"");
    assert_eq!(state.default_name(), "Asleep");
    // Escaped texts cannot be borrowed from the input.
    assert_eq!(serde_json::from_str::<StateType>(r#""FAI\u004cED""#).unwrap(), StateType::Failed);
}

#[test]
fn nulls_and_unknown_members_do_not_matter() {
    let mut run = ANSWERS["flow_run"].clone();
    for key in ["tags", "labels", "parameters", "empirical_policy", "state", "context"] {
        run[key] = Value::Null;
    }
    run["invented_later"] = json!({ "a": [1] });
    let run: FlowRun = serde_json::from_value(run).unwrap();
    assert!(run.tags.is_empty() && run.state.is_none());
}

#[test]
fn filters_are_in_the_words_of_the_server() {
    let run = Uuid::from_u128(7);
    let query = Query::from(FlowRunFilter::new().ids([run]).tags_all(["a", "b"]))
        .and(TaskRunFilter::new().state_types([StateType::Failed]).state_names(["Failed"]))
        .and(LogFilter::new().level_at_least(20))
        .sort(Sort::NameAsc)
        .limit(5)
        .offset(10);
    assert_eq!(
        serde_json::to_value(query).unwrap(),
        json!({
            "flow_runs": { "id": { "any_": [run] }, "tags": { "all_": ["a", "b"] } },
            "task_runs": { "state": { "type": { "any_": ["FAILED"] }, "name": { "any_": ["Failed"] } } },
            "logs": { "level": { "ge_": 20 } },
            "sort": "NAME_ASC",
            "limit": 5,
            "offset": 10,
        })
    );
    let raw = FlowFilter::new().with("name", json!("odd")).names(["load"]);
    assert_eq!(serde_json::to_value(raw).unwrap(), json!({ "name": { "any_": ["load"] } }));
}

#[test]
fn later_conditions_of_a_query_replace_earlier_ones() {
    let query = Query::new().limit(3).and(FlowFilter::new().names(["a"]));
    let query = query.and(Query::from(FlowFilter::new().names(["b"])).limit(7));
    let sent = serde_json::to_value(query).unwrap();
    assert_eq!(sent, json!({ "flows": { "name": { "any_": ["b"] } }, "limit": 7 }));
}
