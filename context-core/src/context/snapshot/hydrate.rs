//! Hydrating a snapshot: building what it says from what this process has.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::value::RawValue;

use super::parts::{FlowRunPart, SettingsPart, TaskRunPart};
use super::{Parts, SerializedContext, SnapshotError};
use crate::context::frame::Hydrated;
use crate::context::{
    AssetContext, DeploymentContext, FlowRunContext, FlowRunData, Frame, Ledger, LiveTask, Scope,
    SettingsContext, StandIn, TaskDetails, TaskTransactions,
};
use crate::definition::{FlowOptions, TaskDefinition, TaskOptions};
use crate::parameters::Parameters;
use crate::record::{Client, TaskInputs};
use crate::registry;
use crate::runner::Runner;
use crate::secret::{MASK, Secrets};
use crate::settings::Settings;
use crate::stack;
use crate::tags::{TagNode, Tags};

/// A snapshot that can be entered in this process, any number of times. Made by [`hydrated_context`].
///
/// Every scope is of the run as it was: each has a task runner of its own like that of the flow, and keeps the run's start
/// time. Tags unite with those that surround the scope; everything else replaces what surrounds it, and what is not in the
/// snapshot stays as it is.
#[derive(Clone, Debug)]
#[must_use = "a hydrated context does nothing until it is entered: call `.in_scope(|| ..)` or `.scope(future)`"]
pub struct HydratedContext(Arc<Ready>);

#[derive(Clone, Debug)]
struct Ready {
    /// But for the ledger, which every scope has of its own.
    flow: Option<FlowRunData>,
    task: Option<(LiveTask, bool)>,
    tags: Option<Tags>,
    settings: Option<SettingsContext>,
    assets: Option<AssetContext>,
    deployment: Option<DeploymentContext>,
    traceparent: Option<Arc<str>>,
    client: Option<Client>,
}

/// Looks up what the snapshot names, and gives what can be entered.
///
/// Runs that are called inside are recorded by `Client` of the settings in the snapshot, unless
/// [`HydratedContext::with_client`] says by which. What was masked when the snapshot was taken is not in it: those settings
/// are this process' own.
///
/// # Errors
///
/// If this program does not have a function that the snapshot names, or has two of them that cannot be told apart; if a
/// setting does not exist or cannot have the value; if parameters are no JSON objects.
pub fn hydrated_context(snapshot: &SerializedContext) -> Result<HydratedContext, SnapshotError> {
    let parts: &Parts = &snapshot.0;
    let settings = parts.settings.as_ref().map(hydrated_settings).transpose()?;
    let deployment = match parts.deployment_id {
        None => None,
        Some(id) => {
            let parameters =
                parameters("deployment_parameters", parts.deployment_parameters.as_deref())?;
            Some(DeploymentContext::new(id, parameters))
        }
    };
    let task = parts.task_run.as_ref().map(|part| Ok((live_task(part)?, part.called_the_flow)));
    Ok(HydratedContext(Arc::new(Ready {
        flow: parts.flow_run.as_ref().map(ready_flow).transpose()?,
        task: task.transpose()?,
        tags: parts.tags.as_ref().map(|tags| tags.current_tags.iter().cloned().collect()),
        settings,
        assets: parts.assets.as_ref().map(AssetContext::from_part),
        deployment,
        traceparent: parts.traceparent.clone(),
        client: None,
    })))
}

impl HydratedContext {
    /// The same, where `client` records what is called inside.
    pub fn with_client(self, client: Client) -> Self {
        let ready = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Ready { client: Some(client), ..ready }))
    }

    /// The settings in it.
    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.0.settings.as_ref().map(SettingsContext::settings)
    }

    /// Calls `f` in this context.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let frame = self.frame(Runner::of_blocking_caller);
        let _end = ScopeEnd(frame.clone());
        stack::within(Some(frame), f)
    }

    /// Ties `future` to this context: it is polled and dropped inside, on whatever thread.
    ///
    /// A flow or task called in the argument list was called outside: write `scope(async { load().await })`.
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        let frame = self.frame(Runner::of_async_caller);
        let end = ScopeEnd(frame.clone());
        Scope::holding(future, frame, end)
    }

    fn frame(&self, runner: fn() -> Runner) -> Arc<Frame> {
        let ready = &*self.0;
        let current = stack::current::<Frame>();
        let flow = ready.flow.as_ref().map(|flow| ready.enter(flow, current.as_ref(), runner));
        Frame::hydrated(
            current.as_ref(),
            Hydrated {
                flow,
                task: ready.task.clone(),
                tags: ready.tags.clone(),
                settings: ready.settings.clone(),
                assets: ready.assets.clone(),
                deployment: ready.deployment.clone(),
                traceparent: ready.traceparent.clone(),
            },
        )
    }
}

/// Ends a scope: submitted runs that have not ended go on, but the task runner takes no more.
struct ScopeEnd(Arc<Frame>);

impl Drop for ScopeEnd {
    fn drop(&mut self) {
        if let Some(flow) = self.0.flow() {
            flow.ledger().shut_down();
        }
    }
}

