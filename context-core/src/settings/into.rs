//! Values that may be given for a setting by its name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::kind::seconds_text;
use super::value::{DefaultSerializer, LoggingLevel, Summary, TaskRunEvents, WhenMissingFlow};
use crate::secret::Secret;

/// What may be given for a setting by its name: text in the form that a variable has, or a value of the setting's type.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use context_core::settings::Settings;
///
/// let settings = Settings::default()
///     .with("PREFECT_API_URL", "http://127.0.0.1:4200/api")?
///     .with("PREFECT_API_REQUEST_TIMEOUT", Duration::from_millis(1500))?
///     .with("PREFECT_CLIENT_MAX_RETRIES", 2)?;
/// assert_eq!(settings.api_request_timeout().as_secs_f64(), 1.5);
/// assert!(settings.with("PREFECT_CLIENT_MAX_RETRIES", true).is_err());
/// # Ok::<(), context_core::settings::SettingsError>(())
/// ```
pub trait IntoSetting {
    /// The value as a variable has it.
    fn into_setting(self) -> String;
}

macro_rules! shown {
    ($($value:ty),*) => {$(
        impl IntoSetting for $value {
            fn into_setting(self) -> String {
                self.to_string()
            }
        }
    )*};
}

shown! {
    &str, bool, i32, i64, u16, u32, u64, usize, f64,
    DefaultSerializer, LoggingLevel, Summary, TaskRunEvents, WhenMissingFlow
}

impl IntoSetting for String {
    fn into_setting(self) -> String {
        self
    }
}

impl IntoSetting for &String {
    fn into_setting(self) -> String {
        self.clone()
    }
}

/// As seconds.
impl IntoSetting for Duration {
    fn into_setting(self) -> String {
        seconds_text(self)
    }
}

/// The secret itself, and not its mask.
impl IntoSetting for Secret<String> {
    fn into_setting(self) -> String {
        self.into_exposed()
    }
}

impl IntoSetting for &Path {
    fn into_setting(self) -> String {
        self.to_string_lossy().into_owned()
    }
}

impl IntoSetting for PathBuf {
    fn into_setting(self) -> String {
        self.as_path().into_setting()
    }
}

impl IntoSetting for &PathBuf {
    fn into_setting(self) -> String {
        self.as_path().into_setting()
    }
}
