//! Addresses of runs, at the server that the settings name.

use std::fmt::Display;

use crate::context::SettingsContext;

/// `{api}/{path}/{id}`, if an API is set.
pub(super) fn api(path: &str, id: impl Display) -> Option<String> {
    let settings = SettingsContext::get();
    let api = settings.settings().api_url()?;
    Some(format!("{api}/{path}/{id}"))
}

/// `{ui}/{path}/{id}`, if the UI's address is set, or follows from that of the API.
pub(super) fn ui(path: &str, id: impl Display) -> Option<String> {
    let settings = SettingsContext::get();
    let ui = settings.settings().ui_url()?;
    Some(format!("{ui}/{path}/{id}"))
}
