//! Putting policies together: `+`, `-`, and `configure`.

use std::ops::{Add, Sub};
use std::sync::Arc;

use super::{CachePolicy, CachePolicyError, Configuration, Part, Policy, Rule};
use crate::results::{IsolationLevel, LockManager, Storage};

/// A policy that is being configured. Ends where a [`CachePolicy`] is expected.
///
/// # Examples
///
/// ```
/// use context_core::cache::{self, CachePolicy};
/// use context_core::results::IsolationLevel;
///
/// let policy: CachePolicy =
///     cache::inputs().configure().isolation_level(IsolationLevel::Serializable).into();
/// assert_eq!(policy.isolation_level(), Some(IsolationLevel::Serializable));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a policy is configured where it is used"]
pub struct Configure(CachePolicy);

impl Configure {
    /// Keeps records apart from the results, in `storage`.
    pub fn key_storage(self, storage: Storage) -> Self {
        self.change(|configuration| configuration.key_storage = Some(storage))
    }

    /// What runs of the same key see of each other.
    pub fn isolation_level(self, level: IsolationLevel) -> Self {
        self.change(|configuration| configuration.isolation_level = Some(level))
    }

    /// Who locks keys, which the level `Serializable` needs.
    pub fn lock_manager(self, manager: Arc<dyn LockManager>) -> Self {
        self.change(|configuration| configuration.lock_manager = Some(manager))
    }

    fn change(mut self, change: impl FnOnce(&mut Configuration)) -> Self {
        change(&mut Arc::make_mut(&mut self.0.0).configuration);
        self
    }
}

impl From<Configure> for CachePolicy {
    fn from(configured: Configure) -> Self {
        configured.0
    }
}

/// So that it can stand after `cache_policy =`, where `None` can, too.
impl From<Configure> for Option<CachePolicy> {
    fn from(configured: Configure) -> Self {
        Some(configured.0)
    }
}

impl CachePolicy {
    /// A copy that says how its results are kept. What is not said stays as it is.
    pub fn configure(&self) -> Configure {
        Configure(self.clone())
    }

    fn plus(self, other: Self) -> Self {
        match (&self.0.rule, &other.0.rule) {
            (_, Rule::NoCache) => return self,
            (Rule::NoCache, _) => return other,
            _ => {}
        }
        let (configuration, conflict) = self.0.configuration.merge(&other.0.configuration);
        let problem = self.0.problem.or(other.0.problem).or(conflict);
        let rule = compound(self.parts().chain(other.parts()).cloned());
        Self(Arc::new(Policy { rule, configuration, problem }))
    }

    fn minus<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        if !self.parts().any(|part| matches!(part, Part::Inputs { .. })) {
            return self;
        }
        let parts = match &mut Arc::make_mut(&mut self.0).rule {
            Rule::NoCache => &mut [],
            Rule::Single(part) => std::slice::from_mut(part),
            Rule::Compound(parts) => parts.as_mut_slice(),
        };
        if let Some(Part::Inputs { exclude }) = parts.last_mut() {
            exclude.extend(names.into_iter().map(|name| name.as_ref().into()));
            exclude.sort_unstable();
            exclude.dedup();
        }
        self
    }
}

/// The parts in their order, but with all `Inputs` as one at the end.
fn compound(parts: impl Iterator<Item = Part>) -> Rule {
    let mut excluded: Option<Vec<Box<str>>> = None;
    let mut compound = Vec::new();
    for part in parts {
        match part {
            Part::Inputs { exclude } => excluded.get_or_insert_default().extend(exclude),
            part => compound.push(part),
        }
    }
    if let Some(mut exclude) = excluded {
        exclude.sort_unstable();
        exclude.dedup();
        compound.push(Part::Inputs { exclude });
    }
    Rule::Compound(compound)
}

impl Configuration {
    /// What either says, and the first thing on which they differ.
    fn merge(&self, other: &Self) -> (Self, Option<CachePolicyError>) {
        let conflict = if differ(&self.key_storage, &other.key_storage, |a, b| a == b) {
            Some(CachePolicyError::DifferentKeyStorages)
        } else if differ(&self.isolation_level, &other.isolation_level, |a, b| a == b) {
            Some(CachePolicyError::DifferentIsolationLevels)
        } else if differ(&self.lock_manager, &other.lock_manager, Arc::ptr_eq) {
            Some(CachePolicyError::DifferentLockManagers)
        } else {
            None
        };
        let merged = Self {
            key_storage: self.key_storage.as_ref().or(other.key_storage.as_ref()).cloned(),
            isolation_level: self.isolation_level.or(other.isolation_level),
            lock_manager: self.lock_manager.as_ref().or(other.lock_manager.as_ref()).cloned(),
        };
        (merged, conflict)
    }
}

#[expect(clippy::ref_option, reason = "called with fields only")]
fn differ<T>(a: &Option<T>, b: &Option<T>, same: impl FnOnce(&T, &T) -> bool) -> bool {
    matches!((a, b), (Some(a), Some(b)) if !same(a, b))
}

macro_rules! operators {
    ($($policy:ty),*) => {$(
        impl<P: Into<CachePolicy>> Add<P> for $policy {
            type Output = CachePolicy;

            /// A policy whose key depends on what either depends on.
            ///
            /// The order counts, as it does in Prefect; inputs always come last. If both are
            /// configured, and differently, the sum has a [`problem`](CachePolicy::problem).
            fn add(self, other: P) -> CachePolicy {
                CachePolicy::from(self).plus(other.into())
            }
        }

        impl Sub<&str> for $policy {
            type Output = CachePolicy;

            /// The policy without the input of this name. Nothing changes if it has no inputs.
            fn sub(self, name: &str) -> CachePolicy {
                CachePolicy::from(self).minus([name])
            }
        }

        impl Sub<String> for $policy {
            type Output = CachePolicy;

            /// The policy without the input of this name.
            fn sub(self, name: String) -> CachePolicy {
                CachePolicy::from(self).minus([name])
            }
        }

        impl<N: AsRef<str>, const COUNT: usize> Sub<[N; COUNT]> for $policy {
            type Output = CachePolicy;

            /// The policy without the inputs of these names.
            fn sub(self, names: [N; COUNT]) -> CachePolicy {
                CachePolicy::from(self).minus(names)
            }
        }

        impl<N: AsRef<str>> Sub<Vec<N>> for $policy {
            type Output = CachePolicy;

            /// The policy without the inputs of these names.
            fn sub(self, names: Vec<N>) -> CachePolicy {
                CachePolicy::from(self).minus(names)
            }
        }

        impl<N: AsRef<str>> Sub<&[N]> for $policy {
            type Output = CachePolicy;

            /// The policy without the inputs of these names.
            fn sub(self, names: &[N]) -> CachePolicy {
                CachePolicy::from(self).minus(names)
            }
        }
    )*};
}

operators!(CachePolicy, Configure);
