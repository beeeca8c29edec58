//! States as the API writes them, and back.

use std::collections::BTreeMap;

use context_client::schema;
use uuid::Uuid;

use super::random_uuid;
use crate::clock::Timestamp;
use crate::id::{FlowRunId, StateId};
use crate::state::{RunInputKeyset, State, StateType};

/// `state` as it is proposed: the server gives it its id and its time.
pub(super) fn proposed(state: &State) -> schema::StateCreate {
    let details = state.details();
    let retriable = (state.state_type() == StateType::Failed).then_some(false);
    let mut proposed = schema::StateCreate::new(sent_type(state.state_type()))
        .with_name(state.name())
        .with_details(schema::StateDetails {
            flow_run_id: details.flow_run_id.map(Uuid::from),
            scheduled_time: details.scheduled_time.map(Timestamp::to_jiff),
            pause_timeout: details.pause_timeout.map(Timestamp::to_jiff),
            pause_key: details.pause_key.clone(),
            run_input_keyset: details.run_input_keyset.as_ref().map(sent_keyset),
            pause_reschedule: details.pause_reschedule.then_some(true),
            retriable: details.retriable.or(retriable),
            transition_id: Some(random_uuid()),
            traceparent: details.traceparent.clone(),
            ..schema::StateDetails::default()
        });
    proposed.message = state.message().map(ToOwned::to_owned);
    proposed
}

/// A state that a run is in, as the server says. `None` if this version does not know its type.
pub(super) fn received(state: &schema::State) -> Option<State> {
    let details = &state.state_details;
    let received = State::new(received_type(&state.state_type)?, state.timestamp.into())
        .with_name(state.display_name())
        .with_id(StateId::from(state.id))
        .with_details(|known| {
            known.flow_run_id = details.flow_run_id.map(FlowRunId::from);
            known.scheduled_time = details.scheduled_time.map(Timestamp::from);
            known.pause_timeout = details.pause_timeout.map(Timestamp::from);
            known.pause_key.clone_from(&details.pause_key);
            known.run_input_keyset = details.run_input_keyset.as_ref().and_then(received_keyset);
            known.pause_reschedule = details.pause_reschedule.unwrap_or_default();
            known.transition_id = details.transition_id;
        });
    Some(match state.message.as_deref().filter(|message| !message.is_empty()) {
        Some(message) => received.with_message(message),
        None => received,
    })
}

fn sent_keyset(keyset: &RunInputKeyset) -> BTreeMap<String, String> {
    let RunInputKeyset { description, response, schema } = keyset;
    let keys = [("description", description), ("response", response), ("schema", schema)];
    keys.map(|(part, key)| (part.to_owned(), key.clone())).into()
}

fn received_keyset(keyset: &BTreeMap<String, String>) -> Option<RunInputKeyset> {
    let key = |part: &str| keyset.get(part).cloned();
    let (description, response, schema) = (key("description")?, key("response")?, key("schema")?);
    Some(RunInputKeyset { description, response, schema })
}

const fn sent_type(state_type: StateType) -> schema::StateType {
    match state_type {
        StateType::Scheduled => schema::StateType::Scheduled,
        StateType::Pending => schema::StateType::Pending,
        StateType::Running => schema::StateType::Running,
        StateType::Completed => schema::StateType::Completed,
        StateType::Failed => schema::StateType::Failed,
        StateType::Cancelled => schema::StateType::Cancelled,
        StateType::Crashed => schema::StateType::Crashed,
        StateType::Paused => schema::StateType::Paused,
        StateType::Cancelling => schema::StateType::Cancelling,
    }
}

fn received_type(state_type: &schema::StateType) -> Option<StateType> {
    StateType::ALL.into_iter().find(|known| known.as_str() == state_type.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_is_proposed_as_one_that_only_the_server_may_retry() {
        let body = serde_json::to_value(proposed(&State::failed("no"))).unwrap();
        let transition = body["state_details"]["transition_id"].clone();
        assert!(transition.is_string(), "{body}");
        assert_eq!(
            body,
            json!({
                "type": "FAILED", "name": "Failed", "message": "no",
                "state_details": { "retriable": false, "transition_id": transition },
            })
        );
    }

    #[test]
    fn every_type_comes_back_as_it_was_sent() {
        for state_type in StateType::ALL {
            assert_eq!(received_type(&sent_type(state_type)), Some(state_type));
        }
    }

    #[test]
    fn what_the_server_says_of_a_retry_is_understood() {
        let state: schema::State = serde_json::from_value(json!({
            "id": "01a20329-fc51-719e-abd9-985646eb8423",
            "type": "SCHEDULED", "name": "AwaitingRetry", "timestamp": "2026-11-22T12:10:57.100Z",
            "state_details": { "scheduled_time": "2026-11-22T12:10:57.340Z", "retriable": false },
        }))
        .unwrap();
        let state = received(&state).unwrap();
        assert_eq!(state.to_string(), "AwaitingRetry(type=SCHEDULED)");
        assert_eq!(
            state.scheduled_time().unwrap().since(state.timestamp()).as_millis(),
            240,
            "the wait before the next attempt"
        );
    }
}
