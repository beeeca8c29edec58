//! Profiles: settings under a name, of which one is active.
//!
//! A [`ProfilesCollection`] is what a `profiles.toml` says, over the profiles that are always there. It is loaded, changed
//! and saved; nothing that is loaded follows a change of the file.
//!
//! ```toml
//! active = "staging"
//!
//! [profiles.staging]
//! PREFECT_API_URL = "https://prefect.example.com/api"
//! ```
//!
//! This module does not know which settings are current. `context::use_profile` puts a profile into force for a while.

mod error;
mod file;
mod profile;

use std::path::{Path, PathBuf};

pub use error::ProfileError;
pub use profile::{Profile, ProfileRef};

pub(super) use file::make_directory;

use super::into::IntoSetting;
use super::{Settings, SettingsError};
use profile::Origin;

/// Profiles, each under a name of its own, and which one is active.
///
/// Two collections are equal if their profiles are, and the same one is active, wherever they come from.
///
/// # Example: a profile is made, kept, and found again
///
/// ```
/// use context_core::settings::profiles::{Profile, ProfilesCollection};
/// # let home = std::env::temp_dir().join(format!("context-doc-profiles-{}", std::process::id()));
/// # let path = home.join("profiles.toml");
///
/// let mut profiles = ProfilesCollection::load_from(&path)?; // there is no such file yet
/// profiles.add(Profile::new("staging").with("PREFECT_API_URL", "https://prefect.example.com/api"))?;
/// profiles.set_active("staging")?;
/// profiles.save()?;
///
/// let loaded = ProfilesCollection::load_from(&path)?;
/// assert_eq!(loaded.active().map(Profile::name), Some("staging"));
/// assert!(loaded.names().eq(["ephemeral", "local", "test", "cloud", "staging"]));
/// # std::fs::remove_dir_all(home).unwrap();
/// # Ok::<(), context_core::settings::profiles::ProfileError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProfilesCollection {
    // Invariant: no two of one name.
    profiles: Vec<Profile>,
    // Not always one of them: a file may say what it likes.
    active: Option<String>,
    path: Option<PathBuf>,
    warnings: Vec<SettingsError>,
}

impl ProfilesCollection {
    /// The profiles that are always there, `ephemeral` being active: `ephemeral` and `test`, which record runs in this
    /// process; `local`, for a server on this machine; `cloud`, to be filled in.
    pub fn built_in() -> Self {
        let profile = |name: &str| Profile::from(name, Origin::BuiltIn);
        let ephemeral = |name: &str| profile(name).with("PREFECT_SERVER_EPHEMERAL_ENABLED", "true");
        let database = "sqlite+aiosqlite:///:memory:";
        Self {
            profiles: vec![
                ephemeral(Profile::EPHEMERAL),
                profile("local").with("PREFECT_API_URL", "http://127.0.0.1:4200/api"),
                ephemeral("test").with("PREFECT_SERVER_DATABASE_CONNECTION_URL", database),
                profile("cloud"),
            ],
            active: Some(Profile::EPHEMERAL.to_owned()),
            ..Self::default()
        }
    }

    /// Loads the profiles of this process: those of the file that `PREFECT_PROFILES_PATH` names, in the environment,
    /// `.env`, `prefect.toml` or `pyproject.toml`; else of `profiles.toml` in the home directory.
    ///
    /// # Errors
    ///
    /// As [`load_from`](Self::load_from).
    pub fn load() -> Result<Self, ProfileError> {
        let (settings, _) = Settings::load();
        Self::load_from(settings.profiles_path())
    }

    /// Loads the profiles of `path` over the built-in ones, setting by setting. If there is no such file, the built-in ones
    /// are all there are.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is not valid TOML, or holds something else than profiles.
    pub fn load_from(path: impl AsRef<Path>) -> Result<Self, ProfileError> {
        let path = path.as_ref();
        let mut profiles = Self::built_in();
        if let Some(own) = file::read(path)? {
            for profile in own.profiles {
                profiles.merge(profile);
            }
            if own.active.is_some() {
                profiles.active = own.active;
            }
            profiles.warnings = own.warnings;
        }
        profiles.path = Some(path.to_owned());
        Ok(profiles)
    }

    /// What stands in the file and means nothing, such as a misspelled `[profile.staging]`.
    pub fn warnings(&self) -> &[SettingsError] {
        &self.warnings
    }

