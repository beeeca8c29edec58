//! `AssetContext`: the assets that a task run reads and makes.

mod gathered;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::scope::scoped_by_push;
use super::snapshot::AssetsPart;
use super::{ContextModel, FlowRunContext, Frame, Ledger, Policy, Scope};
use crate::asset::{Asset, AssetTemplateError};
use crate::definition::{RunAssets, TaskDefinition, TaskOptions};
use crate::id::TaskRunId;
use crate::parameters::Parameters;
use crate::record::{AssetEvent, Client, RunEvent, TaskInputs, TaskRunEvent};
use crate::secret::Secrets;
use crate::stack;
use crate::state::{MissingContext, State, StateType};

pub(crate) use gathered::GatheredAssets;

/// The assets that a task run reads and makes; a new one for every attempt.
#[derive(Clone, Debug)]
pub struct AssetContext(Arc<AssetData>);

#[derive(Debug, Default)]
struct AssetData {
    direct_asset_dependencies: Vec<Asset>,
    downstream_assets: Vec<Asset>,
    upstream_assets: Vec<Asset>,
    materialized_by: Option<String>,
    task_run_id: Option<TaskRunId>,
    materialization_metadata: Mutex<BTreeMap<String, Map<String, Value>>>,
    copy_to_child_ctx: bool,
}

/// Why metadata could not be added to an asset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssetMetadataError {
    /// No task run is active.
    #[error(transparent)]
    MissingContext(#[from] MissingContext),
    /// The task run does not make this asset.
    #[error("this task run does not materialize `{key}`; {}", list_made(.made))]
    NotMaterialized {
        /// The asset's key.
        key: String,
        /// The keys that the run makes.
        made: Vec<String>,
    },
    /// Metadata must be a JSON object.
    #[error("metadata of `{key}` must be a JSON object, not {found}")]
    NotAnObject {
        /// The asset's key.
        key: String,
        /// What was given.
        found: &'static str,
    },
}

fn list_made(keys: &[String]) -> String {
    if keys.is_empty() {
        "it materializes nothing: annotate it with `#[materialize(..)]`".to_owned()
    } else {
        format!("it materializes {}", keys.join(", "))
    }
}

impl AssetContext {
    /// The context of a run of `definition` whose arguments came from `inputs`.
    ///
    /// Upstream are the assets that the input runs carry on in the flow run that surrounds this call; without a flow run
    /// there are none. Assets whose keys depend on parameters are left out:
    /// [`from_task_and_arguments`](Self::from_task_and_arguments) has them.
    pub fn from_task_and_inputs(
        definition: &TaskDefinition,
        task_run_id: TaskRunId,
        inputs: &TaskInputs,
    ) -> Self {
        let flow = FlowRunContext::get();
        let ledger = flow.as_ref().map(FlowRunContext::ledger);
        Self::build(definition.options(), None, task_run_id, inputs, ledger.map(AsRef::as_ref))
    }

    /// As [`from_task_and_inputs`](Self::from_task_and_inputs), of a run with these parameters.
    ///
    /// # Errors
    ///
    /// If a key that depends on parameters cannot be made of these.
    pub fn from_task_and_arguments(
        definition: &TaskDefinition,
        task_run_id: TaskRunId,
        inputs: &TaskInputs,
        parameters: &Parameters,
    ) -> Result<Self, AssetTemplateError> {
        let options = definition.options();
        let own = options.fill_in_assets(parameters).map_err(|(_, error)| error)?;
        let flow = FlowRunContext::get();
        let ledger = flow.as_ref().map(FlowRunContext::ledger);
        Ok(Self::build(options, Some(&own), task_run_id, inputs, ledger.map(AsRef::as_ref)))
    }

    /// As `from_task_and_inputs`, with `own` in place of what the options say of all runs, and notes in `ledger` what the run carries on.
    pub(crate) fn build(
        options: &TaskOptions,
        own: Option<&RunAssets>,
        task_run_id: TaskRunId,
        inputs: &TaskInputs,
        ledger: Option<&Ledger>,
    ) -> Self {
        let mut upstream_assets = Vec::new();
        if let Some(ledger) = ledger.filter(|ledger| ledger.has_assets()) {
            for run in inputs.sources() {
                merge(&mut upstream_assets, ledger.tracked_assets(run));
            }
        }
        let (made, read) = match own {
            Some(own) => (own.made.as_slice(), own.read.as_slice()),
            None => (options.made_assets(), options.read_assets()),
        };
        let context = Self(Arc::new(AssetData {
            direct_asset_dependencies: read.to_vec(),
            downstream_assets: made.to_vec(),
            upstream_assets,
            materialized_by: options.tool().map(ToOwned::to_owned),
            task_run_id: Some(task_run_id),
            materialization_metadata: Mutex::default(),
            copy_to_child_ctx: false,
        }));
        if let Some(ledger) = ledger {
            context.update_tracked_assets(task_run_id, ledger);
        }
        context
    }

