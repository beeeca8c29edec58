use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use crate::asset::Asset;
use crate::parameters::Parameters;
use crate::record::{
    AssetEvent, DynamicKey, Retries, RetryDelays, RunName, RunTags, TaskInputs, TaskRunEvent,
};
use crate::state::State;
use crate::tags::{TagSet, Tags};

fn id<T: From<Uuid>>(text: &Value) -> T {
    let text = text.as_str().unwrap();
    T::from(text.rsplit('.').next().unwrap().parse::<Uuid>().unwrap())
}

fn time(value: &Value) -> Option<Timestamp> {
    serde_json::from_value(value.clone()).ok()
}

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn texts(list: &Value, role: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    let of_role = list.filter(|related| related["prefect.resource.role"] == role);
    of_role.map(|related| related["prefect.resource.id"].as_str().unwrap().to_owned()).collect()
}

fn facts_of(recorded: &Value) -> FlowRunFacts {
    let related = recorded["related"].as_array().unwrap();
    let of = |role| related.iter().find(|it| it["prefect.resource.role"] == role).unwrap();
    let name = |it: &Value| it["prefect.resource.name"].as_str().unwrap().to_owned();
    let (run, flow) = (of("flow-run"), of("flow"));
    FlowRunFacts {
        id: id(&run["prefect.resource.id"]),
        name: name(run),
        flow_id: id(&flow["prefect.resource.id"]),
        flow_name: name(flow),
        tags: TagSet::EMPTY,
        outer: None,
    }
}

fn details_of(recorded: &Value) -> StateDetails {
    StateDetails {
        scheduled_time: time(&recorded["scheduled_time"]),
        untrackable_result: recorded["untrackable_result"] == true,
        ..StateDetails::NONE
    }
}

fn state_type(recorded: &Value) -> StateType {
    StateType::ALL.into_iter().find(|known| recorded == known.as_str()).unwrap()
}

/// The task run of which Prefect's client told in `recorded`, with its state before.
fn recorded_run(recorded: &Value) -> (TaskRunEvent<'static>, Before<'static>) {
    let text = |value: &Value| leaked(value.as_str().unwrap().to_owned()).as_str();
    let (resource, payload) = (&recorded["resource"], &recorded["payload"]);
    let (row, entered) = (&payload["task_run"], &payload["validated_state"]);
    let (function, hash) = text(&row["task_key"]).rsplit_once('-').unwrap();
    let policy = &row["empirical_policy"];
    let delays: Vec<f64> =
        serde_json::from_value(policy["retry_delay"].clone()).unwrap_or_default();
    let delays: Vec<_> = delays.into_iter().map(Duration::from_secs_f64).collect();
    let mut inputs = TaskInputs::new();
    let mut names = Map::new();
    for (name, runs) in row["task_inputs"].as_object().unwrap() {
        let runs = runs.as_array().unwrap().iter().map(|run| id(&run["id"])).collect();
        inputs.add(leaked(name.clone()).as_str(), runs);
        names.insert(name.clone(), json!({"of": ["any", "kind"]}));
    }
    let at = time(&recorded["occurred"]).unwrap();
    let mut state = State::new(state_type(&entered["type"]), at)
        .with_id(id(&recorded["id"]))
        .with_name(text(&entered["name"]))
        .with_details(|details| *details = details_of(&entered["state_details"]));
    if entered["message"] != "" {
        state = state.with_message(text(&entered["message"]));
    }
    let task_run = id(&resource["prefect.resource.id"]);
    let tags: Vec<String> = serde_json::from_value(row["tags"].clone()).unwrap();
    let run = TaskRunEvent {
        id: task_run,
        name: RunName::Custom(text(&resource["prefect.resource.name"])),
        task_name: function,
        task_key: (function, hash),
        task_version: None,
        dynamic_key: DynamicKey::Random(task_run),
        flow_run_id: Some(facts_of(recorded).id),
        parent: None,
        child_flow_run_id: None,
        tags: RunTags { own: Some(leaked(Tags::collect(|list| list.add(tags)))), ambient: None },
        inputs: leaked(inputs),
        parameters: leaked(Parameters::from_iter(names)),
        run_count: row["run_count"].as_u64().unwrap() as u32,
        start_time: time(&row["start_time"]),
        end_time: time(&row["end_time"]),
        total_run_time: Duration::from_secs_f64(row["total_run_time"].as_f64().unwrap()),
        flow_run_run_count: row["flow_run_run_count"].as_u64().unwrap() as u32,
        retries: Retries {
            count: policy["retries"].as_u64().unwrap() as u32,
            delays: match leaked(delays).as_slice() {
                [] => RetryDelays::None,
                delays => RetryDelays::Each(delays),
            },
            jitter: None,
        },
        result: (!entered["data"].is_null()).then(|| leaked(entered["data"].clone())),
        state: leaked(state),
    };
    let former = &payload["initial_state"];
    let before = Before {
        expected_start: time(&row["expected_start_time"]),
        state: (!former.is_null()).then(|| Former {
            state_type: state_type(&former["type"]),
            name: text(&former["name"]),
            message: None,
            details: leaked(details_of(&former["state_details"])),
        }),
        sent: (!recorded["follows"].is_null()).then(|| (id(&recorded["follows"]), at)),
    };
    (run, before)
}

