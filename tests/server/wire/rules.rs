//! The rules of the API, as `context-client` meets them: which request gets which answer, and which state may follow
//! which.
//!
//! In the scenario all is said by hand. What a typed client cannot say is left out: wrong versions, missing slashes,
//! unknown fields and states, ids of states, addresses that are none. So is what it does not send, such as no log lines.

use std::time::Duration;

use context::{EventId, Timestamp};
use context_client::schema::{
    ArtifactCreate, ConcurrencyMode, DeploymentCreate, DeploymentFlowRunCreate, FlowRunCreate,
    FlowRunPolicy, GlobalConcurrencyLimitCreate, JsonObject, LogCreate, OrchestrationStatus, Query,
    StateCreate, StateDetails, StateType, TaskRunCreate, VariableCreate, WorkPoolCreate,
};
use context_client::{ApiError, ClientConfig, PrefectClient};
use jiff::SignedDuration;
use prefect_server::compare::{Conversation, Difference, Side, assert_same, ours, transcript};
use prefect_server::{PrefectServer, RecordingProxy};
use serde_json::{Value, json};
use uuid::Uuid;

use super::unique;

/// The requests of the scenario that are made here.
const MADE: [&str; 47] = [
    "flow create",
    "flow create again",
    "flow run with idempotency_key",
    "flow run same key",
    "work pool",
    "work pool duplicate",
    "deployment",
    "deployment again (upsert)",
    "create_flow_run",
    "create_flow_run same key",
    "create_flow_run bad parameter",
    "create_flow_run unknown parameter",
    "task run",
    "task run same natural key",
    "task run given id",
    "task run given id, same natural key",
    "variable",
    "variable dup",
    "variable bad name",
    "gcl",
    "gcl dup",
    "increment-with-lease",
    "increment-with-lease when full",
    "increment > limit",
    "lease too short",
    "renew",
    "renew unknown",
    "decrement-with-lease",
    "decrement-with-lease again",
    "flow run unknown",
    "set_state unknown run",
    "flow run for unknown flow",
    "task run unknown flow run",
    "deployment unknown pool",
    "logs: no flow run",
    "filter limit 201",
    "artifact key uppercase",
    "artifact without key",
    "RUNNING with transition_id",
    "same transition_id again (network retry)",
    "flow run scheduled in future",
    "-> RUNNING too early (WAIT)",
    "FAILED with retries left (REJECT)",
    "  then RUNNING before delay (WAIT)",
    "COMPLETED -> RUNNING force",
    "resume",
    "resume a running run",
];

fn client(api_url: &str) -> PrefectClient {
    PrefectClient::new(ClientConfig::new(api_url).unwrap()).unwrap()
}

fn id<T: From<EventId>>() -> T {
    EventId::generate(Timestamp::now()).into()
}

fn object(value: Value) -> JsonObject {
    value.as_object().unwrap().clone()
}

fn running() -> StateCreate {
    StateCreate::new(StateType::Running)
}

fn status<T>(answer: Result<T, ApiError>) -> u16 {
    answer.err().and_then(|error| error.status()).expect("the server refuses")
}

fn in_half_a_minute() -> jiff::Timestamp {
    jiff::Timestamp::now() + SignedDuration::from_secs(30)
}

/// The names of what is made: flow, work pool, variable, limit. Then what they are called in the scenario.
type Names = [String; 4];
const RECORDED: [&str; 4] = ["rules-e6a4b4ab", "wp-e6a4b4ab", "v_e6a4b4ab", "ge6a4b4ab"];

