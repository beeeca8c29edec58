//! `temporary_settings`: a few settings that are otherwise for a while.

use std::future::Future;

use super::SettingsContext;
use crate::context::ContextModel as _;
use crate::settings::{IntoSetting, SettingSource, Settings, SettingsError};

/// Changes settings for as long as some code runs.
///
/// The changes are made to the settings that surround the call of `scope` or `in_scope`.
///
/// # Examples
///
/// ```
/// use context_core::context::{SettingsContext, temporary_settings};
///
/// temporary_settings()
///     .update("PREFECT_TASKS_DEFAULT_RETRIES", 3)
///     .in_scope(|| assert_eq!(SettingsContext::get().settings().tasks_default_retries(), 3))?;
/// # Ok::<(), context_core::settings::SettingsError>(())
/// ```
pub fn temporary_settings() -> TemporarySettings {
    TemporarySettings::default()
}

/// What [`temporary_settings`] is to change. A setting is called by its variable, an older name of it, or its path in
/// `prefect.toml`.
#[derive(Clone, Default)]
#[must_use = "nothing is changed but for code in `scope` or `in_scope`"]
pub struct TemporarySettings {
    defaults: Vec<(String, String)>,
    restored: Vec<String>,
    updates: Vec<(String, String)>,
}

impl TemporarySettings {
    /// The same, with another value of a setting. This comes last: it wins over the other two.
    pub fn update(mut self, name: &str, value: impl IntoSetting) -> Self {
        self.updates.push((name.to_owned(), value.into_setting()));
        self
    }

    /// The same, with a value for a setting that nobody has set.
    pub fn set_default(mut self, name: &str, value: impl IntoSetting) -> Self {
        self.defaults.push((name.to_owned(), value.into_setting()));
        self
    }

    /// The same, with a setting as if nobody had set it.
    pub fn restore_default(mut self, name: &str) -> Self {
        self.restored.push(name.to_owned());
        self
    }

    /// The context with the changes, to be entered by hand. Its profile is that of the surrounding one.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such setting, or a value is not allowed.
    pub fn context(&self) -> Result<SettingsContext, SettingsError> {
        self.changed(SettingsContext::get().settings()).map(SettingsContext::new)
    }

    /// Runs `f` under the changed settings.
    ///
    /// # Errors
    ///
    /// As [`context`](Self::context); `f` is then not called.
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> Result<R, SettingsError> {
        Ok(self.context()?.in_scope(f))
    }

    /// Ties `future` to the changed settings. What else surrounds it is what surrounds *this call*; a flow or task called
    /// in the argument list was called outside, so write `scope(async { load().await })`.
    ///
    /// # Errors
    ///
    /// The future gives the error of [`context`](Self::context); `future` is then not polled.
    pub fn scope<F: Future>(
        self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, SettingsError>> {
        let scope = self.context().map(|context| context.scope(future));
        async move { Ok(scope?.await) }
    }

    fn changed(&self, settings: &Settings) -> Result<Settings, SettingsError> {
        let mut changed = settings.clone();
        for (name, value) in &self.defaults {
            if settings.source_of(name)? == SettingSource::Default {
                changed = changed.with(name, value)?;
            }
        }
        for name in &self.restored {
            changed = changed.with_default(name)?;
        }
        for (name, value) in &self.updates {
            changed = changed.with(name, value)?;
        }
        Ok(changed)
    }
}

impl std::fmt::Debug for TemporarySettings {
    /// Without values: some may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn names(changes: &[(String, String)]) -> Vec<&str> {
            changes.iter().map(|(name, _)| name.as_str()).collect()
        }
        f.debug_struct("TemporarySettings")
            .field("set_defaults", &names(&self.defaults))
            .field("restore_defaults", &self.restored)
            .field("updates", &names(&self.updates))
            .finish()
    }
}
