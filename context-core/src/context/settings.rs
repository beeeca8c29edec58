//! `SettingsContext`: the settings that surround the code.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope};
use crate::secret::Secrets;
use crate::settings::Settings;
use crate::stack;

/// The settings of the process, read once. What is wrong with them is logged once, and defaults hold instead.
static ROOT: LazyLock<SettingsContext> = LazyLock::new(|| {
    let (settings, problems) = Settings::from_env();
    for problem in problems {
        tracing::warn!("{problem}{}", problem.consequence());
    }
    SettingsContext::new(settings)
});

/// The settings that surround the code: those of the innermost scope, else those of the process.
#[derive(Clone, Debug)]
pub struct SettingsContext {
    settings: Settings,
}

impl SettingsContext {
    /// A context of these settings.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// What surrounds the code; never absent.
    pub fn get() -> Self {
        let entered = stack::peek::<Frame, _>(|frame| frame?.outer()?.settings.clone());
        entered.unwrap_or_else(|| ROOT.clone())
    }

    /// The settings of the process.
    #[inline]
    pub(super) fn root() -> &'static Self {
        &ROOT
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The name of the active profile.
    pub fn profile(&self) -> &str {
        self.settings.profile()
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

    fn serialize(&self, secrets: Secrets) -> Value {
        json!({ "profile": self.profile(), "settings": self.settings.serialize(secrets) })
    }

    scoped_by_push!();
}
