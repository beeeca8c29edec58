//! Cache policies: which parts of a task run make up its cache key.
//!
//! Two runs with the same key share one result. A [`CachePolicy`] says what the key is made of: the
//! inputs, the code, the run, the flow's parameters, or what a function of one's own returns.
//! Policies are added (`inputs() + task_source()`), and names are subtracted from them
//! (`inputs() - "verbose"`). Keys of inputs are the bytes that Prefect computes, so that tasks in
//! Python and in Rust can share what they have stored. It follows that keys of inputs alone do not
//! name the task: two tasks with equal inputs share a key, as they do in Prefect.
//!
//! This module does not know tasks, and does not look for results. It makes names for them.

mod context;
mod error;
mod function;
mod hash;
mod inputs;
mod operators;
mod python;
mod source;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::results::{IsolationLevel, LockManager, Storage};

pub use context::KeyContext;
pub use error::{CacheKeyError, CachePolicyError};
pub use function::IntoCacheKey;
pub use hash::hash_objects;
pub use inputs::KeyInputs;
pub use operators::Configure;
pub use source::CodeSource;

use function::KeyFn;

/// What the cache key of a task is made of. Cheap to clone.
///
/// # Examples
///
/// ```
/// use context_core::cache::{self, KeyContext, KeyInputs};
/// use context_core::clock::Timestamp;
/// use context_core::id::TaskRunId;
///
/// let mut inputs = KeyInputs::new();
/// inputs.add("x", &1);
/// inputs.add("verbose", &true);
///
/// let policy = cache::inputs() - "verbose";
/// let key = policy.compute_key(&KeyContext::new(TaskRunId::generate(Timestamp::now()), &inputs))?;
/// assert_eq!(key.as_deref(), Some("599d6780d743a1b50a942acff196a0f1"));
/// # Ok::<(), cache::CacheKeyError>(())
/// ```
#[derive(Clone)]
pub struct CachePolicy(Arc<Policy>);

#[derive(Clone)]
struct Policy {
    rule: Rule,
    configuration: Configuration,
    problem: Option<CachePolicyError>,
}

#[derive(Clone)]
enum Rule {
    NoCache,
    /// The key of the part is the key.
    Single(Part),
    /// The hash of the parts' keys is the key, also if there is only one.
    ///
    /// Invariant: at most one part is `Inputs`, and it is the last.
    Compound(Vec<Part>),
}

#[derive(Clone)]
enum Part {
    /// Invariant: the names are sorted, each stands once.
    Inputs {
        exclude: Vec<Box<str>>,
    },
    TaskSource,
    RunId,
    FlowParameters,
    Function(Arc<KeyFn>),
}

/// How results under these keys are kept. What is not said is left to the task.
#[derive(Clone, Debug, Default)]
struct Configuration {
    key_storage: Option<Storage>,
    isolation_level: Option<IsolationLevel>,
    lock_manager: Option<Arc<dyn LockManager>>,
}

/// The policy of tasks that do not say: the code, the run, and the inputs. Prefect's `DEFAULT`.
///
/// A repeated call in one flow run finds the result of the first; another flow run does not.
pub fn default_policy() -> CachePolicy {
    CachePolicy::new(Rule::Compound(vec![Part::TaskSource, Part::RunId, Part::inputs()]))
}

/// A hash of all inputs. No key for a task without inputs. Prefect's `INPUTS`.
pub fn inputs() -> CachePolicy {
    CachePolicy::new(Rule::Single(Part::inputs()))
}

/// A hash of the text that identifies the code. Prefect's `TASK_SOURCE`.
pub fn task_source() -> CachePolicy {
    CachePolicy::new(Rule::Single(Part::TaskSource))
}

/// The id of the flow run, or of the task run outside a flow. Prefect's `RUN_ID`.
pub fn run_id() -> CachePolicy {
    CachePolicy::new(Rule::Single(Part::RunId))
}

/// A hash of the flow's parameters. No key outside a flow, and for a flow without parameters.
/// Prefect's `FLOW_PARAMETERS`.
pub fn flow_parameters() -> CachePolicy {
    CachePolicy::new(Rule::Single(Part::FlowParameters))
}

/// No key, so that nothing is cached. Prefect's `NO_CACHE`. Adding it to a policy changes nothing.
pub fn no_cache() -> CachePolicy {
    CachePolicy::new(Rule::NoCache)
}

