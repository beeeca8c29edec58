//! Snapshots: what is in them, what is hydrated, and what cannot be.

use std::sync::{Arc, LazyLock, OnceLock};

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::context::frame::LiveTask;
use crate::context::{
    ContextModel, DeploymentContext, FlowRunContext, FlowRunData, Ledger, SettingsContext, StandIn,
    TagsContext, TaskDetails, TaskRunContext, TaskTransactions, add_asset_metadata,
};
use crate::definition::{FlowDefinition, FlowOptions, Meta, TaskDefinition, TaskOptions};
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::record::{Client, TaskInputs};
use crate::registry::{Registered, RegistryError};
use crate::runner::Runner;
use crate::settings::Settings;
use crate::tags::{TagNode, Tags};

static CRAWL: FlowDefinition = FlowDefinition::new(
    Meta {
        name: "snapshot_crawl",
        module: "snapshots",
        source_hash: "0123456789abcdef",
        ..Meta::NONE
    },
    FlowOptions::new,
);

static FETCH: TaskDefinition = TaskDefinition::new(
    Meta {
        name: "snapshot_fetch",
        module: "snapshots",
        source_hash: "fedcba9876543210",
        parameters: &["url", "depth"],
        ..Meta::NONE
    },
    || TaskOptions::new().tags(["io"]),
);

/// Not registered.
static NOBODYS: FlowDefinition = FlowDefinition::new(
    Meta { name: "nobodys", module: "snapshots", ..Meta::NONE },
    FlowOptions::new,
);

inventory::submit! { Registered::Flow(|| &CRAWL) }
inventory::submit! { Registered::Task(|| &FETCH) }

static IDS: LazyLock<[Uuid; 4]> =
    LazyLock::new(|| [1, 2, 3, 4].map(|n| Uuid::from_u128(0x0190_0000_0000_7000_8000 + n)));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn flow_context(definition: &'static FlowDefinition) -> FlowRunContext {
    let tags: Tags = ["nightly"].into_iter().collect();
    FlowRunContext::from_data(FlowRunData {
        id: FlowRunId::from(IDS[0]),
        definition,
        options: None,
        name: OnceLock::from("calm-otter".to_owned()),
        parameters: Parameters::from_iter([("pages", json!([1, "two"]))]),
        start_time: at(100),
        run_count: 2,
        stand_in: Some(StandIn {
            id: TaskRunId::from(IDS[2]),
            count: Some(3),
            flow_run_id: FlowRunId::from(IDS[3]),
            run_count: 1,
            parent: None,
        }),
        parent_flow_run_id: Some(FlowRunId::from(IDS[3])),
        root_flow_run_id: FlowRunId::from(IDS[3]),
        outer_flow_run_ids: None,
        tags: Some(TagNode::push(None, tags)),
        log_prints: Some(true),
        cancellation: None,
        ledger: Arc::new(Ledger::new(Client::off(), Runner::of_blocking_caller())),
        course: Arc::default(),
    })
}

fn task_frame(current: Option<&Arc<Frame>>) -> Arc<Frame> {
    let mut inputs = TaskInputs::new();
    inputs.add("url", vec![TaskRunId::from(IDS[3])]);
    inputs.add(TaskInputs::WAIT_FOR, vec![TaskRunId::from(IDS[2])]);
    let details = TaskDetails {
        name: Some("fetch the page".to_owned()),
        parameters: Parameters::from_iter([("url", json!("x")), ("depth", json!(7))]),
        inputs,
        ..TaskDetails::default()
    };
    Frame::with_task(
        current,
        LiveTask {
            id: TaskRunId::from(IDS[1]),
            definition: &FETCH,
            parent: None,
            start_time: at(101),
            run_count: 1,
            details: Some(Arc::new(details)),
            transactions: TaskTransactions::default(),
        },
    )
}

