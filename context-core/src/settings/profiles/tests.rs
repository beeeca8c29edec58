use std::fs;

use tempfile::TempDir;

use super::*;
use crate::secret::Secrets;

/// A file of profiles in a directory of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let path = home.path().join("profiles.toml");
    fs::write(&path, text).unwrap();
    (home, path)
}

fn settings(profiles: &ProfilesCollection, name: &str) -> Vec<(String, String)> {
    let profile = profiles.get(name).unwrap();
    profile.settings(Secrets::Included).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn without_a_file_there_are_the_built_in_profiles() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("profiles.toml");
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    assert!(profiles.names().eq(["ephemeral", "local", "test", "cloud"]));
    assert_eq!(profiles.active().unwrap().name(), "ephemeral");
    assert!(profiles.iter().all(Profile::is_built_in));
    assert_eq!(profiles, ProfilesCollection::built_in());
    assert_eq!(profiles.path(), Some(path.as_path()));
    assert!(!path.exists(), "to load is not to write");
}

#[test]
fn a_file_is_laid_over_the_built_in_profiles_setting_by_setting() {
    let (_home, path) = file(
        "active = \"mine\"\n\
         [profiles.local]\nPREFECT_LOGGING_LEVEL = \"DEBUG\"\n\
         [profiles.ephemeral]\nPREFECT_SERVER_EPHEMERAL_ENABLED = false\n\
         [profiles.mine]\nPREFECT_TASKS_DEFAULT_RETRIES = 3\n",
    );
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    assert_eq!(profiles.active_name(), Some("mine"));
    let local = pairs(&[
        ("PREFECT_API_URL", "http://127.0.0.1:4200/api"),
        ("PREFECT_LOGGING_LEVEL", "DEBUG"),
    ]);
    assert_eq!(settings(&profiles, "local"), local);
    let ephemeral = pairs(&[("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")]);
    assert_eq!(settings(&profiles, "ephemeral"), ephemeral);
    assert_eq!(settings(&profiles, "mine"), pairs(&[("PREFECT_TASKS_DEFAULT_RETRIES", "3")]));
    assert_eq!(profiles.get("mine").unwrap().source(), Some(path.as_path()));
    assert!(profiles.get("test").unwrap().is_built_in());
    assert!(!profiles.get("local").unwrap().is_built_in());
}

#[test]
fn a_file_may_name_no_active_profile_or_one_that_does_not_exist() {
    let (_home, path) = file("active = \"nobody\"");
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    assert_eq!((profiles.active_name(), profiles.active()), (Some("nobody"), None));
    let (_home, path) = file("[profiles.mine]\n");
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    assert_eq!(profiles.active_name(), Some("ephemeral"));
}

#[test]
fn an_older_name_means_todays_and_gives_way_to_it() {
    let (_home, path) = file(
        "[profiles.one]\nPREFECT_TASK_DEFAULT_RETRIES = 1\n\
         [profiles.two]\nPREFECT_TASK_DEFAULT_RETRIES = 1\nPREFECT_TASKS_DEFAULT_RETRIES = 2\n",
    );
    let profiles = ProfilesCollection::load_from(path).unwrap();
    assert_eq!(settings(&profiles, "one"), pairs(&[("PREFECT_TASKS_DEFAULT_RETRIES", "1")]));
    assert_eq!(settings(&profiles, "two"), pairs(&[("PREFECT_TASKS_DEFAULT_RETRIES", "2")]));
    let one = profiles.get("one").unwrap();
    assert_eq!(one.get("PREFECT_TASK_DEFAULT_RETRIES", Secrets::Masked).as_deref(), Some("1"));
}

#[test]
fn profiles_are_added_changed_and_removed() {
    let mut profiles = ProfilesCollection::built_in();
    profiles.add(Profile::new("one").with("PREFECT_API_URL", "http://one/api")).unwrap();
    let problem = profiles.add(Profile::new("one")).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "there is a profile `one` already; change it with `update`, or remove it first"
    );
    profiles.update("one", [("PREFECT_TASK_DEFAULT_RETRIES", Some(2)), ("PREFECT_API_URL", None)]);
    assert_eq!(settings(&profiles, "one"), pairs(&[("PREFECT_TASKS_DEFAULT_RETRIES", "2")]));
    profiles.update("two", [("PREFECT_LOGGING_COLORS", Some(false))]);
    assert_eq!(settings(&profiles, "two"), pairs(&[("PREFECT_LOGGING_COLORS", "false")]));

    profiles.set_active("two").unwrap();
    let removed = profiles.remove("two").unwrap();
    assert_eq!((removed.name(), profiles.active_name()), ("two", None));
    let expected =
        "there is no profile `two`; there are: `ephemeral`, `local`, `test`, `cloud`, `one`";
    assert_eq!(profiles.remove("two").unwrap_err().to_string(), expected);
    assert_eq!(profiles.get("two").unwrap_err().to_string(), expected);
    assert_eq!(profiles.set_active("two").unwrap_err().to_string(), expected);
}

