//! Names of runs: random ones, templates, and callables.
//!
//! A flow run without a name gets a random one of two words; a task run is named after its task
//! and its dynamic key. A [`RunName`] is what a user gives instead: a template such as
//! `"load {day}"`, checked once when the task is defined, or a function.
//!
//! This module knows parameters, but not runs: which name a run finally has is decided elsewhere.

mod template;

use std::fmt;
use std::sync::{Arc, OnceLock};

use petname::Petnames;
use uuid::Uuid;

use crate::parameters::Parameters;

pub use template::{RunNameTemplate, TemplateError};

/// A random name for a flow run: an adjective and an animal, such as `brave-otter`.
///
/// There are more than a million names; they are for people, and may repeat.
pub fn random_flow_run_name() -> String {
    static WORDS: OnceLock<Petnames<'static>> = OnceLock::new();
    let words = WORDS.get_or_init(Petnames::medium);
    let adjective = fastrand::choice(&*words.adjectives).copied().unwrap_or("nameless");
    let animal = fastrand::choice(&*words.nouns).copied().unwrap_or("animal");
    let mut name = String::with_capacity(adjective.len() + 1 + animal.len());
    name.push_str(adjective);
    name.push('-');
    name.push_str(animal);
    name
}

/// The default name of a task run: the task's name and the first three characters of the key that
/// tells runs of one task apart.
///
/// # Examples
///
/// ```
/// use context_core::names::task_run_name;
///
/// let key = uuid::uuid!("b4e0c1d2-8694-439b-aea5-966c26f8ad91");
/// assert_eq!(task_run_name("load", key), "load-b4e");
/// ```
pub fn task_run_name(task: &str, dynamic_key: Uuid) -> String {
    let mut buffer = Uuid::encode_buffer();
    let key = dynamic_key.hyphenated().encode_lower(&mut buffer);
    let mut name = String::with_capacity(task.len() + 4);
    name.push_str(task);
    name.push('-');
    name.push_str(&key[..3]);
    name
}

/// How a user names the runs of a flow or task.
#[derive(Clone)]
pub enum RunName {
    /// A text with fields for parameters.
    Template(RunNameTemplate),
    /// A function of the parameters. It is called once per run, with the run's context current.
    Callable(Arc<dyn Fn(&Parameters) -> String + Send + Sync>),
}

impl RunName {
    /// The name of a run with these parameters. A panic of a callable is not caught.
    ///
    /// # Errors
    ///
    /// Returns an error if a template names a parameter, or a part of one, that does not exist.
    pub fn render(&self, parameters: &Parameters) -> Result<String, TemplateError> {
        match self {
            Self::Template(template) => template.render(parameters),
            Self::Callable(name) => Ok(name(parameters)),
        }
    }
}

impl fmt::Debug for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(template) => f.debug_tuple("Template").field(template).finish(),
            Self::Callable(_) => f.debug_tuple("Callable").finish_non_exhaustive(),
        }
    }
}

/// What can be given as a run name: a template, or a closure without arguments or with the
/// parameters.
///
/// `Form` tells the implementations apart and is always inferred; functions take
/// `impl IntoRunName<Form>`. A closure must write the type of its argument.
///
/// # Examples
///
/// ```
/// use context_core::names::{IntoRunName, RunName, TemplateError};
/// use context_core::parameters::Parameters;
///
/// fn named<Form>(name: impl IntoRunName<Form>) -> Result<RunName, TemplateError> {
///     name.into_run_name()
/// }
///
/// let parameters = Parameters::from_iter([("day", "monday".into())]);
/// assert_eq!(named("load {day}")?.render(&parameters)?, "load monday");
/// assert_eq!(named(|| "load".to_owned())?.render(&parameters)?, "load");
/// let count = named(|given: &Parameters| format!("load {}", given.len()))?;
/// assert_eq!(count.render(&parameters)?, "load 1");
/// # Ok::<(), TemplateError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a run name",
    label = "expected a text, `Fn() -> String`, or `Fn(&Parameters) -> String`",
    note = "a closure that takes the parameters must say so: `|parameters: &Parameters| …`"
)]
pub trait IntoRunName<Form> {
    /// Checks and converts.
    ///
    /// # Errors
    ///
    /// Returns an error if a text is not a template.
    fn into_run_name(self) -> Result<RunName, TemplateError>;
}

/// The forms of [`IntoRunName`].
#[doc(hidden)]
pub mod form {
    #![expect(missing_debug_implementations, reason = "they have no values")]

    /// A template.
    pub enum Text {}
    /// A closure without arguments.
    pub enum NoArgument {}
    /// A closure that takes the parameters.
    pub enum TakesParameters {}
    /// A name that is ready.
    pub enum Ready {}
}

impl IntoRunName<form::Ready> for RunName {
    fn into_run_name(self) -> Result<RunName, TemplateError> {
        Ok(self)
    }
}

impl IntoRunName<form::Text> for &str {
    fn into_run_name(self) -> Result<RunName, TemplateError> {
        RunNameTemplate::new(self).map(RunName::Template)
    }
}

impl IntoRunName<form::Text> for String {
    fn into_run_name(self) -> Result<RunName, TemplateError> {
        self.as_str().into_run_name()
    }
}

impl<F: Fn() -> String + Send + Sync + 'static> IntoRunName<form::NoArgument> for F {
    fn into_run_name(self) -> Result<RunName, TemplateError> {
        Ok(RunName::Callable(Arc::new(move |_| self())))
    }
}

impl<F> IntoRunName<form::TakesParameters> for F
where
    F: Fn(&Parameters) -> String + Send + Sync + 'static,
{
    fn into_run_name(self) -> Result<RunName, TemplateError> {
        Ok(RunName::Callable(Arc::new(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<Form>(name: impl IntoRunName<Form>) -> Result<RunName, TemplateError> {
        name.into_run_name()
    }

    #[test]
    fn random_names_are_two_words() {
        let names: std::collections::HashSet<_> =
            (0..100).map(|_| random_flow_run_name()).collect();
        assert!(names.len() > 90);
        for name in names {
            let (adjective, animal) = name.split_once('-').unwrap();
            assert!(!adjective.is_empty() && !animal.is_empty(), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        }
    }

    #[test]
    fn every_form_of_a_name() {
        fn free(parameters: &Parameters) -> String {
            format!("{} parameters", parameters.len())
        }
        let none = Parameters::EMPTY;
        assert_eq!(named("a").unwrap().render(&none).unwrap(), "a");
        assert_eq!(named(String::from("{{}}")).unwrap().render(&none).unwrap(), "{}");
        assert_eq!(named(free).unwrap().render(&none).unwrap(), "0 parameters");
        assert_eq!(named(String::new).unwrap().render(&none).unwrap(), "");
        let prefix = String::from("p");
        let ready = named(move || prefix.clone()).unwrap();
        assert_eq!(format!("{ready:?}"), "Callable(..)");
        assert_eq!(named(ready).unwrap().render(&none).unwrap(), "p");
        assert!(named("{").is_err());
    }
}