/// Calls `f` in a task run of a flow run with tags and settings.
fn inside<R>(f: impl FnOnce() -> R) -> R {
    let settings = Settings::default()
        .with("PREFECT_API_URL", "http://127.0.0.1:9/api")
        .and_then(|settings| settings.with("PREFECT_API_KEY", "pnu_1234"))
        .unwrap();
    SettingsContext::new(settings).in_scope(|| {
        let deployment = Parameters::from_iter([("pages", json!(9))]);
        DeploymentContext::new(IDS[3], deployment).in_scope(|| {
            flow_context(&CRAWL).in_scope(|| {
                TagsContext::new(["a", "b"]).in_scope(|| {
                    let frame = task_frame(stack::current::<Frame>().as_ref());
                    stack::within(Some(frame), f)
                })
            })
        })
    })
}

fn value(snapshot: &SerializedContext) -> Value {
    serde_json::from_str(&snapshot.to_json()).unwrap()
}

fn through_text(snapshot: &SerializedContext) -> SerializedContext {
    snapshot.to_json().parse().unwrap()
}

const PARTS: [&str; 7] = [
    "flow_run_context",
    "task_run_context",
    "tags_context",
    "settings_context",
    "asset_context",
    "deployment_id",
    "deployment_parameters",
];

#[test]
fn a_snapshot_always_has_the_seven_parts_and_a_version() {
    for snapshot in [serialize_context(), inside(serialize_context)] {
        let value = value(&snapshot);
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 8);
        assert!(PARTS.iter().all(|part| keys.contains(part)), "{keys:?}");
        assert_eq!(value["version"], 1);
    }
}

#[test]
fn outside_of_runs_there_are_settings_and_nothing_else() {
    let value = value(&serialize_context());
    for part in ["flow_run_context", "task_run_context", "tags_context", "asset_context"] {
        assert_eq!(value[part], json!({}), "{part}");
    }
    assert_eq!(
        (&value["deployment_id"], &value["deployment_parameters"]),
        (&Value::Null, &Value::Null)
    );
    assert!(value["settings_context"]["profile"].is_string());
}

#[test]
fn runs_are_written_with_the_names_of_their_functions() {
    let value = value(&inside(serialize_context));
    assert_eq!(
        value["flow_run_context"],
        json!({
            "flow": { "name": "snapshot-crawl", "module": "snapshots" },
            "id": IDS[0], "name": "calm-otter", "tags": ["nightly"], "detached": true,
            "parameters": { "pages": [1, "two"] },
            "start_time": "1970-01-01T00:01:40.000000Z", "run_count": 2,
            "parent": { "task_run_id": IDS[2], "count": 3, "flow_run_id": IDS[3], "run_count": 1 },
            "parent_flow_run_id": IDS[3], "root_flow_run_id": IDS[3], "log_prints": true,
        })
    );
    assert_eq!(
        value["task_run_context"],
        json!({
            "task": { "task_key": "snapshot_fetch-fedcba98", "module": "snapshots" },
            "id": IDS[1], "name": "fetch the page",
            "parameters": { "url": "x", "depth": 7 },
            "start_time": "1970-01-01T00:01:41.000000Z", "run_count": 1,
            "task_inputs": [["url", [IDS[3]]], ["wait_for", [IDS[2]]]],
        })
    );
    assert_eq!(value["tags_context"], json!({ "current_tags": ["a", "b"] }));
    assert_eq!(value["deployment_id"], json!(IDS[3]));
    assert_eq!(value["deployment_parameters"], json!({ "pages": 9 }));
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let masked = inside(serialize_context);
    let settings = &value(&masked)["settings_context"]["settings"];
    assert_eq!(settings["PREFECT_API_URL"], "http://127.0.0.1:9/api");
    assert_eq!(settings["PREFECT_API_KEY"], "********");
    let included = inside(|| SerializedContext::of_current(Secrets::Included));
    assert_eq!(value(&included)["settings_context"]["settings"]["PREFECT_API_KEY"], "pnu_1234");
    assert!(!format!("{included:?} {included:#?}").contains("pnu_1234"));
}

