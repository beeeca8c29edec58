//! Snapshots: what surrounds a piece of code, as data that another process can read.
//!
//! [`serialize_context`] takes a [`SerializedContext`]; [`hydrated_context`] puts one into force again, here or elsewhere, as
//! a scope. A snapshot names functions as the registry knows them, so the process that hydrates it must have them linked.
//! It holds runs, tags, settings, the deployment and the trace; it never holds a client, nor the asset context that is
//! active: one is built from arguments, with [`SerializedContext::with_asset_context`].
//!
//! What was hydrated stands for the run and does not drive it: nobody is told of its states. Runs that are called inside
//! are runs of it, but none of them is counted, as others may be counted where it came from.
//!
//! This module knows the form of a snapshot. It does not know how it gets to another process.

mod call;
mod error;
mod hydrate;
mod parts;
mod take;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{AssetContext, Frame};
use crate::secret::Secrets;
use crate::stack;
use parts::{FlowRunPart, Part, Read, SettingsPart, TagsPart, TaskRunPart, Written};

pub use call::{WithContext, with_context};
pub use error::SnapshotError;
pub use hydrate::{HydratedContext, hydrated_context};
pub(super) use parts::AssetsPart;

/// What surrounds a piece of code, as versioned JSON.
///
/// It has the seven parts that Prefect gives it (`flow_run_context`, `task_run_context`, `tags_context`,
/// `settings_context`, `asset_context`, `deployment_id`, `deployment_parameters`), a `version`, and a `traceparent` if
/// there is one. A part that is not there is an empty object. Cheap to clone.
///
/// # Example: to another process and back
///
/// ```
/// use context_core::context::{
///     ContextModel, SerializedContext, TagsContext, hydrated_context, serialize_context,
/// };
///
/// let text = TagsContext::new(["nightly"]).in_scope(|| serialize_context().to_json());
///
/// let snapshot: SerializedContext = text.parse()?;
/// let tags = hydrated_context(&snapshot)?.in_scope(|| TagsContext::get().current_tags().to_string());
/// assert_eq!(tags, "nightly");
/// # Ok::<(), context_core::context::SnapshotError>(())
/// ```
#[derive(Clone, Default)]
pub struct SerializedContext(Arc<Parts>);

#[derive(Clone, Debug, Default)]
struct Parts {
    flow_run: Option<FlowRunPart>,
    task_run: Option<TaskRunPart>,
    tags: Option<TagsPart>,
    settings: Option<Arc<SettingsPart>>,
    assets: Option<AssetsPart>,
    deployment_id: Option<Uuid>,
    deployment_parameters: Option<Box<RawValue>>,
    traceparent: Option<Arc<str>>,
}

/// What surrounds this call, as data. Secrets of settings are masked; [`SerializedContext::of_current`] includes them on
/// request.
///
/// The settings of the process are in it where no others were entered, so it is never empty.
pub fn serialize_context() -> SerializedContext {
    SerializedContext::of_current(Secrets::Masked)
}

impl SerializedContext {
    /// The version of snapshots that this program writes and reads.
    pub const VERSION: u32 = 1;

    /// What surrounds this call. With [`Secrets::Included`], it holds the secrets of settings: for a process that acts in
    /// this one's place, and for nobody else.
    pub fn of_current(secrets: Secrets) -> Self {
        let frame = stack::current::<Frame>();
        Self(Arc::new(Parts::take(frame.as_ref(), secrets)))
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, was cut off, is of another version, or if a part of it is not as such parts are. Whether
    /// this program has the functions that it names is only looked at when it is hydrated.
    pub fn from_json(text: &str) -> Result<Self, SnapshotError> {
        let whole: Read<'_> = match serde_json::from_str(text) {
            Ok(whole) => whole,
            // It may be JSON, and something else than an object.
            Err(error) if error.is_data() => {
                return match serde_json::from_str::<de::IgnoredAny>(text) {
                    Ok(_) => Err(SnapshotError::malformed("snapshot", error)),
                    Err(error) => Err(SnapshotError::not_json(&error)),
                };
            }
            Err(error) => return Err(SnapshotError::not_json(&error)),
        };
        let version = whole.version.ok_or(SnapshotError::NoVersion)?;
        if version.get().parse() != Ok(Self::VERSION) {
            let found = version.get().to_owned();
            return Err(SnapshotError::UnknownVersion { found, known: Self::VERSION });
        }
        let traceparent: Option<String> = parts::read("traceparent", whole.traceparent)?;
        Ok(Self(Arc::new(Parts {
            flow_run: parts::read("flow_run_context", whole.flow_run_context)?,
            task_run: parts::read("task_run_context", whole.task_run_context)?,
            tags: parts::read("tags_context", whole.tags_context)?,
            settings: parts::read("settings_context", whole.settings_context)?.map(Arc::new),
            assets: parts::read("asset_context", whole.asset_context)?,
            deployment_id: parts::read("deployment_id", whole.deployment_id)?,
            deployment_parameters: whole
                .deployment_parameters
                .filter(|parameters| parameters.get() != "null")
                .map(ToOwned::to_owned),
            traceparent: traceparent.map(checked_traceparent).transpose()?,
        })))
    }

