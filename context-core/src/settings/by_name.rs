//! Settings by their names: for profiles, for what one process hands on to another, and for whoever has only a name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::{SettingPlace, SettingSource, SettingsError};
use super::into::IntoSetting;
use super::reader::{Found, Said, take};
use super::table::{Row, TABLE, Values};
use super::{Inner, Settings, environment};
use crate::secret::Secrets;

/// The row of a setting, by the name of its variable, an older name, or its path.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| {
        row.path == name
            || row.variable.eq_ignore_ascii_case(name)
            || row.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

/// What there is to know about a setting.
///
/// # Examples
///
/// ```
/// use context_core::settings::Settings;
///
/// let retries = Settings::all().find(|info| info.path() == "tasks.default_retries").unwrap();
/// assert_eq!(retries.variable(), "PREFECT_TASKS_DEFAULT_RETRIES");
/// assert_eq!(retries.older_names(), ["PREFECT_TASK_DEFAULT_RETRIES"]);
/// assert_eq!(retries.default_text().as_deref(), Some("0"));
/// ```
#[derive(Clone, Copy)]
pub struct SettingInfo(&'static Row);

impl SettingInfo {
    /// The environment variable, which is also the setting's name in profiles.
    pub const fn variable(self) -> &'static str {
        self.0.variable
    }

    /// Older names of the variable, which count where the present one is not set.
    pub const fn older_names(self) -> &'static [&'static str] {
        self.0.aliases
    }

    /// Where it stands in `prefect.toml`, and below `tool.prefect` in `pyproject.toml`.
    pub const fn path(self) -> &'static str {
        self.0.path
    }

    /// What it is about, in Markdown.
    pub fn doc(self) -> String {
        let lines: Vec<_> = self.0.doc.lines().map(str::trim).collect();
        lines.join(" ")
    }

    /// What its value must be.
    pub const fn allowed(self) -> &'static str {
        self.0.allowed
    }

    /// True if its value is masked wherever it is shown.
    pub const fn is_secret(self) -> bool {
        self.0.is_secret
    }

    /// The text of its default; `None` if there is none, or if it follows from other settings.
    pub fn default_text(self) -> Option<String> {
        (self.0.text)(&Values::default())
    }
}

impl fmt::Debug for SettingInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SettingInfo").field(&self.0.variable).finish()
    }
}

/// What [`Settings::to_environment_variables`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToVariables {
    /// Leaves out settings that nobody has set.
    pub exclude_unset: bool,
    /// Whether secrets are included (the default: the variables are for a process that acts in this one's place) or
    /// masked.
    pub secrets: Secrets,
    /// Gives each setting under its older names, too.
    pub include_aliases: bool,
}

impl Default for ToVariables {
    fn default() -> Self {
        Self { exclude_unset: false, secrets: Secrets::Included, include_aliases: false }
    }
}

/// By name: the variable, an older name of it, or the path in `prefect.toml`.
impl Settings {
    /// All settings that there are.
    pub fn all() -> impl Iterator<Item = SettingInfo> {
        TABLE.iter().map(SettingInfo)
    }

    /// The value of a setting as its variable has it; `None` if it has none.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such setting.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::secret::Secrets;
    /// use context_core::settings::Settings;
    ///
    /// let settings = Settings::default().with("PREFECT_API_KEY", "pnu_123")?;
    /// assert_eq!(settings.get("PREFECT_API_KEY", Secrets::Masked)?.as_deref(), Some("********"));
    /// assert_eq!(settings.get("api.key", Secrets::Included)?.as_deref(), Some("pnu_123"));
    /// assert_eq!(settings.get("PREFECT_API_URL", Secrets::Masked)?, None);
    /// assert!(settings.get("PREFECT_API_KEYS", Secrets::Masked).is_err());
    /// # Ok::<(), context_core::settings::SettingsError>(())
    /// ```
    pub fn get(&self, name: &str, secrets: Secrets) -> Result<Option<String>, SettingsError> {
        Ok(self.text_of(known(name)?, secrets))
    }

    /// True if there is a setting of this name, and it is a secret.
    pub(crate) fn is_secret(name: &str) -> bool {
        row(name).is_some_and(|row| row.is_secret)
    }

