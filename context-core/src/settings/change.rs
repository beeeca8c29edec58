//! Changed copies of settings, where the table does not make them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::SettingPlace;
use super::kind::{Codes, Headers, Heartbeat, Location, Names};
use super::table::{Key, TABLE, Values};
use super::{Profile, Settings, SettingsError};
use crate::secret::{MASK, Secret};

/// Changed copies.
impl Settings {
    /// A copy under another profile's name. Does not read that profile; `use_profile` does.
    #[must_use]
    pub fn with_profile(&self, name: impl Into<String>) -> Self {
        let mut copy = self.clone();
        Arc::make_mut(&mut copy.0).profile = Arc::new(Profile::new(name));
        copy
    }

    /// A copy with another home directory.
    #[must_use]
    pub fn with_home(&self, home: impl Into<PathBuf>) -> Self {
        self.change(Key::home, |values| values.home = Location(home.into()))
    }

    /// A copy with another [`api_ssl_cert_file`](Self::api_ssl_cert_file). `None` is the default.
    #[must_use]
    pub fn with_api_ssl_cert_file(&self, path: Option<PathBuf>) -> Self {
        let path = Location(path.unwrap_or_default());
        self.change(Key::api_ssl_cert_file, |values| values.api_ssl_cert_file = path)
    }

    /// A copy with another [`cloud_api_url`](Self::cloud_api_url).
    ///
    /// # Errors
    ///
    /// Returns an error if the address is not one of HTTP.
    pub fn with_cloud_api_url(&self, url: &str) -> Result<Self, SettingsError> {
        self.with("PREFECT_CLOUD_API_URL", url)
    }

    /// A copy with another [`client_retry_jitter_factor`](Self::client_retry_jitter_factor).
    ///
    /// # Errors
    ///
    /// Returns an error if the factor is negative, or no number.
    pub fn with_client_retry_jitter_factor(&self, factor: f64) -> Result<Self, SettingsError> {
        self.with("PREFECT_CLIENT_RETRY_JITTER_FACTOR", factor)
    }

    /// A copy with other [`client_retry_extra_codes`](Self::client_retry_extra_codes).
    ///
    /// # Errors
    ///
    /// Returns an error if one of them is not from 100 to 599.
    pub fn with_client_retry_extra_codes(
        &self,
        codes: impl IntoIterator<Item = u16>,
    ) -> Result<Self, SettingsError> {
        let given: Vec<u16> = codes.into_iter().collect();
        let codes = Codes::new(given.iter().copied())
            .ok_or_else(|| refused(Key::client_retry_extra_codes, format!("{given:?}")))?;
        Ok(self.change(Key::client_retry_extra_codes, |values| {
            values.client_retry_extra_codes = codes;
        }))
    }

    /// A copy with other [`client_custom_headers`](Self::client_custom_headers).
    ///
    /// # Errors
    ///
    /// Returns an error if one of them could not be sent: a name with a space, a value with a line break.
    pub fn with_client_custom_headers(
        &self,
        headers: impl IntoIterator<Item = (String, Secret<String>)>,
    ) -> Result<Self, SettingsError> {
        let headers = Headers::new(headers)
            .ok_or_else(|| refused(Key::client_custom_headers, MASK.to_owned()))?;
        Ok(self.change(Key::client_custom_headers, |values| values.client_custom_headers = headers))
    }

    /// A copy with other [`logging_extra_loggers`](Self::logging_extra_loggers).
    #[must_use]
    pub fn with_logging_extra_loggers(&self, names: impl IntoIterator<Item = String>) -> Self {
        let names = Names(names.into_iter().collect());
        self.change(Key::logging_extra_loggers, |values| values.logging_extra_loggers = names)
    }

    /// A copy with another [`flows_heartbeat_frequency`](Self::flows_heartbeat_frequency). Less than 30 s is 30 s.
    #[must_use]
    pub fn with_flows_heartbeat_frequency(&self, frequency: Option<Duration>) -> Self {
        let heartbeat = Heartbeat::every(frequency);
        self.change(Key::flows_heartbeat_frequency, |values| {
            values.flows_heartbeat_frequency = heartbeat;
        })
    }

    /// A copy with another [`events_worker_max_queue_size`](Self::events_worker_max_queue_size). `None` and 0 are no
    /// limit.
    #[must_use]
    pub fn with_events_worker_max_queue_size(&self, size: Option<usize>) -> Self {
        self.change(Key::events_worker_max_queue_size, |values| {
            values.events_worker_max_queue_size = size.unwrap_or(0);
        })
    }

    /// A copy in which the program has changed a setting.
    pub(super) fn change(&self, key: Key, change: impl FnOnce(&mut Values)) -> Self {
        let mut copy = self.clone();
        Arc::make_mut(&mut copy.0).set(key, change);
        copy
    }
}

/// That `value` is not allowed.
fn refused(key: Key, value: String) -> SettingsError {
    let row = &TABLE[key as usize];
    let name = row.variable.to_owned();
    SettingsError::Invalid { name, value, allowed: row.allowed, place: SettingPlace::default() }
}
