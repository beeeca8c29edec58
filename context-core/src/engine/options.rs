//! `with_options()`: a task or flow with other options for some calls.

mod as_one;
mod calls;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::body::{FlowFn, Mode, TaskFn};
use super::future::TaskFuture;
use super::futures::TaskFutures;
use super::input::{Upstream, WaitFor};
use super::submit::{ArgumentList, IntoInputs, IntoMapInputs, Prepared};
use super::task_runner::TaskRunner;
use crate::asset::IntoAssetTemplate;
use crate::cache::{CachePolicy, IntoCacheKey, KeyContext};
use crate::definition::{
    FlowHookArguments, FlowOptions, IntoRetryDelay, IntoSerializer, TaskHookArguments, TaskOptions,
};
use crate::hook::IntoHooks;
use crate::names::IntoRunName;
use crate::results::IntoStorage;
use crate::state::State;
use crate::tags::IntoTags;
use crate::transaction::Transaction;

pub use as_one::ReportedAsOne;

/// A task with other options; made by `fetch::with_options()`.
///
/// Options that are not set are those of the attribute. An option out of range is reported by the call.
#[must_use = "options do nothing until the task is called, submitted or mapped"]
pub struct WithOptions<H, Args> {
    options: Option<TaskOptions>,
    wait_for: Vec<Arc<dyn Upstream>>,
    copy: Option<fn(&Args) -> Args>,
    of: PhantomData<fn(Args) -> H>,
}

/// A flow with other options; made by `crawl::with_options()`.
///
/// Options that are not set are those of the attribute. An option out of range is reported by the call.
#[must_use = "options do nothing until the flow is called"]
pub struct FlowWithOptions<H, Args> {
    options: Option<FlowOptions>,
    wait_for: Vec<Arc<dyn Upstream>>,
    copy: Option<fn(&Args) -> Args>,
    of: PhantomData<fn(Args) -> H>,
}

macro_rules! shared_builder {
    ($options:ty, $run_name:ident) => {
        /// The options of the attribute, to be changed.
        #[doc(hidden)]
        pub const fn new() -> Self {
            Self { options: None, wait_for: Vec::new(), copy: None, of: PhantomData }
        }

        fn change(mut self, change: impl FnOnce($options) -> $options) -> Self {
            let options = self.options.take().unwrap_or_else(|| H::definition().options().clone());
            self.options = Some(change(options));
            self
        }

        /// Another name.
        pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
            self.change(|options| options.name(name))
        }

        /// Another description.
        pub fn description(self, description: impl Into<Cow<'static, str>>) -> Self {
            self.change(|options| options.description(description))
        }

        /// Another version.
        pub fn version(self, version: impl Into<Cow<'static, str>>) -> Self {
            self.change(|options| options.version(version))
        }

        /// Another way to name runs: a template or a callable.
        pub fn $run_name<M>(self, name: impl IntoRunName<M>) -> Self {
            self.change(|options| options.$run_name(name))
        }

        /// Another number of retries. Every attempt gets its own copy of the arguments.
        pub fn retries<N: TryInto<u32> + fmt::Display + Copy>(mut self, retries: N) -> Self
        where
            Args: Clone,
        {
            self.copy = Some(Args::clone);
            self.change(|options| options.retries(retries))
        }

        /// Another limit for one attempt; zero for none.
        pub fn timeout(self, timeout: Duration) -> Self {
            self.change(|options| options.timeout(timeout))
        }

        /// Whether the result is kept.
        pub fn persist_result(self, persist: bool) -> Self {
            self.change(|options| options.persist_result(persist))
        }

        /// Another place for the result.
        pub fn result_storage(self, storage: impl IntoStorage) -> Self {
            self.change(|options| options.result_storage(storage))
        }

        /// Another way to write the result.
        pub fn result_serializer(self, serializer: impl IntoSerializer) -> Self {
            self.change(|options| options.result_serializer(serializer))
        }

        /// Whether the record is kept in memory, too.
        pub fn cache_result_in_memory(self, in_memory: bool) -> Self {
            self.change(|options| options.cache_result_in_memory(in_memory))
        }

        /// Whether `log_print!` writes to the log.
        pub fn log_prints(self, log_prints: bool) -> Self {
            self.change(|options| options.log_prints(log_prints))
        }

        /// Runs that must have completed before this one begins, though it does not use their values.
        pub fn wait_for(mut self, runs: impl WaitFor) -> Self {
            runs.add_to(&mut self.wait_for);
            self
        }

        fn prepare(self, inputs: Args::Inputs) -> Prepared<Args, $options> {
            Prepared {
                options: self.options.map(Arc::new),
                wait_for: self.wait_for,
                inputs,
                copy: self.copy,
                group: None,
            }
        }
    };
}

