//! Loading from all sources, in a directory that stands in for the current one.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A directory with a home in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self(directory)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Loads with these variables, and that of the home.
    fn load(&self, variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let lookup = |name: &str| {
            let given = variables.iter().find(|(known, _)| *known == name);
            match name {
                "HOME" => Some(self.path("user").display().to_string()),
                "PREFECT_HOME" if given.is_none() => Some(self.path("home").display().to_string()),
                _ => given.map(|(_, value)| (*value).to_owned()),
            }
        };
        let (settings, problems) = Settings::load_from(lookup, self.0.path());
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    fn settings(&self, variables: &[(&str, &str)]) -> Settings {
        let (settings, problems) = self.load(variables);
        assert_eq!(problems, [""; 0]);
        settings
    }
}

const RETRIES: &str = "PREFECT_TASKS_DEFAULT_RETRIES";

#[test]
fn each_source_wins_over_those_behind_it() {
    let mut place = Place::new();
    let seen = |place: &Place, variables| {
        let settings = place.settings(variables);
        (settings.tasks_default_retries(), settings.source_of(RETRIES).unwrap())
    };
    assert_eq!(seen(&place, &[]), (0, SettingSource::Default));
    let profiles = "active = \"mine\"\n[profiles.mine]\nPREFECT_TASKS_DEFAULT_RETRIES = 1\n";
    place = place.file("home/profiles.toml", profiles);
    assert_eq!(seen(&place, &[]), (1, SettingSource::Profile));
    place = place.file("pyproject.toml", "[tool.prefect.tasks]\ndefault_retries = 2\n");
    assert_eq!(seen(&place, &[]), (2, SettingSource::PyprojectToml));
    place = place.file("prefect.toml", "[tasks]\ndefault_retries = 3\n");
    assert_eq!(seen(&place, &[]), (3, SettingSource::PrefectToml));
    place = place.file(".env", "PREFECT_TASK_DEFAULT_RETRIES=4\n");
    assert_eq!(seen(&place, &[]), (4, SettingSource::DotEnv));
    assert_eq!(seen(&place, &[(RETRIES, "5")]), (5, SettingSource::Environment));
    let program = place.settings(&[(RETRIES, "5")]).with(RETRIES, 6).unwrap();
    assert_eq!(program.source_of(RETRIES).unwrap(), SettingSource::Program);
    assert!(SettingSource::Program > SettingSource::Environment);
    assert!(SettingSource::Profile > SettingSource::Default);
}

#[test]
fn a_variable_that_is_set_to_nothing_hides_the_profile() {
    let place = Place::new();
    let local = [("PREFECT_PROFILE", "local")];
    assert_eq!(place.settings(&local).api_url(), Some("http://127.0.0.1:4200/api"));
    let emptied = place.settings(&[("PREFECT_PROFILE", "local"), ("PREFECT_API_URL", "")]);
    assert_eq!(emptied.api_url(), None);
    assert_eq!(emptied.source_of("PREFECT_API_URL").unwrap(), SettingSource::Default);
}

