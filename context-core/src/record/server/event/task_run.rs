//! Events about task runs.

use std::time::Duration;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::limits::{Room, text_within};
use super::related::{Related, RelatedTo};
use super::text::{Message, ResourceId, Shown, Time};
use super::{Before, Event, FlowRunFacts, Former, Subject};
use crate::id::TaskRunId;
use crate::record::{DynamicKey, Retries, RetryDelays, TaskInputs, TaskRunEvent};
use crate::state::{StateDetails, StateType};
use crate::tags::TagSet;

/// How long after the last event of a run another may be said to follow it, as in Prefect.
const FOLLOWS_WITHIN: Duration = Duration::from_mins(5);

/// The event that a task run has entered a state. `None` if it cannot be made small enough for the server.
pub(in crate::record::server) fn task_run_event(
    run: &TaskRunEvent<'_>,
    before: &Before<'_>,
    flow: Option<&FlowRunFacts>,
) -> Option<Event> {
    let state = run.state;
    let (id, at) = (state.id(), state.timestamp());
    let (name, tags) = (run.name.to_string(), run.tags.to_set());
    let related: &[Related<'_>] = match (run.flow_run_id, flow) {
        (Some(id), Some(flow)) => &[Related::flow_run(id, Some(flow)), Related::flow(flow)],
        (Some(id), None) => &[Related::flow_run(id, None)],
        (None, _) => &[],
    };
    let follows = before.sent.filter(|(_, sent)| at.since(*sent) < FOLLOWS_WITHIN);
    let related = RelatedTo { tags_first: tags.as_slice(), last: related, ..RelatedTo::default() };
    let text = text_within(&name, related.len(), |room| {
        super::text_of(&Wire {
            occurred: Time::utc(at),
            event: Shown(format_args!("prefect.task-run.{}", state.name())),
            resource: Resource {
                id: ResourceId { kind: ResourceId::TASK_RUN, id: run.id.into() },
                name: room.message(Some(&name)),
                run_count: Shown(run.run_count),
                message: room.message(state.message()),
                state_name: state.name(),
                timestamp: Time::python(at),
                state_type: state.state_type().as_str(),
                orchestration: "client",
            },
            related,
            payload: Payload {
                intended: Intended {
                    from: before.state.map(|former| former.state_type.as_str()),
                    to: state.state_type().as_str(),
                },
                initial_state: before.state.map(|former| Initial::of(former, room)),
                validated_state: Validated {
                    state_type: state.state_type().as_str(),
                    name: state.name(),
                    message: room.message(state.message()),
                    state_details: Details::of(state.state_type(), state.name(), state.details()),
                    data: run.result,
                },
                task_run: Row::of(run, before, room.message(Some(&name)), &tags, room),
            },
            id: id.into(),
            follows: follows.map(|(id, _)| id.into()),
        })
    })?;
    // One that was undone had ended before.
    let shows_end = state.is_terminal() && state.name() != "RolledBack";
    let subject = Subject::TaskRun { id: run.id, occurred: at, shows_end };
    Some(Event { id: id.into(), flow_run: run.flow_run_id, subject, text })
}

#[derive(Serialize)]
struct Wire<'a> {
    occurred: Time,
    event: Shown<std::fmt::Arguments<'a>>,
    resource: Resource<'a>,
    related: RelatedTo<'a>,
    payload: Payload<'a>,
    id: Uuid,
    follows: Option<Uuid>,
}

#[derive(Serialize)]
struct Resource<'a> {
    #[serde(rename = "prefect.resource.id")]
    id: ResourceId,
    #[serde(rename = "prefect.resource.name")]
    name: Message<'a>,
    #[serde(rename = "prefect.run-count")]
    run_count: Shown<u32>,
    #[serde(rename = "prefect.state-message")]
    message: Message<'a>,
    #[serde(rename = "prefect.state-name")]
    state_name: &'a str,
    #[serde(rename = "prefect.state-timestamp")]
    timestamp: Time,
    #[serde(rename = "prefect.state-type")]
    state_type: &'static str,
    #[serde(rename = "prefect.orchestration")]
    orchestration: &'static str,
}

