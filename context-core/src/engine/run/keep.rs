//! Results of a run: under which key, whether they are kept, and where.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::Run;
use super::target::{Target, TaskTarget, encoded};
use crate::cache::{KeyContext, KeyInputs};
use crate::context::{FlowRunContext, Frame, ResultScope};
use crate::definition::{CachingDefaults, Meta, Resolved, TaskExtra};
use crate::parameters::{ParameterSink, Parameters};
use crate::results::{IsolationLevel, ResultStore};
use crate::settings::Settings;
use crate::state::{InvalidOption, RunError, panic_message};

/// What a run does with its result.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Keep {
    /// Under which key, if there is one.
    pub(in crate::engine) key: Option<String>,
    pub(in crate::engine) store: ResultStore,
    /// True if it is written.
    pub(in crate::engine) persist: bool,
    /// True if what is there is made anew.
    pub(in crate::engine) refresh: bool,
    pub(in crate::engine) expiration: Option<Duration>,
    pub(in crate::engine) isolation: Option<IsolationLevel>,
}

/// The arguments as key policies see them: whole, and without those that only their type's name stands for.
pub(super) fn whole_arguments(encode: &dyn Fn(&mut ParameterSink)) -> Parameters {
    encoded(usize::MAX, encode)
}

fn key_inputs(parameters: &Parameters) -> KeyInputs {
    let mut inputs = KeyInputs::new();
    for (position, (name, value)) in parameters.iter().enumerate() {
        let name = name.to_owned();
        if parameters.is_opaque(position) {
            let reason = format!("its type, {value}, cannot be serialized");
            inputs.add_unserializable(name, reason.replace('"', "`"));
        } else {
            inputs.add(name, value);
        }
    }
    inputs
}

