//! The list of the methods that wait.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::BlockingPrefectClient;
use crate::client::ScheduledBefore;
use crate::error::ApiError;
use crate::schema::{
    Artifact, ArtifactCreate, ArtifactUpdate, Automation, AutomationCreate, ConcurrencyLease,
    ConcurrencyLimit, ConcurrencyMode, Deployment, DeploymentCreate, DeploymentFlowRunCreate,
    DeploymentUpdate, Event, EventFilter, EventPage, Flow, FlowCreate, FlowRun, FlowRunCreate,
    FlowRunInput, FlowRunUpdate, GlobalConcurrencyLimit, GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate, Graph, JsonObject, LeaseHolder, LimitSlots, Log, LogCreate,
    OrchestrationResult, Query, State, StateCreate, TaskRun, TaskRunCreate, Variable,
    VariableCreate, VariableUpdate, WorkPool, WorkPoolCreate, WorkPoolUpdate, WorkQueue,
    WorkerFlowRun,
};

/// Defines for each async method the one that waits.
macro_rules! methods {
    ($( fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $output:ty; )+) => {
        impl BlockingPrefectClient {$(
            #[doc = concat!(
                "[`PrefectClient::", stringify!($name), "`](crate::PrefectClient::", stringify!($name),
                "), waited for."
            )]
            ///
            /// # Errors
            ///
            /// As there.
            pub fn $name(&self, $($arg: $type),*) -> Result<$output, ApiError> {
                self.runtime.wait(self.client.$name($($arg),*))
            }
        )+}
    };
}

