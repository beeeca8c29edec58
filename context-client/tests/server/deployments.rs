use std::time::Duration;

use context_client::ScheduledBefore;
use context_client::schema::{
    AutomationCreate, AutomationFilter, CollisionStrategy, ConcurrencyOptions, DeploymentCreate,
    DeploymentFilter, DeploymentFlowRunCreate, DeploymentScheduleCreate, DeploymentUpdate,
    FlowRunUpdate, JsonObject, Query, Schedule, StateType, VersionInfo, WorkPoolCreate,
    WorkPoolFilter, WorkPoolUpdate,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{new_id, object, shared, texts, unique};

fn soon() -> ScheduledBefore {
    ScheduledBefore {
        before: Some(Timestamp::now() + SignedDuration::from_mins(1)),
        limit: Some(10),
    }
}

#[tokio::test]
async fn a_deployment_is_created_and_changed_by_its_name() {
    let Some(client) = shared() else { return };
    let flow = client.create_flow(&unique("deployed"), &[]).await.unwrap();
    let version = VersionInfo {
        kind: "prefect:simple".to_owned(),
        version: "1.0".to_owned(),
        more: JsonObject::new(),
    };
    let schedules = [
        Schedule::Interval {
            interval: 3600.0,
            anchor_date: None,
            timezone: Some("UTC".to_owned()),
        },
        Schedule::Cron { cron: "0 9 * * 1".to_owned(), timezone: None, day_or: None },
        Schedule::RRule { rrule: "FREQ=DAILY;INTERVAL=2".to_owned(), timezone: None },
    ];
    let create = DeploymentCreate {
        name: "nightly".to_owned(),
        flow_id: flow.id,
        paused: Some(true),
        schedules: schedules.clone().map(DeploymentScheduleCreate::new).into(),
        concurrency_limit: Some(2),
        concurrency_options: Some(ConcurrencyOptions {
            collision_strategy: CollisionStrategy::CancelNew,
            grace_period_seconds: None,
        }),
        enforce_parameter_schema: Some(true),
        parameter_openapi_schema: Some(object(json!({
            "type": "object", "properties": { "n": { "type": "integer" } }
        }))),
        parameters: object(json!({ "n": 1 })),
        tags: texts(&["a"]),
        labels: object(json!({ "team": "x" })),
        description: Some("every night".to_owned()),
        version: Some("1.0".to_owned()),
        version_info: Some(version),
        ..DeploymentCreate::default()
    };
    let created = client.create_deployment(&create).await.unwrap();
    let read = client.read_deployment_by_name(&flow.name, "nightly").await.unwrap();
    assert_eq!(read.id, created.id);
    assert!(read.paused && read.enforce_parameter_schema);
    assert_eq!((read.parameters, read.tags), (create.parameters.clone(), texts(&["a"])));
    assert_eq!(read.concurrency_options, create.concurrency_options);
    assert_eq!(read.labels["team"], "x");
    let mut kinds: Vec<_> = read
        .schedules
        .iter()
        .map(|s| match &s.schedule {
            Schedule::Interval { interval, .. } => format!("every {interval} s"),
            Schedule::Cron { cron, .. } => cron.clone(),
            // The server adds a time at which it began.
            Schedule::RRule { rrule, .. } => rrule.rsplit('\n').next().unwrap().to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["0 9 * * 1", "FREQ=DAILY;INTERVAL=2", "every 3600 s"]);

    let again = DeploymentCreate { description: Some("changed".to_owned()), ..create.clone() };
    let again = client.create_deployment(&again).await.unwrap();
    assert_eq!((again.id, again.description.as_deref()), (created.id, Some("changed")));
    let changes = DeploymentUpdate {
        paused: Some(false),
        tags: Some(texts(&["b"])),
        schedules: Some(Vec::new()),
        ..DeploymentUpdate::default()
    };
    client.update_deployment(created.id, &changes).await.unwrap();
    let read = client.read_deployment(created.id).await.unwrap();
    assert_eq!((read.paused, read.tags, read.schedules.len()), (false, texts(&["b"]), 0));
    assert_eq!(read.description.as_deref(), Some("changed"));
    let found = client.read_deployments(DeploymentFilter::new().ids([created.id])).await.unwrap();
    assert_eq!(found.len(), 1);

    client.delete_deployment(created.id).await.unwrap();
    assert!(client.read_deployment(created.id).await.unwrap_err().is_not_found());
    let err = client.read_deployment_by_name(&flow.name, "nightly").await.unwrap_err();
    assert!(err.is_not_found(), "{err}");
    let of_nothing = DeploymentCreate { flow_id: new_id(), ..create };
    assert!(client.create_deployment(&of_nothing).await.is_err());
}

#[tokio::test]
async fn runs_of_a_deployment_are_handed_out() {
    let Some(client) = shared() else { return };
    let pool = unique("pool");
    let create = WorkPoolCreate {
        name: pool.clone(),
        kind: Some("process".to_owned()),
        ..WorkPoolCreate::default()
    };
    client.create_work_pool(&create).await.unwrap();
    let flow = client.create_flow(&unique("handed-out"), &[]).await.unwrap();
    let deployment = DeploymentCreate {
        name: "d".to_owned(),
        flow_id: flow.id,
        work_pool_name: Some(pool.clone()),
        enforce_parameter_schema: Some(true),
        parameter_openapi_schema: Some(object(json!({
            "type": "object", "properties": { "n": { "type": "integer" } }
        }))),
        parameters: object(json!({ "n": 1 })),
        tags: texts(&["deployed"]),
        ..DeploymentCreate::default()
    };
    let deployment = client.create_deployment(&deployment).await.unwrap();

    let run = DeploymentFlowRunCreate {
        name: Some("asked-for".to_owned()),
        parameters: object(json!({ "n": 2 })),
        tags: texts(&["mine"]),
        job_variables: object(json!({ "env": { "A": "1" } })),
        idempotency_key: Some("once".to_owned()),
        ..DeploymentFlowRunCreate::default()
    };
    let id = deployment.id;
    let created = client.create_flow_run_from_deployment(id, &run).await.unwrap();
    assert_eq!(client.create_flow_run_from_deployment(id, &run).await.unwrap().id, created.id);
    assert_eq!((created.deployment_id, created.state_type), (Some(id), Some(StateType::Scheduled)));
    assert_eq!(created.parameters["n"], 2);
    let mut tags = created.tags;
    tags.sort();
    assert_eq!(tags, ["deployed", "mine"]);

    let runs = client.get_scheduled_flow_runs_for_deployments(&[id], soon()).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [created.id]);
    let runs = client.get_scheduled_flow_runs_for_work_pool(&pool, &[], soon()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].flow_run.id, created.id);
    assert_eq!(runs[0].flow_run.job_variables["env"]["A"], "1");

    // What it is started with can be changed as long as nobody has started it.
    let variables = Some(object(json!({ "env": { "A": "2" } })));
    let changes = FlowRunUpdate { job_variables: variables, ..FlowRunUpdate::default() };
    client.update_flow_run(created.id, &changes).await.unwrap();
    let changed = client.read_flow_run(created.id).await.unwrap();
    assert_eq!(changed.job_variables["env"]["A"], "2");

    let past = ScheduledBefore { before: Some(Timestamp::UNIX_EPOCH), limit: None };
    let queues = texts(&["default"]);
    let none = client.get_scheduled_flow_runs_for_work_pool(&pool, &queues, past).await.unwrap();
    assert!(none.is_empty());

    let wrong = DeploymentFlowRunCreate {
        parameters: object(json!({ "n": "many" })),
        ..DeploymentFlowRunCreate::default()
    };
    let err = client.create_flow_run_from_deployment(id, &wrong).await.unwrap_err();
    assert!(err.is_conflict() && err.to_string().contains("Validation failed"), "{err}");
    let err = client.create_flow_run_from_deployment(new_id(), &wrong).await.unwrap_err();
    assert!(err.is_not_found(), "{err}");
}