#[test]
fn values_in_files_have_the_types_of_toml() {
    let place = Place::new().file(
        "prefect.toml",
        "home = \"elsewhere\"\nui_url = \"http://ui\"\n\
         [api]\nrequest_timeout = 1.5\n\
         [client]\nretry_extra_codes = [404, 500]\ncustom_headers = { X-A = \"b\" }\n\
         [logging]\nlog_prints = true\nextra_loggers = [\"a\", \"b\"]\nto_api.batch_interval = 0.5\n\
         [tasks]\ndefault_retry_delay_seconds = [1, 2.5]\n\
         [server.ephemeral]\nenabled = true\n[server.api]\nport = 4300\n",
    );
    let settings = place.settings(&[]);
    assert_eq!(settings.home(), place.path("home"), "the variable comes first");
    assert_eq!(settings.ui_url(), Some("http://ui"));
    assert_eq!(settings.api_request_timeout(), Duration::from_millis(1500));
    assert_eq!(settings.client_retry_extra_codes(), [404, 500]);
    assert_eq!(settings.client_custom_headers()[0].0, "X-A");
    assert!(settings.logging_log_prints() && settings.server_ephemeral_enabled());
    assert_eq!(settings.logging_extra_loggers(), ["a", "b"]);
    assert_eq!(settings.logging_to_api_batch_interval(), Duration::from_millis(500));
    let delays = [Duration::from_secs(1), Duration::from_millis(2500)];
    assert_eq!(settings.tasks_default_retry_delay(), delays);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_file_line_and_key() {
    let place = Place::new()
        .file(".env", "PREFECT_API_KEY\nFOO BAR=1\nPREFECT_LOGGING_LEVEL=loud\n")
        .file(
            "prefect.toml",
            "[tasks]\ndefault_retries = \"many\"\ndefault_retrys = 1\n[api]\nurl = 7\n",
        )
        .file("pyproject.toml", "[tool]\nprefect = 3\n")
        .file(
            "home/profiles.toml",
            "[profiles.ephemeral]\nPREFECT_API_ULR = \"x\"\nPREFECT_TASKS_REFRESH_CACHE = 2\n",
        );
    let (settings, problems) = place.load(&[]);
    let at = |line: usize, name: &str| format!("line {line} of {}", place.path(name).display());
    let expected = [
        format!("{} is not of the form NAME=value", at(2, ".env")),
        format!("there is no setting `tasks.default_retrys` ({})", at(3, "prefect.toml")),
        format!("{} has `tool.prefect`, which must be a table", at(2, "pyproject.toml")),
        format!(
            "there is no setting `PREFECT_API_ULR` of profile `ephemeral` ({})",
            at(2, "home/profiles.toml")
        ),
        format!(
            "setting `api.url` ({}) is 7, but must be an address such as http://127.0.0.1:4200/api",
            at(5, "prefect.toml")
        ),
        format!(
            "setting `PREFECT_LOGGING_LEVEL` ({}) is \"loud\", but must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
            at(3, ".env")
        ),
        format!(
            "setting `tasks.default_retries` ({}) is \"many\", but must be a whole number from 0 to 4294967295",
            at(2, "prefect.toml")
        ),
        format!(
            "setting `PREFECT_TASKS_REFRESH_CACHE` of profile `ephemeral` ({}) is \"2\", but must be true or false",
            at(3, "home/profiles.toml")
        ),
    ];
    assert_eq!(problems, expected);
    assert!(settings.api_key().is_none());
    assert_eq!(settings.tasks_default_retries(), 0);
}

#[test]
fn files_that_cannot_be_read_or_are_not_toml_are_told_and_ignored() {
    let place = Place::new()
        .file("prefect.toml", "[tasks]\ndefault_retries = = 3\n")
        .file("pyproject.toml", "key = \"hunter2\n")
        .file("home/profiles.toml", "active\n");
    fs::create_dir(place.path(".env")).unwrap();
    let (settings, problems) = place.load(&[]);
    let path = |name: &str| place.path(name).display().to_string();
    assert!(problems[0].starts_with(&format!("{} cannot be read: ", path(".env"))), "{problems:?}");
    for (problem, (line, name)) in problems[1..].iter().zip([
        (2, "prefect.toml"),
        (1, "pyproject.toml"),
        (1, "home/profiles.toml"),
    ]) {
        let expected = format!("line {line} of {} is not valid TOML: ", path(name));
        assert!(problem.starts_with(&expected), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    assert_eq!(problems.len(), 4);
    assert_eq!(settings.profile(), "ephemeral");
    assert!(settings.server_ephemeral_enabled(), "as the built-in profile says");
}

#[test]
fn the_active_profile_is_that_of_the_variable_else_that_of_the_file() {
    let place = Place::new()
        .file("home/profiles.toml", "active = \"one\"\n[profiles.one]\n[profiles.two]\n");
    assert_eq!(place.settings(&[]).profile(), "one");
    assert_eq!(place.settings(&[("PREFECT_PROFILE", "two")]).profile(), "two");
    let file = place.path("home/profiles.toml");
    let known = "`ephemeral`, `local`, `test`, `cloud`, `one`, `two`";
    for name in ["nobody", ""] {
        let (settings, problems) = place.load(&[("PREFECT_PROFILE", name)]);
        assert_eq!(settings.profile(), "ephemeral");
        assert_eq!(
            problems,
            [format!(
                "profile `{name}`, set by the environment variable `PREFECT_PROFILE`, does not exist; there are: {known}"
            )]
        );
    }
    let place = place.file("home/profiles.toml", "active = \"three\"\n");
    let (settings, problems) = place.load(&[]);
    assert_eq!(settings.profile(), "ephemeral");
    let expected =
        format!("profile `three`, set in the profiles file {}, does not exist", file.display());
    assert!(problems[0].starts_with(&expected), "{problems:?}");
}

#[test]
fn the_file_of_profiles_is_looked_for_in_prefects_order() {
    let profile = |name: &str| format!("active = \"{name}\"\n[profiles.{name}]\n");
    let mut place = Place::new();
    for name in ["variable", "dotenv", "prefect", "pyproject", "home"] {
        let file = format!("{}.toml", if name == "home" { "home/profiles" } else { name });
        // Those beside the settings have other names than these.
        let file = file.replace("prefect.toml", "p.toml").replace("pyproject.toml", "y.toml");
        place = place.file(&file, &profile(name));
    }
    assert_eq!(place.settings(&[]).profile(), "home");
    place = place.file("pyproject.toml", "[tool.prefect]\nprofiles_path = \"y.toml\"\n");
    assert_eq!(place.settings(&[]).profile(), "pyproject");
    place = place.file("prefect.toml", "profiles_path = \"p.toml\"\n");
    assert_eq!(place.settings(&[]).profile(), "prefect");
    place = place.file(".env", "PREFECT_PROFILES_PATH=dotenv.toml\n");
    assert_eq!(place.settings(&[]).profile(), "dotenv");
    let path = place.path("variable.toml").display().to_string();
    let settings = place.settings(&[("PREFECT_PROFILES_PATH", &path)]);
    assert_eq!((settings.profile(), settings.profiles_path()), ("variable", Path::new(&path)));
    let in_home = [("PREFECT_PROFILES_PATH", "$PREFECT_HOME/profiles.toml")];
    assert_eq!(place.settings(&in_home).profile(), "home");
    let test_mode = [("PREFECT_TEST_MODE", "1")];
    let settings = place.settings(&test_mode);
    assert_eq!(settings.profile(), "ephemeral", "the built-in one");
    assert!(!settings.server_ephemeral_enabled(), "whose settings do not count either");
}

#[test]
fn a_profile_that_names_another_home_is_found_again() {
    let place = Place::new();
    let own = place.path("user/.prefect");
    fs::create_dir_all(&own).unwrap();
    let profiles = "active = \"far\"\n[profiles.far]\nPREFECT_HOME = \"/far\"\n";
    fs::write(own.join("profiles.toml"), profiles).unwrap();
    // Without the variable of the home, which would come first.
    let lookup = |name: &str| (name == "HOME").then(|| place.path("user").display().to_string());
    let (settings, problems) = Settings::load_from(lookup, place.0.path());
    assert_eq!(problems, []);
    assert_eq!(settings.home(), Path::new("/far"));
    assert_eq!(settings.profiles_path(), own.join("profiles.toml"));
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let place = Place::new().file("file", "");
    let made = place.path("some/new/home");
    Settings::default().with_home(&made).make_home().unwrap();
    assert!(made.is_dir());
    let impossible = place.path("file/home");
    let problem = Settings::default().with_home(&impossible).make_home().unwrap_err();
    let expected =
        format!("the home directory {} (`PREFECT_HOME`) cannot be made: ", impossible.display());
    assert!(problem.to_string().starts_with(&expected), "{problem}");
}

#[cfg(unix)]
#[test]
fn a_home_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let home = place.path("new");
    Settings::default().with_home(&home).make_home().unwrap();
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
}

proptest! {
    #[test]
    fn any_files_give_settings(text in any::<String>(), toml in "[a-z\\[\\]=\"\\.0-9\n ]{0,60}") {
        let place = Place::new()
            .file(".env", &text)
            .file("prefect.toml", &toml)
            .file("pyproject.toml", &text)
            .file("home/profiles.toml", &toml);
        // What is wrong is told, and never more than that.
        let (settings, problems) = place.load(&[]);
        prop_assert_eq!(settings.home(), place.path("home"));
        prop_assert!(problems.iter().all(|problem| !problem.is_empty()));
    }
}