/// Every complete event about a task run in the transcripts 01, 02, 03, 05 and 19.
#[test]
fn task_runs_are_told_as_prefect_tells_of_them() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("tests/task-runs.json")).unwrap();
    assert!(recorded.len() >= 10);
    for mut recorded in recorded {
        let (run, before) = recorded_run(&recorded);
        let facts = facts_of(&recorded);
        let event = task_run_event(&run, &before, Some(&facts)).unwrap();
        let ours: Value = serde_json::from_str(&event.text).unwrap();
        // Ours follow from the id; what is drawn at random is Python's.
        recorded["payload"]["task_run"]["dynamic_key"] = run.id.dynamic_key().to_string().into();
        assert_eq!(ours, recorded);
        assert_eq!(event.state_name(), run.state.name());
        let members =
            |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&ours), members(&recorded));
        assert_eq!((event.id, event.flow_run), (id(&recorded["id"]), Some(facts.id)));
        let Subject::TaskRun { id: task_run, occurred, shows_end } = event.subject else {
            panic!("{event:?}");
        };
        assert_eq!((task_run, Some(occurred)), (run.id, time(&recorded["occurred"])));
        let final_ones = ["Completed", "Failed", "Cached"];
        assert_eq!(shows_end, final_ones.contains(&run.state.name()), "{}", run.state);
    }
}

