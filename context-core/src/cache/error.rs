//! What can be wrong with a policy, and why a run has no key though its policy asks for one.

use thiserror::Error;

/// Why policies cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CachePolicyError {
    /// Both were configured, with different places for records.
    #[error(
        "the added cache policies have different key storages; configure one of them, or their sum"
    )]
    DifferentKeyStorages,
    /// Both were configured, with different isolation levels.
    #[error(
        "the added cache policies have different isolation levels; configure one of them, or their sum"
    )]
    DifferentIsolationLevels,
    /// Both were configured, with different lock managers.
    #[error(
        "the added cache policies have different lock managers; configure one of them, or their sum"
    )]
    DifferentLockManagers,
}

/// Why a cache key could not be computed. The run goes on without the cache.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CacheKeyError {
    /// An input has no form that can be hashed.
    #[error(
        "input `{parameter}` cannot be part of a cache key: {reason}; \
         exclude it with `- \"{parameter}\"`, or use `cache_key_fn` or `no_cache()`"
    )]
    Input {
        /// The name of the input.
        parameter: String,
        /// Why it could not be serialized.
        reason: String,
    },
    /// A parameter of the flow has no form that can be hashed.
    #[error(
        "parameter `{parameter}` of the flow cannot be part of a cache key: {reason}; \
         use `cache_key_fn` in place of `flow_parameters()`"
    )]
    FlowParameter {
        /// The name of the parameter.
        parameter: String,
        /// Why it could not be serialized.
        reason: String,
    },
    /// A key function asked for a parameter that it cannot have.
    #[error("parameter `{parameter}` cannot be read for a cache key: {reason}")]
    Read {
        /// The name of the parameter.
        parameter: String,
        /// Why it could not be read.
        reason: String,
    },
    /// Values that were to be hashed cannot be serialized.
    #[error("values cannot be hashed: {reason}")]
    Hash {
        /// Why they could not be serialized.
        reason: String,
    },
    /// A key function returned an error.
    #[error("the cache key function failed: {reason}")]
    Function {
        /// What it returned.
        reason: String,
    },
    /// A key function returned a text without characters.
    #[error("the cache key function returned an empty text; return `None` for no key")]
    Empty,
    /// The policy itself is wrong.
    #[error(transparent)]
    Policy(#[from] CachePolicyError),
}