/// Flows, flow runs and task runs: what is there once, however often it is created.
async fn what_is_created_twice(client: &PrefectClient, names: &Names) -> Result<(), ApiError> {
    let [flow, pool, ..] = names;
    let flow = client.create_flow(flow, &[]).await?.id;
    client.create_flow(&names[0], &[]).await?;
    let key = id::<Uuid>().to_string();
    let run = |state_type| FlowRunCreate {
        idempotency_key: Some(key.clone()),
        state: Some(StateCreate::new(state_type)),
        ..FlowRunCreate::new(flow)
    };
    let run_id = client.create_flow_run(&run(StateType::Pending)).await?.id;
    assert_eq!(client.create_flow_run(&run(StateType::Running)).await?.id, run_id);

    let create = WorkPoolCreate {
        name: pool.clone(),
        kind: Some("process".to_owned()),
        ..WorkPoolCreate::default()
    };
    client.create_work_pool(&create).await?;
    assert_eq!(status(client.create_work_pool(&create).await), 409);
    let deployment = deployment(flow, pool);
    let known = client.create_deployment(&deployment).await?.id;
    assert_eq!(client.create_deployment(&deployment).await?.id, known);
    let from_deployment = async |run| client.create_flow_run_from_deployment(known, &run).await;
    let key = id::<Uuid>().to_string();
    let keyed = || DeploymentFlowRunCreate {
        idempotency_key: Some(key.clone()),
        ..DeploymentFlowRunCreate::default()
    };
    let made = from_deployment(keyed()).await?.id;
    assert_eq!(from_deployment(keyed()).await?.id, made);
    let of = |parameters| DeploymentFlowRunCreate {
        parameters: object(parameters),
        ..DeploymentFlowRunCreate::default()
    };
    assert_eq!(status(from_deployment(of(json!({ "n": "zz" }))).await), 409);
    from_deployment(of(json!({ "n": 1, "q": 2 }))).await?;

    let task = |id, key: &str| task_run(id, run_id, key);
    let first = client.create_task_run(&task(None, "0")).await?.id;
    assert_eq!(client.create_task_run(&task(None, "0")).await?.id, first);
    let (given, other) = (id(), id());
    assert_eq!(client.create_task_run(&task(Some(given), "1")).await?.id, given);
    assert_eq!(client.create_task_run(&task(Some(other), "1")).await?.id, given);
    Ok(())
}

fn deployment(flow: Uuid, pool: &str) -> DeploymentCreate {
    let schema = json!({
        "type": "object", "title": "Parameters", "required": ["n"],
        "properties": { "n": { "type": "integer", "title": "n", "position": 0 } },
    });
    DeploymentCreate {
        name: "d".to_owned(),
        flow_id: flow,
        work_pool_name: Some(pool.to_owned()),
        parameters: object(json!({ "n": 1 })),
        enforce_parameter_schema: Some(true),
        parameter_openapi_schema: Some(object(schema)),
        ..DeploymentCreate::default()
    }
}

fn task_run(id: Option<Uuid>, flow_run: Uuid, key: &str) -> TaskRunCreate {
    TaskRunCreate {
        id,
        flow_run_id: Some(flow_run),
        task_key: "k".to_owned(),
        dynamic_key: key.to_owned(),
        state: Some(running()),
        ..TaskRunCreate::default()
    }
}

/// Variables and limits: taken names, wrong names, slots that there are not.
async fn what_has_a_name(client: &PrefectClient, names: &Names) -> Result<(), ApiError> {
    let [_, _, variable, limit] = names;
    let create =
        |name: &str| VariableCreate { name: name.to_owned(), value: json!(1), tags: vec![] };
    client.create_variable(&create(variable)).await?;
    assert_eq!(status(client.create_variable(&create(variable)).await), 409);
    assert_eq!(status(client.create_variable(&create("Bad Name")).await), 422);

    let create = GlobalConcurrencyLimitCreate {
        name: limit.clone(),
        limit: 1,
        active: None,
        active_slots: None,
        slot_decay_per_second: None,
    };
    client.create_global_concurrency_limit(&create).await?;
    assert_eq!(status(client.create_global_concurrency_limit(&create).await), 409);
    let minute = Duration::from_secs(60);
    let take = async |slots, length| {
        let (names, mode) = (std::slice::from_ref(limit), ConcurrencyMode::Concurrency);
        client.increment_concurrency_slots_with_lease(names, slots, mode, length, None).await
    };
    let lease = take(1, minute).await?.lease_id;
    let full = take(1, minute).await.unwrap_err();
    assert!(full.is_locked() && full.retry_after().is_some(), "{full:?}");
    assert_eq!(status(take(5, minute).await), 422);
    assert_eq!(status(take(1, Duration::from_secs(10)).await), 422);
    client.renew_concurrency_lease(lease, minute).await?;
    assert_eq!(status(client.renew_concurrency_lease(id(), minute).await), 410);
    client.release_concurrency_slots_with_lease(lease).await?;
    client.release_concurrency_slots_with_lease(lease).await
}