    /// The file that the profiles were loaded from, whether it is there or not.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The profiles, the built-in ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(Profile::name)
    }

    /// The profile of this name.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none; it names those that there are.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        let profile = self.iter().find(|profile| profile.name() == name);
        profile.ok_or_else(|| self.not_found(name))
    }

    /// The name of the active profile. A file may name one that does not exist.
    pub fn active_name(&self) -> Option<&str> {
        self.active.as_deref()
    }

    /// The active profile, if there is one and it exists.
    pub fn active(&self) -> Option<&Profile> {
        self.get(self.active_name()?).ok()
    }

    /// Makes the profile of this name the active one.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none.
    pub fn set_active(&mut self, name: &str) -> Result<(), ProfileError> {
        self.active = Some(self.get(name)?.name().to_owned());
        Ok(())
    }

    /// No longer says which profile is active. That is then `ephemeral`.
    pub fn unset_active(&mut self) {
        self.active = None;
    }

    /// Adds a profile.
    ///
    /// # Errors
    ///
    /// Returns an error if there is one of its name. [`update`](Self::update) changes it.
    pub fn add(&mut self, profile: Profile) -> Result<(), ProfileError> {
        if self.get(profile.name()).is_ok() {
            return Err(ProfileError::AlreadyExists { name: profile.name().to_owned() });
        }
        self.profiles.push(profile);
        Ok(())
    }

    /// Changes settings of a profile, or adds it: a value is set, `None` takes the setting out. Gives the changed profile.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::secret::Secrets;
    /// use context_core::settings::profiles::ProfilesCollection;
    ///
    /// let mut profiles = ProfilesCollection::built_in();
    /// let changed = profiles.update("local", [
    ///     ("PREFECT_API_URL", None),
    ///     ("PREFECT_LOGGING_LEVEL", Some("DEBUG")),
    /// ]);
    /// assert!(changed.settings(Secrets::Masked).eq([("PREFECT_LOGGING_LEVEL", "DEBUG".to_owned())]));
    /// ```
    pub fn update<'a, V: IntoSetting>(
        &mut self,
        name: &str,
        changes: impl IntoIterator<Item = (&'a str, Option<V>)>,
    ) -> &Profile {
        let index = self.index(name).unwrap_or_else(|| {
            self.profiles.push(Profile::new(name));
            self.profiles.len() - 1
        });
        let profile = &mut self.profiles[index];
        for (name, value) in changes {
            match value {
                Some(value) => profile.set_text(name, value.into_setting()),
                None => profile.unset(name),
            }
        }
        if profile.is_built_in() {
            profile.set_origin(Origin::Program);
        }
        profile
    }

    /// Takes a profile out. If it was the active one, none is. A built-in one is back when the profiles are next loaded.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none of this name.
    pub fn remove(&mut self, name: &str) -> Result<Profile, ProfileError> {
        let index = self.index(name).ok_or_else(|| self.not_found(name))?;
        if self.active_name() == Some(name) {
            self.active = None;
        }
        Ok(self.profiles.remove(index))
    }

    /// Writes the profiles to the file that they were loaded from.
    ///
    /// # Errors
    ///
    /// As [`save_to`](Self::save_to), and if they were not loaded from a file.
    pub fn save(&self) -> Result<(), ProfileError> {
        self.save_to(self.path().ok_or(ProfileError::NoFile)?)
    }

    /// Writes the profiles to a file, but for the built-in ones that nobody has changed.
    ///
    /// If the file is there, its comments and what has not changed stay as they are, and profiles that are not in this
    /// collection are removed. A new file is for its owner only (mode 0600), because it may hold keys. It is replaced at
    /// once: nobody reads half of it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file or its directory cannot be written, or if what is there is not a file of profiles.
    pub fn save_to(&self, path: impl AsRef<Path>) -> Result<(), ProfileError> {
        file::write(path.as_ref(), self)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.iter().position(|profile| profile.name() == name)
    }

    /// Puts the settings of a profile over those of the present one of its name.
    fn merge(&mut self, profile: Profile) {
        match self.index(profile.name()) {
            Some(index) => self.profiles[index].merge(profile),
            None => self.profiles.push(profile),
        }
    }

    /// The names, for a message.
    pub(super) fn known(&self) -> String {
        self.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    fn not_found(&self, name: &str) -> ProfileError {
        ProfileError::NotFound { name: name.to_owned(), known: self.known() }
    }
}

impl PartialEq for ProfilesCollection {
    fn eq(&self, other: &Self) -> bool {
        self.active == other.active && self.profiles == other.profiles
    }
}

#[cfg(test)]
mod tests;
