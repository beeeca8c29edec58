//! What settings hold, and what follows from it.
//!
//! This module does not know where values come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::SettingSource;
use super::kind::{Location, Url};
use super::profiles::Profile;
use super::table::{COUNT, Key, Row, Values};
use super::value::LoggingLevel;

/// What is behind [`Settings`](super::Settings).
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) profile: Arc<Profile>,
    /// As they were set.
    pub(super) said: Values,
    pub(super) sources: [SettingSource; COUNT],
    pub(super) surroundings: Surroundings,
    // Invariant of the rest: what `settle` makes of the fields above.
    /// As they hold.
    pub(super) values: Values,
    pub(super) shapes_runs: bool,
}

/// What the environment says that is no setting, but stands in for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Surroundings {
    /// The directory of the user: what `~` stands for.
    pub(super) user_home: PathBuf,
    /// `SSL_CERT_FILE`.
    pub(super) ssl_cert_file: PathBuf,
}

impl Surroundings {
    pub(super) fn of(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| {
            let text = lookup(name).filter(|text| !text.trim().is_empty());
            text.map(PathBuf::from)
        };
        Self {
            user_home: path("HOME").or_else(|| path("USERPROFILE")).unwrap_or_default(),
            ssl_cert_file: path("SSL_CERT_FILE").unwrap_or_default(),
        }
    }
}

impl Inner {
    pub(super) fn new(
        profile: Arc<Profile>,
        said: Values,
        sources: [SettingSource; COUNT],
        surroundings: Surroundings,
    ) -> Self {
        let values = said.clone();
        let mut inner = Self { profile, said, sources, surroundings, values, shapes_runs: false };
        inner.settle();
        inner
    }

    /// Changes a setting, which is from now on said by the program.
    pub(super) fn set(&mut self, key: Key, change: impl FnOnce(&mut Values)) {
        change(&mut self.said);
        self.sources[key as usize] = SettingSource::Program;
        self.settle();
    }

    /// Sets a setting back to its default.
    pub(super) fn reset(&mut self, row: &Row) {
        (row.copy)(&mut self.said, &Values::default());
        self.sources[row.key as usize] = SettingSource::Default;
        self.settle();
    }

    /// Brings what follows from the settings up to date.
    fn settle(&mut self) {
        self.values = self.said.clone();
        self.values.settle(&self.surroundings);
        self.shapes_runs = self.values.shape_runs();
    }
}

impl Values {
    fn settle(&mut self, surroundings: &Surroundings) {
        let home = match self.home.get() {
            Some(home) => below_user(home, &surroundings.user_home),
            None => surroundings.user_home.join(".prefect"),
        };
        let place = |location: &mut Location, default: PathBuf| {
            location.0 = match location.get() {
                Some(path) => below_user(&below_home(path, &home), &surroundings.user_home),
                None => default,
            };
        };
        place(&mut self.profiles_path, home.join("profiles.toml"));
        place(&mut self.results_local_storage_path, home.join("storage"));
        place(&mut self.logging_config_path, home.join("logging.yml"));
        place(&mut self.api_ssl_cert_file, surroundings.ssl_cert_file.clone());
        self.home = Location(home);
        self.cloud_ui_url.get_or_insert_with(|| cloud_ui(&self.cloud_api_url));
        if self.ui_url.is_none() {
            self.ui_url = self.api_url.as_ref().map(|api| self.ui_of(api));
        }
        if self.debug_mode {
            self.logging_level = LoggingLevel::Debug;
        }
        let mut most = self.logging_to_api_max_log_size.min(self.logging_to_api_batch_size);
        if self.connected_to_cloud() {
            most = most.min(self.cloud_max_log_size);
        }
        self.logging_to_api_max_log_size = most;
    }

    pub(super) fn connected_to_cloud(&self) -> bool {
        self.api_url.as_ref().is_some_and(|api| api.0.starts_with(&self.cloud_api_url.0))
    }

    /// The address of the UI that belongs to an API, by Prefect's own rule.
    fn ui_of(&self, api: &Url) -> Url {
        let cloud = self.cloud_ui_url.as_ref().zip(api.0.strip_prefix(&self.cloud_api_url.0));
        let ui = match cloud {
            Some((ui, rest)) => format!("{}{rest}", ui.0),
            None => api.0.clone(),
        };
        let ui = ui.strip_suffix("/api").unwrap_or(&ui).replace("/api/", "/");
        Url(ui.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/"))
    }

    fn shape_runs(&self) -> bool {
        let delayed = |delays: &[std::time::Duration]| delays.iter().any(|delay| !delay.is_zero());
        self.tasks_default_retries != 0
            || self.flows_default_retries != 0
            || delayed(self.tasks_default_retry_delay.get())
            || delayed(self.flows_default_retry_delay.get())
            || self.results_persist_by_default
            || self.tasks_default_persist_result.is_some()
            || self.tasks_refresh_cache
            || self.tasks_default_no_cache
            || self.tasks_disable_caching
    }
}

/// The address of the UI that belongs to an API of Prefect Cloud, by Prefect's own rule.
fn cloud_ui(api: &Url) -> Url {
    let host = api.0.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let is_prefects = host.is_some_and(|host| {
        let mut labels = host.rsplit('.').skip(1);
        host.starts_with("api") && labels.next() == Some("prefect") && labels.next().is_some()
    });
    let ui = match api.0.strip_prefix("https://api") {
        Some(rest) if is_prefects => format!("https://app{rest}"),
        _ => api.0.clone(),
    };
    Url(ui.strip_suffix("/api").unwrap_or(&ui).to_owned())
}

/// A path with a leading `~` replaced.
fn below_user(path: &Path, user_home: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(below) => user_home.join(below),
        Err(_) => path.to_owned(),
    }
}

/// A path with a leading `$PREFECT_HOME` replaced.
fn below_home(path: &Path, home: &Path) -> PathBuf {
    let below =
        path.strip_prefix("$PREFECT_HOME").or_else(|_| path.strip_prefix("${PREFECT_HOME}"));
    match below {
        Ok(below) => home.join(below),
        Err(_) => path.to_owned(),
    }
}