macro_rules! changed_hooks {
    ($arguments:ty: $($method:ident)+) => {$(
        #[doc = concat!("Other `", stringify!($method), "` hooks.")]
        pub fn $method<M>(self, hooks: impl IntoHooks<$arguments, (), M>) -> Self {
            self.change(|options| options.$method(hooks))
        }
    )+};
}

impl<H: TaskFn<Args>, Args: ArgumentList> WithOptions<H, Args> {
    shared_builder!(TaskOptions, task_run_name);

    /// Other delays between attempts.
    pub fn retry_delay(self, delay: impl IntoRetryDelay) -> Self {
        self.change(|options| options.retry_delay(delay))
    }

    /// Another jitter of the delays.
    pub fn retry_jitter(self, jitter: f64) -> Self {
        self.change(|options| options.retry_jitter(jitter))
    }

    /// Other tags of the task's own.
    pub fn tags(self, tags: impl IntoTags) -> Self {
        self.change(|options| options.tags(tags))
    }

    /// Other assets that each run makes, in place of those of the attribute; none, if the list is empty.
    pub fn assets<A: IntoAssetTemplate>(self, assets: impl IntoIterator<Item = A>) -> Self {
        self.change(|options| options.assets(assets))
    }

    /// Other assets that each run reads without getting them as arguments.
    pub fn asset_deps<A: IntoAssetTemplate>(self, assets: impl IntoIterator<Item = A>) -> Self {
        self.change(|options| options.asset_deps(assets))
    }

    changed_hooks! { TaskHookArguments: on_running on_completion on_failure }

    /// Another cache policy, or none.
    pub fn cache_policy(self, policy: impl Into<Option<CachePolicy>>) -> Self {
        self.change(|options| options.cache_policy(policy))
    }