/// True the first time that `what` is said about the function that `whom` describes. Names are not enough: functions of
/// several modules may share one.
fn first_time(whom: &'static Meta, what: &'static str) -> bool {
    static SAID: Mutex<Option<HashSet<(usize, &'static str)>>> = Mutex::new(None);
    let whom = std::ptr::from_ref(whom).addr();
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.get_or_insert_default().insert((whom, what))
}

impl Run {
    /// Decides what becomes of the run's result. `None` if nothing does; `keepable` says whether its type allows it.
    ///
    /// # Errors
    ///
    /// If the options ask for what the type does not allow.
    pub(in crate::engine) fn plan_keeping(&self, keepable: bool) -> Result<Option<Keep>, RunError> {
        let frame = self.frame();
        let settings = Frame::settings(frame);
        match &self.target {
            Target::Task(task) => {
                let scope = ResultScope::of(frame);
                let plain = TaskExtra::default();
                let extra = task.options().extra().unwrap_or(&plain);
                let defaults = CachingDefaults {
                    no_cache: settings.tasks_default_no_cache(),
                    disabled: settings.tasks_disable_caching(),
                };
                let resolved = extra.caching.resolve(&extra.keeping, defaults);
                let persist = resolved
                    .persist
                    .or(settings.tasks_default_persist_result())
                    .or(scope.persist)
                    .unwrap_or(settings.results_persist_by_default());
                if !persist && !extra.keeps() {
                    return Ok(None);
                }
                if !keepable {
                    // Without persistence the options about results are idle.
                    return if persist { self.not_keepable(extra.keeps()) } else { Ok(None) };
                }
                Ok(Some(self.keep_task(task, extra, &resolved, persist, &scope, &settings)))
            }
            Target::Flow(flow) => {
                let keeping = flow.options().extra().map(|extra| &extra.keeping);
                // The scope inside the flow holds what its own options say, too.
                let scope = ResultScope::of(frame);
                let persist = scope.persist.unwrap_or(settings.results_persist_by_default());
                if !persist {
                    return Ok(None);
                }
                if !keepable {
                    let own = keeping.is_some_and(|keeping| keeping.persists() == Some(true));
                    return self.not_keepable(own);
                }
                let key = flow.context.as_ref().map(|run| run.id().as_uuid().simple().to_string());
                let store = scope.store(&settings).with_lock_manager(None);
                Ok(Some(Keep {
                    key,
                    store,
                    persist,
                    refresh: true,
                    expiration: None,
                    isolation: None,
                }))
            }
        }
    }

    fn meta(&self) -> &'static Meta {
        match &self.target {
            Target::Task(task) => task.definition.meta(),
            Target::Flow(flow) => flow.definition.meta(),
        }
    }

    fn not_keepable(&self, asked: bool) -> Result<Option<Keep>, RunError> {
        const PROBLEM: &str = "asks for a result to be kept, but the function's value cannot be: derive `serde::Serialize` and `serde::Deserialize` for its type, or remove the option";
        let run = self.function();
        if asked {
            let problem = PROBLEM.to_owned();
            return Err(InvalidOption { run, option: "persist_result", problem }.into());
        }
        if first_time(self.meta(), "not keepable") {
            tracing::warn!(
                "results of `{run}` are to be kept, but its value cannot be: it is not `Serialize` and `Deserialize`; say `persist_result = false` in its attribute if that is meant"
            );
        }
        Ok(None)
    }

    fn keep_task(
        &self,
        task: &TaskTarget,
        extra: &TaskExtra,
        resolved: &Resolved,
        persist: bool,
        scope: &ResultScope,
        settings: &Settings,
    ) -> Keep {
        let key = match (&resolved.policy, &extra.caching.storage_key) {
            (Some(_), _) => self.policy_key(task, resolved),
            (None, Some(template)) => match template.render(&self.storage_key_fields(task)) {
                Ok(key) => Some(key),
                Err(error) => {
                    tracing::warn!(
                        "the storage key of {} cannot be made, so that its result is not kept: {error}",
                        self.describe(),
                    );
                    None
                }
            },
            (None, None) => None,
        };
        let has_inputs = !task.definition.meta().parameters.is_empty();
        if key.is_none() && persist && has_inputs && first_time(self.meta(), "no key") {
            tracing::warn!(
                "results of `{}` are to be kept, but there is no key to keep them under; give it a `cache_policy` or a `result_storage_key`",
                self.function(),
            );
        }
        let mut store = scope.store(settings);
        let policy = resolved.policy.as_ref();
        if let Some(storage) = policy.and_then(|policy| policy.key_storage()) {
            store = store.with_metadata_storage(Some(storage.clone()));
        }
        if let Some(locks) = policy.and_then(|policy| policy.lock_manager()) {
            store = store.with_lock_manager(Some(locks.clone()));
        }
        Keep {
            key,
            store,
            persist,
            refresh: extra.caching.refresh.unwrap_or(settings.tasks_refresh_cache()),
            expiration: extra.caching.expiration,
            isolation: policy.and_then(|policy| policy.isolation_level()),
        }
    }

    fn policy_key(&self, task: &TaskTarget, resolved: &Resolved) -> Option<String> {
        let policy = resolved.policy.as_ref().filter(|policy| !policy.is_no_cache())?;
        let arguments = self.steps().and_then(|steps| steps.arguments.clone());
        let inputs = key_inputs(&arguments.unwrap_or_default());
        let flow = self.frame().and_then(|frame| frame.flow());
        let wanted = flow.filter(|_| policy.uses_flow_parameters());
        let flow_parameters = wanted.map(|flow| key_inputs(flow.parameters()));
        let task_key = task.definition.task_key();
        let context = KeyContext {
            task_run_id: task.id?,
            flow_run_id: flow.map(FlowRunContext::id),
            task_name: task.options().task_name(task.definition),
            task_key: &task_key,
            source: Some(task.definition.code_source()),
            inputs: &inputs,
            flow_parameters: flow_parameters.as_ref(),
        };
        let made = catch_unwind(AssertUnwindSafe(|| policy.compute_key(&context)));
        let problem = match made {
            Ok(Ok(key)) => return key,
            Ok(Err(error)) => error.to_string(),
            Err(payload) => format!("the key function panicked: {}", panic_message(&*payload)),
        };
        let run = self.describe();
        tracing::warn!("{run} has no cache key, so that its result is not kept: {problem}");
        None
    }

    /// What the fields of a storage key may name.
    fn storage_key_fields(&self, task: &TaskTarget) -> Parameters {
        let arguments = self.steps().and_then(|steps| steps.arguments.clone());
        let frame = self.frame();
        let flow = frame.and_then(|frame| frame.flow());
        let deployment = frame.and_then(|frame| frame.deployment());
        let flow_run = flow.map(|flow| {
            json!({
                "id": flow.id(),
                "name": flow.name(),
                "flow_name": flow.flow_name(),
                "run_count": flow.run_count(),
                "tags": flow.tags(),
                "parameters": flow.parameters(),
                "parent_flow_run_id": flow.parent_flow_run_id(),
                "root_flow_run_id": flow.root_flow_run_id(),
            })
        });
        let task_run = json!({
            "id": task.id,
            "name": self.name(),
            "task_name": task.options().task_name(task.definition),
            "task_key": task.definition.task_key(),
            "run_count": self.machine.run_count(),
        });
        let deployment = deployment.map(
            |deployment| json!({ "id": deployment.id(), "parameters": deployment.parameters() }),
        );
        let parameters: serde_json::Map<_, _> = arguments
            .unwrap_or_default()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        let none = || json!({});
        Parameters::from_iter([
            ("parameters", parameters.into()),
            ("flow_run", flow_run.unwrap_or_else(none)),
            ("task_run", task_run),
            ("deployment", deployment.unwrap_or_else(none)),
        ])
    }
}
