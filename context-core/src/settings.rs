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

mod source;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::secret::{Secret, Secrets};
use source::{Found, first};
use value::{ApiUrl, Delays, ProfileName, Setting};

pub(crate) use source::environment;
pub use value::{LoggingLevel, SettingsError, Summary};

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

#[derive(Clone, Debug, PartialEq)]
struct Values {
    home: PathBuf,
    profile: String,
    api_url: Option<ApiUrl>,
    api_key: Option<Secret<String>>,
    api_auth_string: Option<Secret<String>>,
    logging_level: LoggingLevel,
    tasks_default_retries: u32,
    // Invariant of both: never empty.
    tasks_default_retry_delay: Box<[Duration]>,
    flows_default_retries: u32,
    flows_default_retry_delay: Box<[Duration]>,
    summary: Summary,
}

/// The profile that is active when none is named. Prefect has a built-in profile of this name.
const DEFAULT_PROFILE: &str = "ephemeral";

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
        let mut reader = Reader { lookup, problems: Vec::new() };
        let values = Values {
            home: reader.home(),
            profile: reader.profile(),
            api_url: reader.setting(&["PREFECT_API_URL"]),
            api_key: reader.secret("PREFECT_API_KEY"),
            api_auth_string: reader.secret("PREFECT_API_AUTH_STRING"),
            logging_level: reader.setting(&["PREFECT_LOGGING_LEVEL"]).unwrap_or_default(),
            tasks_default_retries: reader
                .setting(&["PREFECT_TASKS_DEFAULT_RETRIES", "PREFECT_TASK_DEFAULT_RETRIES"])
                .unwrap_or_default(),
            tasks_default_retry_delay: reader.delays(&[
                "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS",
                "PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS",
            ]),
            flows_default_retries: reader
                .setting(&["PREFECT_FLOWS_DEFAULT_RETRIES", "PREFECT_FLOW_DEFAULT_RETRIES"])
                .unwrap_or_default(),
            flows_default_retry_delay: reader.delays(&[
                "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS",
                "PREFECT_FLOW_DEFAULT_RETRY_DELAY_SECONDS",
            ]),
            summary: reader.setting(&["CONTEXT_SUMMARY"]).unwrap_or_default(),
        };
        (Self(Arc::new(values)), reader.problems)
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

    /// `PREFECT_LOGGING_LEVEL`. Default INFO.
    pub fn logging_level(&self) -> LoggingLevel {
        self.0.logging_level
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
        let values = &*self.0;
        let secret = |value: &Option<Secret<String>>| {
            value.as_ref().map(|secret| secrets.text(secret).to_owned())
        };
        json!({
            "home": values.home.to_string_lossy(),
            "profile": values.profile,
            "api": {
                "url": values.api_url.as_ref().map(|url| match secrets {
                    Secrets::Masked => url.masked(),
                    Secrets::Included => url.0.clone(),
                }),
                "key": secret(&values.api_key),
                "auth_string": secret(&values.api_auth_string),
            },
            "logging": { "level": values.logging_level },
            "tasks": {
                "default_retries": values.tasks_default_retries,
                "default_retry_delay_seconds": seconds(&values.tasks_default_retry_delay),
            },
            "flows": {
                "default_retries": values.flows_default_retries,
                "default_retry_delay_seconds": seconds(&values.flows_default_retry_delay),
            },
            "context": { "summary": values.summary },
        })
    }

    fn change(&self, change: impl FnOnce(&mut Values)) -> Self {
        let mut copy = self.clone();
        change(Arc::make_mut(&mut copy.0));
        copy
    }
}

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

fn not_empty(delays: impl IntoIterator<Item = Duration>) -> Box<[Duration]> {
    let delays: Box<[_]> = delays.into_iter().collect();
    if delays.is_empty() { no_delay() } else { delays }
}

fn no_delay() -> Box<[Duration]> {
    Box::new([Duration::ZERO])
}

/// A number or a list of numbers, as Prefect writes them.
fn seconds(delays: &[Duration]) -> Value {
    match delays {
        [delay] => json!(delay.as_secs_f64()),
        _ => delays.iter().map(Duration::as_secs_f64).collect(),
    }
}

fn parse<T: Setting>(variable: &'static str, text: &str) -> Result<T, SettingsError> {
    let invalid = || SettingsError { variable, value: text.to_owned(), allowed: T::ALLOWED };
    T::parse(text.trim()).ok_or_else(invalid)
}

struct Reader<F> {
    lookup: F,
    problems: Vec<SettingsError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// The value of the first of `names` that is set, or `None` and perhaps a problem.
    fn setting<T: Setting>(&mut self, names: &[&'static str]) -> Option<T> {
        let Found { variable, value } = first(&self.lookup, names)?;
        self.accept(parse(variable, &value))
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

    /// `PREFECT_HOME` with a leading `~` replaced.
    fn home(&self) -> PathBuf {
        let user = first(&self.lookup, &["HOME", "USERPROFILE"]);
        let user = user.map_or_else(PathBuf::new, |found| PathBuf::from(found.value));
        match first(&self.lookup, &["PREFECT_HOME"]) {
            None => user.join(".prefect"),
            Some(Found { value, .. }) => match Path::new(&value).strip_prefix("~") {
                Ok(below) => user.join(below),
                Err(_) => value.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
