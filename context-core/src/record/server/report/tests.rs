use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::clock::Timestamp;
use crate::id::StateId;
use crate::parameters::Parameters;
use crate::record::{DynamicKey, Retries, RetryDelays, RunName, RunTags, TaskInputs};
use crate::tags::{TagNode, Tags};

const MILLI: i64 = 1_000_000;
/// How often it is looked what is due.
const TICK: u64 = 250;

static NO_INPUTS: TaskInputs = TaskInputs::new();

fn state(name: &'static str, millis: u64) -> State {
    let state_type = match name {
        "Pending" | "NotReady" => StateType::Pending,
        "Running" | "Retrying" => StateType::Running,
        "AwaitingRetry" => StateType::Scheduled,
        "Paused" => StateType::Paused,
        "Failed" | "TimedOut" => StateType::Failed,
        "Crashed" => StateType::Crashed,
        "Cancelled" => StateType::Cancelled,
        _ => StateType::Completed,
    };
    let at = Timestamp::from_nanos((millis.cast_signed() + 1) * MILLI);
    State::new(state_type, at).with_name(name).with_id(StateId::generate(at))
}

fn run_id(number: u64) -> TaskRunId {
    // The bits by which runs are distributed are set, too.
    TaskRunId::from(Uuid::from_u128(u128::from(number) * 0x1_0000_0001))
}

fn run<'a>(number: u64, state: &'a State, flow_run: Option<FlowRunId>) -> TaskRunEvent<'a> {
    let id = run_id(number);
    TaskRunEvent {
        id,
        name: RunName::Derived("fetch", id),
        task_name: "fetch",
        task_key: ("fetch", "1a2b3c4d"),
        task_version: Some("2"),
        dynamic_key: DynamicKey::Random(id),
        flow_run_id: flow_run,
        parent: None,
        child_flow_run_id: None,
        tags: RunTags { own: None, ambient: None },
        inputs: &NO_INPUTS,
        parameters: &Parameters::EMPTY,
        run_count: 1,
        start_time: None,
        end_time: None,
        total_run_time: Duration::ZERO,
        flow_run_run_count: 1,
        retries: Retries { count: 2, delays: RetryDelays::None, jitter: None },
        result: None,
        state,
    }
}

/// Reports, with a clock that is set by hand.
struct Desk {
    reports: Reports,
    flow_runs: FlowRuns,
    start: Instant,
    told: Vec<Event>,
}

impl Desk {
    fn new(told: TaskRunEvents) -> Self {
        Self {
            reports: Reports::new(told),
            flow_runs: FlowRuns::default(),
            start: Instant::now(),
            told: Vec::new(),
        }
    }

    fn enter(&mut self, run: &TaskRunEvent<'_>, millis: u64) {
        let now = self.start + Duration::from_millis(millis);
        let told = &mut self.told;
        self.reports.enter(run, now, &self.flow_runs, &mut |event| told.push(event));
    }

    fn tick(&mut self, millis: u64) {
        let now = self.start + Duration::from_millis(millis);
        let told = &mut self.told;
        self.reports.tell_due(now, &self.flow_runs, &mut |event| told.push(event));
    }

