//! Events about assets.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::limits::text_within;
use super::related::{Related, RelatedTo};
use super::text::Time;
use super::{Event, FlowRunFacts, Subject};
use crate::clock::Timestamp;
use crate::id::StateId;
use crate::record::AssetEvent;
use crate::tags::TagSet;

/// The event that a task run has read or made an asset. `None` if it cannot be made small enough for the server.
pub(in crate::record::server) fn asset_event(
    event: &AssetEvent<'_>,
    at: Timestamp,
    flow: Option<&FlowRunFacts>,
) -> Option<Event> {
    let run = event.task_run;
    let name = run.name.to_string();
    let first: Vec<_> = event.upstream.iter().map(|asset| Related::asset(asset.key())).collect();
    let mut last = Vec::with_capacity(4);
    last.extend(event.materialized_by.map(Related::tool));
    let mut tags = TagSet::EMPTY;
    // Outside of flow runs nothing is said of the run.
    if let Some(id) = run.flow_run_id {
        last.push(Related::flow_run(id, flow));
        last.push(Related::task_run(event.task_run_id, &name));
        last.extend(flow.map(Related::flow));
        tags = flow.map_or(TagSet::EMPTY, |flow| flow.tags.clone()).union(&run.tags.to_set());
    }
    let related = RelatedTo {
        first: &first,
        last: &last,
        tags_last: tags.as_slice(),
        ..RelatedTo::default()
    };
    let id = StateId::generate(at).as_uuid();
    let text = text_within(event.asset.key(), related.len(), |room| {
        super::text_of(&Wire {
            occurred: Time::utc(at),
            event: event.event,
            resource: Labels(&event.asset.as_resource()),
            related,
            // Cut JSON is no JSON: what does not fit is left out as a whole.
            payload: event.metadata.filter(|_| room.inputs > 0).unwrap_or(&Map::new()),
            id,
            follows: None,
        })
    })?;
    Some(Event { id, flow_run: run.flow_run_id, subject: Subject::Other, text })
}

#[derive(Serialize)]
struct Wire<'a> {
    occurred: Time,
    event: &'static str,
    resource: Labels<'a>,
    related: RelatedTo<'a>,
    payload: &'a Map<String, Value>,
    id: Uuid,
    follows: Option<Uuid>,
}

struct Labels<'a>(&'a [(String, String)]);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (label, value) in self.0 {
            map.serialize_entry(label, value)?;
        }
        map.end()
    }
}
