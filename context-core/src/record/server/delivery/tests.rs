mod sim;

use std::path::{Path, PathBuf};
use std::time::Duration;

use context_client::schema::{StateCreate, StateType as ApiStateType};
use proptest::prelude::*;
use tokio::runtime::Handle;
use uuid::Uuid;

use self::sim::Sim;
use super::*;
use crate::id::TaskRunId;
use crate::parameters::Parameters;
use crate::record::{DynamicKey, Retries, RunName, RunTags, TaskInputs, TaskRunEvent};
use crate::state::{State, StateType};
use crate::tags::TagSet;

const URL: &str = "http://127.0.0.1:4200/api";

static NO_INPUTS: TaskInputs = TaskInputs::new();

fn bounds() -> Bounds {
    Bounds {
        told: TaskRunEvents::Fewest,
        bytes: MOST_BYTES,
        patience: Duration::from_secs(10),
        logs: LogBounds { every: Duration::from_secs(2), batch: 3_000_000, line: 1_000_000 },
    }
}

/// A delivery that works on the runtime of the test, as a process does that has `home`.
fn process(sim: &Sim, home: &Path, bounds: Bounds) -> Process {
    let spool = Spool::new(home, URL);
    let (delivery, work) = Delivery::new(sim.clone(), URL, spool, WriteGate::default(), bounds);
    Process { delivery, work: Handle::current().spawn(work) }
}

struct Process {
    delivery: Delivery,
    work: tokio::task::JoinHandle<()>,
}

impl Process {
    /// Ends without a word.
    fn kill(self) {
        self.work.abort();
    }

    /// Tells that task runs of a flow run have ended; gives the ids of their states.
    fn end_runs(&self, flow_run: Option<FlowRunId>, count: usize) -> Vec<Uuid> {
        (0..count)
            .map(|_| self.enter(TaskRunId::generate(Timestamp::now()), flow_run, "Completed"))
            .collect()
    }

    fn enter(&self, id: TaskRunId, flow_run: Option<FlowRunId>, name: &'static str) -> Uuid {
        let state_type = match name {
            "Running" | "Retrying" => StateType::Running,
            "AwaitingRetry" => StateType::Scheduled,
            _ => StateType::Completed,
        };
        let state =
            State::new(state_type, Timestamp::now()).with_name(name).fresh_copy(Timestamp::now());
        self.delivery.record(&RunEvent::TaskRun(TaskRunEvent {
            id,
            name: RunName::Derived("fetch", id),
            task_name: "fetch",
            task_key: ("fetch", "1a2b3c4d"),
            task_version: None,
            dynamic_key: DynamicKey::Random(id),
            flow_run_id: flow_run,
            parent: None,
            child_flow_run_id: None,
            tags: RunTags { own: None, ambient: None },
            inputs: &NO_INPUTS,
            parameters: &Parameters::EMPTY,
            run_count: 1,
            start_time: Some(Timestamp::now()),
            end_time: None,
            total_run_time: Duration::ZERO,
            flow_run_run_count: 1,
            retries: Retries::NONE,
            result: None,
            state: &state,
        }));
        state.id().into()
    }

    fn log(&self, message: &str) {
        self.delivery.log(LogRow {
            name: "prefect.flow_runs".to_owned(),
            level: 20,
            message: message.to_owned(),
            timestamp: Timestamp::now(),
            flow_run_id: Some(Uuid::from_u128(1)),
            task_run_id: None,
        });
    }
}

fn flow_run(number: u128) -> FlowRunId {
    FlowRunId::from(Uuid::from_u128(number))
}

