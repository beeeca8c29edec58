//! What events say of flow runs: names and ids that only the server and its orchestrator know.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::Serialize;
use uuid::Uuid;

use super::related::{Related, RelatedTo};
use super::text::{ResourceId, Time};
use super::{Event, Subject};
use crate::clock::Timestamp;
use crate::id::{FlowRunId, StateId};
use crate::tags::TagSet;

/// What is known of a flow run.
#[derive(Clone, Debug)]
pub(crate) struct FlowRunFacts {
    /// The run.
    pub(crate) id: FlowRunId,
    /// Its name.
    pub(crate) name: String,
    /// The flow.
    pub(crate) flow_id: Uuid,
    /// The flow's name.
    pub(crate) flow_name: String,
    /// The run's tags.
    pub(crate) tags: TagSet,
    /// The flow run that called it.
    pub(crate) outer: Option<FlowRunId>,
}

/// The flow runs of this process that have not ended.
#[derive(Debug, Default)]
pub(crate) struct FlowRuns(RwLock<HashMap<FlowRunId, Arc<FlowRunFacts>>>);

impl FlowRuns {
    /// Takes note of a flow run.
    pub(crate) fn insert(&self, facts: FlowRunFacts) {
        self.write().insert(facts.id, Arc::new(facts));
    }

    /// Gives a flow run another name.
    pub(crate) fn rename(&self, id: FlowRunId, name: String) {
        if let Some(facts) = self.write().get_mut(&id) {
            Arc::make_mut(facts).name = name;
        }
    }

    /// What is known of a flow run.
    pub(crate) fn get(&self, id: FlowRunId) -> Option<Arc<FlowRunFacts>> {
        self.read().get(&id).cloned()
    }

    /// A flow run, and all that it has called, directly or not.
    pub(crate) fn family(&self, id: FlowRunId) -> HashSet<FlowRunId> {
        let known = self.read();
        let mut inner: HashMap<FlowRunId, Vec<FlowRunId>> = HashMap::new();
        for facts in known.values() {
            if let Some(outer) = facts.outer {
                inner.entry(outer).or_default().push(facts.id);
            }
        }
        let (mut family, mut next) = (HashSet::new(), vec![id]);
        while let Some(id) = next.pop() {
            if family.insert(id) {
                next.extend(inner.remove(&id).unwrap_or_default());
            }
        }
        family
    }

    /// Forgets flow runs, of which all was told.
    pub(crate) fn remove(&self, ids: &HashSet<FlowRunId>) {
        self.write().retain(|id, _| !ids.contains(id));
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<FlowRunId, Arc<FlowRunFacts>>> {
        // The map is never left half-changed, so a poisoned lock is as good as any.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<FlowRunId, Arc<FlowRunFacts>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a flow run is alive.
pub(crate) fn heartbeat(run: &FlowRunFacts, at: Timestamp) -> Event {
    #[derive(Serialize)]
    struct Heartbeat<'a> {
        occurred: Time,
        event: &'static str,
        resource: Resource<'a>,
        related: RelatedTo<'a>,
        payload: Nothing,
        id: Uuid,
        follows: Option<Uuid>,
    }

    #[derive(Serialize)]
    struct Resource<'a> {
        #[serde(rename = "prefect.resource.id")]
        id: ResourceId,
        #[serde(rename = "prefect.resource.name")]
        name: &'a str,
        #[serde(rename = "prefect.version")]
        version: &'static str,
    }

    #[derive(Serialize)]
    struct Nothing {}

    let id = StateId::generate(at).as_uuid();
    let heartbeat = Heartbeat {
        occurred: Time::utc(at),
        event: "prefect.flow-run.heartbeat",
        resource: Resource {
            id: ResourceId { kind: ResourceId::FLOW_RUN, id: run.id.into() },
            name: &run.name,
            version: super::PREFECT_VERSION,
        },
        related: RelatedTo {
            last: &[Related::flow(run)],
            tags_last: run.tags.as_slice(),
            ..RelatedTo::default()
        },
        payload: Nothing {},
        id,
        follows: None,
    };
    let text = super::text_of(&heartbeat);
    Event { id, flow_run: Some(run.id), subject: Subject::Pulse, text }
}