    /// The context of a task run that reads and makes nothing.
    fn of_plain_task(task_run_id: TaskRunId) -> Self {
        Self(Arc::new(AssetData { task_run_id: Some(task_run_id), ..AssetData::default() }))
    }

    /// What the run has said so far about the assets that it makes, by their keys.
    pub(crate) fn materialization_metadata(&self) -> BTreeMap<String, Map<String, Value>> {
        let metadata = self.0.materialization_metadata.lock();
        metadata.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As a snapshot has it.
    pub(super) fn to_part(&self) -> AssetsPart {
        let data = &*self.0;
        let metadata = data.materialization_metadata.lock().unwrap_or_else(PoisonError::into_inner);
        AssetsPart {
            direct_asset_dependencies: data.direct_asset_dependencies.clone(),
            downstream_assets: data.downstream_assets.clone(),
            upstream_assets: data.upstream_assets.clone(),
            materialized_by: data.materialized_by.clone(),
            task_run_id: data.task_run_id,
            materialization_metadata: metadata.clone(),
            copy_to_child_ctx: data.copy_to_child_ctx,
        }
    }

    /// As a snapshot had it.
    pub(super) fn from_part(part: &AssetsPart) -> Self {
        Self(Arc::new(AssetData {
            direct_asset_dependencies: part.direct_asset_dependencies.clone(),
            downstream_assets: part.downstream_assets.clone(),
            upstream_assets: part.upstream_assets.clone(),
            materialized_by: part.materialized_by.clone(),
            task_run_id: part.task_run_id,
            materialization_metadata: Mutex::new(part.materialization_metadata.clone()),
            copy_to_child_ctx: part.copy_to_child_ctx,
        }))
    }

    /// A materializing run carries on what it makes; any other carries on what it has read.
    fn update_tracked_assets(&self, id: TaskRunId, ledger: &Ledger) {
        let assets = if self.0.downstream_assets.is_empty() {
            self.read_assets()
        } else {
            self.0.downstream_assets.clone()
        };
        if !assets.is_empty() {
            ledger.track_assets(id, assets);
        }
    }

    /// The assets that the run makes.
    pub fn downstream_assets(&self) -> &[Asset] {
        &self.0.downstream_assets
    }

    /// The assets that its arguments were made from.
    pub fn upstream_assets(&self) -> &[Asset] {
        &self.0.upstream_assets
    }

    /// The assets that it is declared to read.
    pub fn direct_asset_dependencies(&self) -> &[Asset] {
        &self.0.direct_asset_dependencies
    }

    /// The tool that makes the assets.
    pub fn materialized_by(&self) -> Option<&str> {
        self.0.materialized_by.as_deref()
    }

    /// The task run.
    pub fn task_run_id(&self) -> Option<TaskRunId> {
        self.0.task_run_id
    }

    /// Adds `metadata` to what this run says about the asset `key`. Later values replace earlier ones, field by field.
    ///
    /// # Errors
    ///
    /// If the run does not make that asset, or `metadata` is not a JSON object.
    pub fn add_asset_metadata(&self, key: &str, metadata: Value) -> Result<(), AssetMetadataError> {
        if !self.0.downstream_assets.iter().any(|asset| asset.key() == key) {
            let made = self.0.downstream_assets.iter().map(|asset| asset.key().to_owned());
            return Err(AssetMetadataError::NotMaterialized {
                key: key.to_owned(),
                made: made.collect(),
            });
        }
        let Value::Object(metadata) = metadata else {
            return Err(AssetMetadataError::NotAnObject {
                key: key.to_owned(),
                found: kind(&metadata),
            });
        };
        let mut all =
            self.0.materialization_metadata.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key.to_owned()).or_default().extend(metadata);
        Ok(())
    }

    /// True if a task run that is called inside takes this context over instead of building one of its own.
    pub fn copy_to_child_ctx(&self) -> bool {
        self.0.copy_to_child_ctx
    }