#[test]
fn what_is_saved_is_loaded_and_built_in_profiles_are_not_written() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("new/home/profiles.toml");
    let mut profiles = ProfilesCollection::load_from(&path).unwrap();
    let key = crate::secret::Secret::new("pnu_\"quoted\"\n".to_owned());
    profiles.add(Profile::new("a b.c").with("PREFECT_API_KEY", key)).unwrap();
    profiles.add(Profile::new("empty")).unwrap();
    profiles
        .update("cloud", [("PREFECT_API_URL", Some("https://api.prefect.cloud/api/accounts/1"))]);
    profiles.set_active("a b.c").unwrap();
    profiles.save().unwrap();

    assert_eq!(ProfilesCollection::load_from(&path).unwrap(), profiles);
    let expected = "active = \"a b.c\"\n\n\
        [profiles.cloud]\nPREFECT_API_URL = \"https://api.prefect.cloud/api/accounts/1\"\n\n\
        [profiles.\"a b.c\"]\nPREFECT_API_KEY = \"\"\"\npnu_\"quoted\"\n\"\"\"\n\n\
        [profiles.empty]\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);

    profiles.unset_active();
    profiles.save().unwrap();
    assert_eq!(ProfilesCollection::load_from(&path).unwrap().active_name(), Some("ephemeral"));
}

#[test]
fn a_saved_file_keeps_its_comments_and_what_has_not_changed() {
    let (_home, path) = file(
        "# ours\nactive = \"one\" # for now\n\n\
         [profiles.one] # first\nPREFECT_TASKS_DEFAULT_RETRIES = 3 # a number\n\
         PREFECT_LOCAL_STORAGE_PATH = \"/old\"\nPREFECT_LOGGING_LEVEL = \"INFO\" # quiet\n\
         OTHERS = [1, 2]\n\n\
         [profiles.two]\nPREFECT_API_URL = \"http://two/api\"\n\n\
         # the last one\n[profiles.three]\n",
    );
    let mut profiles = ProfilesCollection::load_from(&path).unwrap();
    profiles.save().unwrap();
    let unchanged = fs::read_to_string(&path).unwrap();
    assert!(unchanged.contains("RETRIES = 3 # a number\n"), "{unchanged}");

    profiles.update(
        "one",
        [
            ("PREFECT_LOGGING_LEVEL", Some("DEBUG")),
            ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", Some("/new")),
        ],
    );
    profiles.remove("two").unwrap();
    profiles.set_active("three").unwrap();
    profiles.save().unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "# ours\nactive = \"three\" # for now\n\n\
         [profiles.one] # first\nPREFECT_TASKS_DEFAULT_RETRIES = 3 # a number\n\
         PREFECT_LOGGING_LEVEL = \"DEBUG\" # quiet\n\
         OTHERS = [1, 2]\n\
         PREFECT_RESULTS_LOCAL_STORAGE_PATH = \"/new\"\n\n\
         # the last one\n[profiles.three]\n"
    );
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only_and_an_old_one_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let home = TempDir::new().unwrap();
    let path = home.path().join("made/profiles.toml");
    let profiles = ProfilesCollection::built_in();
    profiles.save_to(&path).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = home.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    profiles.save_to(&link).unwrap();
    assert_eq!(mode(&path), 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing else is left behind");
}