#[tokio::test]
async fn a_work_pool_is_created_changed_and_deleted() {
    let Some(client) = shared() else { return };
    let name = unique("pool");
    let create = WorkPoolCreate {
        name: name.clone(),
        kind: Some("process".to_owned()),
        description: Some("ours".to_owned()),
        concurrency_limit: Some(4),
        ..WorkPoolCreate::default()
    };
    let pool = client.create_work_pool(&create).await.unwrap();
    assert_eq!((pool.kind.as_str(), pool.concurrency_limit), ("process", Some(4)));
    assert!(client.create_work_pool(&create).await.unwrap_err().is_conflict());
    let queue = client.read_work_queue_by_name("default", Some(&name)).await.unwrap();
    assert_eq!(Some(queue.id), pool.default_queue_id);
    assert_eq!(client.read_work_queue(queue.id).await.unwrap().name, "default");
    let err = client.read_work_queue_by_name(&unique("none"), None).await.unwrap_err();
    assert!(err.is_not_found(), "{err}");
    let queues = client.read_work_queues(Some(&name), Query::new()).await.unwrap();
    assert_eq!(queues.iter().map(|queue| queue.id).collect::<Vec<_>>(), [queue.id]);
    assert!(!client.read_work_queues(None, Query::new()).await.unwrap().is_empty());

    let changes = WorkPoolUpdate {
        is_paused: Some(true),
        base_job_template: Some(object(json!({
            "job_configuration": { "command": "{{ command }}" },
            "variables": { "type": "object", "properties": { "command": { "type": "string" } } },
        }))),
        ..WorkPoolUpdate::default()
    };
    client.update_work_pool(&name, &changes).await.unwrap();
    let pool = client.read_work_pool(&name).await.unwrap();
    assert_eq!((pool.is_paused, pool.description.as_deref()), (true, Some("ours")));
    assert!(pool.base_job_template.contains_key("variables"));
    let found = client.read_work_pools(WorkPoolFilter::new().names([&name])).await.unwrap();
    assert_eq!(found.iter().map(|pool| pool.id).collect::<Vec<_>>(), [pool.id]);

    let beat = Some(Duration::from_secs(30));
    client.send_worker_heartbeat(&name, "worker-1", beat).await.unwrap();
    let err = client.send_worker_heartbeat(&unique("none"), "worker-1", beat).await.unwrap_err();
    assert!(err.is_not_found(), "{err}");

    client.delete_work_pool(&name).await.unwrap();
    assert!(client.read_work_pool(&name).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn automations_belong_to_what_they_were_made_for() {
    let Some(client) = shared() else { return };
    let (name, owner) = (unique("automation"), format!("prefect.deployment.{}", new_id()));
    let create = AutomationCreate {
        name: name.clone(),
        description: "stops what hangs".to_owned(),
        trigger: json!({
            "type": "event", "posture": "Reactive", "expect": ["test.hangs"], "threshold": 1, "within": 0,
        }),
        actions: vec![json!({ "type": "do-nothing" })],
        tags: texts(&["ours"]),
        owner_resource: Some(owner.clone()),
        ..AutomationCreate::default()
    };
    let created = client.create_automation(&create).await.unwrap();
    assert_eq!(client.read_automation(created.id).await.unwrap(), created);
    assert_eq!(created.trigger["expect"], json!(["test.hangs"]));
    let found = client.read_automations(AutomationFilter::new().names([&name])).await.unwrap();
    assert_eq!(found.len(), 1);
    let related = client.read_resource_related_automations(&owner).await.unwrap();
    assert_eq!(related.iter().map(|a| a.id).collect::<Vec<_>>(), [created.id]);

    let paused = AutomationCreate { enabled: Some(false), ..create.clone() };
    client.update_automation(created.id, &paused).await.unwrap();
    assert!(!client.read_automation(created.id).await.unwrap().enabled);

    client.delete_resource_owned_automations(&owner).await.unwrap();
    assert!(client.read_automation(created.id).await.unwrap_err().is_not_found());
    let unowned = AutomationCreate { owner_resource: None, ..create.clone() };
    let unowned = client.create_automation(&unowned).await.unwrap();
    client.delete_automation(unowned.id).await.unwrap();
    let wrong = AutomationCreate { actions: vec![json!({ "type": "dance" })], ..create };
    let err = client.create_automation(&wrong).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("body.actions"), "{err}");
}
