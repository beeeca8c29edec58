//! Whether and how the result of a run is kept, and found again.
//!
//! What the user said is kept as it was said; what follows from it depends on settings, and is resolved when a run begins.

use std::time::Duration;

use super::{FlowOptions, TaskOptions};
use crate::cache::{CachePolicy, IntoCacheKey, KeyContext, cache_key_fn, default_policy, no_cache};
use crate::names::RunNameTemplate;
use crate::results::{IntoStorage, ResultSerializer, Serializer, Storage};

/// Where and how results are kept: what flows and tasks may say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeping {
    pub(crate) persist_result: Option<bool>,
    pub(crate) storage: Option<Storage>,
    pub(crate) serializer: Option<ResultSerializer>,
    pub(crate) cache_in_memory: Option<bool>,
}

impl Keeping {
    /// What the options say about whether results are kept.
    pub(crate) fn persists(&self) -> Option<bool> {
        let implied = self.storage.is_some() || self.serializer.is_some();
        self.persist_result.or(implied.then_some(true))
    }

    /// True if they change where or how results are kept.
    pub(crate) const fn changes_store(&self) -> bool {
        self.storage.is_some() || self.serializer.is_some() || self.cache_in_memory.is_some()
    }
}

/// How results of a task are found again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caching {
    /// `Some(None)` if there is to be none.
    pub(crate) policy: Option<Option<CachePolicy>>,
    pub(crate) key_function: Option<CachePolicy>,
    pub(crate) expiration: Option<Duration>,
    pub(crate) refresh: Option<bool>,
    pub(crate) storage_key: Option<RunNameTemplate>,
}

/// What follows from the options of a task for its results.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// What makes the key; `None` if the storage key, or nothing, does.
    pub(crate) policy: Option<CachePolicy>,
    /// Whether results are kept, if the options say so.
    pub(crate) persist: Option<bool>,
}

/// What settings say about caching.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CachingDefaults {
    /// Tasks that do not say are not cached.
    pub(crate) no_cache: bool,
    /// No task is cached.
    pub(crate) disabled: bool,
}

impl Caching {
    /// Whether results are kept, if the options say so.
    pub(crate) fn persists(&self, keeping: &Keeping) -> Option<bool> {
        let policy = self.policy.as_ref().and_then(Option::as_ref);
        let cached =
            self.key_function.is_some() || policy.is_some_and(|policy| !policy.is_no_cache());
        let implied = cached || self.storage_key.is_some();
        keeping.persists().or(implied.then_some(true))
    }

    /// What follows from the options, as in Prefect; but a storage key is not hidden by `no_cache()`.
    pub(crate) fn resolve(&self, keeping: &Keeping, defaults: CachingDefaults) -> Resolved {
        let given = match &self.key_function {
            Some(function) => Some(Some(function.clone())),
            None => self.policy.clone(),
        };
        let persist = self.persists(keeping);
        let policy = match given {
            _ if self.storage_key.is_some() => None,
            Some(None) => None,
            _ if persist == Some(false) || defaults.disabled => Some(no_cache()),
            Some(policy) => policy,
            None if defaults.no_cache => Some(no_cache()),
            None => Some(default_policy()),
        };
        Resolved { policy, persist }
    }
}

/// What may stand after `result_serializer =`.
pub trait IntoSerializer {
    /// The serializer.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn into_serializer(self) -> Result<ResultSerializer, String>;
}

impl IntoSerializer for ResultSerializer {
    fn into_serializer(self) -> Result<ResultSerializer, String> {
        Ok(self)
    }
}

impl IntoSerializer for &str {
    fn into_serializer(self) -> Result<ResultSerializer, String> {
        ResultSerializer::named(self).map_err(|error| format!("is not usable: {error}"))
    }
}

impl<S: Serializer> IntoSerializer for S {
    fn into_serializer(self) -> Result<ResultSerializer, String> {
        Ok(self.into())
    }
}

macro_rules! keeping_options {
    () => {
        /// Whether the result is kept in the result storage; default: as the run that calls it does, else as the settings
        /// say.
        #[must_use]
        pub fn persist_result(mut self, persist: bool) -> Self {
            self.extra_mut().keeping.persist_result = Some(persist);
            self
        }

        /// Where the result is kept: a directory or a URL such as `memory://` or `s3://bucket/folder`, or a
        /// [`Storage`]; default: where the flow keeps results, else `PREFECT_RESULTS_LOCAL_STORAGE_PATH`. Implies
        /// `persist_result`.
        #[must_use]
        pub fn result_storage(mut self, storage: impl IntoStorage) -> Self {
            let storage = storage.into_storage();
            match storage.check() {
                Ok(()) => self.extra_mut().keeping.storage = Some(storage),
                Err(error) => self.reject("result_storage", format!("is not usable: {error}")),
            }
            self
        }

        /// How the result is written: `"json"`, `"compressed/json"`, or a serializer; default: as the flow does, else
        /// `PREFECT_RESULTS_DEFAULT_SERIALIZER`. Implies `persist_result`.
        #[must_use]
        pub fn result_serializer(mut self, serializer: impl IntoSerializer) -> Self {
            match serializer.into_serializer() {
                Ok(serializer) => self.extra_mut().keeping.serializer = Some(serializer),
                Err(problem) => self.reject("result_serializer", problem),
            }
            self
        }

        /// Whether records are kept in memory, too, so that finding one again costs no I/O; default true.
        #[must_use]
        pub fn cache_result_in_memory(mut self, in_memory: bool) -> Self {
            self.extra_mut().keeping.cache_in_memory = Some(in_memory);
            self
        }
    };
}