impl Ready {
    /// The flow run, for one scope.
    fn enter(
        &self,
        flow: &FlowRunData,
        current: Option<&Arc<Frame>>,
        runner: fn() -> Runner,
    ) -> FlowRunContext {
        let mut data = flow.clone();
        let client = self.client.clone().unwrap_or_else(|| match &self.settings {
            Some(settings) => Client::under(settings.settings()),
            None => Frame::with_client(current, Clone::clone),
        });
        let runner = match data.options().chosen_task_runner() {
            Some(chosen) => runner().with_task_runner(chosen.duplicate()),
            None => runner(),
        };
        data.ledger = Arc::new(Ledger::detached(client, runner));
        FlowRunContext::from_data(data)
    }
}

fn ready_flow(part: &FlowRunPart) -> Result<FlowRunData, SnapshotError> {
    let definition = registry::flow_in(&part.flow.name, &part.flow.module)
        .map_err(|source| SnapshotError::Definition { part: "flow_run_context", source })?;
    let options = part.flow.renamed.as_ref().map(|name| {
        let options: FlowOptions = definition.options().clone();
        Arc::new(options.name(name.clone()))
    });
    let tags: Tags = part.tags.iter().cloned().collect();
    Ok(FlowRunData {
        id: part.id,
        definition,
        options,
        name: OnceLock::from(part.name.clone()),
        parameters: parameters("flow_run_context", part.parameters.as_deref())?,
        start_time: part.start_time,
        run_count: part.run_count,
        stand_in: part.parent.map(|parent| StandIn {
            id: parent.task_run_id,
            count: parent.count,
            flow_run_id: parent.flow_run_id,
            run_count: parent.run_count,
            parent: parent.parent,
        }),
        parent_flow_run_id: part.parent_flow_run_id,
        root_flow_run_id: part.root_flow_run_id,
        outer_flow_run_ids: None,
        tags: (!tags.is_empty()).then(|| TagNode::push(None, tags)),
        log_prints: part.log_prints,
        cancellation: None,
        ledger: Arc::new(Ledger::detached(Client::off(), Runner::of_blocking_caller())),
        course: Arc::default(),
    })
}

fn live_task(part: &TaskRunPart) -> Result<LiveTask, SnapshotError> {
    let definition = registry::task_in(&part.task.task_key, &part.task.module)
        .map_err(|source| SnapshotError::Definition { part: "task_run_context", source })?;
    let options = (part.task.renamed.is_some() || part.task.tagged.is_some()).then(|| {
        let mut options: TaskOptions = definition.options().clone();
        if let Some(name) = &part.task.renamed {
            options = options.name(name.clone());
        }
        if let Some(tags) = &part.task.tagged {
            options = options.tags(tags.clone());
        }
        Arc::new(options)
    });
    let details = TaskDetails {
        options,
        name: part.name.clone(),
        parameters: parameters("task_run_context", part.parameters.as_deref())?,
        inputs: task_inputs(definition, part)?,
        ..TaskDetails::default()
    };
    Ok(LiveTask {
        id: part.id,
        definition,
        parent: part.parent_task_run_id,
        start_time: part.start_time,
        run_count: part.run_count,
        details: Some(Arc::new(details)),
        transactions: TaskTransactions::default(),
    })
}

/// The names of inputs are those of the function's parameters, or have a meaning of their own.
fn task_inputs(
    definition: &'static TaskDefinition,
    part: &TaskRunPart,
) -> Result<TaskInputs, SnapshotError> {
    const OTHERS: [&str; 2] = [TaskInputs::WAIT_FOR, TaskInputs::PARENTS];
    let mut inputs = TaskInputs::new();
    for (name, runs) in &part.task_inputs {
        let mut known = definition.meta().parameters.iter().chain(&OTHERS);
        let Some(known) = known.find(|known| *known == name) else {
            let task = definition.meta().name;
            let reason = format!("task `{task}` has no parameter `{name}`");
            return Err(SnapshotError::malformed("task_run_context", reason));
        };
        inputs.add(known, runs.clone());
    }
    Ok(inputs)
}

fn parameters(part: &'static str, text: Option<&RawValue>) -> Result<Parameters, SnapshotError> {
    match text {
        None => Ok(Parameters::EMPTY),
        Some(text) => serde_json::from_str(text.get())
            .map_err(|error| SnapshotError::malformed(part, format!("parameters: {error}"))),
    }
}

/// The settings that were hydrated last: a process that is sent one run after another gets the same ones again and again.
static LAST: Mutex<Option<(Arc<SettingsPart>, SettingsContext)>> = Mutex::new(None);

fn hydrated_settings(part: &Arc<SettingsPart>) -> Result<SettingsContext, SnapshotError> {
    let lock = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, settings)) = &*lock()
        && known == part
    {
        return Ok(settings.clone());
    }
    let own = SettingsContext::root().settings();
    let is_masked = |name: &str, text: &str| text == MASK && Settings::is_secret(name);
    let mut variables = Vec::with_capacity(part.settings.len());
    for (name, text) in &part.settings {
        let text = if is_masked(name, text) {
            own.get(name, Secrets::Included).map_err(SnapshotError::Setting)?
        } else {
            Some(text.clone())
        };
        variables.extend(text.map(|text| (name.as_str(), text)));
    }
    let settings =
        Settings::of_variables(&part.profile, &variables).map_err(SnapshotError::Setting)?;
    let settings = SettingsContext::new(settings);
    *lock() = Some((part.clone(), settings.clone()));
    Ok(settings)
}
