//! How a server is started.

/// Settings of a server of one's own. The default is a server that records quickly and does nothing by itself: without
/// automations and without the services that schedule, expire and clean up.
///
/// ```
/// use prefect_server::Options;
///
/// let options = Options::new().auth("admin:secret").csrf(true);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    pub(crate) auth: Option<String>,
    pub(crate) csrf: bool,
    pub(crate) port: Option<u16>,
    pub(crate) default_recorder: bool,
    pub(crate) variables: Vec<(String, String)>,
}

/// What a server of a test needs not do, or does too slowly by default.
const FOR_TESTS: [(&str, &str); 14] = [
    ("DO_NOT_TRACK", "1"),
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("PREFECT_SERVER_UI_ENABLED", "false"),
    ("PREFECT_LOGGING_LEVEL", "WARNING"),
    // Events can be read back a second after they have come, not five.
    ("PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL", "1"),
    ("PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED", "false"),
    // All of these write to the database from time to time, and SQLite has one writer.
    ("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_FOREMAN_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED", "false"),
    ("PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED", "false"),
];

/// One transaction for a hundred states instead of one for each. The interval is in whole seconds.
const QUICK_RECORDER: [(&str, &str); 2] = [
    ("PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE", "100"),
    ("PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL", "1"),
];

impl Options {
    /// The settings for most tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands basic authentication, with `user:password`.
    pub fn auth(mut self, auth: impl Into<String>) -> Self {
        self.auth = Some(auth.into());
        self
    }

    /// Demands a CSRF token with each request that changes something.
    pub fn csrf(mut self, csrf: bool) -> Self {
        self.csrf = csrf;
        self
    }

    /// Listens on this port of 127.0.0.1, instead of one that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Records task runs as a server does that nobody has tuned: one transaction for each state, which takes seven times
    /// as long.
    pub fn default_recorder(mut self, default: bool) -> Self {
        self.default_recorder = default;
        self
    }

    /// Sets an environment variable of the server, and wins over what this crate would set.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The environment variables of the server, those that win last.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let recorder = if self.default_recorder { &[][..] } else { &QUICK_RECORDER };
        let csrf = self.csrf.then_some(("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "true"));
        let auth = self.auth.as_deref().map(|auth| ("PREFECT_SERVER_API_AUTH_STRING", auth));
        let own = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        FOR_TESTS.iter().chain(recorder).copied().chain(csrf).chain(auth).chain(own)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_a_test_sets_wins() {
        let options = Options::new().auth("a:b").env("PREFECT_SERVER_UI_ENABLED", "true");
        let variables: BTreeMap<_, _> = options.variables().collect();
        assert_eq!(variables["PREFECT_SERVER_UI_ENABLED"], "true");
        assert_eq!(variables["PREFECT_SERVER_API_AUTH_STRING"], "a:b");
        assert_eq!(variables["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"], "100");
        let plain = Options::new().default_recorder(true);
        assert!(plain.variables().all(|(name, _)| !name.contains("RECORDER")));
    }
}
