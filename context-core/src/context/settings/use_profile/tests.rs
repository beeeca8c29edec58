use super::*;
use crate::settings::{Profile, SettingSource};

const RETRIES: &str = "PREFECT_TASKS_DEFAULT_RETRIES";

/// What is around, says 1; the profile says 2; a variable, where it is set, says 3 to whoever reads it anew.
fn seen(is_set: bool, overrides: bool, includes: bool) -> u32 {
    let around = Settings::default().with_tasks_default_retries(1);
    let variable = |name: &str| (is_set && name == RETRIES).then(|| "3".to_owned());
    let fresh = Settings::from_source(variable).0;
    let profile = Profile::new("p").with(RETRIES, 2);
    let used = use_profile(&profile)
        .override_environment_variables(overrides)
        .include_current_context(includes);
    let base = if includes { &around } else { &fresh };
    let settings = used.settings(base, profile, variable).unwrap();
    assert_eq!(settings.profile(), "p");
    settings.tasks_default_retries()
}

#[test]
fn a_variable_that_is_not_set_leaves_the_profile_its_value() {
    for overrides in [true, false] {
        for includes in [true, false] {
            assert_eq!(seen(false, overrides, includes), 2);
        }
    }
}

#[test]
fn a_variable_that_is_overridden_leaves_the_profile_its_value() {
    assert_eq!(seen(true, true, true), 2);
    assert_eq!(seen(true, true, false), 2);
}

#[test]
fn a_variable_that_is_set_is_read_anew_without_the_current_context() {
    assert_eq!(seen(true, false, false), 3);
}

#[test]
fn a_variable_that_is_set_leaves_what_is_around_as_it_is() {
    assert_eq!(seen(true, false, true), 1);
}

#[test]
fn an_older_name_of_a_variable_is_one_of_the_setting() {
    let profile = Profile::new("p").with(RETRIES, 2);
    let base = Settings::default();
    let variable = |name: &str| (name == "PREFECT_TASK_DEFAULT_RETRIES").then(String::new);
    let settings = use_profile(&profile).settings(&base, profile.clone(), variable).unwrap();
    assert_eq!(settings.tasks_default_retries(), 0, "also if it is set to nothing");
    let whole = SettingsContext::new(settings);
    assert_eq!(*whole.profile(), profile, "the profile itself is whole");
}

#[test]
fn a_value_of_nothing_in_a_profile_is_the_default() {
    let around = Settings::default().with_api_url(Some("http://around/api")).unwrap();
    let profile = Profile::new("p").with("PREFECT_API_URL", "");
    let settings = use_profile(&profile).settings(&around, profile, |_| None).unwrap();
    assert_eq!(settings.api_url(), None);
    assert_eq!(settings.source_of("api.url").unwrap(), SettingSource::Profile);
}

#[test]
fn a_wrong_value_is_an_error_and_an_unknown_name_is_ignored() {
    let profile = Profile::new("p").with("PREFECT_API_ULR", "x").with(RETRIES, 2);
    let used = use_profile("p");
    let settings = used.settings(&Settings::default(), profile.clone(), |_| None).unwrap();
    assert_eq!(settings.tasks_default_retries(), 2);
    let profile = profile.with(RETRIES, "many");
    let problem = used.settings(&Settings::default(), profile, |_| None).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "setting `PREFECT_TASKS_DEFAULT_RETRIES` of profile `p` is \"many\", but must be a whole number from 0 to \
         4294967295"
    );
}