impl FlowOptions {
    keeping_options!();
}

impl TaskOptions {
    keeping_options!();

    /// How the key is made under which a result is found again; `None` for no key. Default:
    /// [`default_policy`]. Implies `persist_result`, unless it is `None` or [`no_cache`].
    #[must_use]
    pub fn cache_policy(mut self, policy: impl Into<Option<CachePolicy>>) -> Self {
        let policy = policy.into();
        if let Some(problem) = policy.as_ref().and_then(CachePolicy::problem) {
            let problem = format!("is not usable: {problem}");
            self.reject("cache_policy", problem);
        }
        self.extra_mut().caching.policy = Some(policy);
        self
    }

    /// Makes the key of each run, in place of a policy. Implies `persist_result`.
    #[must_use]
    pub fn cache_key_fn<F, K>(mut self, function: F) -> Self
    where
        F: Fn(&KeyContext<'_>) -> K + Send + Sync + 'static,
        K: IntoCacheKey,
    {
        self.extra_mut().caching.key_function = Some(cache_key_fn(function));
        self
    }

    /// How long a result can be found again; default for ever.
    #[must_use]
    pub fn cache_expiration(mut self, expiration: Duration) -> Self {
        self.extra_mut().caching.expiration = Some(expiration);
        self
    }

    /// Whether a result that is there is made anew; default: as `PREFECT_TASKS_REFRESH_CACHE` says.
    #[must_use]
    pub fn refresh_cache(mut self, refresh: bool) -> Self {
        self.extra_mut().caching.refresh = Some(refresh);
        self
    }

    /// The key itself: a template with the fields `{parameters[x]}`, `{flow_run.id}`, `{flow_run.name}`,
    /// `{task_run.id}`, `{task_run.name}` and `{deployment.id}`. Implies `persist_result`.
    #[must_use]
    pub fn result_storage_key(mut self, template: impl AsRef<str>) -> Self {
        match RunNameTemplate::new(template.as_ref()) {
            Ok(template) => self.extra_mut().caching.storage_key = Some(template),
            Err(error) => {
                self.reject("result_storage_key", format!("is not usable: {error}"));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::inputs;

    fn resolved(options: TaskOptions, defaults: CachingDefaults) -> (String, Option<bool>) {
        let extra = options.extra().cloned().unwrap_or_default();
        let Resolved { policy, persist } = extra.caching.resolve(&extra.keeping, defaults);
        let name = match policy {
            None => "none",
            Some(policy) if policy.is_no_cache() => "NO_CACHE",
            Some(policy) if format!("{policy:?}") == format!("{:?}", default_policy()) => "DEFAULT",
            Some(_) => "X",
        };
        (name.to_owned(), persist)
    }

    /// Prefect's table (semantics B.2), row by row.
    #[test]
    fn policy_and_persistence_follow_from_what_was_given() {
        let new = TaskOptions::new;
        let table = [
            (new(), "DEFAULT", None),
            (new().persist_result(true), "DEFAULT", Some(true)),
            (new().persist_result(false), "NO_CACHE", Some(false)),
            (new().persist_result(false).cache_policy(inputs()), "NO_CACHE", Some(false)),
            (new().persist_result(false).cache_policy(None), "none", Some(false)),
            (new().cache_policy(inputs()), "X", Some(true)),
            (new().cache_policy(no_cache()), "NO_CACHE", None),
            (new().cache_policy(None), "none", None),
            (new().cache_key_fn(|_| "k"), "X", Some(true)),
            (new().result_storage("memory://"), "DEFAULT", Some(true)),
            (new().result_serializer("json"), "DEFAULT", Some(true)),
            (new().result_storage_key("k"), "none", Some(true)),
            (new().result_storage_key("k").cache_policy(inputs()), "none", Some(true)),
            // Prefect: NO_CACHE hides the storage key, and nothing is written.
            (new().result_storage_key("k").cache_policy(no_cache()), "none", Some(true)),
        ];
        for (options, policy, persist) in table {
            let text = format!("{options:?}");
            let found = resolved(options, CachingDefaults::default());
            assert_eq!(found, (policy.to_owned(), persist), "{text}");
        }
        let defaults = CachingDefaults { no_cache: true, disabled: false };
        assert_eq!(resolved(new(), defaults), ("NO_CACHE".to_owned(), None));
        assert_eq!(resolved(new().cache_policy(inputs()), defaults), ("X".to_owned(), Some(true)));
        let disabled = CachingDefaults { no_cache: false, disabled: true };
        let policy = resolved(new().cache_policy(inputs()), disabled);
        assert_eq!(policy, ("NO_CACHE".to_owned(), Some(true)));
    }
}