    /// The settings that these variables make, and nothing else but where the user's home is.
    ///
    /// # Errors
    ///
    /// If one of them is no setting, or has a value that is not allowed.
    pub(crate) fn of_variables(
        profile: &str,
        variables: &[(&str, String)],
    ) -> Result<Self, SettingsError> {
        variables.iter().try_for_each(|(name, _)| known(name).map(drop))?;
        let (settings, problems) = Self::from_source(|name| match name {
            "HOME" | "USERPROFILE" | "SSL_CERT_FILE" => environment(name),
            "PREFECT_PROFILE" => Some(profile.to_owned()),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone()),
        });
        // What is doubtful was told where it was set.
        let wrong = |problem: &SettingsError| !matches!(problem, SettingsError::Doubtful { .. });
        problems.into_iter().find(wrong).map_or(Ok(settings), Err)
    }

    /// A copy with another value of a setting. An empty text means its default.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such setting, or the value is not allowed.
    pub fn with(&self, name: &str, value: impl IntoSetting) -> Result<Self, SettingsError> {
        let row = known(name)?;
        let text = value.into_setting();
        let said = if text.trim().is_empty() { Said::Nothing } else { Said::Text(text) };
        let found = Found { name: name.to_owned(), said, place: SettingPlace::default() };
        self.with_found(row, &found, SettingSource::Program)
    }

    /// A copy in which a setting is at its default, as if nobody had set it.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such setting.
    pub fn with_default(&self, name: &str) -> Result<Self, SettingsError> {
        let row = known(name)?;
        let mut copy = self.clone();
        Arc::make_mut(&mut copy.0).reset(row);
        Ok(copy)
    }

    /// Who has set a setting.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such setting.
    pub fn source_of(&self, name: &str) -> Result<SettingSource, SettingsError> {
        Ok(self.0.sources[known(name)?.key as usize])
    }

    /// The variables that would give the same settings to another process, Prefect's included. What has no value is left
    /// out, and so is the name of the profile.
    pub fn to_environment_variables(&self, which: ToVariables) -> BTreeMap<&'static str, String> {
        let is_left_out = |row: &Row| {
            which.exclude_unset && self.0.sources[row.key as usize] == SettingSource::Default
        };
        let mut variables = BTreeMap::new();
        for row in TABLE.iter().filter(|row| !is_left_out(row)) {
            let Some(text) = self.text_of(row, which.secrets) else { continue };
            if which.include_aliases {
                variables.extend(row.aliases.iter().map(|alias| (*alias, text.clone())));
            }
            variables.insert(row.variable, text);
        }
        variables
    }

    /// The settings as JSON, in the nesting that Prefect gives them.
    pub fn serialize(&self, secrets: Secrets) -> Value {
        let mut object = self.nested(secrets, |_| true);
        object.insert("profile".to_owned(), json!(self.profile()));
        Value::Object(object)
    }

    /// As [`serialize`](Self::serialize), with nothing but what somebody has set.
    pub(crate) fn serialize_set(&self, secrets: Secrets) -> Value {
        let is_set = |row: &Row| self.0.sources[row.key as usize] != SettingSource::Default;
        Value::Object(self.nested(secrets, is_set))
    }

    fn nested(&self, secrets: Secrets, is_wanted: impl Fn(&Row) -> bool) -> Map<String, Value> {
        let mut object = Map::new();
        for row in TABLE.iter().filter(|row| is_wanted(row)) {
            let (tables, name) = row.path.rsplit_once('.').unwrap_or(("", row.path));
            let mut object = &mut object;
            for table in tables.split('.').filter(|table| !table.is_empty()) {
                let inner = object.entry(table).or_insert_with(|| json!({}));
                let Value::Object(inner) = inner else { unreachable!("a table is no setting") };
                object = inner;
            }
            object.insert(name.to_owned(), (row.json)(self.values(), secrets));
        }
        object
    }

    pub(super) fn with_found(
        &self,
        row: &Row,
        found: &Found,
        source: SettingSource,
    ) -> Result<Self, SettingsError> {
        let mut values = Values::default();
        take(row, found, &mut values)?;
        let mut copy = self.clone();
        let inner: &mut Inner = Arc::make_mut(&mut copy.0);
        inner.set(row.key, |said| (row.copy)(said, &values));
        inner.sources[row.key as usize] = source;
        Ok(copy)
    }

    fn text_of(&self, row: &Row, secrets: Secrets) -> Option<String> {
        let text = (row.text)(self.values())?;
        Some(match secrets {
            Secrets::Included => text,
            Secrets::Masked => (row.masked)(&text),
        })
    }
}

fn known(name: &str) -> Result<&'static Row, SettingsError> {
    let unknown =
        || SettingsError::Unknown { name: name.to_owned(), place: SettingPlace::default() };
    row(name).ok_or_else(unknown)
}
