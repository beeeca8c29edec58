//! One profile: settings under a name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::super::by_name::row;
use super::super::error::{SettingPlace, SettingSource, SettingsError};
use super::super::into::IntoSetting;
use super::super::prefects::is_prefects;
use super::super::raw::Raw;
use super::super::reader::{Found, Source, take};
use super::super::table::{Row, Values};
use crate::secret::{MASK, Secrets};

/// Settings under a name.
///
/// A profile holds texts under the names of variables, also such that are no settings here: Prefect may know them. Two
/// profiles are equal if their names and settings are, wherever they come from.
///
/// # Examples
///
/// ```
/// use context_core::settings::Profile;
///
/// let staging = Profile::new("staging")
///     .with("PREFECT_API_URL", "https://prefect.example.com/api")
///     .with("PREFECT_TASK_DEFAULT_RETRIES", 2); // an older name
/// let variables = staging.to_environment_variables();
/// assert_eq!(variables["PREFECT_TASKS_DEFAULT_RETRIES"], "2");
/// ```
#[derive(Clone)]
pub struct Profile {
    name: Arc<str>,
    origin: Origin,
    // Under the names that are used today, each once.
    pub(super) settings: Vec<Held>,
}

/// A setting as a profile holds it.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) value: Raw,
    pub(super) line: Option<usize>,
}

/// Where a profile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Program,
    BuiltIn,
    File(Arc<Path>),
}

impl Profile {
    /// The built-in profile that is active where nobody says anything.
    pub const EPHEMERAL: &'static str = "ephemeral";

    /// A profile without settings.
    pub fn new(name: impl Into<String>) -> Self {
        Self::from(name, Origin::Program)
    }

    pub(super) fn from(name: impl Into<String>, origin: Origin) -> Self {
        Self { name: name.into().into(), origin, settings: Vec::new() }
    }

    /// The same with another value of a setting. An older name of a setting means the setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl IntoSetting) -> Self {
        self.set(name, Raw::text(value.into_setting()), None);
        self
    }

    /// The same without a setting.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.unset(name);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that it was read from.
    pub fn source(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Program | Origin::BuiltIn => None,
        }
    }

    /// True if it is one of the profiles that are always there, and nobody has changed it.
    pub fn is_built_in(&self) -> bool {
        self.origin == Origin::BuiltIn
    }

    /// The text of a setting, if the profile has it.
    pub fn get(&self, name: &str, secrets: Secrets) -> Option<String> {
        let held = self.settings.iter().find(|held| held.name == canonical(name))?;
        Some(held.text(secrets))
    }

    /// All settings: their names and texts, in the order in which they were given.
    pub fn settings(&self, secrets: Secrets) -> impl Iterator<Item = (&str, String)> {
        self.settings.iter().map(move |held| (held.name.as_str(), held.text(secrets)))
    }

    /// The variables that would have the same effect. Secrets are included.
    pub fn to_environment_variables(&self) -> BTreeMap<String, String> {
        let settings = self.settings(Secrets::Included);
        settings.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What is wrong with the settings: values that are not allowed, and names that neither this library nor Prefect
    /// knows.
    pub fn validate(&self) -> Vec<SettingsError> {
        let mut values = Values::default();
        let check = |held: &Held| match row(&held.name) {
            Some(row) => take(row, &self.found(held, row), &mut values).err(),
            None => self.unknown(held),
        };
        self.settings.iter().filter_map(check).collect()
    }

    /// The settings that this library knows, as they are found in the profile.
    pub(in super::super) fn known(&self) -> impl Iterator<Item = (&'static Row, Found)> {
        self.settings.iter().filter_map(|held| {
            let row = row(&held.name)?;
            Some((row, self.found(held, row)))
        })
    }

    /// The names that neither this library nor Prefect knows.
    pub(in super::super) fn unknown_names(&self) -> impl Iterator<Item = SettingsError> {
        let unknown = |held: &&Held| row(&held.name).is_none();
        self.settings.iter().filter(unknown).filter_map(|held| self.unknown(held))
    }

    /// Sets a setting, or adds it.
    pub(super) fn set(&mut self, name: &str, value: Raw, line: Option<usize>) {
        let name = canonical(name);
        match self.settings.iter_mut().find(|held| held.name == name) {
            Some(held) => (held.value, held.line) = (value, line),
            None => self.settings.push(Held { name: name.to_owned(), value, line }),
        }
    }

    pub(super) fn set_text(&mut self, name: &str, text: String) {
        self.set(name, Raw::text(text), None);
    }

    /// Puts the settings of a profile that was read over these.
    pub(super) fn merge(&mut self, other: Self) {
        for held in other.settings {
            self.set(&held.name, held.value, held.line);
        }
        self.origin = other.origin;
    }

    /// True if it has the setting, under whatever name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.settings.iter().any(|held| held.name == canonical(name))
    }

    pub(super) fn unset(&mut self, name: &str) {
        let name = canonical(name);
        self.settings.retain(|held| held.name != name);
    }

    pub(super) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    fn place(&self, held: &Held) -> SettingPlace {
        let file = match &self.origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Program | Origin::BuiltIn => None,
        };
        SettingPlace { profile: Some(self.name.clone()), file, line: held.line }
    }

    fn found(&self, held: &Held, row: &Row) -> Found {
        let said = held.value.said(row);
        Found { name: held.name.clone(), said, place: self.place(held) }
    }

    fn unknown(&self, held: &Held) -> Option<SettingsError> {
        let is_unknown = !is_prefects(&held.name);
        is_unknown
            .then(|| SettingsError::Unknown { name: held.name.clone(), place: self.place(held) })
    }
}

impl Held {
    fn text(&self, secrets: Secrets) -> String {
        match (secrets, row(&self.name)) {
            (Secrets::Included, _) => self.value.text.clone(),
            (Secrets::Masked, Some(row)) => (row.masked)(&self.value.text),
            // Nobody knows what it is.
            (Secrets::Masked, None) => MASK.to_owned(),
        }
    }
}

/// The name that a setting has today.
fn canonical(name: &str) -> &str {
    row(name).map_or(name, |row| row.variable)
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.to_environment_variables() == other.to_environment_variables()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("origin", &self.origin)
            .field("settings", &self.settings(Secrets::Masked).collect::<BTreeMap<_, _>>())
            .finish()
    }
}

impl Source for Profile {
    fn kind(&self) -> SettingSource {
        SettingSource::Profile
    }

    fn find(&self, row: &Row) -> Option<Found> {
        let held = self.settings.iter().find(|held| held.name == row.variable)?;
        Some(self.found(held, row))
    }
}

/// A profile, or the name of one that is to be looked up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProfileRef {
    /// The name of a profile in the file of profiles, or of a built-in one.
    Name(String),
    /// A profile itself.
    Profile(Profile),
}

impl From<&str> for ProfileRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for ProfileRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&String> for ProfileRef {
    fn from(name: &String) -> Self {
        Self::Name(name.clone())
    }
}

impl From<Profile> for ProfileRef {
    fn from(profile: Profile) -> Self {
        Self::Profile(profile)
    }
}

impl From<&Profile> for ProfileRef {
    fn from(profile: &Profile) -> Self {
        Self::Profile(profile.clone())
    }
}
