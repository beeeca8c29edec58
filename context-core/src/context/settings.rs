//! `SettingsContext`: the settings that surround the code.

mod temporary;
mod use_profile;

use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope};
use crate::secret::Secrets;
use crate::settings::{Profile, Settings, SettingsError};
use crate::stack;

pub use temporary::{TemporarySettings, temporary_settings};
pub use use_profile::{UseProfile, use_profile};

/// The settings of the process.
static ROOT: OnceLock<SettingsContext> = OnceLock::new();

/// The settings that surround the code: those of the innermost scope, else those of the process.
///
/// Those of the process are read when they are first asked for, as [`root_settings_context`] does it, and never again.
#[derive(Clone, Debug)]
pub struct SettingsContext {
    settings: Settings,
}

/// The settings that surround the code. The same as [`SettingsContext::get`].
///
/// # Examples
///
/// ```
/// use context_core::context::{ContextModel, SettingsContext, get_settings_context};
/// use context_core::settings::Settings;
///
/// let settings = Settings::default().with_tasks_default_retries(3);
/// SettingsContext::new(settings).in_scope(|| {
///     assert_eq!(get_settings_context().settings().tasks_default_retries(), 3);
/// });
/// ```
pub fn get_settings_context() -> SettingsContext {
    SettingsContext::get()
}

/// Loads the settings of the process again: from the environment, the files in the current directory, and the active
/// profile, which is the one that `PREFECT_PROFILE` names, else the one that the file of profiles does.
///
/// The home directory is made if it is not there, for its owner only. What is wrong is told, and defaults hold instead: in
/// the log, or on the standard error stream if nobody listens to warnings. Prefect's rule that `prefect --profile NAME`
/// comes before all others is one of its command line.
///
/// The settings that surround the code stay as they are; enter what is returned to use it.
pub fn root_settings_context() -> SettingsContext {
    let (context, problems) = load();
    problems.iter().for_each(tell);
    context
}

fn load() -> (SettingsContext, Vec<SettingsError>) {
    let (settings, mut problems) = Settings::load();
    problems.extend(settings.make_home().err());
    (SettingsContext::new(settings), problems)
}

/// Tells what is wrong with settings, where it is seen.
fn tell(problem: &SettingsError) {
    let consequence = problem.consequence();
    if tracing::enabled!(tracing::Level::WARN) {
        tracing::warn!("{problem}{consequence}");
    } else {
        // If nobody reads that either, there is nobody to tell.
        writeln!(io::stderr(), "warning: {problem}{consequence}").ok();
    }
}

/// As [`tell`], for what may be found again and again.
fn tell_once(problem: &SettingsError) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let is_first = TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(problem.to_string());
    if is_first {
        tell(problem);
    }
}

impl SettingsContext {
    /// A context of these settings.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// What surrounds the code; never absent.
    pub fn get() -> Self {
        let entered = stack::peek::<Frame, _>(|frame| frame?.outer()?.settings.clone());
        entered.unwrap_or_else(|| Self::root().clone())
    }

    /// The settings of the process.
    #[inline]
    pub(super) fn root() -> &'static Self {
        ROOT.get().unwrap_or_else(Self::load_root)
    }

    #[cold]
    fn load_root() -> &'static Self {
        let mut problems = Vec::new();
        let root = ROOT.get_or_init(|| {
            let context;
            (context, problems) = load();
            context
        });
        // Only now: whoever listens may ask for the settings.
        problems.iter().for_each(tell_once);
        root
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The active profile, as it was read, or as it was given to [`use_profile`]. Not all of its settings need be in force:
    /// the environment may say otherwise.
    pub fn profile(&self) -> &Profile {
        self.settings.profile_in_use()
    }

    /// A copy with other settings.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self::new(settings)
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_outer(current, |outer| outer.settings = Some(self.clone()))
    }
}

impl ContextModel for SettingsContext {
    const NAME: &'static str = "SettingsContext";
    const POLICY: Policy = Policy::EVERYWHERE;

    fn get() -> Option<Self> {
        Some(Self::get())
    }

    /// The profile, and the settings that somebody has set.
    fn serialize(&self, secrets: Secrets) -> Value {
        let profile = self.profile();
        json!({
            "profile": {
                "name": profile.name(),
                "settings": profile.settings(secrets).collect::<std::collections::BTreeMap<_, _>>(),
                "source": profile.source(),
            },
            "settings": self.settings.serialize_set(secrets),
        })
    }

    scoped_by_push!();
}
