//! `use_profile`: the settings of a profile for a while.

use std::future::Future;

use super::{SettingsContext, tell_once};
use crate::context::ContextModel as _;
use crate::settings::profiles::{Profile, ProfileError, ProfileRef, ProfilesCollection};
use crate::settings::{Settings, environment};

/// Puts the settings of a profile into force for as long as some code runs.
///
/// A name is looked up in the [file of profiles](Settings::profiles_path) of the surrounding settings, and among the
/// built-in profiles, each time. What the profile does not mention stays as it is around the call of `scope` or `in_scope`.
///
/// | the variable of a setting is set? | [`override_environment_variables`] | [`include_current_context`] | the value is that of |
/// |---|---|---|---|
/// | no | any | any | the profile |
/// | yes | `true` | any | the profile |
/// | yes | `false` | `false` | the variable |
/// | yes | `false` | `true` | the surrounding settings, which may have changed since the variable was read |
///
/// [`override_environment_variables`]: UseProfile::override_environment_variables
/// [`include_current_context`]: UseProfile::include_current_context
///
/// # Examples
///
/// ```
/// use context_core::context::{SettingsContext, use_profile};
/// use context_core::settings::Profile;
///
/// let patient = Profile::new("patient").with("PREFECT_TASKS_DEFAULT_RETRIES", 10);
/// let seen = use_profile(patient).override_environment_variables(true).in_scope(|| {
///     let context = SettingsContext::get();
///     (context.profile().name().to_owned(), context.settings().tasks_default_retries())
/// })?;
/// assert_eq!(seen, ("patient".to_owned(), 10));
/// # Ok::<(), context_core::settings::profiles::ProfileError>(())
/// ```
pub fn use_profile(profile: impl Into<ProfileRef>) -> UseProfile {
    let profile = profile.into();
    UseProfile { profile, overrides_environment: false, includes_current: true }
}

/// How [`use_profile`] uses a profile.
#[derive(Clone, Debug)]
#[must_use = "the profile is in force only for code in `scope` or `in_scope`"]
pub struct UseProfile {
    profile: ProfileRef,
    overrides_environment: bool,
    includes_current: bool,
}

impl UseProfile {
    /// Whether settings of the profile count although their variables are set. Default no.
    pub fn override_environment_variables(mut self, yes: bool) -> Self {
        self.overrides_environment = yes;
        self
    }

    /// Whether what the profile does not mention stays as it is around. Otherwise it is loaded anew, from the environment,
    /// the files in the current directory, and the active profile. Default yes.
    pub fn include_current_context(mut self, yes: bool) -> Self {
        self.includes_current = yes;
        self
    }

    /// The context of the profile, to be entered by hand. Its [`profile`](SettingsContext::profile) is the whole profile,
    /// also what was left out of it.
    ///
    /// Settings of the profile that do not exist are ignored, with a warning.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no profile of this name, the file of profiles cannot be read, or a value of the
    /// profile is not allowed.
    pub fn context(&self) -> Result<SettingsContext, ProfileError> {
        let current = SettingsContext::get();
        let profile = find(&self.profile, current.settings())?;
        let base = if self.includes_current {
            current.settings
        } else {
            let (fresh, problems) = Settings::load();
            problems.iter().for_each(tell_once);
            fresh
        };
        let settings = self.settings(&base, profile, environment)?;
        Ok(SettingsContext::new(settings))
    }

    /// Runs `f` under the profile.
    ///
    /// # Errors
    ///
    /// As [`context`](Self::context); `f` is then not called.
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> Result<R, ProfileError> {
        Ok(self.context()?.in_scope(f))
    }

    /// Ties `future` to the profile. What else surrounds it is what surrounds *this call*; a flow or task called in the
    /// argument list was called outside, so write `scope(async { load().await })`.
    ///
    /// # Errors
    ///
    /// The future gives the error of [`context`](Self::context); `future` is then not polled.
    pub fn scope<F: Future>(
        self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, ProfileError>> {
        let scope = self.context().map(|context| context.scope(future));
        async move { Ok(scope?.await) }
    }

    /// `base` and over it the profile, where `variable` knows the environment.
    fn settings(
        &self,
        base: &Settings,
        profile: Profile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, ProfileError> {
        let is_left_out = |name: &str| !self.overrides_environment && variable(name).is_some();
        let (settings, problems) = base.under_profile(profile, is_left_out)?;
        problems.iter().for_each(tell_once);
        Ok(settings)
    }
}

fn find(profile: &ProfileRef, settings: &Settings) -> Result<Profile, ProfileError> {
    match profile {
        ProfileRef::Profile(profile) => Ok(profile.clone()),
        ProfileRef::Name(name) => {
            let profiles = ProfilesCollection::load_from(settings.profiles_path())?;
            profiles.warnings().iter().for_each(tell_once);
            profiles.get(name).cloned()
        }
    }
}

#[cfg(test)]
mod tests;