/// What is not there, and what is not allowed.
async fn what_is_wrong(client: &PrefectClient, flow: Uuid) -> Result<(), ApiError> {
    let unknown = client.read_flow_run(id()).await.unwrap_err();
    assert!(unknown.is_not_found(), "{unknown:?}");
    let unknown = client.set_flow_run_state(id(), &running(), false).await.unwrap_err();
    assert!(unknown.is_not_found(), "{unknown:?}");
    assert_eq!(status(client.create_flow_run(&FlowRunCreate::new(id())).await), 409);
    assert_eq!(status(client.create_task_run(&task_run(None, id(), "0")).await), 409);
    assert_eq!(status(client.create_deployment(&deployment(flow, "nope")).await), 404);
    let line = LogCreate {
        name: "x".to_owned(),
        level: 20,
        message: "mmm".to_owned(),
        timestamp: jiff::Timestamp::now(),
        flow_run_id: None,
        task_run_id: None,
    };
    client.create_logs(&[line]).await?;
    assert_eq!(status(client.read_task_runs(Query::new().limit(201)).await), 422);
    let artifact = |key: Option<&str>, kind: &str, data| ArtifactCreate {
        key: key.map(ToOwned::to_owned),
        kind: Some(kind.to_owned()),
        data: Some(data),
        ..ArtifactCreate::default()
    };
    let refused = client.create_artifact(&artifact(Some("Bad_Key"), "markdown", json!("x"))).await;
    assert_eq!(status(refused), 422);
    client.create_artifact(&artifact(None, "result", json!({ "a": 1 }))).await.map(drop)
}

/// States that are proposed. `unheard` makes what is not part of the scenario.
async fn what_is_proposed(
    client: &PrefectClient,
    unheard: &PrefectClient,
    flow: Uuid,
) -> Result<(), ApiError> {
    let in_state = async |state| {
        let run = FlowRunCreate { state: Some(state), ..FlowRunCreate::new(flow) };
        unheard.create_flow_run(&run).await.map(|run| run.id)
    };
    let run = in_state(StateCreate::new(StateType::Pending)).await?;
    let details = StateDetails { transition_id: Some(id()), ..StateDetails::default() };
    let state = running().with_details(details);
    client.set_flow_run_state(run, &state, false).await?;
    assert!(client.set_flow_run_state(run, &state, false).await?.is_repeated());

    let later =
        StateDetails { scheduled_time: Some(in_half_a_minute()), ..StateDetails::default() };
    let scheduled = StateCreate::new(StateType::Scheduled).with_details(later);
    let run = FlowRunCreate { state: Some(scheduled), ..FlowRunCreate::new(flow) };
    let run = client.create_flow_run(&run).await?.id;
    let early = client.set_flow_run_state(run, &running(), false).await?;
    assert_eq!(early.status, OrchestrationStatus::Wait);
    assert!(early.details.delay_seconds.is_some_and(|delay| delay > 1.0), "{early:?}");

    // What has failed, and is to be tried again later.
    let policy =
        FlowRunPolicy { retries: Some(1), retry_delay: Some(30), ..FlowRunPolicy::default() };
    let run = FlowRunCreate {
        empirical_policy: Some(policy),
        state: Some(StateCreate::new(StateType::Pending)),
        ..FlowRunCreate::new(flow)
    };
    let run = unheard.create_flow_run(&run).await?.id;
    unheard.set_flow_run_state(run, &running(), false).await?;
    let failed = StateCreate::new(StateType::Failed).with_message("x");
    let again = client.set_flow_run_state(run, &failed, false).await?;
    assert_eq!(again.status, OrchestrationStatus::Reject);
    let early = client.set_flow_run_state(run, &running(), false).await?;
    assert_eq!(early.status, OrchestrationStatus::Wait);

    let run = in_state(StateCreate::new(StateType::Completed)).await?;
    client.set_flow_run_state(run, &running(), true).await?;
    let run = in_state(running()).await?;
    unheard.set_flow_run_state(run, &paused(), false).await?;
    client.resume_flow_run(run, None).await?;
    let run = in_state(running()).await?;
    let refused = client.resume_flow_run(run, None).await?;
    assert_eq!(refused.status, OrchestrationStatus::Abort);
    Ok(())
}

