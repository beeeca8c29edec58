use std::num::NonZeroUsize;

use proptest::prelude::*;
use serde_json::json;

use super::*;

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
            "debug_mode": false,
            "api": { "url": null, "key": null, "auth_string": null },
            "logging": { "level": "INFO", "log_prints": false, "colors": true },
            "results": {
                "default_serializer": "json",
                "persist_by_default": false,
                "local_storage_path": "/home/u/.prefect/storage",
            },
            "tasks": {
                "default_retries": 0,
                "default_retry_delay_seconds": 0.0,
                "default_persist_result": null,
                "refresh_cache": false,
                "default_no_cache": false,
                "disable_caching": false,
                "runner": { "thread_pool_max_workers": null },
            },
            "flows": { "default_retries": 0, "default_retry_delay_seconds": 0.0 },
            "context": { "summary": "auto" },
        })
    );
    assert_eq!(Settings::default().home(), Path::new(".prefect"));
}

#[test]
fn every_variable_is_read() {
    let (settings, problems) = read([
        ("PREFECT_HOME", "/p"),
        ("PREFECT_PROFILE", "local"),
        ("PREFECT_API_URL", "https://x/api/"),
        ("PREFECT_API_KEY", "k"),
        ("PREFECT_API_AUTH_STRING", "u:p"),
        ("PREFECT_LOGGING_LEVEL", "error"),
        ("PREFECT_LOGGING_LOG_PRINTS", "true"),
        ("PREFECT_LOGGING_COLORS", "false"),
        ("PREFECT_RESULTS_DEFAULT_SERIALIZER", "compressed/json"),
        ("PREFECT_RESULTS_PERSIST_BY_DEFAULT", "1"),
        ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "/r"),
        ("PREFECT_TASKS_DEFAULT_PERSIST_RESULT", "no"),
        ("PREFECT_TASKS_REFRESH_CACHE", "yes"),
        ("PREFECT_TASKS_DEFAULT_NO_CACHE", "on"),
        ("PREFECT_TASKS_DISABLE_CACHING", "t"),
        ("PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS", "8"),
        ("PREFECT_TASKS_DEFAULT_RETRIES", " 3 "),
        ("PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,10"),
        ("PREFECT_FLOWS_DEFAULT_RETRIES", "2"),
        ("PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "0.5"),
        ("CONTEXT_SUMMARY", "never"),
    ]);
    assert_eq!(problems, []);
    let expected = json!({
        "home": "/p",
        "profile": "local",
        "debug_mode": false,
        "api": { "url": "https://x/api", "key": "k", "auth_string": "u:p" },
        "logging": { "level": "ERROR", "log_prints": true, "colors": false },
        "results": {
            "default_serializer": "compressed/json",
            "persist_by_default": true,
            "local_storage_path": "/r",
        },
        "tasks": {
            "default_retries": 3,
            "default_retry_delay_seconds": [1.0, 10.0],
            "default_persist_result": false,
            "refresh_cache": true,
            "default_no_cache": true,
            "disable_caching": true,
            "runner": { "thread_pool_max_workers": 8 },
        },
        "flows": { "default_retries": 2, "default_retry_delay_seconds": 0.5 },
        "context": { "summary": "never" },
    });
    assert_eq!(settings.serialize(Secrets::Included), expected);
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
    let variables: Vec<_> = problems.iter().map(SettingsError::variable).collect();
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
            prop_assert!(problem.to_string().contains(problem.variable()));
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