    /// A copy that task runs called inside take over, or do not. Metadata that was added so far is not in the copy.
    #[must_use]
    pub fn with_copy_to_child_ctx(&self, copy: bool) -> Self {
        Self(Arc::new(AssetData {
            direct_asset_dependencies: self.0.direct_asset_dependencies.clone(),
            downstream_assets: self.0.downstream_assets.clone(),
            upstream_assets: self.0.upstream_assets.clone(),
            materialized_by: self.0.materialized_by.clone(),
            task_run_id: self.0.task_run_id,
            materialization_metadata: Mutex::default(),
            copy_to_child_ctx: copy,
        }))
    }

    /// The assets that the run has read: those its arguments were made of, then those it is declared to read.
    pub(crate) fn read_assets(&self) -> Vec<Asset> {
        let mut read = self.0.upstream_assets.clone();
        merge(&mut read, self.0.direct_asset_dependencies.clone());
        read
    }

    /// What the run has said so far about the assets it makes, by key.
    pub(crate) fn metadata(&self) -> BTreeMap<String, Map<String, Value>> {
        self.0.materialization_metadata.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The event about what a run has made that ended in `state`.
    ///
    /// Only a run that makes assets tells anything, and only if it completed (and was not taken from a cache) or failed.
    fn event(&self, state: &State) -> Option<&'static str> {
        match state.state_type() {
            _ if self.0.downstream_assets.is_empty() || state.name() == "Cached" => None,
            StateType::Completed => Some(AssetEvent::SUCCEEDED),
            StateType::Failed => Some(AssetEvent::FAILED),
            _ => None,
        }
    }

    /// Tells `client` what `task_run`, which has ended, has read and made.
    pub(crate) fn emit_events(&self, task_run: &TaskRunEvent<'_>, client: &Client) {
        let (Some(task_run_id), Some(event)) = (self.0.task_run_id, self.event(task_run.state))
        else {
            return;
        };
        let read = self.read_assets();
        for asset in &read {
            client.record(&RunEvent::Asset(AssetEvent {
                event: AssetEvent::REFERENCED,
                asset,
                task_run_id,
                task_run,
                upstream: &[],
                materialized_by: None,
                metadata: None,
            }));
        }
        let metadata = self.metadata();
        for asset in &self.0.downstream_assets {
            client.record(&RunEvent::Asset(AssetEvent {
                event,
                asset,
                task_run_id,
                task_run,
                upstream: &read,
                materialized_by: self.materialized_by(),
                metadata: metadata.get(asset.key()),
            }));
        }
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_outer(current, |outer| outer.assets = Some(self.clone()))
    }
}

/// Adds `more` to `assets`, one for each key; the last definition of a key wins.
fn merge(assets: &mut Vec<Asset>, more: Vec<Asset>) {
    for asset in more {
        match assets.iter_mut().find(|known| **known == asset) {
            Some(known) => *known = asset,
            None => assets.push(asset),
        }
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl ContextModel for AssetContext {
    const NAME: &'static str = "AssetContext";
    const POLICY: Policy = Policy::IN_PROCESS;

    fn get() -> Option<Self> {
        stack::peek::<Frame, _>(|frame| {
            let frame = frame?;
            if let Some(assets) = frame.outer().and_then(|outer| outer.assets.as_ref()) {
                return Some(assets.clone());
            }
            let task = frame.task()?;
            let own = task.details.as_deref().and_then(|details| details.assets.clone());
            Some(own.unwrap_or_else(|| Self::of_plain_task(task.id)))
        })
    }

    fn serialize(&self, _: Secrets) -> Value {
        let keys = |assets: &[Asset]| -> Vec<String> {
            assets.iter().map(|asset| asset.key().to_owned()).collect()
        };
        let metadata =
            self.0.materialization_metadata.lock().unwrap_or_else(PoisonError::into_inner);
        json!({
            "direct_asset_dependencies": keys(&self.0.direct_asset_dependencies),
            "downstream_assets": keys(&self.0.downstream_assets),
            "upstream_assets": keys(&self.0.upstream_assets),
            "materialized_by": self.0.materialized_by,
            "task_run_id": self.0.task_run_id,
            "materialization_metadata": *metadata,
            "copy_to_child_ctx": self.0.copy_to_child_ctx,
        })
    }

    scoped_by_push!();
}

/// Adds metadata to an asset that the surrounding task run makes.
///
/// # Errors
///
/// If no task run surrounds the call, if it does not make the asset `key`, or if `metadata` is not a JSON object.
pub fn add_asset_metadata(key: impl AsRef<str>, metadata: Value) -> Result<(), AssetMetadataError> {
    match AssetContext::get() {
        Some(context) => context.add_asset_metadata(key.as_ref(), metadata),
        None => Err(MissingContext { context: "task run", call: "add_asset_metadata" }.into()),
    }
}
