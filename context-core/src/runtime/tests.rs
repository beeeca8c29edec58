use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::*;
use crate::clock::Timestamp;
use crate::context::{
    ContextModel, DeploymentContext, FlowRunContext, FlowRunData, Frame, Ledger, LiveTask,
    ReportedRun, SettingsContext, TagsContext, TaskDetails, TaskTransactions,
};
use crate::definition::{FlowDefinition, FlowOptions, Meta, TaskDefinition, TaskOptions};
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::record::Client;
use crate::runner::Runner;
use crate::settings::Settings;
use crate::stack;
use crate::tags::TagSet;

const META: Meta = Meta {
    name: "load_page",
    module: "tests",
    file: "tests.rs",
    line: 1,
    source_hash: "1a2b3c4d",
    doc: "",
    parameters: &["url"],
    is_async: false,
};

static FLOW: FlowDefinition = FlowDefinition::new(META, FlowOptions::new);
static TASK: TaskDefinition = TaskDefinition::new(META, || TaskOptions::new().tags("own"));

const BEGAN: Timestamp = Timestamp::from_nanos(1_717_243_200_000_000_000);

fn flow_run(id: FlowRunId, parent: Option<FlowRunId>) -> FlowRunContext {
    FlowRunContext::from_data(FlowRunData {
        id,
        definition: &FLOW,
        options: None,
        name: OnceLock::from("brave-otter".to_owned()),
        parameters: Parameters::from_iter([("url", "a".into())]),
        start_time: BEGAN,
        run_count: 2,
        stand_in: None,
        parent_flow_run_id: parent,
        root_flow_run_id: parent.unwrap_or(id),
        outer_flow_run_ids: None,
        tags: None,
        log_prints: None,
        cancellation: None,
        ledger: Arc::new(Ledger::new(Client::off(), Runner::of_blocking_caller())),
        course: Arc::default(),
    })
}

/// Runs `f` in a task run.
fn in_task<R>(id: TaskRunId, f: impl FnOnce() -> R) -> R {
    in_reported_task(id, None, f)
}

#[derive(Debug)]
struct Reported(TaskRunId);

impl ReportedRun for Reported {
    fn id(&self) -> TaskRunId {
        self.0
    }

    fn begins(&self, _: Timestamp) {}
}

/// As `in_task`, of a run that is reported as another.
fn in_reported_task<R>(
    id: TaskRunId,
    reported_as: Option<Arc<dyn ReportedRun>>,
    f: impl FnOnce() -> R,
) -> R {
    let details = TaskDetails {
        reported_as,
        parameters: Parameters::from_iter([("url", "b".into())]),
        ..TaskDetails::default()
    };
    let live = LiveTask {
        id,
        definition: &TASK,
        parent: None,
        start_time: BEGAN,
        run_count: 3,
        details: Some(Arc::new(details)),
        transactions: TaskTransactions::default(),
    };
    let frame = Frame::with_task(stack::current::<Frame>().as_ref(), live);
    stack::within(Some(frame), f)
}

fn local_server() -> SettingsContext {
    let settings = Settings::default().with_api_url(Some("http://127.0.0.1:4200/api/"));
    SettingsContext::new(settings.unwrap())
}

