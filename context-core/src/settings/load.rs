//! Loading settings from everything that may say something of them.

use std::path::Path;
use std::sync::Arc;

use super::error::{SettingSource, SettingsError};
use super::files::File;
use super::profiles::{Profile, ProfileError, ProfilesCollection, make_directory};
use super::reader::{Source, doubts, read};
use super::source::Variables;
use super::table::{COUNT, Key};
use super::values::{Inner, Surroundings};
use super::{PROFILE, Settings, environment};

impl Settings {
    /// Loads the settings of this process: from its environment, the files in the current directory, and the active
    /// profile.
    ///
    /// Returns the settings, and what is wrong with them: for each wrong value, the default was taken instead. Nothing is
    /// remembered and nothing written; the settings that surround the code are those of `SettingsContext::get`.
    pub fn load() -> (Self, Vec<SettingsError>) {
        Self::load_from(environment, "")
    }

    /// Loads settings as [`load`](Self::load) does, from the variables that `lookup` knows and the files in `directory`.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::settings::{SettingSource, Settings};
    /// # let directory = std::env::temp_dir().join(format!("context-doc-load-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory).unwrap();
    ///
    /// std::fs::write(directory.join("prefect.toml"), "[tasks]\ndefault_retries = 2\n").unwrap();
    /// let variables = |name: &str| (name == "PREFECT_PROFILE").then(|| "local".to_owned());
    /// let (settings, problems) = Settings::load_from(variables, &directory);
    ///
    /// assert_eq!(settings.tasks_default_retries(), 2);
    /// assert_eq!(settings.source_of("tasks.default_retries").unwrap(), SettingSource::PrefectToml);
    /// assert_eq!(settings.api_url(), Some("http://127.0.0.1:4200/api")); // of the profile
    /// assert_eq!(problems, []);
    /// # std::fs::remove_dir_all(directory).unwrap();
    /// ```
    pub fn load_from(
        lookup: impl Fn(&str) -> Option<String>,
        directory: impl AsRef<Path>,
    ) -> (Self, Vec<SettingsError>) {
        let directory = directory.as_ref();
        let mut problems = Vec::new();
        let files = Files::read(&lookup, directory, &mut problems);
        let surroundings = Surroundings::of(&lookup);
        let variables = Variables(&lookup);
        let [dot_env, prefect, pyproject] = &files.0;

        let mut sources: Vec<&dyn Source> = vec![&variables, dot_env, prefect, pyproject];
        // Which file the profiles are in does not depend on any of them. What is wrong is found again below.
        let reading = read(&sources, &mut Vec::new());
        let nobody = Arc::new(Profile::new(Profile::EPHEMERAL));
        let first = Inner::new(nobody, reading.values, reading.sources, surroundings.clone());
        let path = directory.join(&first.values.profiles_path.0);

        let is_test = is_test_mode(&lookup);
        let profiles = profiles(&path, is_test, &mut problems);
        let profile = Arc::new(active(&profiles, &lookup, &mut problems).clone());
        if !is_test {
            problems.extend(profile.unknown_names());
            sources.push(&*profile);
        }
        let mut reading = read(&sources, &mut problems);
        if reading.sources[Key::home as usize] == SettingSource::Profile {
            // The home that the profile names is not where the profile was found.
            reading.values.profiles_path = first.values.profiles_path;
        }
        let inner = Inner::new(profile, reading.values, reading.sources, surroundings);
        (Self(Arc::new(inner)), problems)
    }
}

/// For the settings that surround the code.
impl Settings {
    /// These settings, and over them those of a profile, but for those whose variables `is_left_out` says. Settings of the
    /// profile that do not exist are ignored; they are given back as problems, and so is what is probably not meant.
    ///
    /// # Errors
    ///
    /// Returns an error if a value is not allowed.
    pub(crate) fn under_profile(
        &self,
        profile: Profile,
        is_left_out: impl Fn(&str) -> bool,
    ) -> Result<(Self, Vec<SettingsError>), SettingsError> {
        let mut settings = self.clone();
        let mut founds = [const { None }; COUNT];
        for (row, found) in profile.known() {
            let mut names = [row.variable].into_iter().chain(row.aliases.iter().copied());
            if !names.any(&is_left_out) {
                settings = settings.with_found(row, &found, SettingSource::Profile)?;
                founds[row.key as usize] = Some(found);
            }
        }
        let mut problems: Vec<_> = profile.unknown_names().collect();
        doubts(&settings.0.said, &founds, &mut problems);
        Arc::make_mut(&mut settings.0).profile = Arc::new(profile);
        Ok((settings, problems))
    }

    /// Makes the home directory, for its owner only, if it is not there.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be made.
    pub(crate) fn make_home(&self) -> Result<(), SettingsError> {
        let path = self.home();
        if path.is_dir() {
            return Ok(());
        }
        make_directory(path).map_err(|error| SettingsError::Home {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The active profile, as it was when these settings were made.
    pub(crate) fn profile_in_use(&self) -> &Profile {
        &self.0.profile
    }
}

struct Files([File; 3]);

impl Files {
    fn read(
        lookup: impl Fn(&str) -> Option<String>,
        directory: &Path,
        problems: &mut Vec<SettingsError>,
    ) -> Self {
        let path = |name: &str| directory.join(name);
        Self([
            File::dot_env(&path(".env"), lookup, problems),
            File::toml(SettingSource::PrefectToml, &path("prefect.toml"), &[], problems),
            File::toml(
                SettingSource::PyprojectToml,
                &path("pyproject.toml"),
                &["tool", "prefect"],
                problems,
            ),
        ])
    }
}

/// All profiles; those that are always there, if the others cannot be read.
fn profiles(path: &Path, is_test: bool, problems: &mut Vec<SettingsError>) -> ProfilesCollection {
    if is_test {
        return ProfilesCollection::built_in();
    }
    match ProfilesCollection::load_from(path) {
        Ok(profiles) => {
            problems.extend_from_slice(profiles.warnings());
            profiles
        }
        Err(error) => {
            if let ProfileError::Settings(problem) = error {
                problems.push(problem);
            }
            ProfilesCollection::built_in()
        }
    }
}

/// The active profile: the one that `PREFECT_PROFILE` names, else the one that the file does.
fn active<'a>(
    profiles: &'a ProfilesCollection,
    lookup: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<SettingsError>,
) -> &'a Profile {
    let (name, set_by) = match lookup(PROFILE) {
        Some(name) => (name, "by the environment variable `PREFECT_PROFILE`".to_owned()),
        None => {
            let name = profiles.active_name().unwrap_or(Profile::EPHEMERAL);
            let file = profiles.path().unwrap_or(Path::new("")).display();
            (name.to_owned(), format!("in the profiles file {file}"))
        }
    };
    profiles.get(&name).unwrap_or_else(|_| {
        problems.push(SettingsError::UnknownProfile { name, set_by, known: profiles.known() });
        let ephemeral = profiles.get(Profile::EPHEMERAL);
        ephemeral.expect("it is built in")
    })
}

/// True in Prefect's own tests, which use no profiles of anybody.
fn is_test_mode(lookup: impl Fn(&str) -> Option<String>) -> bool {
    let variables = [
        "PREFECT_TEST_MODE",
        "PREFECT_UNIT_TEST_MODE",
        "PREFECT_TESTING_UNIT_TEST_MODE",
        "PREFECT_TESTING_TEST_MODE",
    ];
    variables.into_iter().any(|name| lookup(name).is_some_and(|value| !value.is_empty()))
}
