//! What can be wrong with settings, and where it stands.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// Where the value of a setting comes from. What is later in this list wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SettingSource {
    /// Nobody has said anything: the default holds.
    #[default]
    Default,
    /// The active profile, or one that the program uses.
    Profile,
    /// The table `[tool.prefect]` of `pyproject.toml` in the current directory.
    PyprojectToml,
    /// `prefect.toml` in the current directory.
    PrefectToml,
    /// `.env` in the current directory.
    DotEnv,
    /// An environment variable.
    Environment,
    /// The program itself, by a changed copy or `temporary_settings`.
    Program,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Profile => "profile",
            Self::PyprojectToml => "pyproject.toml",
            Self::PrefectToml => "prefect.toml",
            Self::DotEnv => ".env",
            Self::Environment => "environment",
            Self::Program => "program",
        })
    }
}

/// Where a setting stands. Shown as what follows its name in a message; nothing for an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingPlace {
    pub(super) profile: Option<Arc<str>>,
    pub(super) file: Option<Arc<Path>>,
    pub(super) line: Option<usize>,
}

impl SettingPlace {
    /// The profile that it belongs to.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The file in which it stands.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line of the file, counted from 1.
    pub const fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for SettingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(profile) = &self.profile {
            write!(f, " of profile `{profile}`")?;
        }
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " (line {line} of {})", file.display()),
            (Some(file), None) => write!(f, " (in {})", file.display()),
            (None, _) => Ok(()),
        }
    }
}

/// What is wrong with a setting, or with a file of settings.
///
/// The message names the setting or the file, what is there (masked if it is a secret), and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value is not among what is allowed. Where settings are loaded, the default takes its place.
    #[error("setting `{name}`{place} is {value}, but must be {allowed}")]
    Invalid {
        /// The name under which the value was found.
        name: String,
        /// The value as it may be shown.
        value: String,
        /// Completes "must be …".
        allowed: &'static str,
        /// Where it stands.
        place: SettingPlace,
    },
    /// There is no such setting. Where settings are loaded, it is ignored.
    #[error("there is no setting `{name}`{place}")]
    Unknown {
        /// The name.
        name: String,
        /// Where it stands.
        place: SettingPlace,
    },
    /// A value is allowed, but does not do what it does in Prefect, or probably not what is meant.
    #[error("setting `{name}`{place} {reason}")]
    Doubtful {
        /// The name under which the value was found.
        name: String,
        /// Follows the name in the message.
        reason: String,
        /// Where it stands.
        place: SettingPlace,
    },
    /// A file is there, but cannot be read. Where settings are loaded, it is ignored.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file has not the form that it should have. Where settings are loaded, it is ignored.
    #[error("{}{} {reason}", line.map_or_else(String::new, |line| format!("line {line} of ")), path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// Follows the file in the message.
        reason: String,
    },
    /// There is no profile of the name that is said to be active. The profile `ephemeral` takes its place.
    #[error("profile `{name}`, set {set_by}, does not exist; there are: {known}")]
    UnknownProfile {
        /// The name.
        name: String,
        /// Who says that it is active.
        set_by: String,
        /// The names of those that exist.
        known: String,
    },
    /// The home directory does not exist and cannot be made.
    #[error("the home directory {} (`PREFECT_HOME`) cannot be made: {reason}", path.display())]
    Home {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl SettingsError {
    /// The name of the setting that is wrong, as it was found.
    pub fn setting(&self) -> Option<&str> {
        match self {
            Self::Invalid { name, .. }
            | Self::Unknown { name, .. }
            | Self::Doubtful { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Where the setting or the problem stands, if that is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Invalid { place, .. }
            | Self::Unknown { place, .. }
            | Self::Doubtful { place, .. } => place.file(),
            Self::Unreadable { path, .. }
            | Self::Malformed { path, .. }
            | Self::Home { path, .. } => Some(path),
            Self::UnknownProfile { .. } => None,
        }
    }

    /// What is done about it where settings are loaded; follows the message.
    pub(crate) const fn consequence(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "; its default is used",
            Self::Unknown { .. } | Self::Unreadable { .. } | Self::Malformed { .. } => {
                "; it is ignored"
            }
            Self::UnknownProfile { .. } => "; profile `ephemeral` is used",
            Self::Doubtful { .. } | Self::Home { .. } => "",
        }
    }
}