fn paused() -> StateCreate {
    let details =
        StateDetails { pause_timeout: Some(in_half_a_minute()), ..StateDetails::default() };
    StateCreate::new(StateType::Paused).with_details(details)
}

#[tokio::test]
async fn scenario_20_requests_and_answers() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let (client, unheard) = (client(&proxy.api_url()), client(server.api_url()));
    let names = ["rules", "wp", "v", "g"].map(unique);
    what_is_created_twice(&client, &names).await.unwrap();
    what_has_a_name(&client, &names).await.unwrap();
    let flow = unheard.create_flow(&names[0], &[]).await.unwrap().id;
    what_is_wrong(&client, flow).await.unwrap();
    what_is_proposed(&client, &unheard, flow).await.unwrap();

    let calls = transcript("20-api-rules")["calls"].as_array().unwrap().clone();
    let is_made = |call: &Value| MADE.iter().any(|title| call["title"] == *title);
    let made: Vec<Value> = calls.into_iter().filter(is_made).collect();
    assert_eq!(made.len(), MADE.len());
    let said = names.iter().zip(RECORDED);
    let said = said.fold(ours(&proxy), |said, (name, recorded)| said.replacing(name, recorded));
    assert_same(
        &Conversation::from_json(&Value::Array(made)),
        &said,
        &[
            Difference::new("whether a state is forced is said", Side::Ours, |messages| {
                for message in messages.iter_mut().filter(|it| it.body["force"] == false) {
                    super::forget(&mut message.body, "", "force");
                }
            }),
            // By hand, one has it: what it is good for shows in the answer.
            Difference::new("each proposal has an id", Side::Both, |messages| {
                for message in messages.iter_mut() {
                    super::forget(&mut message.body, "/state/state_details", "transition_id");
                }
            }),
        ],
    );
}

/// Each state after each other, proposed to a run of its own.
#[tokio::test]
async fn scenario_20_which_state_may_follow_which() {
    let Some(server) = PrefectServer::shared() else { return };
    let client = client(server.api_url());
    let flow = client.create_flow(&unique("matrix"), &[]).await.unwrap().id;
    let state = |name: &str| match serde_json::from_value(json!(name)).unwrap() {
        StateType::Paused => paused(),
        state_type => StateCreate::new(state_type),
    };
    let recorded = transcript("20-api-rules")["matrix"].clone();
    let mut decided = json!({});
    for (from, row) in recorded.as_object().unwrap() {
        for to in row.as_object().unwrap().keys() {
            let run = client.create_flow_run(&FlowRunCreate::new(flow)).await.unwrap().id;
            client.set_flow_run_state(run, &state(from), true).await.unwrap();
            let answer = client.set_flow_run_state(run, &state(to), false).await.unwrap();
            let now = answer.state.map(|state| state.state_type.as_str().to_owned());
            decided[from][to] = json!([answer.status.as_str(), now, answer.details.reason]);
        }
    }
    let mut expected = json!({});
    for (from, row) in recorded.as_object().unwrap() {
        for (to, it) in row.as_object().unwrap() {
            expected[from][to] = json!([it["status"], it["state"], it["reason"]]);
        }
    }
    assert_eq!(decided, expected);
}
