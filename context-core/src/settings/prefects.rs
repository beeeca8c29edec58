//! Settings of Prefect that mean nothing here.
//!
//! They may stand in a profile or a file that both use, and are then no mistakes. The test
//! `no_setting_of_prefect_is_taken_for_a_mistake` asks Prefect whether they are all.

/// What the names of settings of Prefect's server, workers, command line and tests begin with, after `PREFECT_`.
const FAMILIES: &[&str] = &[
    "API_BLOCKS_",
    "API_DATABASE_",
    "API_SERVICES_",
    "CLIENT_METRICS_",
    "CLI_",
    "EXPERIMENTAL_",
    "EXPERIMENTS_",
    "PLUGINS_",
    "RUNNER_SERVER_",
    "SERVER_",
    "SQLALCHEMY_",
    "TELEMETRY_",
    "TESTING_",
    "UI_",
    "WORKER_",
];

/// The others, of which many are older names.
const OTHERS: &[&str] = &[
    "API_DEFAULT_LIMIT",
    "API_ENABLE_METRICS",
    "API_EVENTS_RELATED_RESOURCE_CACHE_TTL",
    "API_EVENTS_STREAM_OUT_ENABLED",
    "API_LOG_RETRYABLE_ERRORS",
    "API_MAX_FLOW_RUN_GRAPH_ARTIFACTS",
    "API_MAX_FLOW_RUN_GRAPH_NODES",
    "API_TASK_CACHE_KEY_MAX_LENGTH",
    "CLIENT_ENABLE_METRICS",
    "CLOUD_ENABLE_ORCHESTRATION_TELEMETRY",
    "DEFAULT_DOCKER_BUILD_NAMESPACE",
    "DEPLOYMENTS_DEFAULT_DOCKER_BUILD_NAMESPACE",
    "DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS",
    "DEPLOYMENT_SCHEDULE_MAX_SCHEDULED_RUNS",
    "EVENTS_EXPIRED_BUCKET_BUFFER",
    "EVENTS_MAXIMUM_LABELS_PER_RESOURCE",
    "EVENTS_MAXIMUM_RELATED_RESOURCES",
    "EVENTS_MAXIMUM_SIZE_BYTES",
    "EVENTS_MAXIMUM_WEBSOCKET_BACKFILL",
    "EVENTS_PROACTIVE_GRANULARITY",
    "EVENTS_RETENTION_PERIOD",
    "EVENTS_WEBSOCKET_BACKFILL_PAGE_SIZE",
    "INTERNAL_LOGGING_LEVEL",
    "LOGGING_INTERNAL_LEVEL",
    "LOGGING_SERVER_LEVEL",
    "MEMOIZE_BLOCK_AUTO_REGISTRATION",
    "MEMO_STORE_PATH",
    "MESSAGING_BROKER",
    "MESSAGING_CACHE",
    "RUNNER_AUTO_INSTALL_DEPENDENCIES",
    "RUNNER_CRASH_ON_CANCELLATION_FAILURE",
    "TASK_RUN_TAG_CONCURRENCY_SLOT_WAIT_SECONDS",
    "TASK_SCHEDULING_MAX_RETRY_QUEUE_SIZE",
    "TASK_SCHEDULING_MAX_SCHEDULED_QUEUE_SIZE",
    "TASK_SCHEDULING_PENDING_TASK_TIMEOUT",
    "TEST_MODE",
    "TEST_SETTING",
    "UNIT_TEST_LOOP_DEBUG",
    "UNIT_TEST_MODE",
];

/// True if the variable is one of them.
pub(super) fn is_prefects(variable: &str) -> bool {
    let Some(name) = variable.strip_prefix("PREFECT_") else { return false };
    FAMILIES.iter().any(|family| name.starts_with(family)) || OTHERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prefects_own_settings_are_known() {
        for name in
            ["PREFECT_SERVER_API_PORT", "PREFECT_MEMO_STORE_PATH", "PREFECT_WORKER_QUERY_SECONDS"]
        {
            assert!(is_prefects(name), "{name}");
        }
        for name in ["PREFECT_TASK_DEFAULT_RETRYS", "PREFECT_API_ULR", "SERVER_API_PORT", "OTHERS"]
        {
            assert!(!is_prefects(name), "{name}");
        }
    }
}
