//! The parts of a snapshot, as they are written.
//!
//! A part that is not there is an empty object. Each is read by itself, so that an error names it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::SnapshotError;
use crate::asset::Asset;
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::tags::{Tag, TagSet};

/// Which function a run is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FlowPart {
    /// The registered name.
    pub(super) name: String,
    /// Tells flows of one name apart.
    pub(super) module: String,
    /// The name of this call, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) renamed: Option<String>,
}

/// Which function a run is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskPart {
    pub(super) task_key: String,
    /// Tells tasks of one key apart.
    pub(super) module: String,
    /// The name of this call, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) renamed: Option<String>,
    /// The task's own tags, if this call has others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tagged: Option<Vec<Tag>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FlowRunPart {
    pub(super) flow: FlowPart,
    pub(super) id: FlowRunId,
    pub(super) name: String,
    pub(super) tags: TagSet,
    /// Always: whoever hydrates it does not drive the run.
    #[serde(default)]
    pub(super) detached: bool,
    #[serde(default, deserialize_with = "some_raw", skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Box<RawValue>>,
    pub(super) start_time: Timestamp,
    pub(super) run_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<StandInPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_flow_run_id: Option<FlowRunId>,
    pub(super) root_flow_run_id: FlowRunId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log_prints: Option<bool>,
}

/// The task run that stands for the flow run in the one that has called it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StandInPart {
    pub(super) task_run_id: TaskRunId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
    pub(super) flow_run_id: FlowRunId,
    pub(super) run_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<TaskRunId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TaskRunPart {
    pub(super) task: TaskPart,
    pub(super) id: TaskRunId,
    /// As it was given; else it follows from the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// True if the flow run of the snapshot is not the one that it belongs to, but one that it has called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) called_the_flow: bool,
    #[serde(default, deserialize_with = "some_raw", skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Box<RawValue>>,
    pub(super) start_time: Timestamp,
    pub(super) run_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_task_run_id: Option<TaskRunId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) task_inputs: Vec<(String, Vec<TaskRunId>)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TagsPart {
    pub(super) current_tags: TagSet,
}

/// Settings by their variables, as far as somebody has set them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SettingsPart {
    pub(super) profile: String,
    pub(super) settings: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::context) struct AssetsPart {
    pub(in crate::context) direct_asset_dependencies: Vec<Asset>,
    pub(in crate::context) downstream_assets: Vec<Asset>,
    pub(in crate::context) upstream_assets: Vec<Asset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::context) materialized_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::context) task_run_id: Option<TaskRunId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::context) materialization_metadata: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    pub(in crate::context) copy_to_child_ctx: bool,
}

/// A snapshot as it is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    pub(super) version: u32,
    pub(super) flow_run_context: Part<'a, FlowRunPart>,
    pub(super) task_run_context: Part<'a, TaskRunPart>,
    pub(super) tags_context: Part<'a, TagsPart>,
    pub(super) settings_context: Part<'a, SettingsPart>,
    pub(super) asset_context: Part<'a, AssetsPart>,
    pub(super) deployment_id: Option<Uuid>,
    pub(super) deployment_parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<&'a str>,
}

/// A part that may not be there.
pub(super) struct Part<'a, T>(pub(super) Option<&'a T>);

impl<T: Serialize> Serialize for Part<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(part) => part.serialize(serializer),
            None => serializer.collect_map(std::iter::empty::<((), ())>()),
        }
    }
}

/// A snapshot as it is read: its parts are looked at one by one.
#[derive(Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow)]
    pub(super) version: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) flow_run_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) task_run_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tags_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) settings_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) asset_context: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) deployment_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) deployment_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) traceparent: Option<&'a RawValue>,
}

/// A part that may be left out, or an empty object.
pub(super) fn read<'a, T: Deserialize<'a>>(
    part: &'static str,
    text: Option<&'a RawValue>,
) -> Result<Option<T>, SnapshotError> {
    let Some(text) = text.map(RawValue::get).filter(|text| !is_nothing(text)) else {
        return Ok(None);
    };
    let read = serde_json::from_str(text);
    read.map(Some).map_err(|error| SnapshotError::malformed(part, error))
}

/// True for `null` and `{}`.
fn is_nothing(text: &str) -> bool {
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    text == "null" || inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

fn some_raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Option::<Box<RawValue>>::deserialize(deserializer)
}