methods! {
    // The server itself.
    fn api_healthcheck() -> ();
    fn api_version() -> String;
    fn server_version() -> String;
    fn read_server_default_result_storage() -> Option<Uuid>;

    // Flows.
    fn create_flow(name: &str, tags: &[String]) -> Flow;
    fn create_flow_with(flow: &FlowCreate) -> Flow;
    fn read_flow(flow_id: Uuid) -> Flow;
    fn read_flow_by_name(name: &str) -> Flow;
    fn read_flows(filter: impl Into<Query> + Send) -> Vec<Flow>;
    fn delete_flow(flow_id: Uuid) -> ();

    // Flow runs.
    fn create_flow_run(run: &FlowRunCreate) -> FlowRun;
    fn create_flow_run_from_deployment(deployment_id: Uuid, run: &DeploymentFlowRunCreate) -> FlowRun;
    fn read_flow_run(flow_run_id: Uuid) -> FlowRun;
    fn read_flow_runs(filter: impl Into<Query> + Send) -> Vec<FlowRun>;
    fn count_flow_runs(filter: impl Into<Query> + Send) -> u64;
    fn update_flow_run(flow_run_id: Uuid, changes: &FlowRunUpdate) -> ();
    fn update_flow_run_labels(flow_run_id: Uuid, labels: &JsonObject) -> ();
    fn delete_flow_run(flow_run_id: Uuid) -> ();
    fn set_flow_run_state(flow_run_id: Uuid, state: &StateCreate, force: bool) -> OrchestrationResult;
    fn read_flow_run_states(flow_run_id: Uuid) -> Vec<State>;
    fn resume_flow_run(flow_run_id: Uuid, run_input: Option<Value>) -> OrchestrationResult;
    fn create_flow_run_input(flow_run_id: Uuid, key: &str, value: &str) -> ();
    fn read_flow_run_input(flow_run_id: Uuid, key: &str) -> String;
    fn filter_flow_run_input(
        flow_run_id: Uuid, prefix: &str, limit: u32, exclude_keys: &[String],
    ) -> Vec<FlowRunInput>;
    fn delete_flow_run_input(flow_run_id: Uuid, key: &str) -> ();
    fn read_flow_run_graph(flow_run_id: Uuid) -> Graph;

    // Task runs.
    fn create_task_run(run: &TaskRunCreate) -> TaskRun;
    fn read_task_run(task_run_id: Uuid) -> TaskRun;
    fn read_task_runs(filter: impl Into<Query> + Send) -> Vec<TaskRun>;
    fn count_task_runs(filter: impl Into<Query> + Send) -> u64;
    fn read_task_run_states(task_run_id: Uuid) -> Vec<State>;
    fn set_task_run_state(task_run_id: Uuid, state: &StateCreate, force: bool) -> OrchestrationResult;
    fn delete_task_run(task_run_id: Uuid) -> ();

    // Logs and artifacts.
    fn create_logs(logs: &[LogCreate]) -> ();
    fn read_logs(filter: impl Into<Query> + Send) -> Vec<Log>;
    fn create_artifact(artifact: &ArtifactCreate) -> Artifact;
    fn update_artifact(artifact_id: Uuid, changes: &ArtifactUpdate) -> ();
    fn read_artifact(artifact_id: Uuid) -> Artifact;
    fn read_latest_artifact(key: &str) -> Option<Artifact>;
    fn read_artifacts(filter: impl Into<Query> + Send) -> Vec<Artifact>;
    fn delete_artifact(artifact_id: Uuid) -> ();

    // Variables.
    fn read_variable_by_name(name: &str) -> Option<Variable>;
    fn create_variable(variable: &VariableCreate) -> Variable;
    fn update_variable(name: &str, changes: &VariableUpdate) -> ();
    fn delete_variable(name: &str) -> ();
    fn read_variables(filter: impl Into<Query> + Send) -> Vec<Variable>;

    // Concurrency limits.
    fn increment_concurrency_slots(
        names: &[String], slots: u32, mode: ConcurrencyMode,
    ) -> Vec<LimitSlots>;
    fn increment_concurrency_slots_with_lease(
        names: &[String],
        slots: u32,
        mode: ConcurrencyMode,
        lease_duration: Duration,
        holder: Option<LeaseHolder>,
    ) -> ConcurrencyLease;
    fn release_concurrency_slots(
        names: &[String], slots: u32, occupancy: Option<Duration>,
    ) -> Vec<LimitSlots>;
    fn renew_concurrency_lease(lease_id: Uuid, lease_duration: Duration) -> ();
    fn release_concurrency_slots_with_lease(lease_id: Uuid) -> ();
    fn create_global_concurrency_limit(limit: &GlobalConcurrencyLimitCreate) -> GlobalConcurrencyLimit;
    fn read_global_concurrency_limit(name: &str) -> GlobalConcurrencyLimit;
    fn read_global_concurrency_limits(
        filter: impl Into<Query> + Send,
    ) -> Vec<GlobalConcurrencyLimit>;
    fn update_global_concurrency_limit(name: &str, changes: &GlobalConcurrencyLimitUpdate) -> ();
    fn delete_global_concurrency_limit(name: &str) -> ();
    fn create_concurrency_limit(tag: &str, concurrency_limit: u32) -> ConcurrencyLimit;
    fn read_concurrency_limit_by_tag(tag: &str) -> ConcurrencyLimit;
    fn delete_concurrency_limit_by_tag(tag: &str) -> ();

    // Deployments.
    fn create_deployment(deployment: &DeploymentCreate) -> Deployment;
    fn read_deployment(deployment_id: Uuid) -> Deployment;
    fn read_deployment_by_name(flow_name: &str, deployment_name: &str) -> Deployment;
    fn update_deployment(deployment_id: Uuid, changes: &DeploymentUpdate) -> ();
    fn delete_deployment(deployment_id: Uuid) -> ();
    fn read_deployments(filter: impl Into<Query> + Send) -> Vec<Deployment>;
    fn get_scheduled_flow_runs_for_deployments(
        deployment_ids: &[Uuid], scheduled: ScheduledBefore,
    ) -> Vec<FlowRun>;

    // Work pools.
    fn create_work_pool(pool: &WorkPoolCreate) -> WorkPool;
    fn read_work_pool(name: &str) -> WorkPool;
    fn read_work_pools(filter: impl Into<Query> + Send) -> Vec<WorkPool>;
    fn update_work_pool(name: &str, changes: &WorkPoolUpdate) -> ();
    fn delete_work_pool(name: &str) -> ();
    fn get_scheduled_flow_runs_for_work_pool(
        work_pool_name: &str, work_queue_names: &[String], scheduled: ScheduledBefore,
    ) -> Vec<WorkerFlowRun>;
    fn send_worker_heartbeat(
        work_pool_name: &str, worker_name: &str, heartbeat_interval: Option<Duration>,
    ) -> ();
    fn read_work_queue(work_queue_id: Uuid) -> WorkQueue;
    fn read_work_queue_by_name(name: &str, work_pool_name: Option<&str>) -> WorkQueue;
    fn read_work_queues(
        work_pool_name: Option<&str>, filter: impl Into<Query> + Send,
    ) -> Vec<WorkQueue>;

    // Events and automations.
    fn post_events(events: &[Event]) -> ();
    fn read_events(filter: &EventFilter) -> EventPage;
    fn read_events_page(page: &EventPage) -> Option<EventPage>;
    fn create_automation(automation: &AutomationCreate) -> Automation;
    fn read_automation(automation_id: Uuid) -> Automation;
    fn read_automations(filter: impl Into<Query> + Send) -> Vec<Automation>;
    fn update_automation(automation_id: Uuid, automation: &AutomationCreate) -> ();
    fn delete_automation(automation_id: Uuid) -> ();
    fn read_resource_related_automations(resource_id: &str) -> Vec<Automation>;
    fn delete_resource_owned_automations(resource_id: &str) -> ();
}
