//! Where settings come from: the only place that reads the process environment.

/// The value of an environment variable, or `None` if it is not set.
///
/// What is not Unicode is replaced by U+FFFD, so that a check can refuse it by name.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// One variable that was found, under its own name or an older one.
pub(super) struct Found {
    /// The name that was found, for error messages.
    pub(super) variable: &'static str,
    pub(super) value: String,
}

/// The first of `names` that `lookup` knows and that is not empty.
pub(super) fn first(
    lookup: impl Fn(&str) -> Option<String>,
    names: &[&'static str],
) -> Option<Found> {
    names.iter().find_map(|&variable| {
        let value = lookup(variable)?;
        (!value.trim().is_empty()).then_some(Found { variable, value })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_name_wins_over_the_old_one() {
        let lookup = |name: &str| Some(format!("value of {name}"));
        let found = first(lookup, &["NEW", "OLD"]).unwrap();
        assert_eq!((found.variable, found.value.as_str()), ("NEW", "value of NEW"));
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let lookup = |name: &str| Some(if name == "NEW" { " " } else { "1" }.to_owned());
        assert_eq!(first(lookup, &["NEW", "OLD"]).unwrap().variable, "OLD");
        assert!(first(lookup, &["NEW"]).is_none());
    }

    #[test]
    fn the_environment_is_read() {
        assert!(environment("PATH").is_some());
        assert_eq!(environment("CONTEXT_NO_SUCH_VARIABLE"), None);
    }
}
