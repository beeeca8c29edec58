//! Events of programs, and those about artifacts.

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::limits::text_within;
use super::related::{MOST, Related, RelatedTo};
use super::text::Time;
use super::{Event, FlowRunFacts, Subject};
use crate::event::{Event as Told, Resource};
use crate::record::{ArtifactEvent, Origin};
use crate::tags::TagSet;

/// An event of a program: what it says, and the runs that tell it. `None` if it is too large for the server.
pub(in crate::record::server) fn custom_event(
    told: &Told,
    origin: &Origin,
    flow: Option<&FlowRunFacts>,
) -> Option<Event> {
    let names: Vec<&str> = std::iter::once(told.resource().id())
        .chain(told.related().iter().map(Resource::id))
        .collect();
    let is_new = |kind: &str, id: Uuid| !names.contains(&format!("prefect.{kind}.{id}").as_str());
    let mut related: Vec<_> = told.related().iter().map(Related::Given).collect();
    let mut tags = TagSet::EMPTY;
    // Outside of flow runs nothing is said of the run.
    if let Some(id) = origin.flow_run_id {
        if is_new("flow-run", id.into()) {
            let name = origin.flow_run_name.as_deref();
            related.push(Related::named_flow_run(id, flow.map(|flow| &*flow.name).or(name)));
        }
        if let Some(task_run_id) = origin.task_run_id
            && is_new("task-run", task_run_id.into())
        {
            let name = origin.task_run_name.as_deref().unwrap_or_default();
            related.push(Related::task_run(task_run_id, name));
        }
        related.extend(flow.filter(|flow| is_new("flow", flow.flow_id)).map(Related::flow));
        let all = flow.map_or(TagSet::EMPTY, |flow| flow.tags.clone()).union(&origin.tags);
        let is_new = |tag: &str| !names.contains(&format!("prefect.tag.{tag}").as_str());
        tags = all.iter().filter(|tag| is_new(tag.as_str())).cloned().collect();
    }
    // What the program says comes before what is added.
    related.truncate(MOST);
    let related = RelatedTo { last: &related, tags_last: tags.as_slice(), ..RelatedTo::default() };
    let text = text_within(told.name(), related.len(), |_| {
        super::text_of(&Wire {
            occurred: Time::utc(told.occurred()),
            event: told.name(),
            resource: told.resource(),
            related,
            payload: told.payload(),
            id: told.id().as_uuid(),
            follows: told.follows().map(Into::into),
        })
    })?;
    let id = told.id().as_uuid();
    Some(Event { id, flow_run: origin.flow_run_id, subject: Subject::Other, text })
}

#[derive(Serialize)]
struct Wire<'a> {
    occurred: Time,
    event: &'a str,
    resource: &'a Resource,
    related: RelatedTo<'a>,
    payload: &'a Value,
    id: Uuid,
    follows: Option<Uuid>,
}

/// The event that an artifact was created or changed.
pub(in crate::record::server) fn artifact_event(
    event: &ArtifactEvent<'_>,
    flow: Option<&FlowRunFacts>,
) -> Option<Event> {
    let resource = Resource::new(format!("prefect.artifact.{}", event.id));
    let resource = match event.key {
        Some(key) => resource.with_name(key),
        None => resource,
    };
    let payload = if event.event == ArtifactEvent::CREATED {
        json!({ "key": event.key, "type": event.kind, "description": event.description })
    } else {
        let mut changed = Map::from_iter([("data".to_owned(), event.data.clone())]);
        changed.extend(event.description.map(|text| ("description".to_owned(), text.into())));
        Value::Object(changed)
    };
    custom_event(&Told::new(event.event, resource).with_payload(payload), event.origin, flow)
}
