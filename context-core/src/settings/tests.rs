mod load;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::secret::{Secret, Secrets};

fn read<const N: usize>(variables: [(&str, &str); N]) -> (Settings, Vec<SettingsError>) {
    Settings::from_source(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn defaults() {
    let (settings, problems) = read([("HOME", "/home/u")]);
    assert_eq!(problems, []);
    assert_eq!(settings.home(), Path::new("/home/u/.prefect"));
    assert_eq!(
        settings.serialize(Secrets::Included),
        json!({
            "home": "/home/u/.prefect",
            "profile": "ephemeral",
            "profiles_path": "/home/u/.prefect/profiles.toml",
            "debug_mode": false,
            "api": {
                "url": null,
                "key": null,
                "auth_string": null,
                "tls_insecure_skip_verify": false,
                "ssl_cert_file": null,
                "enable_http2": false,
                "request_timeout": 60.0,
            },
            "ui_url": null,
            "silence_api_url_misconfiguration": false,
            "cloud": {
                "api_url": "https://api.prefect.cloud/api",
                "ui_url": "https://app.prefect.cloud",
                "max_log_size": 25_000,
            },
            "client": {
                "max_retries": 5,
                "retry_jitter_factor": 0.2,
                "retry_extra_codes": [],
                "custom_headers": {},
                "csrf_support_enabled": true,
                "server_version_check_enabled": true,
            },
            "logging": {
                "level": "INFO",
                "config_path": "/home/u/.prefect/logging.yml",
                "extra_loggers": [],
                "log_prints": false,
                "colors": true,
                "markup": false,
                "to_api": {
                    "enabled": true,
                    "batch_interval": 2.0,
                    "batch_size": 4_000_000,
                    "max_log_size": 1_000_000,
                    "when_missing_flow": "warn",
                },
            },
            "results": {
                "default_serializer": "json",
                "persist_by_default": false,
                "default_storage_block": null,
                "local_storage_path": "/home/u/.prefect/storage",
            },
            "tasks": {
                "default_retries": 0,
                "default_retry_delay_seconds": 0.0,
                "default_persist_result": null,
                "refresh_cache": false,
                "default_no_cache": false,
                "disable_caching": false,
                "runner": { "thread_pool_max_workers": null, "process_pool_max_workers": null },
                "scheduling": { "default_storage_block": null, "delete_failed_submissions": true },
            },
            "flows": {
                "default_retries": 0,
                "default_retry_delay_seconds": 0.0,
                "heartbeat_frequency": 180.0,
            },
            "runner": { "process_limit": 5, "poll_frequency": 10.0 },
            "deployments": { "default_work_pool_name": null },
            "events": { "worker_max_queue_size": 0 },
            "server": { "ephemeral": { "enabled": false } },
            "context": { "summary": "auto", "task_run_events": "fewest", "delivery_timeout": 10.0 },
        })
    );
    assert_eq!(Settings::default().home(), Path::new(".prefect"));
}

/// A value for each setting that is not its default, with its JSON.
fn others() -> Vec<(&'static str, &'static str, serde_json::Value)> {
    let home = ("PREFECT_HOME", "/p", json!("/p"));
    vec![
        home,
        ("PREFECT_PROFILES_PATH", "$PREFECT_HOME/own.toml", json!("/p/own.toml")),
        ("PREFECT_DEBUG_MODE", "no", json!(false)),
        ("PREFECT_API_URL", "https://x/api/", json!("https://x/api")),
        ("PREFECT_API_KEY", "k", json!("k")),
        ("PREFECT_API_AUTH_STRING", "u:p", json!("u:p")),
        ("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "true", json!(true)),
        ("PREFECT_API_SSL_CERT_FILE", "/c.pem", json!("/c.pem")),
        ("PREFECT_API_ENABLE_HTTP2", "true", json!(true)),
        ("PREFECT_API_REQUEST_TIMEOUT", "1.5", json!(1.5)),
        ("PREFECT_UI_URL", "https://ui", json!("https://ui")),
        ("PREFECT_SILENCE_API_URL_MISCONFIGURATION", "true", json!(true)),
        ("PREFECT_CLOUD_API_URL", "https://cloud/api", json!("https://cloud/api")),
        ("PREFECT_CLOUD_UI_URL", "https://cloud", json!("https://cloud")),
        ("PREFECT_CLOUD_MAX_LOG_SIZE", "1_000", json!(1000)),
        ("PREFECT_CLIENT_MAX_RETRIES", "0", json!(0)),
        ("PREFECT_CLIENT_RETRY_JITTER_FACTOR", "0.5", json!(0.5)),
        ("PREFECT_CLIENT_RETRY_EXTRA_CODES", "500,404", json!([404, 500])),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", r#"{"X-A":"b"}"#, json!({ "X-A": "b" })),
        ("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED", "false", json!(false)),
        ("PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED", "false", json!(false)),
        ("PREFECT_LOGGING_LEVEL", "error", json!("ERROR")),
        ("PREFECT_LOGGING_CONFIG_PATH", "/l.yml", json!("/l.yml")),
        ("PREFECT_LOGGING_EXTRA_LOGGERS", "a,b", json!(["a", "b"])),
        ("PREFECT_LOGGING_LOG_PRINTS", "true", json!(true)),
        ("PREFECT_LOGGING_COLORS", "false", json!(false)),
        ("PREFECT_LOGGING_MARKUP", "true", json!(true)),
        ("PREFECT_LOGGING_TO_API_ENABLED", "false", json!(false)),
        ("PREFECT_LOGGING_TO_API_BATCH_INTERVAL", "0.5", json!(0.5)),
        ("PREFECT_LOGGING_TO_API_BATCH_SIZE", "3000", json!(3000)),
        ("PREFECT_LOGGING_TO_API_MAX_LOG_SIZE", "2000", json!(2000)),
        ("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore", json!("ignore")),
        ("PREFECT_RESULTS_DEFAULT_SERIALIZER", "compressed/json", json!("compressed/json")),
        ("PREFECT_RESULTS_PERSIST_BY_DEFAULT", "1", json!(true)),
        ("PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK", "s3/b", json!("s3/b")),
        ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "/r", json!("/r")),
        ("PREFECT_TASKS_DEFAULT_RETRIES", " 3 ", json!(3)),
        ("PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,10", json!([1.0, 10.0])),
        ("PREFECT_TASKS_DEFAULT_PERSIST_RESULT", "no", json!(false)),
        ("PREFECT_TASKS_REFRESH_CACHE", "yes", json!(true)),
        ("PREFECT_TASKS_DEFAULT_NO_CACHE", "on", json!(true)),
        ("PREFECT_TASKS_DISABLE_CACHING", "t", json!(true)),
        ("PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS", "8", json!(8)),
        ("PREFECT_TASKS_RUNNER_PROCESS_POOL_MAX_WORKERS", "9", json!(9)),
        ("PREFECT_TASKS_SCHEDULING_DEFAULT_STORAGE_BLOCK", "s3/c", json!("s3/c")),
        ("PREFECT_TASKS_SCHEDULING_DELETE_FAILED_SUBMISSIONS", "false", json!(false)),
        ("PREFECT_FLOWS_DEFAULT_RETRIES", "2", json!(2)),
        ("PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "0.5", json!(0.5)),
        ("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "60", json!(60.0)),
        ("PREFECT_RUNNER_PROCESS_LIMIT", "3", json!(3)),
        ("PREFECT_RUNNER_POLL_FREQUENCY", "1", json!(1.0)),
        ("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "pool", json!("pool")),
        ("PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE", "7", json!(7)),
        ("PREFECT_SERVER_EPHEMERAL_ENABLED", "true", json!(true)),
        ("CONTEXT_SUMMARY", "never", json!("never")),
        ("CONTEXT_TASK_RUN_EVENTS", "every", json!("every")),
        ("CONTEXT_DELIVERY_TIMEOUT", "2.5", json!(2.5)),
    ]
}

fn read_others() -> Settings {
    let others = others();
    let lookup = |name: &str| {
        let found = others.iter().find(|(variable, ..)| *variable == name);
        found.map(|(_, text, _)| (*text).to_owned())
    };
    let (settings, problems) = Settings::from_source(lookup);
    assert!(
        problems.iter().all(|problem| matches!(problem, SettingsError::Doubtful { .. })),
        "{problems:?}"
    );
    settings
}

#[test]
fn every_variable_is_read() {
    let settings = read_others();
    let serialized = settings.serialize(Secrets::Included);
    let others = others();
    for info in Settings::all() {
        let (_, _, expected) = others.iter().find(|(name, ..)| *name == info.variable()).unwrap();
        let pointer = format!("/{}", info.path().replace('.', "/"));
        assert_eq!(serialized.pointer(&pointer), Some(expected), "{}", info.variable());
        assert_eq!(settings.source_of(info.path()).unwrap(), SettingSource::Environment);
    }
    assert_eq!(others.len(), Settings::all().count());
}

#[test]
fn another_process_reads_what_variables_it_is_given() {
    let settings = read_others();
    let variables = settings.to_environment_variables(ToVariables::default());
    let (read, _) = Settings::from_source(|name| variables.get(name).cloned());
    assert_eq!(read, settings);
    let masked = settings.to_environment_variables(ToVariables {
        secrets: Secrets::Masked,
        ..ToVariables::default()
    });
    assert_eq!(masked["PREFECT_API_AUTH_STRING"], "********");
    assert_eq!(masked["PREFECT_CLIENT_CUSTOM_HEADERS"], "********");
}

#[test]
fn variables_may_leave_out_what_nobody_has_set_and_repeat_older_names() {
    let settings = Settings::default().with_tasks_default_retries(2);
    let all = settings.to_environment_variables(ToVariables::default());
    assert_eq!(all["PREFECT_CLIENT_MAX_RETRIES"], "5");
    assert!(!all.contains_key("PREFECT_API_URL"), "what has no value is left out");
    let set = settings.to_environment_variables(ToVariables {
        exclude_unset: true,
        include_aliases: true,
        ..ToVariables::default()
    });
    let expected = [("PREFECT_TASKS_DEFAULT_RETRIES", "2"), ("PREFECT_TASK_DEFAULT_RETRIES", "2")];
    assert_eq!(set, expected.map(|(name, text)| (name, text.to_owned())).into());
}

#[test]
fn older_names_still_count() {
    let (settings, _) = read([
        ("PREFECT_TASK_DEFAULT_RETRIES", "1"),
        ("PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS", "2"),
        ("PREFECT_FLOW_DEFAULT_RETRIES", "3"),
        ("PREFECT_FLOWS_DEFAULT_RETRIES", "4"),
        ("PREFECT_FLOW_DEFAULT_RETRY_DELAY_SECONDS", "5"),
        ("PREFECT_LOCAL_STORAGE_PATH", "/old"),
        ("PREFECT_TASK_RUNNER_THREAD_POOL_MAX_WORKERS", "6"),
    ]);
    assert_eq!(settings.results_local_storage_path(), Path::new("/old"));
    assert_eq!(settings.tasks_runner_thread_pool_max_workers(), Some(6));
    assert_eq!(settings.tasks_default_retries(), 1);
    assert_eq!(settings.tasks_default_retry_delay(), [Duration::from_secs(2)]);
    assert_eq!(settings.flows_default_retries(), 4);
    assert_eq!(settings.flows_default_retry_delay(), [Duration::from_secs(5)]);
}

#[test]
fn each_wrong_value_is_reported_and_replaced() {
    let (settings, problems) = read([
        ("PREFECT_PROFILE", ""),
        ("PREFECT_API_URL", "localhost:4200"),
        ("PREFECT_TASK_DEFAULT_RETRIES", "-1"),
        ("PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "soon"),
        ("PREFECT_LOGGING_LEVEL", "loud"),
        ("PREFECT_RESULTS_DEFAULT_SERIALIZER", "pickle"),
        ("PREFECT_TASKS_REFRESH_CACHE", "perhaps"),
        ("PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS", "0"),
        ("CONTEXT_SUMMARY", "yes"),
        ("HOME", "/home/u"),
    ]);
    assert_eq!(settings, read([("HOME", "/home/u")]).0);
    let variables: Vec<_> = problems.iter().filter_map(SettingsError::setting).collect();
    let expected = [
        "PREFECT_PROFILE",
        "PREFECT_API_URL",
        "PREFECT_LOGGING_LEVEL",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER",
        "PREFECT_TASK_DEFAULT_RETRIES",
        "PREFECT_TASKS_REFRESH_CACHE",
        "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS",
        "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS",
        "CONTEXT_SUMMARY",
    ];
    assert_eq!(variables, expected);
    assert_eq!(
        problems[3].to_string(),
        "setting `PREFECT_RESULTS_DEFAULT_SERIALIZER` is \"pickle\", but must be json or \
         compressed/json (pickle, the default of Prefect, is Python's own format)"
    );
    assert_eq!(
        problems[8].to_string(),
        "setting `CONTEXT_SUMMARY` is \"yes\", but must be one of auto, always, never"
    );
}

#[test]
fn secrets_are_masked_unless_asked_for() {
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let settings = Settings::default()
        .with_api_key(secret("pnu_hunter2"))
        .with_api_auth_string(secret("admin:hunter2"));
    let shown = format!("{settings:?} {}", settings.serialize(Secrets::Masked));
    assert!(!shown.contains("hunter2"), "{shown}");
    let included = settings.serialize(Secrets::Included).to_string();
    assert!(included.contains("pnu_hunter2") && included.contains("admin:hunter2"));
}

#[test]
fn a_tilde_is_the_home_directory() {
    let home = |value| read([("HOME", "/home/u"), ("PREFECT_HOME", value)]).0.home().to_owned();
    assert_eq!(home("~/p"), Path::new("/home/u/p"));
    assert_eq!(home("~"), Path::new("/home/u"));
    assert_eq!(home("/x/~/y"), Path::new("/x/~/y"));
    assert_eq!(home("~other/p"), Path::new("~other/p"));
    let (settings, _) =
        read([("HOME", "/home/u"), ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "~/results")]);
    assert_eq!(settings.results_local_storage_path(), Path::new("/home/u/results"));
}

#[test]
fn a_changed_copy_leaves_the_original_alone() {
    let one = Settings::default();
    let other = one
        .with_home("/h")
        .with_profile("p")
        .with_logging_level(LoggingLevel::Error)
        .with_tasks_default_retries(1)
        .with_tasks_default_retry_delay([Duration::from_secs(1)])
        .with_flows_default_retries(2)
        .with_flows_default_retry_delay([])
        .with_summary(Summary::Never)
        .with_api_url(Some("http://x/api/"))
        .unwrap();
    assert_eq!(one, Settings::default());
    assert_eq!((other.home(), other.profile()), (Path::new("/h"), "p"));
    assert_eq!((other.tasks_default_retries(), other.flows_default_retries()), (1, 2));
    assert_eq!(other.flows_default_retry_delay(), [Duration::ZERO]);
    assert_eq!((other.summary(), other.logging_level()), (Summary::Never, LoggingLevel::Error));
    assert_eq!(other.api_url(), Some("http://x/api"));
    assert!(other.with_api_url(Some("x")).is_err());
    assert_eq!(other.with_api_url(None).unwrap().api_url(), None);
}

#[test]
fn a_refused_change_says_why_and_shows_no_secret() {
    let one = Settings::default();
    let problem = one.with_client_retry_extra_codes([7]).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "setting `PREFECT_CLIENT_RETRY_EXTRA_CODES` is [7], but must be status codes from 100 to 599, such as 404 or \
         404,500"
    );
    let header = ("Authorization".to_owned(), Secret::new("hunter2\n".to_owned()));
    let problem = one.with_client_custom_headers([header]).unwrap_err().to_string();
    assert!(problem.contains("********") && !problem.contains("hunter2"), "{problem}");
    let problem = one.with_api_url(Some("htp://ada:hunter2@host")).unwrap_err().to_string();
    assert!(problem.contains("@host") && !problem.contains("hunter2"), "{problem}");
    assert!(one.with_api_request_timeout(Duration::ZERO).is_err());
}

#[test]
fn a_changed_copy_has_each_new_value() {
    let one = Settings::default();
    let other = one
        .with_logging_log_prints(true)
        .with_logging_colors(false)
        .with_results_default_serializer(DefaultSerializer::CompressedJson)
        .with_results_persist_by_default(true)
        .with_results_local_storage_path(Some("/r".into()))
        .with_tasks_default_persist_result(Some(false))
        .with_tasks_refresh_cache(true)
        .with_tasks_default_no_cache(true)
        .with_tasks_disable_caching(true)
        .with_tasks_runner_thread_pool_max_workers(NonZeroUsize::new(2));
    assert!(other.logging_log_prints() && !other.logging_colors());
    assert_eq!(other.results_default_serializer(), DefaultSerializer::CompressedJson);
    assert!(other.results_persist_by_default());
    assert_eq!(other.results_local_storage_path(), Path::new("/r"));
    assert_eq!(other.tasks_default_persist_result(), Some(false));
    assert!(other.tasks_refresh_cache() && other.tasks_default_no_cache());
    assert!(other.tasks_disable_caching());
    assert_eq!(other.tasks_runner_thread_pool_max_workers(), Some(2));
    assert_eq!(one, Settings::default());
}

#[test]
fn results_are_in_the_home_directory_unless_said_otherwise() {
    let moved = Settings::default().with_home("/h");
    assert_eq!(moved.results_local_storage_path(), Path::new("/h/storage"));
    let said = moved.with_results_local_storage_path(Some("/r".into())).with_home("/elsewhere");
    assert_eq!(said.results_local_storage_path(), Path::new("/r"));
    let back = said.with_results_local_storage_path(None);
    assert_eq!(back.results_local_storage_path(), Path::new("/elsewhere/storage"));
}

#[test]
fn debug_mode_forces_the_level() {
    let (settings, _) = read([("PREFECT_DEBUG_MODE", "1"), ("PREFECT_LOGGING_LEVEL", "ERROR")]);
    assert!(settings.debug_mode());
    assert_eq!(settings.logging_level(), LoggingLevel::Debug);
    assert_eq!(settings.serialize(Secrets::Masked)["logging"]["level"], "DEBUG");
    let louder = settings.with_logging_level(LoggingLevel::Critical);
    assert_eq!(louder.logging_level(), LoggingLevel::Debug);
    assert_eq!(louder.with_debug_mode(false).logging_level(), LoggingLevel::Critical);
}

#[test]
fn only_settings_that_shape_runs_say_so() {
    let one = Settings::default();
    let second = [Duration::from_secs(1)];
    let shaping = [
        one.with_tasks_default_retries(1),
        one.with_flows_default_retries(1),
        one.with_tasks_default_retry_delay(second),
        one.with_flows_default_retry_delay(second),
        one.with_results_persist_by_default(true),
        one.with_tasks_default_persist_result(Some(false)),
        one.with_tasks_refresh_cache(true),
        one.with_tasks_default_no_cache(true),
        one.with_tasks_disable_caching(true),
        read([("PREFECT_TASKS_DISABLE_CACHING", "true")]).0,
    ];
    assert!(shaping.iter().all(Settings::shapes_runs));
    let plain = [
        one.with_home("/h").with_profile("p").with_debug_mode(true).with_logging_log_prints(true),
        one.with_tasks_default_retry_delay([]).with_summary(Summary::Never),
        shaping[0].with_tasks_default_retries(0),
        one,
    ];
    assert!(!plain.iter().any(Settings::shapes_runs));
}

proptest! {
    #[test]
    fn any_environment_gives_settings(text in any::<String>()) {
        let (settings, problems) = Settings::from_source(|_| Some(text.clone()));
        prop_assert!(!settings.profile().is_empty());
        for problem in problems {
            prop_assert!(problem.to_string().contains(problem.setting().unwrap()));
        }
    }
}

#[test]
fn a_password_in_the_api_address_is_not_shown() {
    let url = "https://ada:s3cret@host/api";
    let (settings, _) =
        Settings::from_source(|name| (name == "PREFECT_API_URL").then(|| url.to_owned()));
    assert_eq!(settings.api_url(), Some(url));
    assert!(!format!("{settings:?}").contains("s3cret"));
    let masked = settings.serialize(Secrets::Masked).to_string();
    assert!(masked.contains("@host/api") && !masked.contains("s3cret"), "{masked}");
    assert!(settings.serialize(Secrets::Included).to_string().contains("s3cret"));
}

#[test]
fn the_ui_follows_from_the_api() {
    for (api, ui) in [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
        ("https://prefect.example.com/team/api", "https://prefect.example.com/team"),
        (
            "https://api.prefect.cloud/api/accounts/1-a/workspaces/2-b",
            "https://app.prefect.cloud/account/1-a/workspace/2-b",
        ),
        (
            "https://self.example.com/api/accounts/1/workspaces/2",
            "https://self.example.com/account/1/workspace/2",
        ),
    ] {
        let settings = Settings::default().with_api_url(Some(api)).unwrap();
        assert_eq!(settings.ui_url(), Some(ui));
        let said = settings.with_ui_url(Some("https://ui.example.com/")).unwrap();
        assert_eq!(said.ui_url(), Some("https://ui.example.com"));
    }
}

#[test]
fn the_ui_of_another_cloud_follows_from_its_api() {
    for (cloud, ui) in [
        ("https://api.stg.prefect.dev/api", "https://app.stg.prefect.dev"),
        ("https://api.example.com/api", "https://api.example.com"),
        ("http://api.prefect.cloud/api", "http://api.prefect.cloud"),
    ] {
        let settings = Settings::default().with_cloud_api_url(cloud).unwrap();
        assert_eq!(settings.cloud_ui_url(), Some(ui));
        let connected = settings.with_api_url(Some(&format!("{cloud}/accounts/1"))).unwrap();
        assert!(connected.connected_to_cloud() && !settings.connected_to_cloud());
        assert_eq!(connected.ui_url().unwrap(), format!("{ui}/account/1"));
    }
}

#[test]
fn no_log_record_is_larger_than_a_batch_or_than_the_cloud_takes() {
    let (settings, problems) = read([("PREFECT_LOGGING_TO_API_BATCH_SIZE", "500")]);
    assert_eq!(settings.logging_to_api_max_log_size(), 500);
    assert_eq!(
        problems[0].to_string(),
        "setting `PREFECT_LOGGING_TO_API_BATCH_SIZE` is 500, so log records are cut off there, too"
    );
    let (settings, problems) = read([("PREFECT_LOGGING_TO_API_MAX_LOG_SIZE", "5000000")]);
    assert_eq!(settings.logging_to_api_max_log_size(), 4_000_000);
    assert_eq!(
        problems[0].to_string(),
        "setting `PREFECT_LOGGING_TO_API_MAX_LOG_SIZE` is 5000000, but no record can be larger than a batch \
         (`PREFECT_LOGGING_TO_API_BATCH_SIZE`, 4000000); that is the limit"
    );
    let cloud = settings.with_api_url(Some("https://api.prefect.cloud/api/accounts/1")).unwrap();
    assert_eq!(cloud.logging_to_api_max_log_size(), 25_000);
}

#[test]
fn likely_mistakes_and_blocks_are_pointed_out() {
    for (url, mistake) in [
        ("https://app.prefect.cloud/api/accounts/1", "is the address of a UI"),
        ("https://api.prefect.cloud/api/account/1", "`/accounts/`"),
        ("https://api.prefect.cloud/api/accounts/1/workspace/2", "`/workspaces/`"),
        ("https://api.prefect.cloud/accounts/1", "lacks `/api`"),
    ] {
        let (settings, problems) = read([("PREFECT_API_URL", url)]);
        assert_eq!(settings.api_url(), Some(url), "it is used all the same");
        assert!(problems[0].to_string().contains(mistake), "{problems:?}");
        let silenced =
            read([("PREFECT_API_URL", url), ("PREFECT_SILENCE_API_URL_MISCONFIGURATION", "1")]);
        assert_eq!(silenced.1, []);
    }
    let (settings, problems) = read([("PREFECT_DEFAULT_RESULT_STORAGE_BLOCK", "s3/results")]);
    assert_eq!(settings.results_default_storage_block(), Some("s3/results"));
    assert_eq!(
        problems[0].to_string(),
        "setting `PREFECT_DEFAULT_RESULT_STORAGE_BLOCK` has no effect, because there are no blocks here; say where with \
         `PREFECT_RESULTS_LOCAL_STORAGE_PATH`, or `result_storage` of a flow or task"
    );
}

#[test]
fn certificates_are_where_the_system_says_unless_the_setting_does() {
    let (settings, _) = read([("SSL_CERT_FILE", "/system.pem")]);
    assert_eq!(settings.api_ssl_cert_file(), Some(Path::new("/system.pem")));
    let own = settings.with_api_ssl_cert_file(Some("/own.pem".into()));
    assert_eq!(own.api_ssl_cert_file(), Some(Path::new("/own.pem")));
    assert_eq!(Settings::default().api_ssl_cert_file(), None);
}

#[test]
fn a_setting_is_found_under_all_its_names() {
    let one = Settings::default();
    for name in
        ["tasks.default_retries", "PREFECT_TASK_DEFAULT_RETRIES", "prefect_tasks_default_retries"]
    {
        let other = one.with(name, 4).unwrap();
        assert_eq!(other.tasks_default_retries(), 4, "{name}");
        assert_eq!(other.get(name, Secrets::Masked).unwrap().as_deref(), Some("4"));
        assert_eq!(other.source_of(name).unwrap(), SettingSource::Program);
        let back = other.with_default(name).unwrap();
        assert_eq!(
            (back.tasks_default_retries(), back.source_of(name).unwrap()),
            (0, SettingSource::Default)
        );
    }
    let problem = one.with("PREFECT_TASKS_RETRIES", 4).unwrap_err();
    assert_eq!(problem.to_string(), "there is no setting `PREFECT_TASKS_RETRIES`");
    let problem = one.with("PREFECT_TASK_DEFAULT_RETRIES", "x").unwrap_err().to_string();
    assert!(problem.starts_with("setting `PREFECT_TASK_DEFAULT_RETRIES` is \"x\""), "{problem}");
    let emptied =
        one.with_tasks_default_retries(4).with("PREFECT_TASKS_DEFAULT_RETRIES", "").unwrap();
    assert_eq!(emptied.tasks_default_retries(), 0);
}

#[test]
fn no_name_or_path_is_given_twice() {
    let mut names: Vec<_> = Settings::all()
        .flat_map(|info| {
            [info.variable(), info.path()].into_iter().chain(info.older_names().iter().copied())
        })
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    // A setting is no table: `serialize` would have no place for it.
    let paths: Vec<_> = Settings::all().map(SettingInfo::path).collect();
    for path in &paths {
        assert!(!paths.iter().any(|other| other.starts_with(&format!("{path}."))), "{path}");
    }
}

#[test]
fn what_is_said_of_a_setting_is_a_sentence_with_its_default() {
    for info in Settings::all() {
        let doc = info.doc();
        assert!(doc.ends_with('.') && doc.contains("Default"), "{}: {doc}", info.variable());
        assert!(!info.allowed().is_empty());
    }
}
