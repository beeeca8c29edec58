//! Reading settings from sources: which one counts, and what happens to wrong values.
//!
//! This module does not know what the sources are.

use super::error::{SettingPlace, SettingSource, SettingsError};
use super::table::{COUNT, Key, Row, TABLE, Values};

/// Something that may hold values of settings.
pub(super) trait Source {
    fn kind(&self) -> SettingSource;

    /// What is said of a setting, if something is.
    fn find(&self, row: &Row) -> Option<Found>;
}

/// What a source says of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The name under which it was found.
    pub(super) name: String,
    pub(super) said: Said,
    pub(super) place: SettingPlace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Not empty.
    Text(String),
    /// That nothing is set: the default holds, whatever sources behind this one say.
    Nothing,
    /// Something that cannot be a value, in a form that looks like it.
    Wrong(String),
}

/// What was read.
pub(super) struct Reading {
    pub(super) values: Values,
    pub(super) sources: [SettingSource; COUNT],
}

/// Reads all settings. The first of `sources` that says something of a setting decides.
pub(super) fn read(sources: &[&dyn Source], problems: &mut Vec<SettingsError>) -> Reading {
    let mut reading =
        Reading { values: Values::default(), sources: [SettingSource::Default; COUNT] };
    let mut founds: [Option<Found>; COUNT] = [const { None }; COUNT];
    for row in TABLE {
        let found = sources.iter().find_map(|source| Some((source.kind(), source.find(row)?)));
        let Some((kind, found)) = found else { continue };
        match take(row, &found, &mut reading.values) {
            Ok(false) => {}
            Ok(true) => {
                reading.sources[row.key as usize] = kind;
                founds[row.key as usize] = Some(found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    doubts(&reading.values, &founds, problems);
    reading
}

/// Sets what was found. False if it is nothing.
pub(super) fn take(row: &Row, found: &Found, values: &mut Values) -> Result<bool, SettingsError> {
    let value = match &found.said {
        Said::Nothing => return Ok(false),
        Said::Text(text) if (row.set)(values, text.trim()) => return Ok(true),
        Said::Text(text) => format!("{:?}", (row.masked)(text)),
        Said::Wrong(text) => (row.masked)(text),
    };
    Err(SettingsError::Invalid {
        name: found.name.clone(),
        value,
        allowed: row.allowed,
        place: found.place.clone(),
    })
}

/// What is allowed, but probably not what is meant, of all that was found.
pub(super) fn doubts(
    values: &Values,
    founds: &[Option<Found>; COUNT],
    problems: &mut Vec<SettingsError>,
) {
    let mut doubt = |key: Key, reason: String| {
        if let Some(found) = &founds[key as usize] {
            let Found { name, place, .. } = found.clone();
            problems.push(SettingsError::Doubtful { name, reason, place });
        }
    };
    if let Some(reason) = values.api_url.as_ref().and_then(|url| mistaken(&url.0))
        && !values.silence_api_url_misconfiguration
    {
        doubt(Key::api_url, format!("{reason}, such as {CLOUD_EXAMPLE}"));
    }
    if values.logging_to_api_max_log_size > values.logging_to_api_batch_size {
        let (most, batch) = (values.logging_to_api_max_log_size, values.logging_to_api_batch_size);
        let reason = format!(
            "is {most}, but no record can be larger than a batch \
             (`PREFECT_LOGGING_TO_API_BATCH_SIZE`, {batch}); that is the limit"
        );
        let key = match founds[Key::logging_to_api_max_log_size as usize] {
            Some(_) => Key::logging_to_api_max_log_size,
            None => Key::logging_to_api_batch_size,
        };
        if key == Key::logging_to_api_max_log_size {
            doubt(key, reason);
        } else {
            doubt(key, format!("is {batch}, so log records are cut off there, too"));
        }
    }
    for (key, instead) in [
        (
            Key::results_default_storage_block,
            "`PREFECT_RESULTS_LOCAL_STORAGE_PATH`, or `result_storage` of a flow or task",
        ),
        (Key::tasks_scheduling_default_storage_block, "`PREFECT_RESULTS_LOCAL_STORAGE_PATH`"),
    ] {
        doubt(
            key,
            format!("has no effect, because there are no blocks here; say where with {instead}"),
        );
    }
}

const CLOUD_EXAMPLE: &str =
    "https://api.prefect.cloud/api/accounts/[ACCOUNT-ID]/workspaces/[WORKSPACE-ID]";

/// What is probably wrong with the address of an API: the mistakes that Prefect knows.
fn mistaken(url: &str) -> Option<&'static str> {
    let path =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    if url.contains("app.prefect.cloud") {
        Some("is the address of a UI; that of the API begins with `https://api.prefect.cloud`")
    } else if url.contains("account/") {
        Some("has `/account/`, but the API has `/accounts/`")
    } else if url.contains("workspace/") {
        Some("has `/workspace/`, but the API has `/workspaces/`")
    } else if url.contains("api.prefect.cloud") && path.is_some_and(|path| !path.starts_with("api"))
    {
        Some("lacks `/api` after the host")
    } else {
        None
    }
}
