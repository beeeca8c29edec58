//! Changed copies of settings.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::reader::parse;
use super::value::{DefaultSerializer, LoggingLevel, SettingsError, Summary};
use super::values::{Values, not_empty};
use crate::secret::Secret;

/// Changed copies.
impl Settings {
    /// A copy with another home directory.
    #[must_use]
    pub fn with_home(&self, home: impl Into<PathBuf>) -> Self {
        self.change(|values| values.home = home.into())
    }

    /// A copy under another profile's name. Does not read that profile.
    #[must_use]
    pub fn with_profile(&self, name: impl Into<String>) -> Self {
        self.change(|values| values.profile = name.into())
    }

    /// A copy with debug mode on or off.
    #[must_use]
    pub fn with_debug_mode(&self, on: bool) -> Self {
        self.change(|values| values.debug_mode = on)
    }

    /// A copy with another API address, or none.
    ///
    /// # Errors
    ///
    /// Returns an error if the address is not one of HTTP.
    pub fn with_api_url(&self, url: Option<&str>) -> Result<Self, SettingsError> {
        let url = url.map(|text| parse("PREFECT_API_URL", text)).transpose()?;
        Ok(self.change(|values| values.api_url = url))
    }

    /// A copy with another API key, or none.
    #[must_use]
    pub fn with_api_key(&self, key: Option<Secret<String>>) -> Self {
        self.change(|values| values.api_key = key)
    }

    /// A copy with another `user:password`, or none.
    #[must_use]
    pub fn with_api_auth_string(&self, auth_string: Option<Secret<String>>) -> Self {
        self.change(|values| values.api_auth_string = auth_string)
    }

    /// A copy with another logging level.
    #[must_use]
    pub fn with_logging_level(&self, level: LoggingLevel) -> Self {
        self.change(|values| values.logging_level = level)
    }

    /// A copy that logs what runs print, or does not.
    #[must_use]
    pub fn with_logging_log_prints(&self, on: bool) -> Self {
        self.change(|values| values.logging_log_prints = on)
    }

    /// A copy with or without colours.
    #[must_use]
    pub fn with_logging_colors(&self, on: bool) -> Self {
        self.change(|values| values.logging_colors = on)
    }

    /// A copy that writes results in another way.
    #[must_use]
    pub fn with_results_default_serializer(&self, serializer: DefaultSerializer) -> Self {
        self.change(|values| values.results_default_serializer = serializer)
    }

    /// A copy that stores results where nothing else is said, or does not.
    #[must_use]
    pub fn with_results_persist_by_default(&self, on: bool) -> Self {
        self.change(|values| values.results_persist_by_default = on)
    }

    /// A copy with another directory for results, or the one in the home directory.
    #[must_use]
    pub fn with_results_local_storage_path(&self, path: Option<PathBuf>) -> Self {
        self.change(|values| values.results_local_storage_path = path)
    }

    /// A copy with another number of retries for tasks.
    #[must_use]
    pub fn with_tasks_default_retries(&self, retries: u32) -> Self {
        self.change(|values| values.tasks_default_retries = retries)
    }

    /// A copy with other delays between the retries of tasks. An empty list means no delay.
    #[must_use]
    pub fn with_tasks_default_retry_delay(
        &self,
        delays: impl IntoIterator<Item = Duration>,
    ) -> Self {
        self.change(|values| values.tasks_default_retry_delay = not_empty(delays))
    }

    /// A copy that says for all tasks whether they store results, or leaves it to them.
    #[must_use]
    pub fn with_tasks_default_persist_result(&self, persist: Option<bool>) -> Self {
        self.change(|values| values.tasks_default_persist_result = persist)
    }

    /// A copy under which tasks overwrite what is cached, or do not.
    #[must_use]
    pub fn with_tasks_refresh_cache(&self, on: bool) -> Self {
        self.change(|values| values.tasks_refresh_cache = on)
    }

    /// A copy under which tasks without a cache policy are not cached, or are.
    #[must_use]
    pub fn with_tasks_default_no_cache(&self, on: bool) -> Self {
        self.change(|values| values.tasks_default_no_cache = on)
    }

    /// A copy under which no task is cached, or tasks are again.
    #[must_use]
    pub fn with_tasks_disable_caching(&self, on: bool) -> Self {
        self.change(|values| values.tasks_disable_caching = on)
    }

    /// A copy with another number of threads for thread pools, or none.
    #[must_use]
    pub fn with_tasks_runner_thread_pool_max_workers(&self, workers: Option<NonZeroUsize>) -> Self {
        self.change(|values| values.tasks_runner_thread_pool_max_workers = workers)
    }

    /// A copy with another number of retries for flows.
    #[must_use]
    pub fn with_flows_default_retries(&self, retries: u32) -> Self {
        self.change(|values| values.flows_default_retries = retries)
    }

    /// A copy with other delays between the retries of flows. An empty list means no delay.
    #[must_use]
    pub fn with_flows_default_retry_delay(
        &self,
        delays: impl IntoIterator<Item = Duration>,
    ) -> Self {
        self.change(|values| values.flows_default_retry_delay = not_empty(delays))
    }

    /// A copy that prints summaries at other times.
    #[must_use]
    pub fn with_summary(&self, summary: Summary) -> Self {
        self.change(|values| values.summary = summary)
    }
}

impl Settings {
    fn change(&self, change: impl FnOnce(&mut Values)) -> Self {
        let mut copy = self.clone();
        let values = Arc::make_mut(&mut copy.0);
        change(values);
        values.derive();
        copy
    }
}