fn files(home: &Path) -> Vec<PathBuf> {
    let spool = Spool::new(home, URL);
    let found = std::fs::read_dir(spool.directory()).into_iter().flatten();
    found.map(|entry| entry.unwrap().path()).collect()
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn all_recorded(sim: &Sim, states: &[Uuid]) {
    let state = sim.lock();
    let missing = states.iter().filter(|id| !state.states().contains(*id)).count();
    assert_eq!(missing, 0, "of {} states; {state:?}", states.len());
    assert_eq!(state.conflicts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_paced_so_that_the_server_loses_nothing() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let states = process.end_runs(Some(flow_run(1)), 15_000);
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    let state = sim.lock();
    assert!(state.most_held <= window::Window::MOST, "{}", state.most_held);
    assert_eq!((state.received, state.connections), (15_000, 1), "each was sent once");
    drop(state);
    let tally = process.delivery.tally();
    assert_eq!((tally.pushed, tally.delivered, tally.waiting()), (15_000, 15_000, 0));
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_short_flow_run_is_not_waited_for_long() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let states = process.end_runs(Some(flow_run(1)), 3);
    let began = tokio::time::Instant::now();
    process.delivery.finish(flow_run(1)).await;
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    all_recorded(&sim, &states);
}

#[tokio::test(start_paused = true)]
async fn flow_runs_wait_for_their_own_and_their_subflows_events_only() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    for (id, outer) in [(1, None), (2, Some(flow_run(1))), (3, None)] {
        process.delivery.known_flow_run(FlowRunFacts {
            id: flow_run(id),
            name: String::new(),
            flow_id: Uuid::nil(),
            flow_name: String::new(),
            tags: TagSet::EMPTY,
            outer,
        });
    }
    let mut own = process.end_runs(Some(flow_run(1)), 10);
    own.extend(process.end_runs(Some(flow_run(2)), 10));
    process.end_runs(Some(flow_run(3)), 5_000);
    process.end_runs(None, 10);
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &own);
    assert!(process.delivery.tally().waiting() > 1_000, "others are still on their way");
}

#[tokio::test(start_paused = true)]
async fn what_a_flooded_server_drops_is_sent_again_under_other_ids() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    sim.lock().records_in = Duration::from_millis(20);
    let states = process.end_runs(Some(flow_run(1)), 500);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lost = sim.overflow();
    assert!(lost > 300, "{lost}");
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_and_comes_back_gets_all_it_has_lost() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let states = process.end_runs(Some(flow_run(1)), 5_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    sim.kill();
    tokio::time::sleep(Duration::from_secs(5)).await;
    sim.restart();
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    let state = sim.lock();
    assert_eq!(state.connections, 2);
    assert!(state.received < 5_000 + window::Window::MOST + 1, "{}", state.received);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_is_opened_again_and_little_is_sent_twice() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let states = process.end_runs(Some(flow_run(1)), 4_000);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sim.cut();
    }
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    assert_eq!(sim.lock().connections, 4);
}