#[derive(Serialize)]
struct Payload<'a> {
    intended: Intended,
    initial_state: Option<Initial<'a>>,
    validated_state: Validated<'a>,
    task_run: Row<'a>,
}

#[derive(Serialize)]
struct Intended {
    from: Option<&'static str>,
    to: &'static str,
}

#[derive(Serialize)]
struct Initial<'a> {
    #[serde(rename = "type")]
    state_type: &'static str,
    name: &'a str,
    message: Message<'a>,
    state_details: Details<'a>,
}

impl<'a> Initial<'a> {
    fn of(former: Former<'a>, room: Room) -> Self {
        Self {
            state_type: former.state_type.as_str(),
            name: former.name,
            message: room.message(former.message),
            state_details: Details::of(former.state_type, former.name, former.details),
        }
    }
}

#[derive(Serialize)]
struct Validated<'a> {
    #[serde(rename = "type")]
    state_type: &'static str,
    name: &'a str,
    message: Message<'a>,
    state_details: Details<'a>,
    /// Where the result is kept.
    data: Option<&'a serde_json::Value>,
}

/// What a state says beside its type, name and message. The server itself knows whose state it is.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    child_flow_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_expiration: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deferred: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    untrackable_result: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_timeout: Option<Time>,
    #[serde(skip_serializing_if = "is_false")]
    pause_reschedule: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_cache: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retriable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transition_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_parameters_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_concurrency_lease_id: Option<Uuid>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl<'a> Details<'a> {
    fn of(state_type: StateType, name: &str, details: &'a StateDetails) -> Self {
        // What has failed for good, as Prefect says it.
        let failed = state_type == StateType::Failed && name == StateType::Failed.default_name();
        Self {
            child_flow_run_id: details.child_flow_run_id.map(Into::into),
            scheduled_time: details.scheduled_time.map(Time::utc),
            cache_key: details.cache_key.as_deref(),
            cache_expiration: details.cache_expiration.map(Time::utc),
            deferred: details.deferred,
            untrackable_result: details.untrackable_result,
            pause_timeout: details.pause_timeout.map(Time::utc),
            pause_reschedule: details.pause_reschedule,
            pause_key: details.pause_key.as_deref(),
            refresh_cache: details.refresh_cache,
            retriable: details.retriable.or(failed.then_some(false)),
            transition_id: details.transition_id,
            task_parameters_id: details.task_parameters_id,
            traceparent: details.traceparent.as_deref(),
            deployment_concurrency_lease_id: details.deployment_concurrency_lease_id,
        }
    }
}

/// The task run. The same fields in every event, where there is something to say: the server writes rows of one kind
/// together.
#[derive(Serialize)]
struct Row<'a> {
    name: Message<'a>,
    task_key: Shown<TaskKey<'a>>,
    dynamic_key: Shown<WholeDynamicKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_version: Option<&'a str>,
    empirical_policy: Policy<'a>,
    tags: &'a TagSet,
    labels: NoLabels,
    task_inputs: Inputs<'a>,
    run_count: u32,
    flow_run_run_count: u32,
    expected_start_time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Time>,
    total_run_time: f64,
}

#[derive(Serialize)]
struct NoLabels {}

impl<'a> Row<'a> {
    fn of(
        run: &'a TaskRunEvent<'a>,
        before: &Before<'_>,
        name: Message<'a>,
        tags: &'a TagSet,
        room: Room,
    ) -> Self {
        let begun = run.start_time.unwrap_or_else(|| run.state.timestamp());
        Self {
            name,
            task_key: Shown(TaskKey(run.task_key)),
            dynamic_key: Shown(WholeDynamicKey(run)),
            task_version: run.task_version,
            empirical_policy: Policy::of(run.retries),
            tags,
            labels: NoLabels {},
            task_inputs: Inputs { run, most: room.inputs },
            run_count: run.run_count,
            // Only an attempt belongs to one of the flow's.
            flow_run_run_count: if run.run_count == 0 { 0 } else { run.flow_run_run_count },
            expected_start_time: Time::utc(before.expected_start.unwrap_or(begun)),
            start_time: run.start_time.map(Time::utc),
            end_time: run.end_time.map(Time::utc),
            total_run_time: run.total_run_time.as_micros() as f64 / 1e6,
        }
    }
}

