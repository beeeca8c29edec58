//! The table of all settings: the one place that says what a setting is called, what it may be, and what it is by default.
//!
//! From the table follow the fields of [`Values`], the typed methods of [`Settings`], what is read from which source, and
//! what settings are written as.
//!
//! A row reads
//!
//! ```text
//! /// What it is about, and its default.
//! field: Kind = default, "VARIABLE" | "OLDER_NAME", "path.in.prefect.toml", methods;
//! ```
//!
//! where `methods` says in which form the value is given and taken by the two methods that are made, `field` and
//! `with_field`: `copied(with_field)`, `seconds(with_field)` and so on. `shown(type, expression)` makes the first one
//! only; the second is then in `change.rs`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::define::{methods, settings};
use super::kind::{
    Codes, Delays, Factor, Headers, Heartbeat, Location, Names, Seconds, Setting, Shape,
    SomeSeconds, Text, Url,
};
use super::value::{DefaultSerializer, LoggingLevel, Summary, TaskRunEvents, WhenMissingFlow};
use super::{Settings, SettingsError};
use crate::secret::{Secret, Secrets};

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) variable: &'static str,
    /// Older names of the variable, which count where the present one is not set.
    pub(super) aliases: &'static [&'static str],
    pub(super) path: &'static str,
    pub(super) doc: &'static str,
    pub(super) allowed: &'static str,
    pub(super) shape: Shape,
    pub(super) is_secret: bool,
    /// Sets it to what the text means, if it means something.
    pub(super) set: fn(&mut Values, &str) -> bool,
    /// Sets it to what the other one has.
    pub(super) copy: fn(&mut Values, &Values),
    pub(super) text: fn(&Values) -> Option<String>,
    pub(super) json: fn(&Values, Secrets) -> Value,
    /// The text as it may be shown.
    pub(super) masked: fn(&str) -> String,
}