    /// Another function that makes the cache key.
    pub fn cache_key_fn<F, K>(self, function: F) -> Self
    where
        F: Fn(&KeyContext<'_>) -> K + Send + Sync + 'static,
        K: IntoCacheKey,
    {
        self.change(|options| options.cache_key_fn(function))
    }

    /// Another time for which the result can be found again.
    pub fn cache_expiration(self, expiration: Duration) -> Self {
        self.change(|options| options.cache_expiration(expiration))
    }

    /// Whether a result that is there is made anew.
    pub fn refresh_cache(self, refresh: bool) -> Self {
        self.change(|options| options.refresh_cache(refresh))
    }

    /// Another template of the key itself.
    pub fn result_storage_key(self, template: impl AsRef<str>) -> Self {
        self.change(|options| options.result_storage_key(template))
    }

    /// Other hooks for the commit of the run's transaction.
    pub fn on_commit<M>(self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.change(|options| options.on_commit(hooks))
    }

    /// Other hooks for the rollback of the run's transaction.
    pub fn on_rollback<M>(self, hooks: impl IntoHooks<(Transaction,), (), M>) -> Self {
        self.change(|options| options.on_rollback(hooks))
    }

    /// Another condition for retries.
    pub fn retry_condition<M>(self, condition: impl IntoHooks<TaskHookArguments, bool, M>) -> Self {
        self.change(|options| options.retry_condition(condition))
    }

    /// Has recorders, and so a server, told of the runs of a `map` as of one: see [`ReportedAsOne`]. The last word before
    /// `map`.
    pub const fn reported_as_one(self) -> ReportedAsOne<H, Args> {
        ReportedAsOne(self)
    }

    /// Calls it with a tuple of inputs.
    pub(super) fn call_with(
        self,
        inputs: impl IntoInputs<Args>,
    ) -> <H::Mode as Mode>::Called<H::Output> {
        H::Mode::make((H::submitter().call)(self.prepare(inputs.into_inputs())))
    }

    /// Calls it with a tuple of inputs, for the state its run ends in.
    #[doc(hidden)]
    pub fn state_with(
        self,
        inputs: impl IntoInputs<Args>,
    ) -> <H::Mode as Mode>::Called<State<H::Value>> {
        H::Mode::make((H::submitter().state)(self.prepare(inputs.into_inputs())))
    }

    /// Calls it with a tuple of inputs, for a value that knows its run.
    #[doc(hidden)]
    pub fn tracked_with(
        self,
        inputs: impl IntoInputs<Args>,
    ) -> <H::Mode as Mode>::Called<H::Tracked> {
        H::Mode::make((H::submitter().tracked)(self.prepare(inputs.into_inputs())))
    }

    /// Submits it with a tuple of inputs.
    #[doc(hidden)]
    pub fn submit_with(self, inputs: impl IntoInputs<Args>) -> TaskFuture<H::Value> {
        (H::submitter().submit)(self.prepare(inputs.into_inputs()))
    }

    /// Submits it for each element of a tuple of iterables.
    #[doc(hidden)]
    pub fn map_with(self, inputs: impl IntoMapInputs<Args>) -> TaskFutures<H::Value> {
        let meta = H::definition().meta();
        let each = match inputs.into_map_inputs(meta.name, meta.parameters) {
            Ok(each) => each,
            Err(error) => return TaskFutures::failed(error),
        };
        let options = self.options.map(Arc::new);
        let submit = H::submitter().submit;
        each.into_iter()
            .map(|inputs| {
                submit(Prepared {
                    options: options.clone(),
                    wait_for: self.wait_for.clone(),
                    inputs,
                    copy: self.copy,
                    group: None,
                })
            })
            .collect()
    }
}

impl<H: FlowFn<Args>, Args: ArgumentList> FlowWithOptions<H, Args> {
    shared_builder!(FlowOptions, flow_run_name);

    /// Another task runner for the runs that it submits.
    pub fn task_runner(self, task_runner: impl TaskRunner) -> Self {
        self.change(|options| options.task_runner(task_runner))
    }

    /// Another delay before a retry.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.change(|options| options.retry_delay(delay))
    }

    changed_hooks! {
        FlowHookArguments: on_running on_completion on_failure on_cancellation on_crashed
    }

    /// Calls it with a tuple of inputs.
    pub(super) fn call_with(
        self,
        inputs: impl IntoInputs<Args>,
    ) -> <H::Mode as Mode>::Called<H::Output> {
        H::Mode::make((H::caller().call)(self.prepare(inputs.into_inputs())))
    }

    /// Calls it with a tuple of inputs, for the state its run ends in.
    #[doc(hidden)]
    pub fn state_with(
        self,
        inputs: impl IntoInputs<Args>,
    ) -> <H::Mode as Mode>::Called<State<H::Value>> {
        H::Mode::make((H::caller().state)(self.prepare(inputs.into_inputs())))
    }
}

impl<H, Args> fmt::Debug for WithOptions<H, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithOptions").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<H, Args> fmt::Debug for FlowWithOptions<H, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowWithOptions").field("options", &self.options).finish_non_exhaustive()
    }
}
