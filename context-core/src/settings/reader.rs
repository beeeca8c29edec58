//! Reading settings from variables: which names count, and what happens to wrong values.
//!
//! This module does not know where the variables are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::source::{Found, first};
use super::value::{Delays, ProfileName, Setting, SettingsError};
use super::values::{Derived, Values, no_delay};
use crate::secret::Secret;

/// The profile that is active when none is named. Prefect has a built-in profile of this name.
const DEFAULT_PROFILE: &str = "ephemeral";

/// Reads the text of `variable`.
pub(super) fn parse<T: Setting>(variable: &'static str, text: &str) -> Result<T, SettingsError> {
    let invalid = || SettingsError { variable, value: text.to_owned(), allowed: T::ALLOWED };
    T::parse(text.trim()).ok_or_else(invalid)
}

/// Reads variables that `lookup` knows, and collects what is wrong with them.
pub(super) struct Reader<F> {
    lookup: F,
    problems: Vec<SettingsError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) const fn new(lookup: F) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<SettingsError> {
        self.problems
    }

    /// All settings. Where a variable has an older name, it stands after the newer one.
    pub(super) fn values(&mut self) -> Values {
        let mut values = Values {
            home: self.home(),
            profile: self.profile(),
            debug_mode: self.or_default(&["PREFECT_DEBUG_MODE"]),
            api_url: self.setting(&["PREFECT_API_URL"]),
            api_key: self.secret("PREFECT_API_KEY"),
            api_auth_string: self.secret("PREFECT_API_AUTH_STRING"),
            logging_level: self.or_default(&["PREFECT_LOGGING_LEVEL"]),
            logging_log_prints: self.or_default(&["PREFECT_LOGGING_LOG_PRINTS"]),
            logging_colors: self.setting(&["PREFECT_LOGGING_COLORS"]).unwrap_or(true),
            results_default_serializer: self.or_default(&["PREFECT_RESULTS_DEFAULT_SERIALIZER"]),
            results_persist_by_default: self.or_default(&["PREFECT_RESULTS_PERSIST_BY_DEFAULT"]),
            results_local_storage_path: self
                .path(&["PREFECT_RESULTS_LOCAL_STORAGE_PATH", "PREFECT_LOCAL_STORAGE_PATH"]),
            tasks_default_retries: self
                .or_default(&["PREFECT_TASKS_DEFAULT_RETRIES", "PREFECT_TASK_DEFAULT_RETRIES"]),
            tasks_default_retry_delay: self.delays(&[
                "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS",
                "PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS",
            ]),
            tasks_default_persist_result: self.setting(&["PREFECT_TASKS_DEFAULT_PERSIST_RESULT"]),
            tasks_refresh_cache: self.or_default(&["PREFECT_TASKS_REFRESH_CACHE"]),
            tasks_default_no_cache: self.or_default(&["PREFECT_TASKS_DEFAULT_NO_CACHE"]),
            tasks_disable_caching: self.or_default(&["PREFECT_TASKS_DISABLE_CACHING"]),
            tasks_runner_thread_pool_max_workers: self.setting(&[
                "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS",
                "PREFECT_TASK_RUNNER_THREAD_POOL_MAX_WORKERS",
            ]),
            flows_default_retries: self
                .or_default(&["PREFECT_FLOWS_DEFAULT_RETRIES", "PREFECT_FLOW_DEFAULT_RETRIES"]),
            flows_default_retry_delay: self.delays(&[
                "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS",
                "PREFECT_FLOW_DEFAULT_RETRY_DELAY_SECONDS",
            ]),
            summary: self.or_default(&["CONTEXT_SUMMARY"]),
            derived: Derived::default(),
        };
        values.derive();
        values
    }

    /// The value of the first of `names` that is set, or `None` and perhaps a problem.
    fn setting<T: Setting>(&mut self, names: &[&'static str]) -> Option<T> {
        let Found { variable, value } = first(&self.lookup, names)?;
        self.accept(parse(variable, &value))
    }

    fn or_default<T: Setting + Default>(&mut self, names: &[&'static str]) -> T {
        self.setting(names).unwrap_or_default()
    }

    fn accept<T>(&mut self, parsed: Result<T, SettingsError>) -> Option<T> {
        parsed.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn secret(&self, name: &'static str) -> Option<Secret<String>> {
        first(&self.lookup, &[name]).map(|found| Secret::new(found.value))
    }

    fn delays(&mut self, names: &[&'static str]) -> Box<[Duration]> {
        self.setting(names).map_or_else(no_delay, |Delays(delays)| delays)
    }

    fn profile(&mut self) -> String {
        const NAME: &str = "PREFECT_PROFILE";
        (self.lookup)(NAME)
            .and_then(|text| self.accept(parse(NAME, &text)))
            .map_or_else(|| DEFAULT_PROFILE.to_owned(), |ProfileName(name)| name)
    }

    /// `PREFECT_HOME`, by default a directory in the user's own.
    fn home(&self) -> PathBuf {
        self.path(&["PREFECT_HOME"]).unwrap_or_else(|| self.user_home().join(".prefect"))
    }

    fn user_home(&self) -> PathBuf {
        let found = first(&self.lookup, &["HOME", "USERPROFILE"]);
        found.map_or_else(PathBuf::new, |found| found.value.into())
    }

    /// A path with a leading `~` replaced.
    fn path(&self, names: &[&'static str]) -> Option<PathBuf> {
        let Found { value, .. } = first(&self.lookup, names)?;
        Some(match Path::new(&value).strip_prefix("~") {
            Ok(below) => self.user_home().join(below),
            Err(_) => value.into(),
        })
    }
}
