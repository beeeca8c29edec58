//! The registry: every annotated function of the program, found by name.
//!
//! Definitions register themselves when the program is linked. A crate that nothing refers to may be left out by the
//! linker, and its definitions with it. Two flows of one name cannot be told apart by anything that looks a flow up by
//! name, so looking up such a name is an error that says where both stand.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use crate::definition::{FlowDefinition, Meta, TaskDefinition};

/// One registered function; submitted by the macros.
#[derive(Clone, Copy)]
pub enum Registered {
    /// A task.
    Task(fn() -> &'static TaskDefinition),
    /// A flow.
    Flow(fn() -> &'static FlowDefinition),
}

inventory::collect!(Registered);

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(definition) => f.debug_tuple("Task").field(definition().meta()).finish(),
            Self::Flow(definition) => f.debug_tuple("Flow").field(definition().meta()).finish(),
        }
    }
}

/// Where a definition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The path of the module.
    pub module: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

impl From<&Meta> for Location {
    fn from(meta: &Meta) -> Self {
        Self { module: meta.module, file: meta.file, line: meta.line }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.module, self.file, self.line)
    }
}

/// Why a name does not lead to a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Nothing of that name is linked into the program.
    #[error("no {kind} `{name}` is registered{}", list_known(.known))]
    Unknown {
        /// `flow` or `task`.
        kind: &'static str,
        /// The name that was looked up.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// Several definitions have that name.
    #[error("{} {kind}s are named `{name}`: {}; give all but one another name with `name = \"..\"`", .locations.len(), list_places(.locations))]
    Duplicate {
        /// `flow` or `task`.
        kind: &'static str,
        /// The name.
        name: String,
        /// Where they stand.
        locations: Vec<Location>,
    },
}

fn list_known(names: &[String]) -> String {
    if names.is_empty() {
        "; none is linked into this program".to_owned()
    } else {
        format!("; known are: {}", names.join(", "))
    }
}

fn list_places(locations: &[Location]) -> String {
    locations.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Every registered flow, ordered by name and place.
pub fn flows() -> Vec<&'static FlowDefinition> {
    let mut flows: Vec<_> = inventory::iter::<Registered>
        .into_iter()
        .filter_map(|registered| match registered {
            Registered::Flow(definition) => Some(definition()),
            Registered::Task(_) => None,
        })
        .collect();
    flows.sort_by_key(|flow| (flow.name(), Location::from(flow.meta())));
    flows
}

/// Every registered task, ordered by name and place.
pub fn tasks() -> Vec<&'static TaskDefinition> {
    let mut tasks: Vec<_> = inventory::iter::<Registered>
        .into_iter()
        .filter_map(|registered| match registered {
            Registered::Task(definition) => Some(definition()),
            Registered::Flow(_) => None,
        })
        .collect();
    tasks.sort_by_key(|task| (task.task_key(), Location::from(task.meta())));
    tasks
}

/// By name: looked up for every run that comes from elsewhere.
static FLOWS: LazyLock<HashMap<String, Vec<&'static FlowDefinition>>> = LazyLock::new(|| {
    let mut named: HashMap<_, Vec<_>> = HashMap::new();
    for flow in flows() {
        named.entry(flow.name()).or_default().push(flow);
    }
    named
});

/// By key.
static TASKS: LazyLock<HashMap<String, Vec<&'static TaskDefinition>>> = LazyLock::new(|| {
    let mut keyed: HashMap<_, Vec<_>> = HashMap::new();
    for task in tasks() {
        keyed.entry(task.task_key()).or_default().push(task);
    }
    keyed
});

/// The flow called `name`.
///
/// # Errors
///
/// If no flow, or more than one, has that name.
pub fn flow(name: &str) -> Result<&'static FlowDefinition, RegistryError> {
    named_flow(name, |_| true)
}

/// The flow called `name`; of several, the one in `module`.
pub(crate) fn flow_in(name: &str, module: &str) -> Result<&'static FlowDefinition, RegistryError> {
    named_flow(name, |flow| flow.meta().module == module).or_else(|_| flow(name))
}

fn named_flow(
    name: &str,
    is_meant: impl Fn(&FlowDefinition) -> bool,
) -> Result<&'static FlowDefinition, RegistryError> {
    let named = FLOWS.get(name).map(Vec::as_slice).unwrap_or_default();
    let meant: Vec<_> = named.iter().copied().filter(|flow| is_meant(flow)).collect();
    let known = || flows().iter().map(|flow| flow.name()).collect();
    single("flow", name, &meant, |flow| flow.meta(), known)
}

/// The task whose key is `task_key`, such as `fetch-1a2b3c4d`.
///
/// # Errors
///
/// If no task, or more than one, has that key.
pub fn task(task_key: &str) -> Result<&'static TaskDefinition, RegistryError> {
    keyed_task(task_key, |_| true)
}

/// The task whose key is `task_key`; of several, the one in `module`.
pub(crate) fn task_in(
    task_key: &str,
    module: &str,
) -> Result<&'static TaskDefinition, RegistryError> {
    keyed_task(task_key, |task| task.meta().module == module).or_else(|_| task(task_key))
}

fn keyed_task(
    task_key: &str,
    is_meant: impl Fn(&TaskDefinition) -> bool,
) -> Result<&'static TaskDefinition, RegistryError> {
    let keyed = TASKS.get(task_key).map(Vec::as_slice).unwrap_or_default();
    let meant: Vec<_> = keyed.iter().copied().filter(|task| is_meant(task)).collect();
    let known = || tasks().iter().map(|task| task.task_key()).collect();
    single("task", task_key, &meant, |task| task.meta(), known)
}

/// Every flow name that more than one flow has.
///
/// [`flow`] refuses such a name; a program's entry point reports them all at start.
pub fn duplicates() -> Vec<RegistryError> {
    let flows = flows();
    let mut names: Vec<String> = flows.iter().map(|flow| flow.name()).collect();
    names.dedup();
    names
        .iter()
        .filter_map(|name| flow(name).err())
        .filter(|error| matches!(error, RegistryError::Duplicate { .. }))
        .collect()
}

fn single<D: Copy>(
    kind: &'static str,
    name: &str,
    found: &[D],
    meta: impl Fn(D) -> &'static Meta,
    known: impl FnOnce() -> Vec<String>,
) -> Result<D, RegistryError> {
    match found {
        [] => Err(RegistryError::Unknown { kind, name: name.to_owned(), known: known() }),
        [definition] => Ok(*definition),
        several => Err(RegistryError::Duplicate {
            kind,
            name: name.to_owned(),
            locations: several.iter().map(|definition| Location::from(meta(*definition))).collect(),
        }),
    }
}
