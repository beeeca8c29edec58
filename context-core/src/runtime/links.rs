//! Addresses of runs, at the server that the settings name.

use std::fmt::Display;

use crate::context::SettingsContext;

/// `{api}/{path}/{id}`, if an API is set.
pub(super) fn api(path: &str, id: impl Display) -> Option<String> {
    let settings = SettingsContext::get();
    let api = settings.settings().api_url()?;
    Some(format!("{api}/{path}/{id}"))
}

/// `{ui}/{path}/{id}`, if an API is set from which the UI's address follows.
pub(super) fn ui(path: &str, id: impl Display) -> Option<String> {
    let settings = SettingsContext::get();
    let ui = ui_of(settings.settings().api_url()?);
    Some(format!("{ui}/{path}/{id}"))
}

/// The address of the UI that belongs to an API, by Prefect's own rule.
fn ui_of(api: &str) -> String {
    const CLOUD_API: &str = "https://api.prefect.cloud/api";
    const CLOUD_UI: &str = "https://app.prefect.cloud";
    let ui = match api.strip_prefix(CLOUD_API) {
        Some(rest) => format!("{CLOUD_UI}{rest}"),
        None => api.strip_suffix("/api").unwrap_or(api).replace("/api/", "/"),
    };
    ui.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
}

#[cfg(test)]
mod tests {
    use super::ui_of;

    #[test]
    fn the_ui_follows_from_the_api() {
        for (api, ui) in [
            ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
            ("https://prefect.example.com/team/api", "https://prefect.example.com/team"),
            (
                "https://api.prefect.cloud/api/accounts/1-a/workspaces/2-b",
                "https://app.prefect.cloud/account/1-a/workspace/2-b",
            ),
            (
                "https://self.example.com/api/accounts/1/workspaces/2",
                "https://self.example.com/account/1/workspace/2",
            ),
        ] {
            assert_eq!(ui_of(api), ui);
        }
    }
}