#[test]
fn a_file_of_another_form_is_an_error_that_names_file_line_and_key_and_is_never_replaced() {
    for (text, problem) in [
        ("active = \"x", "line 1 of {} is not valid TOML: "),
        ("\n\nactive = 3\n", "line 3 of {} has `active`, which must be a name in quotes"),
        ("profiles = 3\n", "line 1 of {} has `profiles`, which must be a table"),
        ("[profiles]\nmine = \"x\"\n", "line 2 of {} has `profiles.mine`, which must be a table"),
        ("[profiles.a]\nX = 1\nX = 2\n", "line 3 of {} is not valid TOML: duplicate key"),
    ] {
        let (_home, path) = file(text);
        let problem = problem.replace("{}", &path.display().to_string());
        let found = ProfilesCollection::load_from(&path).unwrap_err();
        assert!(found.to_string().starts_with(&problem), "{found}");
        let found = ProfilesCollection::built_in().save_to(&path).unwrap_err();
        assert!(found.to_string().starts_with(&problem), "{found}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn no_message_shows_the_line_that_is_wrong() {
    let (_home, path) = file("[profiles.a]\nPREFECT_API_KEY = \"pnu_hunter2\n");
    let problem = ProfilesCollection::load_from(path).unwrap_err();
    assert!(!format!("{problem} {problem:?}").contains("hunter2"), "{problem:?}");
}

#[test]
fn what_cannot_be_read_or_written_is_a_typed_error() {
    let home = TempDir::new().unwrap();
    let problem = ProfilesCollection::load_from(home.path()).unwrap_err();
    assert!(
        matches!(&problem, ProfileError::Settings(SettingsError::Unreadable { path, .. }) if path == home.path())
    );
    let below_a_file = home.path().join("file/profiles.toml");
    fs::write(home.path().join("file"), "").unwrap();
    let problem = ProfilesCollection::built_in().save_to(&below_a_file).unwrap_err();
    assert!(problem.to_string().contains("file/profiles.toml cannot be"), "{problem}");
    assert_eq!(ProfilesCollection::built_in().save(), Err(ProfileError::NoFile));
    let (_home, path) = file("active = \"\u{fffd}\"");
    fs::write(&path, b"active = \"\xff\"").unwrap();
    let problem = ProfilesCollection::load_from(&path).unwrap_err().to_string();
    assert!(problem.contains("cannot be read") && problem.contains("UTF-8"), "{problem}");
}

#[test]
fn what_means_nothing_is_a_warning() {
    let (_home, path) = file("activ = \"x\"\n[profile.mine]\nPREFECT_API_URL = \"http://x/api\"\n");
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    let warnings: Vec<_> = profiles.warnings().iter().map(ToString::to_string).collect();
    let path = path.display();
    assert_eq!(
        warnings,
        [
            format!("there is no setting `activ` (line 1 of {path})"),
            format!("there is no setting `profile` (line 2 of {path})"),
        ]
    );
}

#[test]
fn a_profile_says_what_is_wrong_with_it() {
    let (_home, path) = file(
        "[profiles.bad]\nPREFECT_TASKS_DEFAULT_RETRIES = \"many\"\nPREFECT_API_URL = 7\n\
         PREFECT_LOGGING_LEVEL = [\"DEBUG\"]\nPREFECT_SERVER_API_PORT = 4200\nPREFECT_API_ULR = \"x\"\n\
         PREFECT_CLIENT_RETRY_EXTRA_CODES = [404, 500]\nPREFECT_API_KEY = 2024-01-01\n",
    );
    let profiles = ProfilesCollection::load_from(&path).unwrap();
    let problems = profiles.get("bad").unwrap().validate();
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let place = |line: usize| format!(" of profile `bad` (line {line} of {})", path.display());
    assert_eq!(
        texts,
        [
            format!(
                "setting `PREFECT_TASKS_DEFAULT_RETRIES`{} is \"many\", but must be a whole number from 0 to 4294967295",
                place(2)
            ),
            format!(
                "setting `PREFECT_API_URL`{} is 7, but must be an address such as http://127.0.0.1:4200/api",
                place(3)
            ),
            format!(
                "setting `PREFECT_LOGGING_LEVEL`{} is [DEBUG], but must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
                place(4)
            ),
            format!("there is no setting `PREFECT_API_ULR`{}", place(6)),
            format!("setting `PREFECT_API_KEY`{} is ********, but must be a text", place(8)),
        ]
    );
    assert_eq!(problems[0].file(), Some(path.as_path()));
    let SettingsError::Invalid { place, .. } = &problems[0] else { panic!("{problems:?}") };
    assert_eq!((place.profile(), place.line()), (Some("bad"), Some(2)));
}

#[test]
fn secrets_of_a_profile_are_masked_unless_asked_for() {
    let profile = Profile::new("p")
        .with("PREFECT_API_KEY", "hunter2")
        .with("PREFECT_API_URL", "https://ada:hunter2@host/api")
        .with("PREFECT_SERVER_DATABASE_PASSWORD", "hunter2")
        .with("PREFECT_LOGGING_LEVEL", "INFO");
    let masked: Vec<_> = profile.settings(Secrets::Masked).collect();
    let shown = format!("{profile:?} {masked:?} {:?}", profile.get("api.key", Secrets::Masked));
    assert!(!shown.contains("hunter2") && shown.contains("INFO"), "{shown}");
    let included = profile.to_environment_variables();
    assert_eq!(included["PREFECT_SERVER_DATABASE_PASSWORD"], "hunter2");
}

#[test]
fn profiles_are_equal_if_their_names_and_settings_are() {
    let one = Profile::new("p").with("PREFECT_API_URL", "http://x/api");
    let other = Profile::new("p").with("PREFECT_DEBUG_MODE", true).with("api.url", "http://x/api");
    assert_ne!(one, other);
    assert_eq!(one, other.without("debug_mode"));
    assert_ne!(one, Profile::new("q").with("PREFECT_API_URL", "http://x/api"));
}