#[test]
fn a_flow_run_is_read() {
    let (id, parent) = (FlowRunId::generate(BEGAN), FlowRunId::generate(BEGAN));
    flow_run(id, Some(parent)).in_scope(|| {
        assert_eq!(flow_run::id(), Some(id));
        assert_eq!(flow_run::name().as_deref(), Some("brave-otter"));
        assert_eq!(flow_run::flow_name().as_deref(), Some("load-page"));
        assert_eq!(flow_run::flow_version().as_deref(), Some("1a2b3c4d"));
        assert_eq!(flow_run::parameters().as_json(), r#"{"url":"a"}"#);
        assert_eq!(flow_run::tags(), TagSet::EMPTY);
        assert_eq!(flow_run::run_count(), 2);
        assert_eq!(flow_run::parent_flow_run_id(), Some(parent));
        assert_eq!(flow_run::root_flow_run_id(), Some(parent));
        assert_eq!(flow_run::scheduled_start_time(), BEGAN);
        assert_eq!(flow_run::api_url(), None);
        assert_eq!(deployment::flow_run_id(), Some(id));
        assert_eq!(task_run::id(), None);
    });
    assert_eq!(flow_run::id(), None);
}

#[test]
fn a_task_run_and_its_flow_run_are_read() {
    let (flow, task) = (FlowRunId::generate(BEGAN), TaskRunId::generate(BEGAN));
    flow_run(flow, None).in_scope(|| {
        TagsContext::new(["eu"]).in_scope(|| {
            in_task(task, || {
                assert_eq!(flow_run::id(), Some(flow));
                assert_eq!(flow_run::root_flow_run_id(), Some(flow));
                assert_eq!(flow_run::parent_flow_run_id(), None);
                assert_eq!(task_run::id(), Some(task));
                assert!(task_run::name().unwrap().starts_with("load_page-"));
                assert_eq!(task_run::task_name().as_deref(), Some("load_page"));
                assert_eq!(task_run::tags(), ["eu", "own"]);
                assert_eq!(task_run::run_count(), 3);
                assert_eq!(task_run::parameters().as_json(), r#"{"url":"b"}"#);
            });
        });
    });
}

#[test]
fn runs_have_addresses_where_an_api_is_set() {
    let (flow, task) = (FlowRunId::generate(BEGAN), TaskRunId::generate(BEGAN));
    local_server().in_scope(|| {
        assert_eq!((flow_run::api_url(), task_run::ui_url()), (None, None));
        flow_run(flow, None).in_scope(|| {
            in_task(task, || {
                let server = "http://127.0.0.1:4200";
                let flow_path = format!("flow-runs/flow-run/{flow}");
                assert_eq!(flow_run::api_url(), Some(format!("{server}/api/{flow_path}")));
                assert_eq!(flow_run::ui_url(), Some(format!("{server}/{flow_path}")));
                let task_path = format!("runs/task-run/{task}");
                assert_eq!(task_run::api_url(), Some(format!("{server}/api/{task_path}")));
                assert_eq!(task_run::ui_url(), Some(format!("{server}/{task_path}")));
            });
        });
    });
}

#[test]
fn the_address_of_a_run_that_is_reported_as_another_is_that_of_the_other() {
    let (own, other) = (TaskRunId::generate(BEGAN), TaskRunId::generate(BEGAN));
    local_server().in_scope(|| {
        in_reported_task(own, Some(Arc::new(Reported(other))), || {
            assert_eq!(task_run::id(), Some(own));
            let path = format!("http://127.0.0.1:4200/runs/task-run/{other}");
            assert_eq!(task_run::ui_url(), Some(path));
            assert!(task_run::api_url().unwrap().ends_with(&other.to_string()));
        });
    });
}

#[test]
fn a_deployment_is_read_below_subflows_too() {
    let id = uuid::Uuid::from_u128(1);
    let parameters = Parameters::from_iter([("day", "monday".into())]);
    DeploymentContext::new(id, parameters.clone()).in_scope(|| {
        flow_run(FlowRunId::generate(BEGAN), None).in_scope(|| {
            assert_eq!(deployment::id(), Some(id));
            assert_eq!(deployment::parameters(), parameters);
        });
    });
    assert_eq!((deployment::id(), deployment::parameters()), (None, Parameters::EMPTY));
}

/// Runs the ignored test `name` of this program with other variables.
fn child(name: &str, variables: &[(&str, &str)]) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--exact", &format!("runtime::tests::{name}"), "--ignored"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

const STARTED_FOR: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

#[test]
fn variables_are_read() {
    child(
        "with_variables",
        &[
            ("PREFECT__FLOW_RUN_ID", STARTED_FOR),
            ("PREFECT__RUNTIME__FLOW_RUN__NAME", "mocked"),
            ("PREFECT__RUNTIME__FLOW_RUN__RUN_COUNT", "many"),
            ("PREFECT__RUNTIME__FLOW_RUN__TAGS", "a"),
            ("PREFECT__RUNTIME__TASK_RUN__RUN_COUNT", "7"),
            ("PREFECT__RUNTIME__DEPLOYMENT__ID", STARTED_FOR),
        ],
    );
}

#[test]
#[ignore = "run by `variables_are_read`"]
fn with_variables() {
    assert_eq!(flow_run::id().unwrap().to_string(), STARTED_FOR);
    assert_eq!(deployment::id().unwrap().to_string(), STARTED_FOR);
    assert_eq!(deployment::flow_run_id(), flow_run::id());
    assert_eq!(flow_run::name().as_deref(), Some("mocked"));
    assert_eq!((flow_run::run_count(), task_run::run_count()), (0, 7));
    let id = FlowRunId::generate(BEGAN);
    flow_run(id, None).in_scope(|| {
        assert_eq!(flow_run::id(), Some(id), "the context wins over the process");
        assert_eq!(flow_run::name().as_deref(), Some("mocked"));
        assert_eq!(flow_run::run_count(), 2, "a value of the wrong form is ignored");
        assert_eq!(flow_run::tags(), TagSet::EMPTY, "a set cannot be given");
    });
}
