//! Settings for a while: profiles that are used, and changes that end with their scope.

use std::fs;
use std::time::Duration;

use context::prelude::*;
use context::testing::Harness;
use context::{
    Profile, ProfileError, ProfilesCollection, Secrets, Settings, SettingsContext, SettingsError,
    get_settings_context, temporary_settings,
};

use crate::support::in_both_drivers;

const RETRIES: &str = "PREFECT_TASKS_DEFAULT_RETRIES";
const DELAY: &str = "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS";
const LEVEL: &str = "PREFECT_LOGGING_LEVEL";

/// Retries, delay and name of the profile around.
fn seen() -> (u32, Duration, String) {
    let context = get_settings_context();
    let settings = context.settings();
    let profile = context.profile().name().to_owned();
    (settings.tasks_default_retries(), settings.tasks_default_retry_delay()[0], profile)
}

fn patient() -> Profile {
    Profile::new("patient").with(RETRIES, 2).with(DELAY, "3600")
}

/// A harness whose home has a file of profiles.
fn with_profiles(profiles: impl IntoIterator<Item = Profile>) -> Harness {
    let harness = Harness::new().manual_clock();
    let mut all = ProfilesCollection::load_from(harness.home_path().join("profiles.toml")).unwrap();
    for profile in profiles {
        all.add(profile).unwrap();
    }
    all.save().unwrap();
    harness
}

macro_rules! rules {
    ($mode:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            #[task]
            $($async)? fn busy() -> Result<u32, String> {
                Err("busy".to_owned())
            }

            #[flow]
            $($async)? fn load() -> Result<u32, String> {
                busy()$($wait)*
            }

            #[$($test)*]
            $($async)? fn tasks_behave_as_the_profile_says_that_is_used_by_name() {
                let harness = with_profiles([patient()]);
                let report = harness.$run(scoped!($($async)?, use_profile("patient"), load()$($wait)*))$($wait)*;
                assert_eq!(report.output, Ok(Err("busy".to_owned())));
                report.assert_states(
                    "busy",
                    ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Failed"],
                );
                assert_eq!(report.elapsed(), Duration::from_secs(2 * 3600));
            }

            #[$($test)*]
            $($async)? fn tasks_behave_as_temporary_settings_say() {
                let changed = temporary_settings().update(RETRIES, 1);
                let report = Harness::new().$run(scoped!($($async)?, changed, load()$($wait)*))$($wait)*;
                report.assert_states("busy", ["Pending", "Running", "Retrying", "Failed"]);
                let report = Harness::new().$run(load)$($wait)*;
                report.assert_states("busy", ["Pending", "Running", "Failed"]);
            }

            #[$($test)*]
            $($async)? fn an_inner_profile_takes_over_what_it_does_not_mention() {
                let inner = Profile::new("inner").with(RETRIES, 9);
                let both = scoped!($($async)?, use_profile(patient()), {
                    let inside = scoped!($($async)?, use_profile(&inner), seen())()$($wait)*;
                    (inside.unwrap(), seen())
                });
                let report = Harness::new().$run(both)$($wait)*;
                let hour = Duration::from_secs(3600);
                let (inside, after) = report.output.unwrap();
                assert_eq!(inside, (9, hour, "inner".to_owned()));
                assert_eq!(after, (2, hour, "patient".to_owned()), "as it was before");
            }

            #[$($test)*]
            $($async)? fn what_is_wrong_with_a_profile_is_an_error_and_nothing_runs() {
                let harness = with_profiles([patient(), Profile::new("wrong").with(RETRIES, "many")]);
                let report = harness.$run(scoped!($($async)?, use_profile("nobody"), load()$($wait)*))$($wait)*;
                assert_eq!(
                    report.output.clone().unwrap_err().to_string(),
                    "there is no profile `nobody`; there are: `ephemeral`, `local`, `test`, `cloud`, `patient`, `wrong`"
                );
                assert_eq!(report.transcript(), "");
                let report = harness.$run(scoped!($($async)?, use_profile("wrong"), load()$($wait)*))$($wait)*;
                let Err(ProfileError::Settings(SettingsError::Invalid { place, .. })) = &report.output else {
                    panic!("{:?}", report.output)
                };
                assert_eq!(place.file(), Some(harness.home_path().join("profiles.toml").as_path()));
                assert_eq!(report.transcript(), "");
                fs::write(harness.home_path().join("profiles.toml"), "[profiles").unwrap();
                let report = harness.$run(scoped!($($async)?, use_profile("patient"), load()$($wait)*))$($wait)*;
                let Err(ProfileError::Settings(SettingsError::Malformed { line: Some(1), .. })) = &report.output else {
                    panic!("{:?}", report.output)
                };
            }

            #[$($test)*]
            $($async)? fn an_unknown_setting_or_a_wrong_value_is_an_error_and_nothing_runs() {
                for changed in [
                    temporary_settings().update("PREFECT_RETRIES", 1),
                    temporary_settings().set_default("PREFECT_RETRIES", 1),
                    temporary_settings().restore_default("PREFECT_RETRIES"),
                    temporary_settings().update(RETRIES, "many"),
                ] {
                    let report = Harness::new().$run(scoped!($($async)?, changed, load()$($wait)*))$($wait)*;
                    let name = report.output.as_ref().unwrap_err().setting().unwrap();
                    assert!(["PREFECT_RETRIES", RETRIES].contains(&name), "{name}");
                    assert_eq!(report.transcript(), "");
                }
            }
        }
    };
}