    /// A run goes through states, each at a time in milliseconds, and it is looked at every quarter of a second.
    fn go(&mut self, number: u64, states: &[(&'static str, u64)], until: u64) -> Vec<State> {
        let states: Vec<_> = states.iter().map(|(name, at)| (state(name, *at), *at)).collect();
        let mut next = states.iter().peekable();
        for millis in 0..=until {
            while let Some((state, _)) = next.next_if(|(_, at)| *at == millis) {
                self.enter(&run(number, state, None), millis);
            }
            if millis.is_multiple_of(TICK) {
                self.tick(millis);
            }
        }
        states.into_iter().map(|(state, _)| state).collect()
    }

    fn told(&self) -> String {
        self.told.iter().map(Event::state_name).collect::<Vec<_>>().join(" ")
    }
}

fn told(states: &[(&'static str, u64)]) -> String {
    let mut desk = Desk::new(TaskRunEvents::Fewest);
    desk.go(1, states, 10_000);
    desk.told()
}

#[test]
fn a_short_run_is_told_when_it_has_ended() {
    assert_eq!(told(&[("Pending", 0), ("Running", 0), ("Completed", 900)]), "Completed");
    assert_eq!(told(&[("Pending", 0), ("Running", 800), ("Failed", 1_700)]), "Failed");
    assert_eq!(told(&[("Pending", 0), ("Running", 1), ("Cached", 2)]), "Cached");
    assert_eq!(told(&[("Pending", 0), ("Cancelled", 2)]), "Cancelled");
    assert_eq!(told(&[("Completed", 0)]), "Completed", "nothing was known of it");
}

#[test]
fn a_state_that_lasts_is_told() {
    assert_eq!(told(&[("Pending", 0), ("Running", 5), ("Completed", 1_400)]), "Running Completed");
    assert_eq!(told(&[("Pending", 0), ("Running", 1_300), ("Crashed", 1_310)]), "Pending Crashed");
    assert_eq!(told(&[("Pending", 0), ("Running", 2_000)]), "Pending Running");
    // Between the ticks.
    assert_eq!(told(&[("Pending", 1), ("Running", 1_249), ("Completed", 1_300)]), "Completed");
}

#[test]
fn the_history_of_an_unusual_run_is_whole() {
    let retried = [("Pending", 0), ("Running", 1), ("AwaitingRetry", 2), ("Retrying", 500)];
    assert_eq!(told(&retried), "Pending Running AwaitingRetry Retrying");
    let long = [("Pending", 0), ("Running", 1), ("Retrying", 3_000), ("Completed", 3_001)];
    assert_eq!(told(&long), "Running Pending Retrying Completed", "the server sorts by time");
    assert_eq!(told(&[("Pending", 0), ("NotReady", 3)]), "Pending NotReady");
    let undone = [("Pending", 0), ("Running", 1), ("Completed", 2), ("RolledBack", 9_000)];
    assert_eq!(told(&undone), "Completed Pending Running RolledBack");
}

#[test]
fn with_every_event_each_state_is_told_at_once() {
    let mut desk = Desk::new(TaskRunEvents::Every);
    let states = desk.go(1, &[("Pending", 0), ("Running", 1), ("Completed", 2)], 3);
    assert_eq!(desk.told(), "Pending Running Completed");
    let ids: Vec<_> = desk.told.iter().map(|event| event.id).collect();
    assert_eq!(ids, states.iter().map(|state| state.id().as_uuid()).collect::<Vec<_>>());
    let events: Vec<Value> =
        desk.told.iter().map(|event| serde_json::from_str(&event.text).unwrap()).collect();
    assert_eq!(events[2]["follows"], ids[1].to_string());
    assert_eq!(events[2]["payload"]["initial_state"]["name"], "Running");
    assert_eq!(events[2]["payload"]["intended"]["from"], "RUNNING");
}

#[test]
fn what_was_not_sent_is_not_followed() {
    let mut desk = Desk::new(TaskRunEvents::Fewest);
    let states = desk.go(1, &[("Pending", 0), ("Running", 1), ("Completed", 2)], 3);
    let event: Value = serde_json::from_str(&desk.told[0].text).unwrap();
    assert_eq!(event["follows"], Value::Null, "the server would wait for it");
    assert_eq!(event["payload"]["initial_state"]["name"], "Running", "but it has come from there");
    let row = &event["payload"]["task_run"];
    assert_eq!(row["expected_start_time"], states[0].timestamp().to_string());
}

#[test]
fn what_is_told_later_says_what_was_known_then() {
    let mut desk = Desk::new(TaskRunEvents::Fewest);
    let [upstream, parent] = [8, 9].map(run_id);
    let mut inputs = TaskInputs::new();
    inputs.add("x", vec![upstream]);
    let parameters = Parameters::from_iter([("x", Value::Null), ("y", Value::Null)]);
    let tags = Tags::literal(&["own"]);
    let around: Arc<TagNode> = TagNode::push(None, Tags::literal(&["around"]));
    let delays = [Duration::from_secs(1), Duration::from_secs(2)];
    let flow_run = FlowRunId::from(Uuid::from_u128(5));
    let pending = state("Pending", 0);
    let running = state("Running", 3);
    let of = |state| TaskRunEvent {
        inputs: &inputs,
        parameters: &parameters,
        parent: Some(parent),
        tags: RunTags { own: Some(&tags), ambient: Some(&around) },
        retries: Retries { count: 2, delays: RetryDelays::Each(&delays), jitter: Some(0.5) },
        start_time: Some(running.timestamp()),
        ..run(1, state, Some(flow_run))
    };
    desk.enter(&of(&pending), 0);
    desk.enter(&of(&running), 3);
    desk.tick(1_003);
    let late: Value = serde_json::from_str(&desk.told[0].text).unwrap();

    let mut every = Desk::new(TaskRunEvents::Every);
    every.enter(&of(&pending), 0);
    every.enter(&of(&running), 3);
    let mut at_once: Value = serde_json::from_str(&every.told[1].text).unwrap();
    at_once["follows"] = Value::Null;
    assert_eq!(late, at_once);
    assert_eq!(desk.told[0].subject, every.told[1].subject);
    assert_eq!(late["payload"]["task_run"]["tags"], serde_json::json!(["around", "own"]));
}

#[test]
fn what_stands_for_a_flow_run_is_not_told() {
    let mut desk = Desk::new(TaskRunEvents::Every);
    let child = FlowRunId::from(Uuid::from_u128(5));
    for name in ["Pending", "Running", "Completed"] {
        let state = state(name, 0);
        desk.enter(&TaskRunEvent { child_flow_run_id: Some(child), ..run(1, &state, None) }, 0);
    }
    assert_eq!(desk.told(), "");
}

#[test]
fn at_the_end_of_a_flow_run_all_that_is_held_of_it_is_told() {
    let mut desk = Desk::new(TaskRunEvents::Fewest);
    let [a, b] = [5, 6].map(|n| FlowRunId::from(Uuid::from_u128(n)));
    for (number, flow_run) in [(1, Some(a)), (2, Some(b)), (3, None)] {
        for name in ["Pending", "Running"] {
            desk.enter(&run(number, &state(name, 0), flow_run), 0);
        }
    }
    assert!(desk.reports.holds_any());
    let told = &mut desk.told;
    desk.reports.tell_held(&HashSet::from([a]), &desk.flow_runs, &mut |event| told.push(event));
    assert_eq!(desk.told(), "Pending Running");
    desk.tick(2_000);
    assert_eq!(desk.told(), "Pending Running Running Running", "of the others what lasts");
    assert!(!desk.reports.holds_any());
}

#[test]
fn memory_of_runs_that_have_ended_is_used_again() {
    let mut desk = Desk::new(TaskRunEvents::Fewest);
    for number in 0..10_000 {
        for name in ["Pending", "Running", "Completed"] {
            desk.enter(&run(number, &state(name, 0), None), 0);
        }
    }
    assert_eq!(desk.told.len(), 10_000);
    let names: HashSet<_> = desk.told.iter().map(|event| &event.text[..]).collect();
    assert_eq!(names.len(), 10_000, "each tells of its own run");
    for (number, event) in desk.told.iter().enumerate() {
        assert!(event.text.contains(&run_id(number as u64).to_string()), "{}", event.text);
    }
}

/// What is told of a run, and when, as the documentation has it.
fn model(states: &[(&'static str, u64)], every: bool) -> Vec<(usize, u64)> {
    let usual = |name| matches!(name, "Pending" | "Running");
    let ends = |name| matches!(name, "Completed" | "Failed" | "TimedOut" | "Crashed" | "Cancelled");
    let unusual = states.iter().position(|(name, _)| !usual(*name) && !ends(*name));
    let mut told = Vec::new();
    for (nth, &(name, at)) in states.iter().enumerate() {
        let next = states.get(nth + 1).map_or(u64::MAX, |(_, at)| *at);
        let due = (at + 1_000).next_multiple_of(TICK);
        let is_before_unusual = unusual.is_some_and(|unusual| nth < unusual);
        if every || ends(name) || unusual.is_some_and(|unusual| nth >= unusual) {
            told.push((nth, at));
        } else if due < next {
            told.push((nth, due));
        } else if is_before_unusual {
            told.push((nth, states[unusual.unwrap_or_default()].1));
        }
    }
    told
}

fn lives() -> impl Strategy<Value = Vec<(&'static str, u64)>> {
    let gap = prop_oneof![0..50_u64, 0..2_500_u64, 990..1_010_u64];
    let middle = prop_oneof![
        Just(vec![]),
        Just(vec!["Running"]),
        Just(vec!["Running", "Retrying"]),
        Just(vec!["Running", "AwaitingRetry", "Retrying"]),
        Just(vec!["Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying"]),
        Just(vec!["Paused", "Running"]),
        Just(vec!["Running", "Paused", "Running"]),
    ];
    let ends = ["Completed", "Failed", "TimedOut", "Crashed", "Cancelled"];
    let end =
        prop_oneof![Just(vec![]), prop::sample::select(ends.to_vec()).prop_map(|end| vec![end]),];
    (middle, end, prop::collection::vec(gap, 8)).prop_map(|(middle, end, gaps)| {
        let names = ["Pending"].into_iter().chain(middle).chain(end);
        let mut at = 0;
        names
            .zip(gaps)
            .map(|(name, gap)| {
                at += gap + 1;
                (name, at)
            })
            .collect()
    })
}

proptest! {
    /// Many runs at once, each as the model says: what is told, when, and in the order of the states wherever they are
    /// told at one time.
    #[test]
    fn states_are_told_as_the_model_says(
        lives in prop::collection::vec(lives(), 1..6),
        every in any::<bool>(),
    ) {
        let policy = if every { TaskRunEvents::Every } else { TaskRunEvents::Fewest };
        let mut desk = Desk::new(policy);
        let lives: Vec<(u64, Vec<_>)> = (1_u64..)
            .zip(lives)
            .map(|(number, life)| {
                (number, life.into_iter().map(|(name, at)| (state(name, at), name, at)).collect())
            })
            .collect();
        let mut times: Vec<(Uuid, u64)> = Vec::new();
        let entered = lives.iter().flat_map(|(_, life)| life.iter().map(|(_, _, at)| *at));
        let ticks = (0..25_000).step_by(TICK as usize);
        let moments: BTreeSet<u64> = entered.chain(ticks).collect();
        for millis in moments {
            let before = desk.told.len();
            for (number, life) in &lives {
                for (state, _, _) in life.iter().filter(|(_, _, at)| *at == millis) {
                    desk.enter(&run(*number, state, None), millis);
                }
            }
            if millis % TICK == 0 {
                desk.tick(millis);
            }
            times.extend(desk.told[before..].iter().map(|event| (event.id, millis)));
        }
        for (number, life) in &lives {
            let names: Vec<_> = life.iter().map(|(_, name, at)| (*name, *at)).collect();
            let mut expected = model(&names, every);
            // At one time in the order of the states, which is that of their numbers.
            expected.sort_by_key(|(nth, at)| (*at, *nth));
            let ids: Vec<_> = life.iter().map(|(state, _, _)| state.id().as_uuid()).collect();
            let told: Vec<(usize, u64)> = times
                .iter()
                .filter_map(|(id, at)| Some((ids.iter().position(|own| own == id)?, *at)))
                .collect();
            prop_assert_eq!(&told, &expected, "run {} went through {:?}", number, names);

            // Whatever an event follows was sent.
            let own = desk.told.iter().filter(|event| ids.contains(&event.id));
            for event in own {
                let told: Value = serde_json::from_str(&event.text).unwrap();
                if let Some(followed) = told["follows"].as_str() {
                    prop_assert!(desk.told.iter().any(|other| other.id.to_string() == followed));
                }
                let nth = ids.iter().position(|id| *id == event.id).unwrap();
                let former = nth.checked_sub(1).map(|before| life[before].1);
                prop_assert_eq!(told["payload"]["initial_state"]["name"].as_str(), former);
            }
        }
    }
}