    /// The snapshot as the text of one JSON object.
    ///
    /// # Panics
    ///
    /// Never: all that is in it can be written as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every part of a snapshot can be written as JSON")
    }

    /// The same with the asset context of a run that is to be made elsewhere, as
    /// [`AssetContext::from_task_and_inputs`] or [`from_task_and_arguments`](AssetContext::from_task_and_arguments) builds it.
    /// It is entered there as it is.
    #[must_use]
    pub fn with_asset_context(self, assets: &AssetContext) -> Self {
        self.changed(|parts| parts.assets = Some(assets.to_part()))
    }

    /// The same as a part of a trace: `traceparent` is a header of W3C's trace context. Snapshots that are taken where it was
    /// hydrated carry it on.
    ///
    /// # Errors
    ///
    /// If the text is no such header.
    pub fn with_traceparent(self, traceparent: impl Into<String>) -> Result<Self, SnapshotError> {
        let traceparent = checked_traceparent(traceparent.into())?;
        Ok(self.changed(|parts| parts.traceparent = Some(traceparent)))
    }

    /// The trace that the code belongs to, if anybody has said so.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.traceparent.as_deref()
    }

    fn changed(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }
}

/// The form of version `00`: two, 32, 16 and two lower-case hex digits, and neither id is zero.
fn checked_traceparent(text: String) -> Result<Arc<str>, SnapshotError> {
    let mut fields = text.split('-');
    let mut field = |digits: usize, may_be_zero: bool| {
        fields.next().is_some_and(|field| {
            field.len() == digits
                && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && (may_be_zero || field.bytes().any(|byte| byte != b'0'))
        })
    };
    let fits = field(2, true) && field(32, false) && field(16, false) && field(2, true);
    if fits && fields.next().is_none() && !text.starts_with("ff") {
        Ok(text.into())
    } else {
        Err(SnapshotError::Traceparent { text })
    }
}

impl FromStr for SerializedContext {
    type Err = SnapshotError;

    fn from_str(text: &str) -> Result<Self, SnapshotError> {
        Self::from_json(text)
    }
}

impl Serialize for SerializedContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = &*self.0;
        Written {
            version: Self::VERSION,
            flow_run_context: Part(parts.flow_run.as_ref()),
            task_run_context: Part(parts.task_run.as_ref()),
            tags_context: Part(parts.tags.as_ref()),
            settings_context: Part(parts.settings.as_deref()),
            asset_context: Part(parts.assets.as_ref()),
            deployment_id: parts.deployment_id,
            deployment_parameters: parts.deployment_parameters.as_deref(),
            traceparent: parts.traceparent.as_deref(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SerializedContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The parts are read from text, to say what is wrong with which.
        let text = Value::deserialize(deserializer)?.to_string();
        Self::from_json(&text).map_err(de::Error::custom)
    }
}

impl fmt::Debug for SerializedContext {
    /// Without settings, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        f.debug_struct("SerializedContext")
            .field("flow_run", &parts.flow_run.as_ref().map(|run| &run.name))
            .field("task_run", &parts.task_run.as_ref().map(|run| &run.task.task_key))
            .field("tags", &parts.tags.as_ref().map(|tags| &tags.current_tags))
            .finish_non_exhaustive()
    }
}
