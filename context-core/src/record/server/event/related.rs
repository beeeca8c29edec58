//! What else an event has to do with, each thing in its role.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::FlowRunFacts;
use super::text::{ResourceId, Shown};
use crate::event::Resource;
use crate::id::{FlowRunId, TaskRunId};
use crate::tags::Tag;

/// So many the server accepts. With more it cuts the connection.
pub(super) const MOST: usize = 100;

/// One thing.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Related<'a> {
    /// One of Prefect's, by its id.
    Object {
        #[serde(rename = "prefect.resource.id")]
        id: ResourceId,
        #[serde(rename = "prefect.resource.role")]
        role: &'static str,
        #[serde(rename = "prefect.resource.name", skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    /// What a program has said.
    Given(&'a Resource),
    /// Something that has a name of its own.
    Named {
        #[serde(rename = "prefect.resource.id")]
        id: &'a str,
        #[serde(rename = "prefect.resource.role")]
        role: &'static str,
    },
}

impl<'a> Related<'a> {
    pub(super) fn flow_run(id: FlowRunId, facts: Option<&'a FlowRunFacts>) -> Self {
        Self::named_flow_run(id, facts.map(|facts| facts.name.as_str()))
    }

    pub(super) fn named_flow_run(id: FlowRunId, name: Option<&'a str>) -> Self {
        let id = ResourceId { kind: ResourceId::FLOW_RUN, id: id.into() };
        Self::Object { id, role: "flow-run", name }
    }

    pub(super) fn task_run(id: TaskRunId, name: &'a str) -> Self {
        let id = ResourceId { kind: ResourceId::TASK_RUN, id: id.into() };
        Self::Object { id, role: "task-run", name: Some(name) }
    }

    pub(super) fn flow(facts: &'a FlowRunFacts) -> Self {
        let id: Uuid = facts.flow_id;
        let id = ResourceId { kind: ResourceId::FLOW, id };
        Self::Object { id, role: "flow", name: Some(&facts.flow_name) }
    }

    pub(super) const fn asset(key: &'a str) -> Self {
        Self::Named { id: key, role: "asset" }
    }

    pub(super) const fn tool(name: &'a str) -> Self {
        Self::Named { id: name, role: "asset-materialized-by" }
    }
}

/// All that an event has to do with, in this order. If it is too much, tags are left out first, then what stands first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RelatedTo<'a> {
    pub(super) tags_first: &'a [Tag],
    pub(super) first: &'a [Related<'a>],
    pub(super) last: &'a [Related<'a>],
    pub(super) tags_last: &'a [Tag],
}

impl RelatedTo<'_> {
    /// How many things there are.
    pub(super) const fn len(&self) -> usize {
        self.tags_first.len() + self.first.len() + self.last.len() + self.tags_last.len()
    }

    /// What of it the server accepts.
    fn accepted(self) -> Self {
        if self.len() <= MOST {
            return self;
        }
        let room = MOST - self.last.len();
        let first = &self.first[..self.first.len().min(room)];
        let room = room - first.len();
        let tags_first = &self.tags_first[..self.tags_first.len().min(room)];
        let room = room - tags_first.len();
        let tags_last = &self.tags_last[..self.tags_last.len().min(room)];
        Self { tags_first, first, last: self.last, tags_last }
    }
}

impl Serialize for RelatedTo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct TagResource<'a> {
            #[serde(rename = "prefect.resource.id")]
            id: Shown<TagId<'a>>,
            #[serde(rename = "prefect.resource.role")]
            role: &'static str,
        }

        let tag = |tag| TagResource { id: Shown(TagId(tag)), role: "tag" };
        let accepted = self.accepted();
        let mut list = serializer.serialize_seq(Some(accepted.len()))?;
        accepted.tags_first.iter().try_for_each(|text| list.serialize_element(&tag(text)))?;
        accepted.first.iter().chain(accepted.last).try_for_each(|it| list.serialize_element(it))?;
        accepted.tags_last.iter().try_for_each(|text| list.serialize_element(&tag(text)))?;
        list.end()
    }
}

struct TagId<'a>(&'a Tag);

impl std::fmt::Display for TagId<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("prefect.tag.")?;
        f.write_str(self.0.as_str())
    }
}
