//! What settings hold, what follows from it, and how it is shown.
//!
//! This module does not know where values come from.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::value::{ApiUrl, DefaultSerializer, LoggingLevel, Summary};
use crate::secret::{Secret, Secrets};

/// One field for each setting, as it was set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub(super) home: PathBuf,
    pub(super) profile: String,
    pub(super) debug_mode: bool,
    pub(super) api_url: Option<ApiUrl>,
    pub(super) api_key: Option<Secret<String>>,
    pub(super) api_auth_string: Option<Secret<String>>,
    pub(super) logging_level: LoggingLevel,
    pub(super) logging_log_prints: bool,
    pub(super) logging_colors: bool,
    pub(super) results_default_serializer: DefaultSerializer,
    pub(super) results_persist_by_default: bool,
    pub(super) results_local_storage_path: Option<PathBuf>,
    pub(super) tasks_default_retries: u32,
    // Invariant of both delays: never empty.
    pub(super) tasks_default_retry_delay: Box<[Duration]>,
    pub(super) tasks_default_persist_result: Option<bool>,
    pub(super) tasks_refresh_cache: bool,
    pub(super) tasks_default_no_cache: bool,
    pub(super) tasks_disable_caching: bool,
    pub(super) tasks_runner_thread_pool_max_workers: Option<NonZeroUsize>,
    pub(super) flows_default_retries: u32,
    pub(super) flows_default_retry_delay: Box<[Duration]>,
    pub(super) summary: Summary,
    // Invariant: what `Derived::of` gives for the other fields.
    pub(super) derived: Derived,
}

/// What follows from the values and is asked for often.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Derived {
    pub(super) local_storage_path: PathBuf,
    pub(super) shapes_runs: bool,
}

impl Derived {
    fn of(values: &Values) -> Self {
        let delayed = |delays: &[Duration]| delays.iter().any(|delay| !delay.is_zero());
        let in_home = || values.home.join("storage");
        Self {
            local_storage_path: values.results_local_storage_path.clone().unwrap_or_else(in_home),
            shapes_runs: values.tasks_default_retries != 0
                || values.flows_default_retries != 0
                || delayed(&values.tasks_default_retry_delay)
                || delayed(&values.flows_default_retry_delay)
                || values.results_persist_by_default
                || values.tasks_default_persist_result.is_some()
                || values.tasks_refresh_cache
                || values.tasks_default_no_cache
                || values.tasks_disable_caching,
        }
    }
}

impl Values {
    /// Brings what follows from the values up to date. To be called after every change.
    pub(super) fn derive(&mut self) {
        self.derived = Derived::of(self);
    }

    pub(super) fn effective_logging_level(&self) -> LoggingLevel {
        if self.debug_mode { LoggingLevel::Debug } else { self.logging_level }
    }

    pub(super) fn serialize(&self, secrets: Secrets) -> Value {
        let secret = |value: &Option<Secret<String>>| {
            value.as_ref().map(|secret| secrets.text(secret).to_owned())
        };
        json!({
            "home": self.home.to_string_lossy(),
            "profile": self.profile,
            "debug_mode": self.debug_mode,
            "api": {
                "url": self.api_url.as_ref().map(|url| match secrets {
                    Secrets::Masked => url.masked(),
                    Secrets::Included => url.0.clone(),
                }),
                "key": secret(&self.api_key),
                "auth_string": secret(&self.api_auth_string),
            },
            "logging": {
                "level": self.effective_logging_level(),
                "log_prints": self.logging_log_prints,
                "colors": self.logging_colors,
            },
            "results": {
                "default_serializer": self.results_default_serializer,
                "persist_by_default": self.results_persist_by_default,
                "local_storage_path": self.derived.local_storage_path.to_string_lossy(),
            },
            "tasks": {
                "default_retries": self.tasks_default_retries,
                "default_retry_delay_seconds": seconds(&self.tasks_default_retry_delay),
                "default_persist_result": self.tasks_default_persist_result,
                "refresh_cache": self.tasks_refresh_cache,
                "default_no_cache": self.tasks_default_no_cache,
                "disable_caching": self.tasks_disable_caching,
                "runner": {
                    "thread_pool_max_workers": self.tasks_runner_thread_pool_max_workers,
                },
            },
            "flows": {
                "default_retries": self.flows_default_retries,
                "default_retry_delay_seconds": seconds(&self.flows_default_retry_delay),
            },
            "context": { "summary": self.summary },
        })
    }
}

/// The delays, or none of any length in place of an empty list.
pub(super) fn not_empty(delays: impl IntoIterator<Item = Duration>) -> Box<[Duration]> {
    let delays: Box<[_]> = delays.into_iter().collect();
    if delays.is_empty() { no_delay() } else { delays }
}

pub(super) fn no_delay() -> Box<[Duration]> {
    Box::new([Duration::ZERO])
}

/// A number or a list of numbers, as Prefect writes them.
fn seconds(delays: &[Duration]) -> Value {
    match delays {
        [delay] => json!(delay.as_secs_f64()),
        _ => delays.iter().map(Duration::as_secs_f64).collect(),
    }
}