/// Every event about an asset in the transcript 09.
#[test]
fn assets_are_told_as_prefect_tells_of_them() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("tests/assets.json")).unwrap();
    assert_eq!(recorded.len(), 7);
    for mut recorded in recorded {
        let facts = facts_of(&recorded);
        let related = &recorded["related"];
        let upstream: Vec<_> =
            texts(related, "asset").iter().map(|key| Asset::new(key.as_str()).unwrap()).collect();
        let task_run = related.as_array().unwrap().iter();
        let task_run =
            task_run.clone().find(|it| it["prefect.resource.role"] == "task-run").unwrap();
        let state = State::new(StateType::Completed, Timestamp::UNIX_EPOCH);
        let run = TaskRunEvent {
            id: id(&task_run["prefect.resource.id"]),
            name: RunName::Custom(task_run["prefect.resource.name"].as_str().unwrap()),
            flow_run_id: Some(facts.id),
            ..run(&state)
        };
        let resource = &recorded["resource"];
        let mut asset = Asset::new(resource["prefect.resource.id"].as_str().unwrap()).unwrap();
        if let Some(name) = resource["prefect.resource.name"].as_str() {
            asset = asset
                .with_name(name)
                .with_description("cleaned")
                .unwrap()
                .with_url("https://ex.com")
                .with_owners(["ann"]);
        }
        let tool = texts(related, "asset-materialized-by");
        let metadata = recorded["payload"].as_object().filter(|payload| !payload.is_empty());
        let event = AssetEvent {
            event: leaked(recorded["event"].as_str().unwrap().to_owned()),
            asset: &asset,
            task_run_id: run.id,
            task_run: &run,
            upstream: &upstream,
            materialized_by: tool.first().map(String::as_str),
            metadata,
        };
        let at = time(&recorded["occurred"]).unwrap();
        let event = asset_event(&event, at, Some(&facts)).unwrap();
        let mut ours: Value = serde_json::from_str(&event.text).unwrap();
        assert_eq!(ours["id"], event.id.to_string());
        // Of the later ones, empty members are not in the transcript.
        for (member, nothing) in [("payload", json!({})), ("follows", Value::Null)] {
            recorded.as_object_mut().unwrap().entry(member).or_insert(nothing);
        }
        ours["id"] = recorded["id"].clone();
        assert_eq!(ours, recorded);
        assert_eq!(event.subject, Subject::Other);
    }
}

#[test]
fn a_heartbeat_is_as_prefect_sends_it() {
    let recorded: Value = serde_json::from_str(include_str!("tests/heartbeat.json")).unwrap();
    let flow = &recorded["related"][0];
    let facts = FlowRunFacts {
        id: id(&recorded["resource"]["prefect.resource.id"]),
        name: recorded["resource"]["prefect.resource.name"].as_str().unwrap().to_owned(),
        flow_id: id(&flow["prefect.resource.id"]),
        flow_name: flow["prefect.resource.name"].as_str().unwrap().to_owned(),
        tags: ["run-tag"].into_iter().collect(),
        outer: None,
    };
    let event = heartbeat(&facts, time(&recorded["occurred"]).unwrap());
    let mut ours: Value = serde_json::from_str(&event.text).unwrap();
    ours["id"] = recorded["id"].clone();
    assert_eq!(ours, recorded);
    assert_eq!(event.subject, Subject::Pulse);
}

static NO_INPUTS: TaskInputs = TaskInputs::new();

fn run(state: &State) -> TaskRunEvent<'_> {
    let id = TaskRunId::from(Uuid::from_u128(7));
    TaskRunEvent {
        id,
        name: RunName::Plain("fetch"),
        task_name: "fetch",
        task_key: ("fetch", "1a2b3c4d"),
        task_version: None,
        dynamic_key: DynamicKey::Random(id),
        flow_run_id: None,
        parent: None,
        child_flow_run_id: None,
        tags: RunTags { own: None, ambient: None },
        inputs: &NO_INPUTS,
        parameters: &Parameters::EMPTY,
        run_count: 1,
        start_time: None,
        end_time: None,
        total_run_time: Duration::ZERO,
        flow_run_run_count: 0,
        retries: Retries::NONE,
        result: None,
        state,
    }
}

fn encoded(run: &TaskRunEvent<'_>) -> Value {
    let event = task_run_event(run, &Before::default(), None).unwrap();
    serde_json::from_str(&event.text).unwrap()
}

fn completed() -> State {
    State::new(StateType::Completed, Timestamp::from_nanos(1_000_000))
}

#[test]
fn a_task_outside_of_flows_is_related_to_none_and_its_key_tells_tasks_apart() {
    let state = completed();
    let event = encoded(&run(&state));
    assert_eq!(event["related"], json!([]));
    let key = TaskRunId::from(Uuid::from_u128(7)).dynamic_key().as_simple().to_string();
    assert_eq!(
        event["payload"]["task_run"]["dynamic_key"],
        format!("fetch-1a2b3c4d-{key}"),
        "as `TaskRun` has it"
    );
    assert_eq!(
        crate::record::TaskRun::from(&run(&state)).dynamic_key,
        format!("fetch-1a2b3c4d-{key}")
    );
}

