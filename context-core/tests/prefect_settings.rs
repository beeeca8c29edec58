//! Settings and profiles, compared with those of Prefect itself.
//!
//! The checks run with the Python that `CONTEXT_TEST_PYTHON` names, in which Prefect 3.8.8 is installed. Without it they
//! are left out, except in CI, where they fail.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use context_core::secret::Secrets;
use context_core::settings::profiles::{Profile, ProfilesCollection};
use context_core::settings::{SettingInfo, Settings, SettingsError, ToVariables};
use serde_json::Value;
use tempfile::TempDir;

/// The Python to check with, if there is one.
#[expect(clippy::disallowed_methods, reason = "a test is told from outside what to check with")]
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CONTEXT_TEST_PYTHON").map(PathBuf::from);
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if python.is_none() {
        assert!(!is_ci, "in CI, CONTEXT_TEST_PYTHON must name a Python with Prefect");
        println!("left out: CONTEXT_TEST_PYTHON does not name a Python with Prefect");
    }
    python
}

/// A current directory for Prefect and for us, with a home in it.
struct Place {
    directory: TempDir,
    python: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Place {
    fn new() -> Option<Self> {
        let python = python()?;
        let directory = TempDir::new().unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        let variables = [
            ("PREFECT_HOME".to_owned(), home.display().to_string()),
            ("HOME".to_owned(), directory.path().join("user").display().to_string()),
        ];
        Some(Self { directory, python, variables: variables.into() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn prefect(&self, arguments: &[&str]) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/prefect_settings/prefect_settings.py");
        let mut command = Command::new(&self.python);
        command.arg(script).args(arguments).current_dir(self.directory.path());
        let output = command.env_clear().envs(&self.variables).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn ours(&self) -> Settings {
        let lookup = |name: &str| self.variables.get(name).cloned();
        let (settings, problems) = Settings::load_from(lookup, self.directory.path());
        assert_eq!(problems, []);
        settings
    }

    /// Compares all settings that both have, and the name of the profile.
    fn compare(&self) {
        let theirs = self.prefect(&["settings"]);
        let ours = self.ours();
        assert_eq!(theirs["profile"], ours.profile());
        same(&theirs["variables"], &ours);
    }

    fn profiles(&self) -> ProfilesCollection {
        ProfilesCollection::load_from(self.path("home/profiles.toml")).unwrap()
    }
}

/// Settings that are not the same on purpose, or that the surroundings of a process say.
const DIFFERENT: &[&str] = &["PREFECT_RESULTS_DEFAULT_SERIALIZER", "PREFECT_API_SSL_CERT_FILE"];

fn shared() -> impl Iterator<Item = SettingInfo> {
    let is_shared = |info: &SettingInfo| {
        info.variable().starts_with("PREFECT_") && !DIFFERENT.contains(&info.variable())
    };
    Settings::all().filter(is_shared)
}

fn same(theirs: &Value, ours: &Settings) {
    let variables = ours.to_environment_variables(ToVariables::default());
    for info in shared() {
        let name = info.variable();
        let theirs = theirs[name].as_str().map(normal).filter(|text| !text.is_empty());
        let ours = variables.get(name).map(|text| normal(text));
        assert_eq!(ours, theirs, "{name}");
    }
}

/// The same text for the same value: Python writes `True`, `1.0` and lists without brackets.
fn normal(text: &str) -> String {
    if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
        return if object == serde_json::json!({}) { String::new() } else { object.to_string() };
    }
    let items =
        text.trim_matches(['[', ']']).split(',').map(|item| match item.trim().parse::<f64>() {
            Ok(number) => number.to_string(),
            Err(_) => item.trim().to_owned(),
        });
    let text = items.collect::<Vec<_>>().join(",");
    match text.as_str() {
        "True" | "False" => text.to_lowercase(),
        _ => text,
    }
}

#[test]
fn the_table_has_prefects_names_and_defaults() {
    let Some(place) = Place::new() else { return };
    let table = place.prefect(&["table"]);
    for info in Settings::all().filter(|info| info.variable().starts_with("PREFECT_")) {
        let row = &table[info.path()];
        let mut names = vec![info.variable()];
        names.extend(info.older_names());
        assert_eq!(row["names"], serde_json::json!(names), "{}", info.path());
        let shows_nothing =
            matches!(info.path(), "api.url" | "ui_url" | "cloud.api_url" | "cloud.ui_url");
        assert!(row["is_secret"] == false || info.is_secret() || shows_nothing, "{}", info.path());
        // What `SSL_CERT_FILE` says is a default for Prefect, and home follows from the user's.
        if shared().any(|shared| shared.path() == info.path()) && info.path() != "home" {
            let default = row["default"].as_str().map(normal).filter(|text| !text.is_empty());
            assert_eq!(info.default_text().as_deref().map(normal), default, "{}", info.path());
        }
    }
}

#[test]
fn no_setting_of_prefect_is_taken_for_a_mistake() {
    let Some(place) = Place::new() else { return };
    let table = place.prefect(&["table"]);
    let names =
        table.as_object().unwrap().values().flat_map(|row| row["names"].as_array().unwrap());
    let profile =
        names.fold(Profile::new("p"), |profile, name| profile.with(name.as_str().unwrap(), "x"));
    let unknown = |problem: &SettingsError| matches!(problem, SettingsError::Unknown { .. });
    let problems: Vec<_> = profile.validate().into_iter().filter(unknown).collect();
    assert_eq!(problems, []);
}

#[test]
fn defaults_are_those_of_prefect() {
    let Some(place) = Place::new() else { return };
    place.compare();
}

#[test]
fn every_source_is_read_as_prefect_reads_it() {
    let Some(place) = Place::new() else { return };
    let place = place
        .file(
            "home/profiles.toml",
            "active = \"mine\"\n[profiles.mine]\n\
             PREFECT_API_URL = \"http://profile:4200/api\"\nPREFECT_API_KEY = \"pnu_1\"\n\
             PREFECT_TASKS_DEFAULT_RETRIES = \"1\"\nPREFECT_FLOWS_DEFAULT_RETRIES = 1\n\
             PREFECT_LOGGING_TO_API_ENABLED = false\nPREFECT_LOCAL_STORAGE_PATH = \"/profile\"\n",
        )
        .file(
            "pyproject.toml",
            "[project]\nname = \"x\"\n[tool.prefect]\ndebug_mode = true\n\
             [tool.prefect.tasks]\ndefault_retries = 2\nrefresh_cache = true\n",
        )
        .file(
            "prefect.toml",
            "[tasks]\ndefault_retries = 3\ndefault_retry_delay_seconds = [1, 2.5]\n\
             [client]\nretry_extra_codes = [500, 404]\ncustom_headers = { X-A = \"b\" }\n\
             [logging.to_api]\nbatch_interval = 0.5\n[flows]\ndefault_retry_delay_seconds = 1.5\n",
        )
        .file(
            ".env",
            "export PREFECT_TASK_DEFAULT_RETRIES=4 # older\nPREFECT_UI_URL='http://${HOST:-ui}'\n\
             PREFECT_LOGGING_EXTRA_LOGGERS=\"a, b\"\nOTHER=1\n",
        )
        .variable("PREFECT_RUNNER_PROCESS_LIMIT", "7")
        .variable("PREFECT_FLOW_DEFAULT_RETRY_DELAY_SECONDS", "[3, 4]")
        .variable("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "45");
    place.compare();
    place.variable("PREFECT_TASKS_DEFAULT_RETRIES", "5").compare();
}

#[test]
fn addresses_of_the_cloud_lead_to_the_same_ui() {
    for url in [
        "https://api.prefect.cloud/api/accounts/1/workspaces/2",
        "https://prefect.example.com/team/api",
        "http://127.0.0.1:4200/api",
    ] {
        let Some(place) = Place::new() else { return };
        place.variable("PREFECT_API_URL", url).compare();
    }
    let Some(place) = Place::new() else { return };
    let url = "https://api.stg.prefect.dev/api";
    let place = place.variable("PREFECT_CLOUD_API_URL", url);
    place.variable("PREFECT_API_URL", &format!("{url}/accounts/1/workspaces/2")).compare();
}

#[test]
fn prefect_reads_the_variables_that_we_write() {
    let Some(mut place) = Place::new() else { return };
    let settings = place
        .ours()
        .with("PREFECT_API_URL", "https://x/api")
        .and_then(|settings| settings.with("PREFECT_API_KEY", "k"))
        .and_then(|settings| settings.with("PREFECT_CLIENT_CUSTOM_HEADERS", r#"{"X-A":"b"}"#))
        .and_then(|settings| settings.with("PREFECT_CLIENT_RETRY_EXTRA_CODES", "404,500"))
        .and_then(|settings| settings.with("PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "1,2.5"))
        .and_then(|settings| settings.with("PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,2.5"))
        .and_then(|settings| settings.with("PREFECT_API_REQUEST_TIMEOUT", "1.5"))
        .unwrap();
    let variables = settings.to_environment_variables(ToVariables::default());
    place.variables.extend(variables.into_iter().map(|(name, text)| (name.to_owned(), text)));
    same(&place.prefect(&["settings"])["variables"], &settings);
}

#[test]
fn profiles_are_exchanged() {
    let Some(place) = Place::new() else { return };
    let mut profiles = place.profiles();
    let ours = Profile::new("ours")
        .with("PREFECT_API_KEY", "a \"quoted\" key")
        .with("PREFECT_API_URL", "http://x/api");
    profiles.add(ours.clone()).unwrap();
    profiles.set_active("ours").unwrap();
    profiles.save().unwrap();
    let check = |place: &Place, active: &str| {
        let theirs = place.prefect(&["profiles"]);
        let profiles = place.profiles();
        assert_eq!(theirs["active"], active);
        assert_eq!(profiles.active_name(), Some(active));
        let named = profiles.iter().map(|profile| {
            (profile.name().to_owned(), serde_json::json!(profile.to_environment_variables()))
        });
        assert_eq!(theirs["profiles"], Value::Object(named.collect()));
    };
    check(&place, "ours");
    place.prefect(&[
        "write",
        "theirs",
        "PREFECT_TASK_DEFAULT_RETRIES=3",
        "PREFECT_API_URL=http://y/api",
    ]);
    check(&place, "theirs");
    let profiles = place.profiles();
    assert_eq!(*profiles.get("ours").unwrap(), ours);
    let retries =
        profiles.get("theirs").unwrap().get("PREFECT_TASKS_DEFAULT_RETRIES", Secrets::Masked);
    assert_eq!(retries.as_deref(), Some("3"));
}

/// Row by row, what is seen of a profile's setting that a variable may say, too.
#[test]
fn a_used_profile_gives_way_to_variables_as_in_prefect() {
    let Some(place) = Place::new() else { return };
    let name = "PREFECT_TASKS_DEFAULT_RETRIES";
    let place = place.file("home/profiles.toml", &format!("[profiles.p]\n{name} = 2\n"));
    let seen = |place: &Place, overrides: &str, includes: &str| {
        place.prefect(&["use", "p", overrides, includes])[name].as_str().unwrap().to_owned()
    };
    for (overrides, includes) in
        [("true", "true"), ("true", "false"), ("false", "true"), ("false", "false")]
    {
        assert_eq!(seen(&place, overrides, includes), "2");
    }
    let place = place.variable(name, "3");
    assert_eq!(seen(&place, "true", "true"), "2");
    assert_eq!(seen(&place, "true", "false"), "2");
    // That of the surrounding context and that of the variable, which are one in a new process.
    assert_eq!(seen(&place, "false", "false"), "3");
    assert_eq!(seen(&place, "false", "true"), "3");
}
