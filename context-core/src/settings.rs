//! Settings: what a process is told about its surroundings, under Prefect's names.
//!
//! [`Settings`] are immutable and cheap to clone; a change makes a copy. They are read once, from
//! a function from variable names to values, so a test or a profile can stand in for the process
//! environment. A wrong value never stops a program: the default takes its place, and the caller
//! gets a [`SettingsError`] to show.
//!
//! A variable that is set to nothing counts as not set, except `PREFECT_PROFILE`, where Prefect
//! warns. Where a variable has an older name, the newer one wins.
//!
//! This module reads the environment, but no files, and does not know which settings are current.

mod change;
mod reader;
mod source;
mod value;
mod values;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::secret::{Secret, Secrets};
use reader::Reader;
use values::Values;

pub(crate) use source::environment;
pub use value::{DefaultSerializer, LoggingLevel, SettingsError, Summary};

/// The settings of a process, a profile, or a scope. Cheap to clone.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Settings(Arc<Values>);

impl Default for Settings {
    /// What holds when nothing is set, not even a home directory: Prefect's home is then
    /// `.prefect` in the current directory.
    fn default() -> Self {
        Self::from_source(|_| None).0
    }
}

impl Settings {
    /// Reads the environment of this process.
    ///
    /// Returns the settings, and an error for each variable whose default was taken instead.
    pub fn from_env() -> (Self, Vec<SettingsError>) {
        Self::from_source(environment)
    }

    /// Reads settings from `lookup`, which knows the values of environment variables.
    ///
    /// Returns the settings, and an error for each variable whose default was taken instead.
    pub fn from_source(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<SettingsError>) {
        let mut reader = Reader::new(lookup);
        let values = reader.values();
        (Self(Arc::new(values)), reader.into_problems())
    }

    /// `PREFECT_HOME`: the directory of profiles, results and the embedded store. Default
    /// `~/.prefect`.
    pub fn home(&self) -> &Path {
        &self.0.home
    }

    /// `PREFECT_PROFILE`: the name of the active profile. Default `ephemeral`.
    pub fn profile(&self) -> &str {
        &self.0.profile
    }

    /// `PREFECT_DEBUG_MODE`: whether the logging level is DEBUG, whatever else is set. Default no.
    pub fn debug_mode(&self) -> bool {
        self.0.debug_mode
    }

    /// `PREFECT_API_URL`: the base address of the Prefect API, without a slash at the end. Default
    /// none: runs are recorded in this process.
    pub fn api_url(&self) -> Option<&str> {
        self.0.api_url.as_ref().map(|url| url.0.as_str())
    }

    /// `PREFECT_API_KEY`: the key for Prefect Cloud. Default none.
    pub fn api_key(&self) -> Option<&Secret<String>> {
        self.0.api_key.as_ref()
    }

    /// `PREFECT_API_AUTH_STRING`: `user:password` for a server of one's own. Default none.
    pub fn api_auth_string(&self) -> Option<&Secret<String>> {
        self.0.api_auth_string.as_ref()
    }

    /// `PREFECT_LOGGING_LEVEL`. Default INFO. In [debug mode](Self::debug_mode) always DEBUG.
    pub fn logging_level(&self) -> LoggingLevel {
        self.0.effective_logging_level()
    }

    /// `PREFECT_LOGGING_LOG_PRINTS`: whether what runs print is logged, where a flow or task does
    /// not say. Default no.
    pub fn logging_log_prints(&self) -> bool {
        self.0.logging_log_prints
    }

    /// `PREFECT_LOGGING_COLORS`: whether output to a terminal is coloured. Default yes.
    pub fn logging_colors(&self) -> bool {
        self.0.logging_colors
    }

    /// `PREFECT_RESULTS_DEFAULT_SERIALIZER`: how results are written where nothing else is said.
    /// Default `json`; Prefect's is `pickle`, which only Python can read.
    pub fn results_default_serializer(&self) -> DefaultSerializer {
        self.0.results_default_serializer
    }

    /// `PREFECT_RESULTS_PERSIST_BY_DEFAULT`: whether results are stored where nothing else is said.
    /// Default no.
    pub fn results_persist_by_default(&self) -> bool {
        self.0.results_persist_by_default
    }

    /// `PREFECT_RESULTS_LOCAL_STORAGE_PATH`: the directory of stored results. Default `storage` in
    /// the [home](Self::home) directory.
    pub fn results_local_storage_path(&self) -> &Path {
        &self.0.derived.local_storage_path
    }

    /// `PREFECT_TASKS_DEFAULT_RETRIES`: retries of a task that does not say. Default 0.
    pub fn tasks_default_retries(&self) -> u32 {
        self.0.tasks_default_retries
    }

    /// `PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS`: the delays before the first, second, … retry,
    /// the last one for all further retries. Never empty. Default zero.
    pub fn tasks_default_retry_delay(&self) -> &[Duration] {
        &self.0.tasks_default_retry_delay
    }

    /// `PREFECT_TASKS_DEFAULT_PERSIST_RESULT`: whether a task that does not say stores its result.
    /// A value, also `false`, comes before what the calling flow does. Default none.
    pub fn tasks_default_persist_result(&self) -> Option<bool> {
        self.0.tasks_default_persist_result
    }

    /// `PREFECT_TASKS_REFRESH_CACHE`: whether tasks that do not say run again and overwrite what
    /// is cached. Default no.
    pub fn tasks_refresh_cache(&self) -> bool {
        self.0.tasks_refresh_cache
    }

    /// `PREFECT_TASKS_DEFAULT_NO_CACHE`: whether tasks without a cache policy are not cached.
    /// Default no.
    pub fn tasks_default_no_cache(&self) -> bool {
        self.0.tasks_default_no_cache
    }

    /// `PREFECT_TASKS_DISABLE_CACHING`: whether no task is cached, whatever its policy. Default no.
    pub fn tasks_disable_caching(&self) -> bool {
        self.0.tasks_disable_caching
    }

    /// `PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS`: the number of threads of a thread pool that
    /// does not say, at least one. Default none: the pool decides.
    pub fn tasks_runner_thread_pool_max_workers(&self) -> Option<usize> {
        self.0.tasks_runner_thread_pool_max_workers.map(usize::from)
    }

    /// `PREFECT_FLOWS_DEFAULT_RETRIES`: retries of a flow that does not say. Default 0.
    pub fn flows_default_retries(&self) -> u32 {
        self.0.flows_default_retries
    }

    /// `PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS`: as for tasks. Default zero.
    pub fn flows_default_retry_delay(&self) -> &[Duration] {
        &self.0.flows_default_retry_delay
    }

    /// `CONTEXT_SUMMARY`: when a flow run's summary is printed. Default `auto`.
    pub fn summary(&self) -> Summary {
        self.0.summary
    }

    /// The settings as JSON, in the nesting that Prefect gives them.
    pub fn serialize(&self, secrets: Secrets) -> Value {
        self.0.serialize(secrets)
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
        self.0.derived.shapes_runs
    }
}

#[cfg(test)]
mod tests;
