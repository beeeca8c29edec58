//! Results of a run: under which key, whether they are kept, and where.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::Run;
use super::target::{Target, TaskTarget};
use crate::cache::{KeyContext, KeyInputs};
use crate::context::{FlowRunContext, Frame, ResultScope};
use crate::definition::{CachingDefaults, Meta, Resolved, TaskExtra};
use crate::parameters::{ParameterSink, Parameters};
use crate::results::{IsolationLevel, ResultStore};
use crate::secret::{self, MASK};
use crate::settings::Settings;
use crate::stack;
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

/// All arguments of a call, for keys.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct WholeArguments {
    parameters: Parameters,
    /// As key policies see them: as they are, since JSON makes different numbers one.
    inputs: KeyInputs,
}

/// The arguments for keys. One with a [secret](crate::secret::Secret) in it is only the name of its type, as masks would
/// make different arguments one.
pub(super) fn whole_arguments(encode: &dyn Fn(&mut ParameterSink)) -> WholeArguments {
    let inputs = Arc::new(Mutex::new(KeyInputs::new()));
    let seen = inputs.clone();
    let mut sink = ParameterSink::new(usize::MAX).witnessed(move |name, value| {
        let mut inputs = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Ok(value) => inputs.add(name.to_owned(), value),
            Err(of_type) => inputs.add_unserializable(name.to_owned(), opaque(&of_type)),
        }
    });
    let parameters = secret::refused(|| {
        encode(&mut sink);
        sink.finish()
    });
    let inputs = std::mem::take(&mut *inputs.lock().unwrap_or_else(PoisonError::into_inner));
    WholeArguments { parameters, inputs }
}

/// Why what only its type's name stands for cannot be hashed.
fn opaque(of_type: &str) -> String {
    format!("its type, `{of_type}`, cannot be serialized")
}

/// True if a secret in `value`, which was not refused, is masked.
fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text == MASK,
        Value::Array(elements) => elements.iter().any(is_masked),
        Value::Object(members) => members.values().any(is_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// True if a number in `value` may have been an integer that was too large to be read as one.
fn is_rounded(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= 2_f64.powi(63))
        }
        Value::Array(elements) => elements.iter().any(is_rounded),
        Value::Object(members) => members.values().any(is_rounded),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The parameters whose values tell one call from another.
fn telling(parameters: &Parameters) -> Value {
    let known = parameters.iter().enumerate();
    let known = known.filter(|(at, (_, value))| {
        !parameters.is_opaque(*at) && !is_masked(value) && !is_rounded(value)
    });
    known.map(|(_, (name, value))| (name.to_owned(), value.clone())).collect()
}

fn key_inputs(parameters: &Parameters) -> KeyInputs {
    let mut inputs = KeyInputs::new();
    for (position, (name, value)) in parameters.iter().enumerate() {
        let name = name.to_owned();
        if parameters.is_opaque(position) {
            inputs.add_unserializable(name, opaque(value.as_str().unwrap_or_default()));
        } else if is_masked(value) {
            inputs.add_unserializable(name, "it holds a secret, which is masked".to_owned());
        } else if is_rounded(value) {
            inputs.add_unserializable(name, "JSON has rounded a large number in it".to_owned());
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
        let none = KeyInputs::new();
        let arguments = self.steps().and_then(|steps| steps.arguments.as_ref());
        let inputs = arguments.map_or(&none, |arguments| &arguments.inputs);
        let flow = self.frame().and_then(|frame| frame.flow());
        let lost = |flow: &FlowRunContext| {
            flow.parameters().is_empty() && !flow.definition().meta().parameters.is_empty()
        };
        if policy.is_of_flow_parameters() && flow.is_some_and(lost) {
            // The others of a compound would give runs of different parameters one key.
            if first_time(self.meta(), "no flow parameters") {
                tracing::warn!(
                    "results of `{}` are not kept where the client wants no parameters, as its `cache_policy` depends on those of the flow",
                    self.function(),
                );
            }
            return None;
        }
        let wanted = flow.filter(|_| policy.uses_flow_parameters());
        let flow_parameters = wanted.map(|flow| key_inputs(flow.parameters()));
        let task_key = task.definition.task_key();
        let context = KeyContext {
            task_run_id: task.id?,
            flow_run_id: flow.map(FlowRunContext::id),
            task_name: task.options().task_name(task.definition),
            task_key: &task_key,
            source: Some(task.definition.code_source()),
            inputs,
            flow_parameters: flow_parameters.as_ref(),
        };
        let made = || catch_unwind(AssertUnwindSafe(|| policy.compute_key(&context)));
        let made = if policy.has_function() {
            // The user's code, in the run's own context. The run's transaction is not there yet.
            stack::within(Some(Frame::with_transaction(self.frame(), None)), made)
        } else {
            made()
        };
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
        let arguments = self.steps().and_then(|steps| steps.arguments.as_ref());
        let mut parameters = arguments.map_or(Value::Null, |given| telling(&given.parameters));
        if let (Some(given), Value::Object(parameters)) = (arguments, &mut parameters) {
            // Numbers that JSON does not have are all `null` in it.
            let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
            parameters.retain(|name, _| given.inputs.text(name).is_ok_and(is_json));
        }
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
                "parameters": telling(flow.parameters()),
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
        let none = || json!({});
        Parameters::from_iter([
            ("parameters", parameters),
            ("flow_run", flow_run.unwrap_or_else(none)),
            ("task_run", task_run),
            ("deployment", deployment.unwrap_or_else(none)),
        ])
    }
}
