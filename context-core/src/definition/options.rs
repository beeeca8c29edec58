//! The options of flows and tasks, as their attributes and `with_options()` set them.
//!
//! Options are checked where they are set. A value that cannot be used does not panic: it is remembered, and the first
//! run that would use it reports [`InvalidOption`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::assets::Declared;
use super::extra::{FlowExtra, TaskExtra};
use super::{FlowDefinition, IntoRetryDelay, RetryDelay, TaskDefinition};
use crate::names::{IntoRunName, RunName};
use crate::runner::TaskRunner;
use crate::state::InvalidOption;
use crate::tags::{IntoTags, TagList, Tags};

/// Why an option's value was not taken.
#[derive(Clone, Debug)]
struct Rejected {
    option: &'static str,
    problem: String,
}

/// What tasks and flows have in common.
#[derive(Clone, Debug, Default)]
struct Shared {
    name: Option<Cow<'static, str>>,
    description: Option<Cow<'static, str>>,
    version: Option<Cow<'static, str>>,
    run_name: Option<RunName>,
    retries: Option<u32>,
    retry_delay: Option<RetryDelay>,
    timeout: Option<Duration>,
    rejected: Option<Box<Rejected>>,
    /// True once anything was said that a run has to look at: more than names, descriptions, versions and tags.
    demanding: bool,
}

impl Shared {
    fn reject(&mut self, option: &'static str, problem: impl Into<String>) {
        self.demanding = true;
        // The first mistake is the one to report.
        if self.rejected.is_none() {
            self.rejected = Some(Box::new(Rejected { option, problem: problem.into() }));
        }
    }

    fn check(&self, run: &'static str) -> Result<(), InvalidOption> {
        match &self.rejected {
            None => Ok(()),
            Some(rejected) => Err(InvalidOption {
                run,
                option: rejected.option,
                problem: rejected.problem.clone(),
            }),
        }
    }

    fn set_retries<N: TryInto<u32> + std::fmt::Display + Copy>(&mut self, retries: N) {
        self.demanding = true;
        match retries.try_into() {
            Ok(retries) => self.retries = Some(retries),
            Err(_) => {
                self.reject("retries", format!("is {retries}, but must be from 0 to {}", u32::MAX));
            }
        }
    }

    fn set_retry_delay(&mut self, delay: impl IntoRetryDelay) {
        let delay = delay.into_retry_delay();
        match delay.problem() {
            None => self.retry_delay = Some(delay),
            Some(problem) => self.reject("retry_delay", problem),
        }
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.demanding = true;
        // Zero means no timeout, as in Prefect.
        self.timeout = (!timeout.is_zero()).then_some(timeout);
    }
}

macro_rules! shared_options {
    ($owner:literal, $run_name:ident, $extra:ty) => {
        /// No options set.
        pub fn new() -> Self {
            Self::default()
        }

        /// A description for people; default: the doc comment.
        #[must_use]
        pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
            self.shared.description = Some(description.into());
            self
        }

        /// A version of your own; recorded with every run.
        #[must_use]
        pub fn version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
            self.shared.version = Some(version.into());
            self
        }

        #[doc = concat!("How runs are named: a template such as `\"load {day}\"`, or a callable; default: a name made by the ", $owner, ".")]
        #[must_use]
        pub fn $run_name<M>(mut self, name: impl IntoRunName<M>) -> Self {
            self.shared.demanding = true;
            match name.into_run_name() {
                Ok(name) => self.shared.run_name = Some(name),
                Err(error) => self.shared.reject(stringify!($run_name), format!("is not usable: {error}")),
            }
            self
        }

        /// How many times a failed run is tried again; default 0.
        #[must_use]
        pub fn retries<N: TryInto<u32> + std::fmt::Display + Copy>(mut self, retries: N) -> Self {
            self.shared.set_retries(retries);
            self
        }

        /// The longest that one attempt may take; zero means no limit.
        #[must_use]
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.shared.set_timeout(timeout);
            self
        }

        pub(super) fn description_text(&self) -> Option<&str> {
            self.shared.description.as_deref()
        }

        pub(crate) fn version_text(&self) -> Option<&str> {
            self.shared.version.as_deref()
        }

        pub(crate) fn run_name(&self) -> Option<&RunName> {
            self.shared.run_name.as_ref()
        }

        pub(crate) fn retry_count(&self) -> Option<u32> {
            self.shared.retries
        }

        pub(crate) fn delays(&self) -> Option<&RetryDelay> {
            self.shared.retry_delay.as_ref()
        }

        pub(crate) fn time_limit(&self) -> Option<Duration> {
            self.shared.timeout
        }

        /// The options that most do not have, if there are any.
        #[inline]
        pub(crate) fn extra(&self) -> Option<&$extra> {
            self.extra.as_deref()
        }

        pub(super) fn reject(&mut self, option: &'static str, problem: impl Into<String>) {
            self.shared.reject(option, problem);
        }

        pub(super) fn extra_mut(&mut self) -> &mut $extra {
            self.shared.demanding = true;
            self.extra.get_or_insert_default()
        }
    };
}