struct TaskKey<'a>((&'a str, &'a str));

impl std::fmt::Display for TaskKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (function, hash) = self.0;
        f.write_str(function)?;
        f.write_str("-")?;
        f.write_str(hash)
    }
}

struct WholeDynamicKey<'a>(&'a TaskRunEvent<'a>);

impl std::fmt::Display for WholeDynamicKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let run = self.0;
        match (run.dynamic_key, run.flow_run_id) {
            // Outside a flow run the key alone has to tell tasks apart, too.
            (DynamicKey::Random(id), None) => {
                TaskKey(run.task_key).fmt(f)?;
                write!(f, "-{}", id.dynamic_key().as_simple())
            }
            (key, _) => key.fmt(f),
        }
    }
}

/// How often the run is tried again, with the fields that are out of use.
#[derive(Serialize)]
struct Policy<'a> {
    max_retries: u32,
    retry_delay_seconds: f64,
    retries: u32,
    retry_delay: Delays<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_jitter_factor: Option<f64>,
}

impl<'a> Policy<'a> {
    const fn of(retries: Retries<'a>) -> Self {
        Self {
            max_retries: 0,
            retry_delay_seconds: 0.0,
            retries: retries.count,
            retry_delay: Delays(retries),
            retry_jitter_factor: retries.jitter,
        }
    }
}

struct Delays<'a>(Retries<'a>);

/// Longer lists the server does not accept.
const MOST_DELAYS: u32 = 50;

impl Serialize for Delays<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Retries { count, delays, .. } = self.0;
        match delays {
            RetryDelays::None => serializer.serialize_u64(0),
            RetryDelays::Each([one]) if one.subsec_nanos() == 0 => {
                serializer.serialize_u64(one.as_secs())
            }
            RetryDelays::Each(delays) => {
                let delays = &delays[..delays.len().min(MOST_DELAYS as usize)];
                serializer.collect_seq(delays.iter().map(Duration::as_secs_f64))
            }
            RetryDelays::Doubling(first) => {
                let nth = |n| first.saturating_mul(2_u32.saturating_pow(n)).as_secs_f64();
                serializer.collect_seq((0..count.min(MOST_DELAYS)).map(nth))
            }
        }
    }
}

/// The runs that the arguments came from: an entry for every parameter, then what it waited for, then who called.
struct Inputs<'a> {
    run: &'a TaskRunEvent<'a>,
    /// How many runs of each entry are said.
    most: usize,
}

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (run, most) = (self.run, self.most);
        let mut map = serializer.serialize_map(None)?;
        if run.inputs.is_empty() {
            for name in run.parameters.names() {
                map.serialize_entry(&name, &Runs(&[]))?;
            }
        } else {
            let mut of_parameters = Vec::with_capacity(run.parameters.len());
            for name in run.parameters.names() {
                let runs = run.inputs.get(&name);
                map.serialize_entry(&name, &Runs(&runs[..runs.len().min(most)]))?;
                of_parameters.push(name);
            }
            for (name, runs) in run.inputs.iter() {
                if !of_parameters.iter().any(|parameter| parameter == name) {
                    map.serialize_entry(name, &Runs(&runs[..runs.len().min(most)]))?;
                }
            }
        }
        if let Some(parent) = run.parent {
            map.serialize_entry(TaskInputs::PARENTS, &Runs(&[parent]))?;
        }
        map.end()
    }
}

struct Runs<'a>(&'a [TaskRunId]);

impl Serialize for Runs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Input {
            input_type: &'static str,
            id: Uuid,
        }

        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for id in self.0 {
            list.serialize_element(&Input { input_type: "task_run", id: (*id).into() })?;
        }
        list.end()
    }
}