/// A closure that runs `$code` in the scope of `$change`, in either driver.
macro_rules! scoped {
    (async, $change:expr, $code:expr) => {
        || async { $change.scope(async { $code }).await }
    };
    (, $change:expr, $code:expr) => {
        || $change.in_scope(|| $code)
    };
}

in_both_drivers!(rules);

#[test]
fn temporary_settings_have_prefects_order() {
    let around = Settings::default().with(LEVEL, "ERROR").unwrap();
    let level = |changed: context::TemporarySettings| {
        let context = SettingsContext::new(around.clone()).in_scope(|| changed.context());
        context.unwrap().settings().get(LEVEL, Secrets::Masked).unwrap().unwrap()
    };
    assert_eq!(level(temporary_settings().set_default(LEVEL, "DEBUG")), "ERROR", "it was set");
    assert_eq!(level(temporary_settings().restore_default(LEVEL)), "INFO");
    let all = temporary_settings().update(LEVEL, "WARNING").restore_default(LEVEL);
    assert_eq!(level(all.set_default(LEVEL, "DEBUG")), "WARNING", "updates come last");
    let both = temporary_settings().set_default(LEVEL, "DEBUG").restore_default(LEVEL);
    assert_eq!(level(both), "INFO", "a default that is restored is that of the table");
    let unset = temporary_settings().set_default(RETRIES, 4).context().unwrap();
    assert_eq!(unset.settings().tasks_default_retries(), 4, "nobody had set it");
}

#[test]
fn a_changed_setting_ends_with_its_scope_also_by_a_panic() {
    let before = SettingsContext::get().settings().clone();
    let caught = std::panic::catch_unwind(|| {
        temporary_settings().update(RETRIES, 7).in_scope(|| {
            assert_eq!(seen().0, 7);
            std::panic::resume_unwind(Box::new(()));
        })
    });
    assert!(caught.is_err());
    assert_eq!(*SettingsContext::get().settings(), before);
}

#[tokio::test]
async fn profiles_of_concurrent_scopes_do_not_meet() {
    let scope = |retries: u32| {
        let profile = Profile::new(format!("p{retries}")).with(RETRIES, retries);
        use_profile(profile).scope(async move {
            for _ in 0..10 {
                assert_eq!(seen().0, retries);
                tokio::task::yield_now().await;
            }
            // Spawned code is inside, too.
            context::spawn(async { seen().0 }).await.unwrap()
        })
    };
    let (one, two) = tokio::join!(scope(1), scope(2));
    assert_eq!((one.unwrap(), two.unwrap()), (1, 2));
}

#[test]
fn a_used_profile_is_serialized_with_what_is_set_and_without_secrets() {
    let profile = Profile::new("p").with("PREFECT_API_KEY", "hunter2").with(RETRIES, 2);
    let context = SettingsContext::new(Settings::default())
        .in_scope(|| use_profile(profile).override_environment_variables(true).context())
        .unwrap();
    let masked = ContextModel::serialize(&context, Secrets::Masked);
    assert_eq!(
        masked,
        serde_json::json!({
            "profile": {
                "name": "p",
                "settings": { "PREFECT_API_KEY": "********", "PREFECT_TASKS_DEFAULT_RETRIES": "2" },
                "source": null,
            },
            "settings": { "api": { "key": "********" }, "tasks": { "default_retries": 2 } },
        })
    );
    assert!(!format!("{context:?}").contains("hunter2"));
    let included = ContextModel::serialize(&context, Secrets::Included);
    assert_eq!(included["settings"]["api"]["key"], "hunter2");
}