/// The options of a task.
#[derive(Clone, Debug, Default)]
pub struct TaskOptions {
    shared: Shared,
    tags: Tags,
    retry_jitter: Option<f64>,
    pub(super) assets: Declared,
    pub(super) asset_deps: Declared,
    materialized_by: Option<Cow<'static, str>>,
    extra: Option<Box<TaskExtra>>,
}

impl TaskOptions {
    shared_options!("task and the run", task_run_name, TaskExtra);

    /// The task's name; default: the function's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        if name.is_empty() {
            self.shared.reject("name", "is empty; leave it out to use the function's name");
        } else {
            self.shared.name = Some(name);
        }
        self
    }

    /// Tags of every run of this task, besides those that surround the call.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoTags) -> Self {
        self.tags = Tags::collect(|list: &mut TagList| list.add(tags));
        self
    }

    /// How long to wait before each retry; default: not at all.
    #[must_use]
    pub fn retry_delay(mut self, delay: impl IntoRetryDelay) -> Self {
        self.shared.set_retry_delay(delay);
        self
    }

    /// How far a delay may stray from its value, as a fraction of it: 0.3 means up to 30 % less or more.
    #[must_use]
    pub fn retry_jitter(mut self, jitter: f64) -> Self {
        if jitter.is_finite() && jitter >= 0.0 {
            self.retry_jitter = Some(jitter);
        } else {
            self.shared
                .reject("retry_jitter", format!("is {jitter}, but must be a number of at least 0"));
        }
        self
    }

    /// The tool that makes the assets, such as `polars`.
    #[must_use]
    pub fn materialized_by(mut self, tool: impl Into<Cow<'static, str>>) -> Self {
        self.materialized_by = Some(tool.into());
        self
    }

    /// Says that a run has to look at more than the name and the tags.
    pub(super) const fn demand(&mut self) {
        self.shared.demanding = true;
    }

    pub(crate) fn task_name<'a>(&'a self, definition: &TaskDefinition) -> &'a str {
        self.shared.name.as_deref().unwrap_or(definition.meta().name)
    }

    pub(crate) fn check(&self, definition: &TaskDefinition) -> Result<(), InvalidOption> {
        self.shared.check(definition.meta().name)
    }

    /// True if a run has nothing to look at but the name and the tags.
    #[inline]
    pub(crate) const fn demands_nothing(&self) -> bool {
        !self.shared.demanding
    }

    pub(crate) fn own_tags(&self) -> &Tags {
        &self.tags
    }

    pub(crate) fn jitter(&self) -> Option<f64> {
        self.retry_jitter
    }

    /// True if something is made of the parameters of each run.
    pub(crate) const fn reads_parameters(&self) -> bool {
        self.shared.run_name.is_some() || self.has_asset_templates()
    }

    pub(crate) fn tool(&self) -> Option<&str> {
        self.materialized_by.as_deref()
    }
}