settings! {
    /// The directory of profiles, results and the embedded store. Default `~/.prefect`.
    home: Location = Location::default(), "PREFECT_HOME", "home", shown(&Path, |values| &values.home.0);

    /// The file of profiles. `$PREFECT_HOME` in it stands for the [home](Self::home). Default `profiles.toml` in the home.
    profiles_path: Location = Location::default(), "PREFECT_PROFILES_PATH", "profiles_path",
        path(with_profiles_path);

    /// Whether the logging level is DEBUG, whatever else is set. Default no.
    debug_mode: bool = false, "PREFECT_DEBUG_MODE", "debug_mode", copied(with_debug_mode);

    /// The base address of the Prefect API, without a slash at the end. Default none: runs are recorded in this process.
    api_url: Option<Url> = None, "PREFECT_API_URL", "api.url", url(with_api_url);

    /// The key for Prefect Cloud. Default none.
    api_key: Option<Secret<String>> = None, "PREFECT_API_KEY", "api.key", secret(with_api_key);

    /// `user:password` for a server of one's own. Default none.
    api_auth_string: Option<Secret<String>> = None, "PREFECT_API_AUTH_STRING", "api.auth_string",
        secret(with_api_auth_string);

    /// Whether the server's certificate is not checked. Default no; for tests only.
    api_tls_insecure_skip_verify: bool = false, "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
        "api.tls_insecure_skip_verify", copied(with_api_tls_insecure_skip_verify);

    /// A file of certificates that servers are checked with, besides the usual ones. Default: what the variable `SSL_CERT_FILE` says, else none.
    api_ssl_cert_file: Location = Location::default(), "PREFECT_API_SSL_CERT_FILE", "api.ssl_cert_file",
        shown(Option<&Path>, |values| values.api_ssl_cert_file.get());

    /// Whether HTTP/2 is used where the server knows it. Default no.
    api_enable_http2: bool = false, "PREFECT_API_ENABLE_HTTP2", "api.enable_http2",
        copied(with_api_enable_http2);

    /// How long one request to the API may take. Default 60 s.
    api_request_timeout: SomeSeconds = SomeSeconds::new(60), "PREFECT_API_REQUEST_TIMEOUT",
        "api.request_timeout", seconds(with_api_request_timeout);

    /// The address of the UI. Default: it follows from that of the API, by Prefect's rule.
    ui_url: Option<Url> = None, "PREFECT_UI_URL", "ui_url", url(with_ui_url);

    /// Whether nothing is said about an API address that looks like a common mistake. Default no.
    silence_api_url_misconfiguration: bool = false, "PREFECT_SILENCE_API_URL_MISCONFIGURATION",
        "silence_api_url_misconfiguration", copied(with_silence_api_url_misconfiguration);

    /// The address of Prefect Cloud's API. Default `https://api.prefect.cloud/api`.
    cloud_api_url: Url = Url("https://api.prefect.cloud/api".to_owned()), "PREFECT_CLOUD_API_URL",
        "cloud.api_url", shown(&str, |values| &values.cloud_api_url.0);

    /// The address of Prefect Cloud's UI. Default: it follows from that of its API.
    cloud_ui_url: Option<Url> = None, "PREFECT_CLOUD_UI_URL", "cloud.ui_url", url(with_cloud_ui_url);

    /// The most characters of one log record that Prefect Cloud takes. Default 25 000.
    cloud_max_log_size: NonZeroUsize = count(25_000), "PREFECT_CLOUD_MAX_LOG_SIZE",
        "cloud.max_log_size", count(with_cloud_max_log_size);

    /// How often a request is sent again that the server could not answer. Default 5.
    client_max_retries: u32 = 5, "PREFECT_CLIENT_MAX_RETRIES", "client.max_retries",
        copied(with_client_max_retries);

    /// By how much the wait before a request is sent again may vary, as a part of it. Default 0.2.
    client_retry_jitter_factor: Factor = Factor(0.2), "PREFECT_CLIENT_RETRY_JITTER_FACTOR",
        "client.retry_jitter_factor", shown(f64, |values| values.client_retry_jitter_factor.0);

    /// Status codes after which a request is sent again, besides 408, 429, 502 and 503. Default none.
    client_retry_extra_codes: Codes = Codes::default(), "PREFECT_CLIENT_RETRY_EXTRA_CODES",
        "client.retry_extra_codes", shown(&[u16], |values| values.client_retry_extra_codes.get());

    /// Headers that are sent with every request. Default none.
    client_custom_headers: Headers = Headers::default(), "PREFECT_CLIENT_CUSTOM_HEADERS",
        "client.custom_headers", shown(&[(String, Secret<String>)], |values| &values.client_custom_headers.0);

    /// Whether the server is asked for CSRF tokens. Default yes.
    client_csrf_support_enabled: bool = true, "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED",
        "client.csrf_support_enabled", copied(with_client_csrf_support_enabled);

    /// Whether the server is asked for its version before anything else. Default yes.
    client_server_version_check_enabled: bool = true, "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED",
        "client.server_version_check_enabled", copied(with_client_server_version_check_enabled);

    /// The least severe log record that is kept. Default INFO. In [debug mode](Self::debug_mode) always DEBUG.
    logging_level: LoggingLevel = LoggingLevel::Info, "PREFECT_LOGGING_LEVEL", "logging.level",
        copied(with_logging_level);

    /// The file of Python's logging configuration, which is not read here. Default `logging.yml` in the
    /// [home](Self::home).
    logging_config_path: Location = Location::default(),
        "PREFECT_LOGGING_CONFIG_PATH" | "PREFECT_LOGGING_SETTINGS_PATH", "logging.config_path",
        path(with_logging_config_path);

    /// Targets of `tracing` events whose records are sent to the API although they come from other libraries. Default
    /// none.
    logging_extra_loggers: Names = Names::default(), "PREFECT_LOGGING_EXTRA_LOGGERS",
        "logging.extra_loggers", shown(&[String], |values| &values.logging_extra_loggers.0);

    /// Whether what runs print is logged, where a flow or task does not say. Default no.
    logging_log_prints: bool = false, "PREFECT_LOGGING_LOG_PRINTS", "logging.log_prints",
        copied(with_logging_log_prints);

    /// Whether output to a terminal is coloured. Default yes.
    logging_colors: bool = true, "PREFECT_LOGGING_COLORS", "logging.colors", copied(with_logging_colors);

    /// Whether square brackets in messages are taken for styles by Prefect's own console. Default no; ours never does.
    logging_markup: bool = false, "PREFECT_LOGGING_MARKUP", "logging.markup", copied(with_logging_markup);

    /// Whether log records of runs are sent to the API. Default yes.
    logging_to_api_enabled: bool = true, "PREFECT_LOGGING_TO_API_ENABLED", "logging.to_api.enabled",
        copied(with_logging_to_api_enabled);

    /// How long log records are gathered before they are sent. Default 2 s.
    logging_to_api_batch_interval: Seconds = Seconds::new(2), "PREFECT_LOGGING_TO_API_BATCH_INTERVAL",
        "logging.to_api.batch_interval", seconds(with_logging_to_api_batch_interval);

    /// How many bytes of log records are sent at once, at most. Default 4 000 000.
    logging_to_api_batch_size: NonZeroUsize = count(4_000_000), "PREFECT_LOGGING_TO_API_BATCH_SIZE",
        "logging.to_api.batch_size", count(with_logging_to_api_batch_size);

    /// How many bytes of one log record are sent, at most. Default 1 000 000; never more than
    /// [a batch](Self::logging_to_api_batch_size) has, nor than [Prefect Cloud takes](Self::cloud_max_log_size) when it
    /// is the server.
    logging_to_api_max_log_size: NonZeroUsize = count(1_000_000), "PREFECT_LOGGING_TO_API_MAX_LOG_SIZE",
        "logging.to_api.max_log_size", count(with_logging_to_api_max_log_size);

    /// What becomes of a log record that is meant for the API, but belongs to no flow run. Default `warn`.
    logging_to_api_when_missing_flow: WhenMissingFlow = WhenMissingFlow::Warn,
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "logging.to_api.when_missing_flow",
        copied(with_logging_to_api_when_missing_flow);

    /// How results are written where nothing else is said. Default `json`; Prefect's is `pickle`, which only Python can
    /// read.
    results_default_serializer: DefaultSerializer = DefaultSerializer::Json,
        "PREFECT_RESULTS_DEFAULT_SERIALIZER", "results.default_serializer",
        copied(with_results_default_serializer);

    /// Whether results are stored where nothing else is said. Default no.
    results_persist_by_default: bool = false, "PREFECT_RESULTS_PERSIST_BY_DEFAULT",
        "results.persist_by_default", copied(with_results_persist_by_default);

    /// The block that names where results are stored. There are no blocks here: it is told, and has no effect. Default
    /// none.
    results_default_storage_block: Option<Text> = None,
        "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK" | "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK",
        "results.default_storage_block", text(with_results_default_storage_block);

    /// The directory of stored results. Default `storage` in the [home](Self::home).
    results_local_storage_path: Location = Location::default(),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH" | "PREFECT_LOCAL_STORAGE_PATH", "results.local_storage_path",
        path(with_results_local_storage_path);

    /// Retries of a task that does not say. Default 0.
    tasks_default_retries: u32 = 0, "PREFECT_TASKS_DEFAULT_RETRIES" | "PREFECT_TASK_DEFAULT_RETRIES",
        "tasks.default_retries", copied(with_tasks_default_retries);

    /// The delays before the first, second, … retry of a task that does not say, the last one for all further retries.
    /// Never empty. Default zero.
    tasks_default_retry_delay: Delays = Delays::default(),
        "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS" | "PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS",
        "tasks.default_retry_delay_seconds", delays(with_tasks_default_retry_delay);

    /// Whether a task that does not say stores its result. A value, also `false`, comes before what the calling flow
    /// does. Default none.
    tasks_default_persist_result: Option<bool> = None, "PREFECT_TASKS_DEFAULT_PERSIST_RESULT",
        "tasks.default_persist_result", copied(with_tasks_default_persist_result);

    /// Whether tasks that do not say run again and overwrite what is cached. Default no.
    tasks_refresh_cache: bool = false, "PREFECT_TASKS_REFRESH_CACHE", "tasks.refresh_cache",
        copied(with_tasks_refresh_cache);

    /// Whether tasks without a cache policy are not cached. Default no.
    tasks_default_no_cache: bool = false, "PREFECT_TASKS_DEFAULT_NO_CACHE", "tasks.default_no_cache",
        copied(with_tasks_default_no_cache);

    /// Whether no task is cached, whatever its policy. Default no.
    tasks_disable_caching: bool = false, "PREFECT_TASKS_DISABLE_CACHING", "tasks.disable_caching",
        copied(with_tasks_disable_caching);

    /// The number of threads of a thread pool that does not say, at least one. Default none: the pool decides.
    tasks_runner_thread_pool_max_workers: Option<NonZeroUsize> = None,
        "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS" | "PREFECT_TASK_RUNNER_THREAD_POOL_MAX_WORKERS",
        "tasks.runner.thread_pool_max_workers", optional_count(with_tasks_runner_thread_pool_max_workers);

    /// The number of processes of a process pool that does not say, at least one. Default none: the pool decides.
    tasks_runner_process_pool_max_workers: Option<NonZeroUsize> = None,
        "PREFECT_TASKS_RUNNER_PROCESS_POOL_MAX_WORKERS", "tasks.runner.process_pool_max_workers",
        optional_count(with_tasks_runner_process_pool_max_workers);

    /// The block that names where arguments of scheduled tasks are stored. There are no blocks here: it is told, and has
    /// no effect. Default none.
    tasks_scheduling_default_storage_block: Option<Text> = None,
        "PREFECT_TASKS_SCHEDULING_DEFAULT_STORAGE_BLOCK" | "PREFECT_TASK_SCHEDULING_DEFAULT_STORAGE_BLOCK",
        "tasks.scheduling.default_storage_block", text(with_tasks_scheduling_default_storage_block);

    /// Whether a task run that could not be scheduled is removed. Default yes.
    tasks_scheduling_delete_failed_submissions: bool = true,
        "PREFECT_TASKS_SCHEDULING_DELETE_FAILED_SUBMISSIONS" | "PREFECT_TASK_SCHEDULING_DELETE_FAILED_SUBMISSIONS",
        "tasks.scheduling.delete_failed_submissions", copied(with_tasks_scheduling_delete_failed_submissions);

    /// Retries of a flow that does not say. Default 0.
    flows_default_retries: u32 = 0, "PREFECT_FLOWS_DEFAULT_RETRIES" | "PREFECT_FLOW_DEFAULT_RETRIES",
        "flows.default_retries", copied(with_flows_default_retries);

    /// The delays before the first, second, … retry of a flow that does not say, the last one for all further retries.
    /// Never empty. Default zero.
    flows_default_retry_delay: Delays = Delays::default(),
        "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS" | "PREFECT_FLOW_DEFAULT_RETRY_DELAY_SECONDS",
        "flows.default_retry_delay_seconds", delays(with_flows_default_retry_delay);

    /// How often a flow run tells the server that it is still there, at least 30 s apart. Default 180 s; none never.
    flows_heartbeat_frequency: Heartbeat = Heartbeat::every(Some(Duration::from_secs(180))),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY" | "PREFECT_RUNNER_HEARTBEAT_FREQUENCY",
        "flows.heartbeat_frequency", shown(Option<Duration>, |values| values.flows_heartbeat_frequency.0);

    /// How many flow runs a runner has at once, at most. Default 5.
    runner_process_limit: NonZeroUsize = count(5), "PREFECT_RUNNER_PROCESS_LIMIT", "runner.process_limit",
        count(with_runner_process_limit);

    /// How often a runner asks for scheduled flow runs. Default 10 s.
    runner_poll_frequency: SomeSeconds = SomeSeconds::new(10), "PREFECT_RUNNER_POLL_FREQUENCY",
        "runner.poll_frequency", seconds(with_runner_poll_frequency);

    /// The work pool of a deployment that does not say. Default none.
    deployments_default_work_pool_name: Option<Text> = None,
        "PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME" | "PREFECT_DEFAULT_WORK_POOL_NAME",
        "deployments.default_work_pool_name", text(with_deployments_default_work_pool_name);

    /// How many events wait to be sent, at most. Default none: as many as there are.
    events_worker_max_queue_size: usize = 0, "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE",
        "events.worker_max_queue_size",
        shown(Option<usize>, |values| Some(values.events_worker_max_queue_size).filter(|size| *size > 0));

    /// Whether Prefect starts a server of its own where no API is set. Never has an effect here: runs are then recorded in
    /// this process. Default no.
    server_ephemeral_enabled: bool = false,
        "PREFECT_SERVER_EPHEMERAL_ENABLED" | "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE",
        "server.ephemeral.enabled", copied(with_server_ephemeral_enabled);

    /// When a flow run's summary is printed. Default `auto`.
    summary: Summary = Summary::Auto, "CONTEXT_SUMMARY", "context.summary", copied(with_summary);

    /// How many events tell a server of a task run. Default `fewest`.
    task_run_events: TaskRunEvents = TaskRunEvents::Fewest, "CONTEXT_TASK_RUN_EVENTS",
        "context.task_run_events", copied(with_task_run_events);

    /// How long the end of a flow run waits for a server that records nothing of what it was told, before the rest is kept in
    /// [`home`](Self::home) and delivered later. Default 10 s.
    delivery_timeout: Seconds = Seconds::new(10), "CONTEXT_DELIVERY_TIMEOUT", "context.delivery_timeout",
        seconds(with_delivery_timeout);
}

const fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("it is not zero")
}
