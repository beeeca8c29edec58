//! The environment as a source of settings: the only place that reads the process environment.

use super::error::{SettingPlace, SettingSource};
use super::reader::{Found, Said, Source};
use super::table::Row;

/// The value of an environment variable, or `None` if it is not set.
///
/// What is not Unicode is replaced by U+FFFD, so that a check can refuse it by name.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Variables, of the process or of whoever stands in for it.
pub(super) struct Variables<F>(pub(super) F);

impl<F: Fn(&str) -> Option<String>> Source for Variables<F> {
    fn kind(&self) -> SettingSource {
        SettingSource::Environment
    }

    fn find(&self, row: &Row) -> Option<Found> {
        first(row, |name| Some((self.0(name)?, SettingPlace::default())))
    }
}

/// What `lookup` says under the first name of a setting that it knows and that is not empty. If all that it knows are
/// empty, nothing is set.
pub(super) fn first(
    row: &Row,
    lookup: impl Fn(&'static str) -> Option<(String, SettingPlace)>,
) -> Option<Found> {
    let names = || [row.variable].into_iter().chain(row.aliases.iter().copied());
    let known = names().filter_map(|name| Some((name, lookup(name)?)));
    let mut nothing = None;
    for (name, (text, place)) in known {
        let name = name.to_owned();
        if !text.trim().is_empty() {
            return Some(Found { name, said: Said::Text(text), place });
        }
        nothing.get_or_insert(Found { name, said: Said::Nothing, place });
    }
    nothing
}

#[cfg(test)]
mod tests {
    use super::super::table::{Key, TABLE};
    use super::*;

    fn retries(lookup: impl Fn(&str) -> Option<&'static str>) -> Option<(String, Said)> {
        let row = &TABLE[Key::tasks_default_retries as usize];
        let found = Variables(|name: &str| lookup(name).map(str::to_owned)).find(row)?;
        Some((found.name, found.said))
    }

    const NEW: &str = "PREFECT_TASKS_DEFAULT_RETRIES";
    const OLD: &str = "PREFECT_TASK_DEFAULT_RETRIES";

    #[test]
    fn the_new_name_wins_over_the_old_one() {
        let found = retries(|name| Some(if name == NEW { "1" } else { "2" }));
        assert_eq!(found, Some((NEW.to_owned(), Said::Text("1".to_owned()))));
        let found = retries(|name| (name == OLD).then_some("2"));
        assert_eq!(found, Some((OLD.to_owned(), Said::Text("2".to_owned()))));
    }

    #[test]
    fn an_empty_variable_gives_way_to_the_old_name_and_else_means_nothing() {
        let found = retries(|name| Some(if name == NEW { " " } else { "2" }));
        assert_eq!(found, Some((OLD.to_owned(), Said::Text("2".to_owned()))));
        let found = retries(|name| (name == NEW).then_some(" "));
        assert_eq!(found, Some((NEW.to_owned(), Said::Nothing)));
        assert_eq!(retries(|_| None), None);
    }

    #[test]
    fn the_environment_is_read() {
        assert!(environment("PATH").is_some());
        assert_eq!(environment("CONTEXT_NO_SUCH_VARIABLE"), None);
    }
}
