//! Settings: what a process is told about its surroundings, under Prefect's names.
//!
//! [`Settings`] are immutable and cheap to clone; a change makes a copy. Where several sources say something of a setting,
//! the first of these decides: the program itself, environment variables, `.env`, `prefect.toml`, the table
//! `[tool.prefect]` of `pyproject.toml`, the active [profile](profiles), the default. Where a variable has an older name,
//! the newer one wins.
//!
//! A wrong value never stops a program: the default takes its place, and the caller gets a [`SettingsError`] to show. A
//! variable that is set to nothing means the default, whatever the sources behind it say; except `PREFECT_PROFILE`, where
//! that is a mistake, as it is for Prefect.
//!
//! What settings there are is said in one table (`settings/table.rs`), and [`Settings::all`] lists it.
//!
//! This module reads the environment and files of settings. It does not know which settings are current.

mod by_name;
mod change;
mod define;
mod dotenv;
mod error;
mod files;
mod into;
mod kind;
mod load;
mod prefects;
pub mod profiles;
mod raw;
mod reader;
mod source;
mod table;
mod value;
mod values;
mod worker;

use std::fmt;
use std::sync::Arc;

pub use by_name::{SettingInfo, ToVariables};
pub use error::{SettingPlace, SettingSource, SettingsError};
pub use into::IntoSetting;
pub use profiles::Profile;
pub(crate) use source::environment;
pub use value::{DefaultSerializer, LoggingLevel, Summary, TaskRunEvents, WhenMissingFlow};
pub use worker::WorkerVariables;

use reader::read;
use source::Variables;
use table::Values;
use values::{Inner, Surroundings};

/// The settings of a process, a profile, or a scope. Cheap to clone.
///
/// Settings are equal if all of them hold the same, whoever has set them.
///
/// # Examples
///
/// ```
/// use context_core::settings::Settings;
///
/// let (settings, problems) = Settings::from_source(|name| match name {
///     "PREFECT_API_URL" => Some("http://127.0.0.1:4200/api".to_owned()),
///     "PREFECT_TASKS_DEFAULT_RETRIES" => Some("many".to_owned()),
///     _ => None,
/// });
/// assert_eq!(settings.api_url(), Some("http://127.0.0.1:4200/api"));
/// assert_eq!(settings.tasks_default_retries(), 0);
/// assert_eq!(
///     problems[0].to_string(),
///     "setting `PREFECT_TASKS_DEFAULT_RETRIES` is \"many\", \
///      but must be a whole number from 0 to 4294967295",
/// );
/// ```
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

impl Default for Settings {
    /// What holds when nothing is set, not even a home directory: Prefect's home is then
    /// `.prefect` in the current directory.
    fn default() -> Self {
        Self::from_source(|_| None).0
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.profile() == other.profile() && self.values() == other.values()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("profile", &self.profile())
            .field("values", self.values())
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the environment of this process, and no files.
    ///
    /// Returns the settings, and an error for each variable whose default was taken instead.
    pub fn from_env() -> (Self, Vec<SettingsError>) {
        Self::from_source(environment)
    }

    /// Reads settings from `lookup`, which knows the values of environment variables, and no files.
    ///
    /// Returns the settings, and an error for each variable whose default was taken instead.
    pub fn from_source(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<SettingsError>) {
        let mut problems = Vec::new();
        let profile = match lookup(PROFILE) {
            Some(name) if name.trim().is_empty() => {
                problems.push(SettingsError::Invalid {
                    name: PROFILE.to_owned(),
                    value: format!("{name:?}"),
                    allowed: "the name of a profile",
                    place: SettingPlace::default(),
                });
                None
            }
            name => name,
        };
        let profile = profile.as_deref().map_or(Profile::EPHEMERAL, str::trim);
        let surroundings = Surroundings::of(&lookup);
        let reading = read(&[&Variables(lookup)], &mut problems);
        let profile = Arc::new(Profile::new(profile));
        let inner = Inner::new(profile, reading.values, reading.sources, surroundings);
        (Self(Arc::new(inner)), problems)
    }

    /// The name of the active profile. Default `ephemeral`.
    ///
    /// Variable: `PREFECT_PROFILE`.
    pub fn profile(&self) -> &str {
        self.0.profile.name()
    }

    /// True if the API is that of Prefect Cloud.
    pub fn connected_to_cloud(&self) -> bool {
        self.values().connected_to_cloud()
    }

    /// Whether results of tasks are stored where nobody says.
    pub(crate) fn keeps_results(&self) -> bool {
        self.tasks_default_persist_result().unwrap_or(self.results_persist_by_default())
    }

    /// Whether a setting that changes how runs behave is not at its default: retries, their delays,
    /// whether results are stored, whether tasks are cached.
    ///
    /// A run that finds `false` need not look at any of them.
    pub(crate) fn shapes_runs(&self) -> bool {
        self.0.shapes_runs
    }

    /// The settings as they hold.
    fn values(&self) -> &Values {
        &self.0.values
    }
}

/// The variable that names the active profile.
const PROFILE: &str = "PREFECT_PROFILE";

#[cfg(test)]
mod tests;