#[test]
fn inputs_are_those_of_parameters_then_what_was_waited_for_then_the_caller() {
    let state = completed();
    let [a, b, c, d] = [1, 2, 3, 4].map(|n| TaskRunId::from(Uuid::from_u128(n)));
    let mut inputs = TaskInputs::new();
    inputs.add("wait_for", vec![c]);
    inputs.add("y", vec![a, b]);
    let parameters = Parameters::from_iter([("x", json!([1])), ("y", json!("\"},"))]);
    let run =
        TaskRunEvent { inputs: &inputs, parameters: &parameters, parent: Some(d), ..run(&state) };
    let of = |id: TaskRunId| json!({"input_type": "task_run", "id": id});
    let event = encoded(&run);
    let told = &event["payload"]["task_run"]["task_inputs"];
    assert_eq!(
        *told,
        json!({"x": [], "y": [of(a), of(b)], "wait_for": [of(c)], "__parents__": [of(d)]})
    );
    let text = task_run_event(&run, &Before::default(), None).unwrap().text;
    let places = ["\"x\":[]", "\"y\":[", "\"wait_for\":[", "\"__parents__\":["];
    assert!(places.map(|place| text.find(place).unwrap()).is_sorted(), "{text}");
}

#[test]
fn delays_are_numbers_and_lists_that_the_server_accepts() {
    let state = completed();
    let seconds = |texts: &[f64]| {
        let durations: Vec<_> = texts.iter().copied().map(Duration::from_secs_f64).collect();
        leaked(durations).as_slice()
    };
    let policy = |retries: Retries<'static>| {
        let run = TaskRunEvent { retries, ..run(&state) };
        encoded(&run)["payload"]["task_run"]["empirical_policy"].clone()
    };
    let delays =
        |delays| policy(Retries { count: 60, delays, jitter: None })["retry_delay"].clone();
    assert_eq!(delays(RetryDelays::None), json!(0));
    assert_eq!(delays(RetryDelays::Each(seconds(&[10.0]))), json!(10));
    assert_eq!(delays(RetryDelays::Each(seconds(&[0.5]))), json!([0.5]));
    assert_eq!(delays(RetryDelays::Each(seconds(&[1.0, 2.5]))), json!([1.0, 2.5]));
    let doubling = delays(RetryDelays::Doubling(Duration::from_secs(1)));
    assert_eq!(doubling.as_array().unwrap().len(), 50);
    assert_eq!(doubling[3], json!(8.0));
    let jitter = policy(Retries { count: 1, delays: RetryDelays::None, jitter: Some(0.5) });
    assert_eq!(jitter["retry_jitter_factor"], json!(0.5));
}

#[test]
fn an_event_follows_only_what_was_sent_within_five_minutes() {
    let state = completed();
    let follows = |seconds: u64| {
        let sent = Timestamp::from_nanos(1_000_000 - (seconds * 1_000_000_000).cast_signed());
        let before =
            Before { sent: Some((StateId::from(Uuid::from_u128(9)), sent)), ..Before::default() };
        let event = task_run_event(&run(&state), &before, None).unwrap();
        serde_json::from_str::<Value>(&event.text).unwrap()["follows"].clone()
    };
    assert_eq!(follows(299), Uuid::from_u128(9).to_string());
    assert_eq!(follows(300), Value::Null);
}