/// The key that `f` returns: a text, an `Option`, or a `Result` of one. Prefect's `cache_key_fn`.
///
/// # Examples
///
/// ```
/// use context_core::cache::{CacheKeyError, cache_key_fn};
///
/// let by_day = cache_key_fn(|context| {
///     let day: String = context.parameter("day")?;
///     Ok::<_, CacheKeyError>(format!("{}/{day}", context.task_key))
/// });
/// let only_in_flows = cache_key_fn(|context| context.flow_run_id.map(|id| id.to_string()));
/// # let _ = (by_day, only_in_flows);
/// ```
pub fn cache_key_fn<F, K>(f: F) -> CachePolicy
where
    F: Fn(&KeyContext<'_>) -> K + Send + Sync + 'static,
    K: IntoCacheKey,
{
    let function: Arc<KeyFn> = Arc::new(move |context| f(context).into_cache_key());
    CachePolicy::new(Rule::Single(Part::Function(function)))
}

impl CachePolicy {
    fn new(rule: Rule) -> Self {
        Self(Arc::new(Policy { rule, configuration: Configuration::default(), problem: None }))
    }

    /// The cache key of a run, or `None` if it has none.
    ///
    /// # Errors
    ///
    /// Returns an error if an input that counts is not serializable, if a key function fails, or if
    /// the policy has a [problem](Self::problem). A panic of a key function is not caught.
    pub fn compute_key(&self, context: &KeyContext<'_>) -> Result<Option<String>, CacheKeyError> {
        if let Some(problem) = self.0.problem {
            return Err(problem.into());
        }
        let key = match &self.0.rule {
            Rule::NoCache => None,
            Rule::Single(part) => part.key(context)?.map(Cow::into_owned),
            Rule::Compound(parts) => {
                let mut list = hash::Arguments::new();
                for part in parts {
                    if let Some(key) = part.key(context)? {
                        list.add_text(&key);
                    }
                }
                list.hash_unless_empty()
            }
        };
        Ok(key)
    }

    /// What is wrong with the policy, if anything. Adding policies with different configurations
    /// does not panic, it is remembered here.
    pub fn problem(&self) -> Option<&CachePolicyError> {
        self.0.problem.as_ref()
    }

    /// Whether the policy is [`no_cache`].
    pub fn is_no_cache(&self) -> bool {
        matches!(self.0.rule, Rule::NoCache)
    }

    /// Whether a key may depend on [`KeyContext::inputs`]. If not, nobody needs to fill them in.
    pub fn uses_inputs(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Inputs { .. } | Part::Function(_)))
    }

    /// Whether a key may depend on [`KeyContext::flow_parameters`].
    pub fn uses_flow_parameters(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::FlowParameters | Part::Function(_)))
    }

    /// Whether a key is made of the flow's parameters.
    pub(crate) fn is_of_flow_parameters(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::FlowParameters))
    }

    /// Whether a function of the user takes part in making a key.
    pub(crate) fn has_function(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Function(_)))
    }

    /// Where records are kept apart from the results, if that is configured.
    pub fn key_storage(&self) -> Option<&Storage> {
        self.0.configuration.key_storage.as_ref()
    }

    /// What runs of the same key see of each other, if that is configured.
    pub fn isolation_level(&self) -> Option<IsolationLevel> {
        self.0.configuration.isolation_level
    }

    /// Who locks keys, if that is configured.
    pub fn lock_manager(&self) -> Option<&Arc<dyn LockManager>> {
        self.0.configuration.lock_manager.as_ref()
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        match &self.0.rule {
            Rule::NoCache => [].iter(),
            Rule::Single(part) => std::slice::from_ref(part).iter(),
            Rule::Compound(parts) => parts.iter(),
        }
    }
}

impl Part {
    const fn inputs() -> Self {
        Self::Inputs { exclude: Vec::new() }
    }

    fn key<'a>(&self, context: &KeyContext<'a>) -> Result<Option<Cow<'a, str>>, CacheKeyError> {
        Ok(match self {
            Self::Inputs { exclude } => context.inputs.hash(exclude).map_err(|unreadable| {
                let (parameter, reason) = unreadable.owned();
                CacheKeyError::Input { parameter, reason }
            })?,
            Self::TaskSource => context.source.map(|source| source.hash().into()),
            Self::RunId => Some(Cow::Owned(match context.flow_run_id {
                Some(id) => id.to_string(),
                None => context.task_run_id.to_string(),
            })),
            Self::FlowParameters => match context.flow_parameters {
                None => None,
                Some(parameters) => parameters.hash(&[]).map_err(|unreadable| {
                    let (parameter, reason) = unreadable.owned();
                    CacheKeyError::FlowParameter { parameter, reason }
                })?,
            },
            Self::Function(function) => function(context)?.map(Cow::Owned),
        })
    }
}

impl fmt::Display for CachePolicy {
    /// The policy as it is written in Prefect: `TASK_SOURCE + RUN_ID + INPUTS - "verbose"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_no_cache() {
            return f.write_str("NO_CACHE");
        }
        for (index, part) in self.parts().enumerate() {
            if index > 0 {
                f.write_str(" + ")?;
            }
            match part {
                Part::Inputs { exclude } => {
                    f.write_str("INPUTS")?;
                    exclude.iter().try_for_each(|name| write!(f, " - {name:?}"))?;
                }
                Part::TaskSource => f.write_str("TASK_SOURCE")?,
                Part::RunId => f.write_str("RUN_ID")?,
                Part::FlowParameters => f.write_str("FLOW_PARAMETERS")?,
                Part::Function(_) => f.write_str("cache_key_fn")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CachePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachePolicy")
            .field("key", &format_args!("{self}"))
            .field("configuration", &self.0.configuration)
            .field("problem", &self.0.problem)
            .finish()
    }
}

#[cfg(test)]
mod tests;
