use super::*;
use proptest::prelude::*;

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
            "api": { "url": null, "key": null, "auth_string": null },
            "logging": { "level": "INFO" },
            "tasks": { "default_retries": 0, "default_retry_delay_seconds": 0.0 },
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
        ("PREFECT_LOGGING_LEVEL", "debug"),
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
        "api": { "url": "https://x/api", "key": "k", "auth_string": "u:p" },
        "logging": { "level": "DEBUG" },
        "tasks": { "default_retries": 3, "default_retry_delay_seconds": [1.0, 10.0] },
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
    ]);
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
        ("CONTEXT_SUMMARY", "yes"),
        ("HOME", "/home/u"),
    ]);
    assert_eq!(settings, read([("HOME", "/home/u")]).0);
    let variables: Vec<_> = problems.iter().map(SettingsError::variable).collect();
    let expected = [
        "PREFECT_PROFILE",
        "PREFECT_API_URL",
        "PREFECT_LOGGING_LEVEL",
        "PREFECT_TASK_DEFAULT_RETRIES",
        "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS",
        "CONTEXT_SUMMARY",
    ];
    assert_eq!(variables, expected);
    assert_eq!(
        problems[5].to_string(),
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