#[test]
fn of_too_many_tags_some_are_left_out_but_never_the_flow_run() {
    let state = completed();
    let tags = Tags::collect(|list| (0..150).for_each(|n| list.add(format!("tag-{n:03}"))));
    let recorded: Vec<Value> = serde_json::from_str(include_str!("tests/task-runs.json")).unwrap();
    let facts = facts_of(&recorded[0]);
    let run = TaskRunEvent {
        tags: RunTags { own: Some(&tags), ambient: None },
        flow_run_id: Some(facts.id),
        ..run(&state)
    };
    let event = task_run_event(&run, &Before::default(), Some(&facts)).unwrap();
    let event: Value = serde_json::from_str(&event.text).unwrap();
    let related = event["related"].as_array().unwrap();
    assert_eq!(related.len(), 100);
    assert_eq!(related[97]["prefect.resource.id"], "prefect.tag.tag-097");
    assert_eq!(related[98]["prefect.resource.role"], "flow-run");
    assert_eq!(related[99]["prefect.resource.role"], "flow");
    let tags = event["payload"]["task_run"]["tags"].as_array().unwrap();
    assert_eq!(tags.len(), 150, "the row has them all");
}

#[test]
fn what_is_too_large_is_cut_until_it_fits() {
    let many: Vec<_> = (0..40_000).map(|n| TaskRunId::from(Uuid::from_u128(n))).collect();
    let mut inputs = TaskInputs::new();
    inputs.add("wait_for", many);
    let message = "\u{1}".repeat(200_000);
    let state = State::new(StateType::Failed, Timestamp::from_nanos(5_000)).with_message(message);
    let run = TaskRunEvent { inputs: &inputs, ..run(&state) };
    let event = task_run_event(&run, &Before::default(), None).unwrap();
    assert!(event.text.len() < 1_490_000, "{}", event.text.len());
    let event: Value = serde_json::from_str(&event.text).unwrap();
    let told = event["payload"]["task_run"]["task_inputs"]["wait_for"].as_array().unwrap();
    assert_eq!(told.len(), 10_000);
    let message = event["resource"]["prefect.state-message"].as_str().unwrap();
    assert!(message.contains("...190000 additional characters..."), "what is left says so");

    let name = "x".repeat(2_000_000);
    let run = TaskRunEvent { task_key: (&name, "1a2b3c4d"), ..run_of(&run) };
    assert_eq!(task_run_event(&run, &Before::default(), None), None, "a key cannot be cut");
}

fn run_of<'a>(run: &TaskRunEvent<'a>) -> TaskRunEvent<'a> {
    *run
}

#[test]
fn subflows_belong_to_the_family_of_the_flow_that_called_them() {
    let runs = FlowRuns::default();
    let [a, b, c, d] = [1, 2, 3, 4].map(|n| FlowRunId::from(Uuid::from_u128(n)));
    for (id, outer) in [(a, None), (b, Some(a)), (c, Some(b)), (d, None)] {
        runs.insert(FlowRunFacts {
            id,
            name: String::new(),
            flow_id: Uuid::nil(),
            flow_name: String::new(),
            tags: TagSet::EMPTY,
            outer,
        });
    }
    runs.rename(b, "other".to_owned());
    assert_eq!(runs.get(b).unwrap().name, "other");
    assert_eq!(runs.family(a), [a, b, c].into());
    assert_eq!(runs.family(b), [b, c].into());
    runs.remove(&runs.family(a));
    assert!(runs.get(b).is_none() && runs.get(d).is_some());
}

#[test]
fn an_event_that_was_lost_is_sent_under_another_id_and_tells_of_the_same_state() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("tests/task-runs.json")).unwrap();
    let (run, before) = recorded_run(&recorded[2]);
    let first = task_run_event(&run, &before, Some(&facts_of(&recorded[2]))).unwrap();
    let mut again = first.clone();
    for _ in 0..2 {
        again.make_repeatable();
        let told: Value = serde_json::from_str(&again.text).unwrap();
        let mut expected: Value = serde_json::from_str(&first.text).unwrap();
        assert_ne!(told["id"], expected["id"]);
        assert_ne!(told["id"].as_str().unwrap().parse::<Uuid>().unwrap(), Uuid::nil());
        expected["payload"]["validated_state"]["id"] = expected["id"].clone();
        expected["id"] = told["id"].clone();
        assert_eq!(told, expected);
    }
}