/// The options of a flow.
#[derive(Clone, Debug, Default)]
pub struct FlowOptions {
    shared: Shared,
    extra: Option<Box<FlowExtra>>,
    task_runner: Option<Arc<dyn TaskRunner>>,
}

impl FlowOptions {
    shared_options!("run itself", flow_run_name, FlowExtra);

    /// Characters that a flow's name must not contain.
    pub const BANNED_CHARACTERS: [char; 5] = ['/', '%', '&', '>', '<'];

    /// The flow's name; default: the function's name with `-` for `_`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        if name.is_empty() {
            self.shared.reject("name", "is empty; leave it out to use the function's name");
        } else if let Some(banned) = name.chars().find(|c| Self::BANNED_CHARACTERS.contains(c)) {
            self.shared.reject(
                "name",
                format!("contains `{banned}`; a flow's name cannot contain any of `/ % & > <`"),
            );
        } else {
            self.shared.name = Some(name);
        }
        self
    }

    /// How long to wait before a retry; default: not at all.
    #[must_use]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.shared.set_retry_delay(delay);
        self
    }

    /// Who runs the task runs that the flow submits; default: the runtime of its caller, all at once.
    #[must_use]
    pub fn task_runner(mut self, task_runner: impl TaskRunner) -> Self {
        self.task_runner = Some(Arc::new(task_runner));
        self
    }

    pub(crate) fn chosen_task_runner(&self) -> Option<&Arc<dyn TaskRunner>> {
        self.task_runner.as_ref()
    }

    pub(crate) fn flow_name(&self, definition: &FlowDefinition) -> String {
        match &self.shared.name {
            Some(name) => name.clone().into_owned(),
            None => definition.meta().name.replace('_', "-"),
        }
    }

    pub(crate) fn check(&self, definition: &FlowDefinition) -> Result<(), InvalidOption> {
        self.shared.check(definition.meta().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Meta;

    static DEFINITION: TaskDefinition = TaskDefinition::new(
        Meta {
            name: "fetch",
            module: "m",
            file: "f",
            line: 1,
            source_hash: "00000000",
            doc: "",
            parameters: &[],
            is_async: false,
        },
        TaskOptions::new,
    );

    fn problem(options: &TaskOptions) -> String {
        options.check(&DEFINITION).unwrap_err().to_string()
    }

    #[test]
    fn values_out_of_range_are_reported_with_the_option_and_the_task() {
        assert_eq!(
            problem(&TaskOptions::new().retries(-1)),
            "option `retries` of `fetch` is -1, but must be from 0 to 4294967295"
        );
        assert_eq!(
            problem(&TaskOptions::new().retry_jitter(-0.5)),
            "option `retry_jitter` of `fetch` is -0.5, but must be a number of at least 0"
        );
        assert!(problem(&TaskOptions::new().retry_jitter(f64::NAN)).contains("NaN"));
        assert!(problem(&TaskOptions::new().retry_delay(vec![Duration::ZERO; 51])).contains("51"));
        assert!(problem(&TaskOptions::new().name("")).contains("is empty"));
        assert!(problem(&TaskOptions::new().assets(["no scheme"])).contains("bad key"));
        assert_eq!(
            problem(&TaskOptions::new().asset_deps(["s3://{day"])),
            "option `asset_deps` of `fetch` has a bad key: the template has an unbalanced `{` at byte 5; a literal one is written twice"
        );
    }

    #[test]
    fn the_first_mistake_is_reported() {
        assert!(problem(&TaskOptions::new().name("").retries(-1)).contains("`name`"));
    }

    #[test]
    fn good_values_pass() {
        let options = TaskOptions::new().name("f").retries(3_u8).retry_jitter(0.0).tags(["a"]);
        assert_eq!(options.check(&DEFINITION), Ok(()));
        assert_eq!(options.retry_count(), Some(3));
    }
}