#[tokio::test(start_paused = true)]
async fn what_an_absent_server_cannot_be_told_is_kept_and_told_by_the_next_process() {
    let (sim, home) = (Sim::start(), home());
    sim.kill();
    let first = process(&sim, home.path(), bounds());
    let states = first.end_runs(Some(flow_run(1)), 1_200);
    first.log("one");
    first.log("two");
    let ended = StateCreate::new(ApiStateType::Completed).with_name("Completed");
    first.delivery.keep_final_state(flow_run(1), &ended);
    let began = tokio::time::Instant::now();
    first.delivery.finish(flow_run(1)).await;
    let waited = began.elapsed();
    assert!((10..12).contains(&waited.as_secs()), "{waited:?}");
    let undelivered = first.delivery.shutdown(Duration::from_secs(60)).await;
    let expected = Undelivered {
        events: 1_200,
        logs: 2,
        states: 1,
        lost: 0,
        kept_in: Spool::new(home.path(), URL).directory().to_owned(),
    };
    assert_eq!(undelivered, expected);
    assert!(!files(home.path()).is_empty());
    first.kill();

    sim.restart();
    let second = process(&sim, home.path(), bounds());
    let own = second.end_runs(Some(flow_run(2)), 1);
    second.delivery.finish(flow_run(2)).await;
    let undelivered = second.delivery.shutdown(Duration::from_secs(60)).await;
    assert!(undelivered.is_nothing(), "{undelivered:?}");
    all_recorded(&sim, &states);
    all_recorded(&sim, &own);
    let state = sim.lock();
    let messages: Vec<_> = state.logs.iter().flat_map(|(_, lines)| lines).collect();
    assert_eq!(messages.iter().map(|line| &line.message[..]).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(state.entered, [(flow_run(1).as_uuid(), ended)]);
    drop(state);
    assert!(files(home.path()).is_empty(), "{:?}", files(home.path()));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_delivered_by_the_same_process_when_the_server_is_back() {
    let (sim, home) = (Sim::start(), home());
    sim.kill();
    let process = process(&sim, home.path(), bounds());
    let mut states = process.end_runs(Some(flow_run(1)), 700);
    process.delivery.finish(flow_run(1)).await;
    assert_eq!(process.delivery.undelivered().events, 700);
    sim.restart();
    states.extend(process.end_runs(Some(flow_run(2)), 1));
    let undelivered = process.delivery.shutdown(Duration::from_secs(60)).await;
    assert!(undelivered.is_nothing(), "{undelivered:?}");
    all_recorded(&sim, &states);
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_what_is_beyond_is_delivered_from_a_file() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), Bounds { bytes: 300_000, ..bounds() });
    let states = process.end_runs(Some(flow_run(1)), 3_000);
    assert_eq!(files(home.path()).len(), 1, "some of it is in a file");
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    assert_eq!(process.delivery.tally().delivered, 3_000);
    let undelivered = process.delivery.shutdown(Duration::from_secs(60)).await;
    assert!(undelivered.is_nothing(), "{undelivered:?}");
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_keeps_nobody_longer_than_said() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    process.end_runs(Some(flow_run(1)), 10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    sim.lock().is_paused = true;
    let states = process.end_runs(Some(flow_run(1)), 3_000);
    let began = tokio::time::Instant::now();
    process.delivery.finish(flow_run(1)).await;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert_eq!(process.delivery.tally().kept, 3_000);
    sim.lock().is_paused = false;
    let undelivered = process.delivery.shutdown(Duration::from_secs(60)).await;
    assert!(undelivered.is_nothing(), "{undelivered:?}");
    all_recorded(&sim, &states);
}

#[tokio::test(start_paused = true)]
async fn events_of_flow_runs_that_were_deleted_are_given_up() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    sim.lock().gone.insert(flow_run(1).as_uuid());
    process.end_runs(Some(flow_run(1)), 20);
    let states = process.end_runs(Some(flow_run(2)), 20);
    process.delivery.finish(flow_run(2)).await;
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    let undelivered = process.delivery.shutdown(Duration::from_secs(60)).await;
    assert_eq!((undelivered.events, undelivered.lost), (0, 20));
    assert!(files(home.path()).is_empty());
    assert!(sim.lock().orphans <= 60, "{}", sim.lock().orphans);
}