#[test]
fn a_hydrated_context_is_as_it_was() {
    let snapshot = through_text(&inside(|| SerializedContext::of_current(Secrets::Included)));
    hydrated_context(&snapshot).unwrap().in_scope(|| {
        let flow = FlowRunContext::get().unwrap();
        assert_eq!((flow.id(), flow.name()), (FlowRunId::from(IDS[0]), "calm-otter"));
        assert_eq!(flow.flow_name(), "snapshot-crawl");
        assert_eq!(flow.parameters().as_json(), r#"{"pages":[1,"two"]}"#);
        assert_eq!((flow.start_time(), flow.run_count()), (at(100), 2));
        assert_eq!(flow.tags().to_string(), "nightly");
        assert_eq!(flow.parent_task_run_id(), Some(TaskRunId::from(IDS[2])));
        assert_eq!(flow.parent_flow_run_id(), Some(FlowRunId::from(IDS[3])));
        assert_eq!(flow.root_flow_run_id(), FlowRunId::from(IDS[3]));
        assert_eq!(flow.log_prints(), Some(true));

        let task = TaskRunContext::get().unwrap();
        assert_eq!(
            (task.id(), task.name()),
            (TaskRunId::from(IDS[1]), "fetch the page".to_owned())
        );
        assert_eq!(task.tags().to_string(), "a, b, io");
        assert_eq!(task.parameters().get("depth"), Some(&json!(7)));
        assert_eq!((task.start_time(), task.run_count()), (at(101), 1));
        assert_eq!(task.flow_run_id(), Some(FlowRunId::from(IDS[0])));
        let inputs: Vec<_> =
            task.task_inputs().iter().map(|(name, runs)| (name, runs.len())).collect();
        assert_eq!(inputs, [("url", 1), ("wait_for", 1)]);

        assert_eq!(TagsContext::get().current_tags().to_string(), "a, b");
        let settings = SettingsContext::get().settings().clone();
        assert_eq!(
            settings.get("api.key", Secrets::Included).unwrap().as_deref(),
            Some("pnu_1234")
        );
        let deployment = DeploymentContext::get().unwrap();
        assert_eq!(
            (deployment.id(), deployment.parameters().as_json()),
            (IDS[3], r#"{"pages":9}"#)
        );
    });
    assert!(FlowRunContext::get().is_none() && TaskRunContext::get().is_none());
}

#[test]
fn a_snapshot_of_a_hydrated_context_is_the_same() {
    let snapshot = inside(|| SerializedContext::of_current(Secrets::Included));
    let again = hydrated_context(&snapshot)
        .unwrap()
        .in_scope(|| SerializedContext::of_current(Secrets::Included));
    assert_eq!(value(&again), value(&snapshot));
}

#[test]
fn nothing_is_changed_by_what_is_not_in_a_snapshot() {
    let empty: SerializedContext = r#"{"version":1}"#.parse().unwrap();
    let hydrated = hydrated_context(&empty).unwrap();
    inside(|| {
        let before = value(&serialize_context());
        assert_eq!(hydrated.in_scope(|| value(&serialize_context())), before);
    });
    let blank: SerializedContext =
        r#"{"version":1,"tags_context":{ },"flow_run_context":null}"#.parse().unwrap();
    hydrated_context(&blank).unwrap().in_scope(|| assert!(FlowRunContext::get().is_none()));
}

#[test]
fn tags_unite_with_those_around() {
    let snapshot = TagsContext::new(["a", "b"]).in_scope(serialize_context);
    let hydrated = hydrated_context(&snapshot).unwrap();
    let tags = || TagsContext::get().current_tags().to_string();
    assert_eq!(TagsContext::new(["b", "c"]).in_scope(|| hydrated.in_scope(tags)), "a, b, c");
    assert_eq!(tags(), "");
}

#[test]
fn what_was_masked_is_this_process_own() {
    let snapshot = through_text(&inside(serialize_context));
    hydrated_context(&snapshot).unwrap().in_scope(|| {
        let settings = SettingsContext::get().settings().clone();
        assert_eq!(settings.api_url(), Some("http://127.0.0.1:9/api"));
        assert_eq!(settings.get("api.key", Secrets::Included).unwrap(), None, "and not a mask");
    });
}

#[test]
fn a_task_run_that_has_called_the_flow_run_does_not_belong_to_it() {
    let text = inside(|| {
        flow_context(&CRAWL).with_name("inner").in_scope(|| {
            // Another run than the one around the task.
            let data = FlowRunData {
                id: FlowRunId::from(IDS[3]),
                ..FlowRunContext::get().unwrap().data().clone()
            };
            FlowRunContext::from_data(data).in_scope(|| serialize_context().to_json())
        })
    });
    assert!(text.contains(r#""called_the_flow":true"#), "{text}");
    let hydrated = hydrated_context(&text.parse().unwrap()).unwrap();
    hydrated.in_scope(|| {
        assert_eq!(
            crate::context::current_run().as_flow().map(FlowRunContext::id),
            Some(FlowRunId::from(IDS[3]))
        );
        assert_eq!(TaskRunContext::get().unwrap().flow_run_id(), None);
    });
}

#[test]
fn the_active_asset_context_is_not_written_and_one_that_is_given_is_entered_as_it_is() {
    let key = "s3://lake/rows.csv";
    let definition =
        Box::leak(Box::new(TaskDefinition::new(Meta { name: "make", ..Meta::NONE }, || {
            TaskOptions::new().assets([Asset::new("s3://lake/rows.csv").unwrap().with_name("Rows")])
        })));
    let assets =
        AssetContext::from_task_and_inputs(definition, TaskRunId::from(IDS[1]), &TaskInputs::new());
    assets.add_asset_metadata(key, json!({ "rows": 2 })).unwrap();
    let assets = assets.with_copy_to_child_ctx(true);
    assets.in_scope(|| assert_eq!(value(&serialize_context())["asset_context"], json!({})));

    let snapshot = through_text(&serialize_context().with_asset_context(&assets));
    hydrated_context(&snapshot).unwrap().in_scope(|| {
        let entered = AssetContext::get().unwrap();
        assert_eq!(
            entered.downstream_assets()[0].properties().and_then(|it| it.name()),
            Some("Rows")
        );
        assert_eq!(entered.task_run_id(), Some(TaskRunId::from(IDS[1])));
        assert!(entered.copy_to_child_ctx());
        add_asset_metadata(key, json!({ "columns": 3 })).unwrap();
        assert!(add_asset_metadata("s3://lake/other", json!({})).is_err());
    });
}

#[test]
fn a_trace_is_carried_on() {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let snapshot = through_text(&serialize_context().with_traceparent(traceparent).unwrap());
    assert_eq!(snapshot.traceparent(), Some(traceparent));
    let inner = hydrated_context(&snapshot).unwrap().in_scope(serialize_context);
    assert_eq!(inner.traceparent(), Some(traceparent));
    for wrong in [
        "",
        "00",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
    ] {
        let refused = serialize_context().with_traceparent(wrong).unwrap_err();
        assert_eq!(refused, SnapshotError::Traceparent { text: wrong.to_owned() });
    }
}

#[test]
fn runs_called_inside_are_not_counted() {
    let hydrated = hydrated_context(&inside(serialize_context)).unwrap();
    hydrated.in_scope(|| {
        let ledger = FlowRunContext::get().unwrap().ledger().clone();
        assert_eq!(ledger.count_subflow(&CRAWL), None);
    });
    inside(|| assert_eq!(FlowRunContext::get().unwrap().ledger().count_subflow(&CRAWL), Some(0)));
}

#[test]
fn every_scope_has_a_ledger_of_its_own() {
    let hydrated = hydrated_context(&inside(serialize_context)).unwrap();
    let ledger = || Arc::as_ptr(FlowRunContext::get().unwrap().ledger()).addr();
    let within = hydrated.in_scope(|| (ledger(), hydrated.in_scope(ledger)));
    assert_ne!(within.0, within.1);
}

#[tokio::test]
async fn a_future_carries_it_along() {
    let hydrated = hydrated_context(&inside(serialize_context)).unwrap();
    let seen = hydrated.scope(async {
        tokio::task::yield_now().await;
        FlowRunContext::get().map(|flow| flow.id())
    });
    assert_eq!(seen.await, Some(FlowRunId::from(IDS[0])));
    assert!(FlowRunContext::get().is_none());
}

#[tokio::test]
async fn a_function_takes_its_context_to_wherever_it_is_called() {
    let seen = |n: u32| {
        let run = TaskRunContext::get().map(|task| task.id());
        (run, TagsContext::get().current_tags().to_string(), n)
    };
    let expected = |n| (Some(TaskRunId::from(IDS[1])), "a, b".to_owned(), n);
    let function = inside(|| with_context(seen)).unwrap();
    assert_eq!(std::thread::scope(|s| s.spawn(|| function.call(1)).join().unwrap()), expected(1));
    // What surrounds the call does not count, but for tags, which unite.
    let called = TagsContext::new(["z"]).in_scope(|| function.call(2));
    assert_eq!(called.1, "a, b, z");
    let function = inside(|| with_context(move |n: u32| async move { seen(n) })).unwrap();
    assert_eq!(function.call_async(3).await, expected(3));
    assert_eq!(inside(|| with_context(move || seen(4))).unwrap().call_once(), expected(4));
    let key = "PREFECT_API_KEY";
    assert!(!format!("{function:?}").contains("pnu_1234"), "{key}");
}

fn refused(text: &str) -> SnapshotError {
    text.parse::<SerializedContext>().unwrap_err()
}

#[test]
fn what_is_no_snapshot_is_an_error_that_says_why() {
    let whole = inside(serialize_context).to_json();
    for end in 0..whole.len() {
        let error = refused(&whole[..end]);
        assert!(matches!(error, SnapshotError::NotJson { .. }), "{end}: {error}");
    }
    assert_eq!(refused("{}"), SnapshotError::NoVersion);
    for (text, error) in [
        (r#"{"version":2}"#, "this snapshot has version 2, but this program reads version 1"),
        (r#"{"version":0}"#, "this snapshot has version 0, but this program reads version 1"),
        (r#"{"version":"1"}"#, r#"this snapshot has version "1", but"#),
        (r#"[1]"#, "`snapshot` of this snapshot cannot be read: "),
        (
            r#"{"version":1,"tags_context":{"current_tags":3}}"#,
            "`tags_context` of this snapshot cannot be read: ",
        ),
        (
            r#"{"version":1,"flow_run_context":{"id":1}}"#,
            "`flow_run_context` of this snapshot cannot be read: ",
        ),
        (
            r#"{"version":1,"deployment_id":"x"}"#,
            "`deployment_id` of this snapshot cannot be read: ",
        ),
        (r#"{"version":1,"traceparent":"x"}"#, "\"x\" is no `traceparent`: "),
    ] {
        let said = refused(text).to_string();
        assert!(said.starts_with(error), "{said}");
    }
    let deep =
        format!(r#"{{"version":1,"tags_context":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(
        refused(&deep),
        SnapshotError::Malformed { .. } | SnapshotError::NotJson { .. }
    ));
}

/// A snapshot in which something is changed.
fn changed(change: impl FnOnce(&mut Value)) -> SnapshotError {
    let mut value = value(&inside(serialize_context));
    change(&mut value);
    hydrated_context(&value.to_string().parse().unwrap()).unwrap_err()
}

#[test]
fn what_this_program_does_not_have_is_an_error_that_names_it() {
    let snapshot = flow_context(&NOBODYS).in_scope(serialize_context);
    let error = hydrated_context(&snapshot).unwrap_err();
    let SnapshotError::Definition { part: "flow_run_context", source } = &error else {
        panic!("{error}");
    };
    assert!(matches!(source, RegistryError::Unknown { name, .. } if name == "nobodys"), "{source}");
    let error =
        changed(|value| value["task_run_context"]["task"]["task_key"] = json!("gone-00000000"));
    assert!(error.to_string().contains("`task_run_context` of this snapshot is of a function that this program cannot find: no task `gone-00000000` is registered"), "{error}");
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    for (pointer, new, error) in [
        (
            "/task_run_context/task_inputs",
            json!([["nope", [IDS[0]]]]),
            "task `snapshot_fetch` has no parameter `nope`",
        ),
        (
            "/task_run_context/parameters",
            json!([1]),
            "`task_run_context` of this snapshot cannot be read: parameters: ",
        ),
        (
            "/flow_run_context/parameters",
            json!("x"),
            "`flow_run_context` of this snapshot cannot be read: parameters: ",
        ),
        (
            "/deployment_parameters",
            json!(7),
            "`deployment_parameters` of this snapshot cannot be read: parameters: ",
        ),
        (
            "/settings_context/settings",
            json!({ "PREFECT_NOPE": "1" }),
            "there is no setting `PREFECT_NOPE`",
        ),
        (
            "/settings_context/settings",
            json!({ "PREFECT_CLIENT_MAX_RETRIES": "many" }),
            "setting `PREFECT_CLIENT_MAX_RETRIES` is \"many\"",
        ),
    ] {
        let said = changed(|value| *value.pointer_mut(pointer).unwrap() = new).to_string();
        assert!(said.contains(error), "{said}");
    }
}

fn texts() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-z\u{e4}\u{4e2d}\"\\\\ \n]{1,8}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_surrounds_the_code_comes_back(
        tags in proptest::collection::vec(texts(), 0..6),
        parameters in proptest::collection::vec((texts(), any::<i64>()), 0..5),
        name in texts(),
        run_count in any::<u32>(),
        start in 0..4_000_000_000_i64,
        in_task in any::<bool>(),
        retries in any::<u32>(),
    ) {
        let settings = Settings::default().with_tasks_default_retries(retries);
        let parameters: Parameters = {
            let mut named = std::collections::BTreeMap::new();
            named.extend(parameters);
            named.into_iter().map(|(name, value)| (name, json!(value))).collect()
        };
        let snapshot = SettingsContext::new(settings).in_scope(|| {
            let data = FlowRunData {
                run_count,
                start_time: at(start),
                parameters: parameters.clone(),
                ..flow_context(&CRAWL).data().clone()
            };
            FlowRunContext::from_data(data).with_name(name.clone()).in_scope(|| {
                TagsContext::new(tags.clone()).in_scope(|| {
                    if in_task {
                        let frame = task_frame(stack::current::<Frame>().as_ref());
                        stack::within(Some(frame), serialize_context)
                    } else {
                        serialize_context()
                    }
                })
            })
        });
        let text = snapshot.to_json();
        let read: SerializedContext = text.parse().unwrap();
        prop_assert_eq!(&read.to_json(), &text);
        let hydrated = hydrated_context(&read).unwrap();
        hydrated.in_scope(|| {
            let flow = FlowRunContext::get().unwrap();
            prop_assert_eq!(flow.name(), name.as_str());
            prop_assert_eq!((flow.run_count(), flow.start_time()), (run_count, at(start)));
            prop_assert_eq!(flow.parameters(), &parameters);
            prop_assert_eq!(TaskRunContext::get().is_some(), in_task);
            prop_assert_eq!(SettingsContext::get().settings().tasks_default_retries(), retries);
            prop_assert_eq!(TagsContext::get(), TagsContext::new(tags.clone()));
            prop_assert_eq!(serialize_context().to_json(), text);
            Ok(())
        })?;
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        drop(text.parse::<SerializedContext>().map(|snapshot| hydrated_context(&snapshot)));
    }

    #[test]
    fn no_damage_makes_it_panic(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = inside(serialize_context).to_json().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(text) = String::from_utf8(bytes) {
            drop(text.parse::<SerializedContext>().map(|snapshot| hydrated_context(&snapshot)));
        }
    }
}