#[tokio::test(start_paused = true)]
async fn kept_events_of_flow_runs_that_the_server_does_not_know_are_not_sent() {
    let (sim, home) = (Sim::start(), home());
    sim.kill();
    let first = process(&sim, home.path(), bounds());
    first.end_runs(Some(flow_run(1)), 20);
    let states = first.end_runs(None, 5);
    first.delivery.shutdown(Duration::from_secs(11)).await;
    first.kill();
    sim.lock().gone.insert(flow_run(1).as_uuid());
    sim.restart();
    let second = process(&sim, home.path(), bounds());
    second.end_runs(None, 1);
    second.delivery.shutdown(Duration::from_secs(60)).await;
    all_recorded(&sim, &states);
    assert_eq!(sim.lock().orphans, 0, "they would hold up all others");
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn states_before_the_last_are_sent_again_too() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    sim.lock().records_in = Duration::from_millis(50);
    let mut states = Vec::new();
    for _ in 0..100 {
        let id = TaskRunId::generate(Timestamp::now());
        for name in ["AwaitingRetry", "Retrying", "Completed"] {
            states.push(process.enter(id, Some(flow_run(1)), name));
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    sim.kill();
    sim.restart();
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    assert_eq!(sim.lock().history.len(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_does_not_fill_the_window() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let running: Vec<_> = (0..2_500)
        .map(|_| {
            process.enter(TaskRunId::generate(Timestamp::now()), Some(flow_run(1)), "Retrying")
        })
        .collect();
    let states = process.end_runs(Some(flow_run(2)), 100);
    process.delivery.finish(flow_run(2)).await;
    all_recorded(&sim, &running);
    all_recorded(&sim, &states);
}

#[tokio::test(start_paused = true)]
async fn other_events_are_delivered_when_the_server_has_read_them() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let ids: Vec<Uuid> =
        (0..50).map(|_| crate::id::StateId::generate(Timestamp::now()).as_uuid()).collect();
    for id in &ids {
        let text = format!(
            r#"{{"id":"{id}","event":"my.event","resource":{{"prefect.resource.id":"my.thing"}},"related":[]}}"#
        );
        process.delivery.0.push(Event {
            id: *id,
            flow_run: Some(flow_run(1)),
            subject: Subject::Other,
            text,
        });
    }
    process.delivery.finish(flow_run(1)).await;
    // The server ends before it has recorded them.
    sim.kill();
    sim.restart();
    let states = process.end_runs(Some(flow_run(1)), 1);
    process.delivery.finish(flow_run(1)).await;
    all_recorded(&sim, &states);
    let others = sim.lock().others.clone();
    assert!(ids.iter().all(|id| others.contains(&id.to_string())), "{}", others.len());
}

#[tokio::test(start_paused = true)]
async fn an_idle_process_asks_nothing() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(sim.lock().connections, 0, "nothing is opened before there is something to send");
    process.end_runs(Some(flow_run(1)), 10);
    process.delivery.finish(flow_run(1)).await;
    let counts = sim.lock().counts;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(sim.lock().counts, counts);
}

#[tokio::test(start_paused = true)]
async fn while_much_is_on_its_way_the_server_is_asked_about_once_a_second() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    sim.lock().records_in = Duration::from_millis(25);
    process.end_runs(Some(flow_run(1)), 1_500);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let counts = sim.lock().counts;
    assert!((20..=80).contains(&counts), "{counts} in 30 seconds, two at a time");
}

/// What happens to a server.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut,
    Restart(u64),
    Unavailable(u64),
    Overflow,
    Pause(u64),
    Slow(u64),
}

fn faults() -> impl Strategy<Value = Vec<(u64, Fault)>> {
    let fault = prop_oneof![
        Just(Fault::Cut),
        (0..8_000_u64).prop_map(Fault::Restart),
        (0..8_000_u64).prop_map(Fault::Unavailable),
        Just(Fault::Overflow),
        (0..5_000_u64).prop_map(Fault::Pause),
        (1..40_u64).prop_map(Fault::Slow),
    ];
    prop::collection::vec((0..6_000_u64, fault), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens to the server: when a flow run is over, each of its states is recorded or kept; and when the server
    /// is well again, all are recorded, none twice, and nothing is kept any more.
    #[test]
    fn nothing_is_lost(
        faults in faults(),
        portions in prop::collection::vec((0..3_000_u64, 1..400_usize), 1..5),
        bytes in prop_oneof![Just(MOST_BYTES), Just(200_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async move {
            let (sim, home) = (Sim::start(), home());
            let process = process(&sim, home.path(), Bounds { bytes, ..bounds() });
            let happens = {
                let sim = sim.clone();
                Handle::current().spawn(async move {
                    for (after, fault) in faults {
                        tokio::time::sleep(Duration::from_millis(after)).await;
                        let lasts = |millis| tokio::time::sleep(Duration::from_millis(millis));
                        match fault {
                            Fault::Cut => sim.cut(),
                            Fault::Restart(millis) => {
                                sim.kill();
                                lasts(millis).await;
                                sim.restart();
                            }
                            Fault::Unavailable(millis) => {
                                sim.lock().is_unavailable = true;
                                lasts(millis).await;
                                sim.lock().is_unavailable = false;
                            }
                            Fault::Overflow => drop(sim.overflow()),
                            Fault::Pause(millis) => {
                                sim.lock().is_paused = true;
                                lasts(millis).await;
                                sim.lock().is_paused = false;
                            }
                            Fault::Slow(millis) => {
                                sim.lock().records_in = Duration::from_millis(millis);
                            }
                        }
                    }
                })
            };
            let mut states = Vec::new();
            for (number, (after, count)) in (1..).zip(portions) {
                tokio::time::sleep(Duration::from_millis(after)).await;
                states.extend(process.end_runs(Some(flow_run(number % 2)), count));
                let id = TaskRunId::generate(Timestamp::now());
                for name in ["AwaitingRetry", "Retrying", "Completed"] {
                    states.push(process.enter(id, Some(flow_run(number % 2)), name));
                }
            }
            for number in 0..2 {
                process.delivery.finish(flow_run(number)).await;
            }
            let tally = process.delivery.tally();
            assert_eq!((tally.waiting(), tally.lost), (0, 0), "{tally:?}");
            assert_eq!(tally.pushed, states.len() as u64);
            happens.await.unwrap();
            let undelivered = process.delivery.shutdown(Duration::from_secs(300)).await;
            let kept = undelivered.events;
            assert_eq!(undelivered.lost, 0);
            if kept > 0 {
                // Nobody waits for ever; but the next process delivers it.
                process.kill();
                let next = self::process(&sim, home.path(), bounds());
                states.extend(next.end_runs(None, 1));
                let undelivered = next.delivery.shutdown(Duration::from_secs(3_000)).await;
                assert!(undelivered.is_nothing(), "{undelivered:?}");
            }
            all_recorded(&sim, &states);
            assert_eq!(sim.lock().history.len(), states.len());
            assert_eq!(files(home.path()), Vec::<PathBuf>::new());
        });
    }
}

fn messages(sim: &Sim) -> Vec<String> {
    let state = sim.lock();
    state.logs.iter().flat_map(|(_, lines)| lines).map(|line| line.message.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn logs_go_out_in_order_in_small_batches_two_seconds_apart() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let expected: Vec<_> = (0..1_700).map(|number| number.to_string()).collect();
    expected.iter().for_each(|message| process.log(message));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(messages(&sim), expected);
    let state = sim.lock();
    let sizes: Vec<_> = state.logs.iter().map(|(_, lines)| lines.len()).collect();
    assert_eq!(sizes, [500, 500, 500, 200]);
    let gaps = state.logs.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(
        gaps.clone().all(|gap| gap >= Duration::from_secs(2)),
        "{:?}",
        gaps.collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_flow_run_its_logs_are_not_held_back() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    let expected: Vec<_> = (0..1_200).map(|number| number.to_string()).collect();
    expected.iter().for_each(|message| process.log(message));
    let began = tokio::time::Instant::now();
    process.delivery.finish(flow_run(1)).await;
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert_eq!(messages(&sim), expected);
}

#[tokio::test(start_paused = true)]
async fn large_batches_do_not_wait_for_their_time() {
    let (sim, home) = (Sim::start(), home());
    let logs = LogBounds { batch: 10_000, every: Duration::from_secs(60), ..bounds().logs };
    let process = process(&sim, home.path(), Bounds { logs, ..bounds() });
    (0..30).for_each(|_| process.log(&"x".repeat(1_000)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sim.lock().logs.iter().map(|(_, lines)| lines.len()).collect::<Vec<_>>(), [7]);
}

#[tokio::test(start_paused = true)]
async fn logs_wait_for_a_server_that_is_away_for_a_while() {
    let (sim, home) = (Sim::start(), home());
    let process = process(&sim, home.path(), bounds());
    sim.lock().is_unavailable = true;
    process.log("one");
    tokio::time::sleep(Duration::from_secs(7)).await;
    process.log("two");
    sim.lock().is_unavailable = false;
    process.delivery.finish(flow_run(1)).await;
    assert_eq!(messages(&sim), ["one", "two"]);
    assert!(files(home.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn logs_beyond_the_memory_are_kept() {
    let (sim, home) = (Sim::start(), home());
    sim.lock().is_unavailable = true;
    let process = process(&sim, home.path(), Bounds { bytes: 20_000, ..bounds() });
    (0..30).for_each(|number| process.log(&format!("{number:01000}")));
    assert_eq!(files(home.path()).len(), 1);
    sim.lock().is_unavailable = false;
    // Something to open a connection for.
    process.end_runs(Some(flow_run(1)), 1);
    process.delivery.finish(flow_run(1)).await;
    let undelivered = process.delivery.shutdown(Duration::from_secs(60)).await;
    assert!(undelivered.is_nothing(), "{undelivered:?}");
    let mut numbers: Vec<usize> =
        messages(&sim).iter().map(|message| message.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
}
