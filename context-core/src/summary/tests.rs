use std::io;
use std::sync::Arc;

use super::*;
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::parameters::Parameters;
use crate::record::{
    DynamicKey, FlowRunEvent, ProgressEvent, Retries, RunName, RunTags, TaskInputs, TaskRunEvent,
};
use crate::state::{State, StateType};
use crate::tags::Tags;

static NO_INPUTS: TaskInputs = TaskInputs::new();

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A recorder that is told made-up events. Time passes only inside runs: a run takes its duration from zero.
struct Story {
    recorder: SummaryRecorder,
    written: Written,
}

fn flow_id(number: u128) -> FlowRunId {
    uuid::Uuid::from_u128(number).into()
}

fn task_id(number: u128) -> TaskRunId {
    // The dynamic key is made of the id's last digits, so those differ.
    uuid::Uuid::from_u128(number).into()
}

/// A task run's end.
#[derive(Clone)]
struct Task<'a> {
    id: u128,
    task: &'a str,
    name: Option<&'a str>,
    flow: Option<u128>,
    parent: Option<u128>,
    child: Option<u128>,
    millis: u64,
    attempts: u32,
    state: State,
    tags: Tags,
}

fn state(state_type: StateType) -> State {
    State::new(state_type, Timestamp::UNIX_EPOCH)
}

fn failed(message: &str) -> State {
    state(StateType::Failed).with_message(message)
}

/// A run of `task` called by flow run 1 that has completed in 1 ms.
fn task(id: u128, task: &str) -> Task<'_> {
    Task {
        id,
        task,
        name: None,
        flow: Some(1),
        parent: None,
        child: None,
        millis: 1,
        attempts: 1,
        state: state(StateType::Completed),
        tags: Tags::new(),
    }
}

fn at(state: &State, millis: u64) -> State {
    let at = Timestamp::from_nanos(i64::try_from(millis).unwrap() * 1_000_000);
    let moved = State::new(state.state_type(), at).with_name(state.name().to_owned());
    match state.message() {
        Some(message) => moved.with_message(message),
        None => moved,
    }
}

impl Story {
    fn new() -> Self {
        let written = Written::default();
        Self { recorder: SummaryRecorder::new(written.clone()), written }
    }

    fn flow(&self, id: u128, parent: Option<u128>, state: &State, run_count: u32) {
        let start_time = state.is_terminal().then_some(Timestamp::UNIX_EPOCH);
        self.recorder.record(&RunEvent::FlowRun(FlowRunEvent {
            end_time: None,
            total_run_time: std::time::Duration::ZERO,
            id: flow_id(id),
            name: if id == 1 { "brave-otter" } else { "quiet-cat" },
            flow_name: if id == 1 { "crawl" } else { "report" },
            flow_version: "1",
            parent_task_run_id: parent.map(task_id),
            tags: RunTags { own: None, ambient: None },
            parameters: &Parameters::EMPTY,
            run_count,
            start_time,
            state,
        }));
    }

    fn begin(&self, id: u128) {
        self.flow(id, None, &state(StateType::Pending), 0);
    }

    /// Ends top-level flow run `id` after 1.53 s, and gives what was written.
    fn end(&self, id: u128, state_: &State) -> String {
        self.flow(id, None, &at(state_, 1_530), 1);
        self.recorder.flush();
        self.written()
    }

    fn completed(&self) -> String {
        self.end(1, &state(StateType::Completed))
    }

    fn written(&self) -> String {
        String::from_utf8(std::mem::take(&mut *lock(&self.written.0))).unwrap()
    }

    fn task(&self, task: &Task<'_>) {
        self.tell(task, Some(Timestamp::UNIX_EPOCH));
    }

    fn tell(&self, task: &Task<'_>, start_time: Option<Timestamp>) {
        let id = task_id(task.id);
        self.recorder.record(&RunEvent::TaskRun(TaskRunEvent {
            end_time: None,
            total_run_time: std::time::Duration::ZERO,
            flow_run_run_count: 1,
            retries: Retries::NONE,
            result: None,
            id,
            name: task.name.map_or(RunName::Derived(task.task, id), RunName::Custom),
            task_name: task.task,
            task_key: (task.task, "1a2b3c4d"),
            task_version: None,
            dynamic_key: DynamicKey::Random(id),
            flow_run_id: task.flow.map(flow_id),
            parent: task.parent.map(task_id),
            child_flow_run_id: task.child.map(flow_id),
            tags: RunTags { own: Some(&task.tags), ambient: None },
            inputs: &NO_INPUTS,
            parameters: &Parameters::EMPTY,
            run_count: task.attempts,
            start_time,
            state: &at(&task.state, task.millis),
        }));
    }

    /// Tells progress of the runs that task run `id` of flow run 1 is reported for.
    fn progress(&self, id: u128, done: usize, failed: usize, total: usize) {
        self.recorder.record(&RunEvent::Progress(ProgressEvent {
            task_run_id: task_id(id),
            flow_run_id: flow_id(1),
            name: RunName::Plain("parse"),
            done,
            failed,
            total,
        }));
    }

    /// Begins a subflow of flow run 1.
    fn begin_subflow(&self, id: u128, stand_in: u128) {
        let child =
            Task { child: Some(id), state: state(StateType::Pending), ..task(stand_in, "report") };
        self.tell(&child, None);
        self.flow(id, Some(stand_in), &state(StateType::Pending), 0);
    }

    fn end_subflow(&self, id: u128, stand_in: u128, caller: Option<u128>) {
        self.flow(id, Some(stand_in), &at(&state(StateType::Completed), 4), 1);
        self.task(&Task { child: Some(id), parent: caller, ..task(stand_in, "report") });
    }
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn a_few_runs_are_listed_one_by_one() {
    let story = Story::new();
    story.begin(1);
    story.task(&Task { tags: Tags::literal(&["io", "eu"]), ..task(1 << 80, "list") });
    story.task(&Task { name: Some("page 7"), millis: 12, attempts: 3, ..task(2, "fetch") });
    let message = "Task run encountered an exception HttpError: 404\nat line 3";
    story.task(&Task { state: failed(message), ..task(3, "fetch") });
    let timed_out = failed("Task run exceeded timeout of 1.0 second(s)").with_name("TimedOut");
    story.task(&Task { state: timed_out, millis: 1_000, ..task(4, "fetch") });
    story.task(&Task { state: state(StateType::Cancelled), ..task(5, "save") });
    let not_ready = state(StateType::Pending).with_name("NotReady").with_message("no upstream");
    story.tell(&Task { state: not_ready, ..task(6, "save") }, None);
    let message = "Flow run encountered an exception: Oops: no";
    insta::assert_snapshot!(story.end(1, &failed(message)), @r"
    ✗ crawl 'brave-otter' · failed · 1.53 s · Oops: no
    ├─ ✓ list-ceb · 1 ms · [eu, io]
    ├─ ✓ page 7 · 12 ms · 3 attempts
    ├─ ✗ fetch-d7f · failed · 1 ms · HttpError: 404
    ├─ ✗ fetch-f88 · TimedOut · 1.00 s · Task run exceeded timeout of 1.0 second(s)
    ├─ ⊘ save-e7f · cancelled · 1 ms
    └─ ○ save-308 · not ready · no upstream
    6 task runs: 2 completed, 2 failed, 1 cancelled, 1 not ready · 2 retries · 1.53 s
    ");
}

#[test]
fn many_runs_are_a_group_that_keeps_what_matters() {
    let story = Story::new();
    story.begin(1);
    for id in 0..10_000 {
        let run = Task { millis: 1 + u64::try_from(id % 10).unwrap(), ..task(id, "fetch") };
        story.task(&match id {
            7_000 => Task { state: failed("first"), ..run },
            8_000 => Task { attempts: 3, ..run },
            9_000 => Task { state: state(StateType::Crashed), ..run },
            _ => run,
        });
    }
    story.task(&task(10_001, "save"));
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    ├─ ✗ fetch ×10,000 · 9,998 completed, 1 failed, 1 crashed · 2 retries · 1 ms to 10 ms, mean 5.5 ms
    │  ├─ ✗ fetch-a9b · failed · 1 ms · first
    │  ├─ ✓ fetch-fb2 · 1 ms · 3 attempts
    │  ├─ ✗ fetch-f62 · crashed · 1 ms
    │  └─ … and 9,997 more
    └─ ✓ save-243 · 1 ms
    10,001 task runs: 9,999 completed, 1 failed, 1 crashed · 2 retries · 1.53 s
    ");
}

#[test]
fn runs_that_are_reported_as_one_are_a_line_with_their_numbers() {
    let story = Story::new();
    story.begin(1);
    story.progress(2, 4_000, 0, 12_000);
    story.progress(2, 12_000, 3, 12_000);
    let message = "3 of 12000 runs failed; the first: Task run encountered an exception Http: 404";
    // What the elements have called is below it.
    for child in 10..13 {
        story.task(&Task { parent: Some(2), ..task(child, "fetch") });
    }
    story.task(&Task { state: failed(message), millis: 900, ..task(2, "parse") });
    story.progress(3, 1, 0, 1);
    story.task(&task(3, "save"));
    // They end without ever having begun.
    story.progress(4, 2, 2, 2);
    let not_ready = state(StateType::Pending).with_name("NotReady");
    let not_ready = not_ready.with_message("2 of 2 runs were not ready; the first: no upstream");
    story.tell(&Task { state: not_ready, ..task(4, "index") }, None);
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    ├─ ✗ parse-52e · failed · 900 ms · 12,000 runs, 3 failed · Http: 404
    │  ├─ ✓ fetch-0d1 · 1 ms
    │  ├─ ✓ fetch-804 · 1 ms
    │  └─ ✓ fetch-098 · 1 ms
    ├─ ✓ save-d7f · 1 ms · 1 run
    └─ ○ index-f88 · not ready · 2 runs, 2 failed · no upstream
    6 task runs: 4 completed, 1 failed, 1 not ready · 1.53 s
    ");
}

#[test]
fn several_of_them_are_a_group_that_adds_the_numbers() {
    let story = Story::new();
    story.begin(1);
    for id in 0..10 {
        story.progress(id, 2_000, usize::from(id == 7), 2_000);
        let run = task(id, "parse");
        story.task(&if id == 7 {
            let message = "1 of 2000 runs crashed; the first: boom";
            Task { state: state(StateType::Crashed).with_message(message), ..run }
        } else {
            run
        });
    }
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    └─ ✗ parse ×10 · 9 completed, 1 crashed · 20,000 runs, 1 failed · 1 ms each · 10 ms in all
       ├─ ✗ parse-b78 · crashed · 1 ms · 2,000 runs, 1 failed · boom
       └─ … and 9 more
    10 task runs: 9 completed, 1 crashed · 1.53 s
    ");
}

#[test]
fn failures_take_the_places_of_retried_runs() {
    let story = Story::new();
    story.begin(1);
    for id in 0..6 {
        story.task(&Task { attempts: 2, name: Some("retried"), ..task(id, "fetch") });
    }
    for id in 6..10 {
        story.task(&Task { state: failed("no"), name: Some("failed"), ..task(id, "fetch") });
    }
    let text = story.completed();
    assert_eq!(text.matches("✗ failed").count(), 4, "{text}");
    assert_eq!(text.matches("✓ retried").count(), 1, "{text}");
    assert!(text.contains("… and 5 more"), "{text}");
}

#[test]
fn a_million_runs_take_no_more_memory_than_a_hundred() {
    let story = Story::new();
    story.begin(1);
    let mut nodes = 0;
    for id in 0..1_000_000 {
        story.task(&task(id, "fetch"));
        if id == 100 {
            nodes = story.recorder.nodes();
        }
    }
    assert_eq!(story.recorder.nodes(), nodes);
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    └─ ✓ fetch ×1,000,000 · all completed · 1 ms each · 16 min 40 s in all
    1,000,000 task runs: 1,000,000 completed · 1.53 s
    ");
    assert_eq!(story.recorder.nodes(), 0);
}

#[test]
fn callers_that_are_merged_merge_what_they_called() {
    let story = Story::new();
    story.begin(1);
    for id in 0..1_000 {
        for child in 0..2 {
            let id = 10_000 + 2 * id + child;
            story.task(&Task { parent: Some((id - 10_000) / 2), ..task(id, "inner") });
        }
        story.task(&task(id, "outer"));
    }
    assert!(story.recorder.nodes() < 20, "{}", story.recorder.nodes());
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    └─ ✓ outer ×1,000 · all completed · 1 ms each · 1.00 s in all
       └─ ✓ inner ×2,000 · all completed · 1 ms each · 2.00 s in all
    3,000 task runs: 3,000 completed · 1.53 s
    ");
}

#[test]
fn task_runs_stand_under_the_task_run_that_called_them() {
    let story = Story::new();
    story.begin(1);
    story.task(&Task { parent: Some(2), ..task(3, "leaf") });
    story.task(&Task { parent: Some(1), ..task(2, "branch") });
    story.task(&task(1, "root"));
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    └─ ✓ root-7ab · 1 ms
       └─ ✓ branch-52e · 1 ms
          └─ ✓ leaf-d7f · 1 ms
    3 task runs: 3 completed · 1.53 s
    ");
}

#[test]
fn a_subflow_is_shown_once_and_where_it_was_called() {
    let story = Story::new();
    story.begin(1);
    story.begin_subflow(2, 50);
    story.task(&Task { flow: Some(2), ..task(3, "render") });
    story.end_subflow(2, 50, None);
    story.begin_subflow(4, 51);
    story.task(&Task { flow: Some(4), state: failed("x"), ..task(5, "render") });
    story.end_subflow(4, 51, Some(6));
    story.task(&task(6, "caller"));
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    ├─ ✓ report 'quiet-cat' · 4 ms
    │  └─ ✓ render-d7f · 1 ms
    └─ ✓ caller-308 · 1 ms
       └─ ✓ report 'quiet-cat' · 4 ms
          └─ ✗ render-e7f · failed · 1 ms · x
    3 task runs: 2 completed, 1 failed · 2 subflow runs · 1.53 s
    ");
    assert_eq!(story.recorder.nodes(), 0);
}

#[test]
fn a_run_whose_caller_has_ended_stands_under_the_flow_run() {
    let story = Story::new();
    story.begin(1);
    story.task(&task(1, "caller"));
    story.task(&Task { parent: Some(1), ..task(2, "left_behind") });
    insta::assert_snapshot!(story.completed(), @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    ├─ ✓ caller-7ab · 1 ms
    └─ ✓ left_behind-52e · 1 ms
    2 task runs: 2 completed · 1.53 s
    ");
}

#[test]
fn what_belongs_to_no_open_flow_run_is_left_out() {
    let story = Story::new();
    story.task(&Task { flow: None, ..task(1, "alone") });
    story.task(&task(2, "too_early"));
    story.begin(1);
    let text = story.completed();
    story.task(&task(3, "too_late"));
    story.end_subflow(9, 90, None);
    assert_eq!(story.recorder.nodes(), 0);
    story.recorder.flush();
    assert_eq!(story.written(), "");
    insta::assert_snapshot!(text, @r"
    ✓ crawl 'brave-otter' · completed · 1.53 s
    no task runs · 1.53 s
    ");
}

#[test]
fn flow_runs_at_the_same_time_do_not_mix() {
    let story = Story::new();
    story.begin(1);
    story.begin(2);
    story.task(&task(1, "one"));
    story.task(&Task { flow: Some(2), ..task(2, "two") });
    let second = story.end(2, &state(StateType::Completed));
    let first = story.completed();
    assert!(first.contains("one-") && !first.contains("two-"), "{first}");
    assert!(second.contains("two-") && !second.contains("one-"), "{second}");
}

#[test]
fn states_on_the_way_are_not_ends() {
    let story = Story::new();
    story.begin(1);
    for state_type in [StateType::Pending, StateType::Running, StateType::Scheduled] {
        story.task(&Task { state: state(state_type), ..task(1, "fetch") });
    }
    story.flow(1, None, &state(StateType::Running), 1);
    story.task(&task(1, "fetch"));
    assert!(story.completed().ends_with("\n1 task run: 1 completed · 1.53 s\n"));
}

/// Callers without end, each with a run parked under it.
#[test]
fn orphans_without_end_are_bounded() {
    let story = Story::new();
    story.begin(1);
    for id in 0..50_000 {
        story.task(&Task { parent: Some(9_000_000 + id), ..task(id, "orphan") });
    }
    assert!(story.recorder.nodes() < 20_000, "{}", story.recorder.nodes());
    let text = story.completed();
    assert!(text.contains("orphan ×50,000 · all completed"), "{text}");
}

/// A caller that goes on is not among those that are given up.
#[test]
fn a_busy_caller_keeps_its_runs() {
    let story = Story::new();
    story.begin(1);
    for id in 0..20_000 {
        let id = 10 + id;
        story.task(&Task { parent: Some(9_000_000 + id), ..task(id, "orphan") });
        story.task(&Task { parent: Some(7), ..task(100_000 + id, "child") });
    }
    story.task(&Task { name: Some("busy"), ..task(7, "busy") });
    let text = story.completed();
    assert!(text.contains("─ ✓ busy · 1 ms\n   └─ ✓ child ×20,000 · all completed"), "{text}");
}

/// `fib` calls itself twice: a binary tree, whose nodes must not all be kept.
fn fib(story: &Story, next: &mut u128, parent: Option<u128>, depth: u32) {
    let id = *next;
    *next += 1;
    if depth > 0 {
        fib(story, next, Some(id), depth - 1);
        fib(story, next, Some(id), depth - 1);
    }
    story.task(&Task { parent, ..task(id, "fib") });
}

#[test]
fn recursion_is_bounded() {
    let story = Story::new();
    story.begin(1);
    let mut next = 10;
    fib(&story, &mut next, None, 16);
    assert!(story.recorder.nodes() <= tree::NODES, "{}", story.recorder.nodes());
    let text = story.completed();
    let runs = text::count(u64::try_from(next - 10).unwrap());
    assert!(text.ends_with(&format!("\n{runs} task runs: {runs} completed · 1.53 s\n")), "{text}");
    assert!(text.lines().count() < 300 && widest(&text) <= render::WIDTH, "{text}");
}

#[test]
fn a_chain_of_a_hundred_thousand_calls_is_bounded() {
    let story = Story::new();
    story.begin(1);
    for id in (1..100_000).rev() {
        let parent = (id > 1).then_some(id - 1);
        story.task(&Task { parent, ..task(id, "down") });
    }
    assert!(story.recorder.nodes() < 100, "{}", story.recorder.nodes());
    let text = story.completed();
    assert!(text.ends_with("\n99,999 task runs: 99,999 completed · 1.53 s\n"), "{text}");
}

/// Every run has its own task name, and three failing runs below it.
#[test]
fn many_names_are_bounded() {
    let story = Story::new();
    story.begin(1);
    for id in 0..20_000 {
        let name = format!("task {id}");
        for child in 0..3 {
            let name = format!("child {child} of {id}");
            let id = 100_000 + 3 * id + child;
            let parent = Some((id - 100_000) / 3);
            story.task(&Task { parent, state: failed("no"), ..task(id, &name) });
        }
        story.task(&task(id, &name));
        assert!(story.recorder.nodes() <= tree::NODES + 10, "{}", story.recorder.nodes());
    }
    let text = story.completed();
    assert!(text.contains("(others) ×"), "{text}");
    assert!(
        text.ends_with("\n80,000 task runs: 20,000 completed, 60,000 failed · 1.53 s\n"),
        "{text}"
    );
}

#[test]
fn lines_are_at_most_a_hundred_columns_wide() {
    let story = Story::new();
    story.begin(1);
    let long = "ü".repeat(150);
    let tags = Tags::from_iter(["a".repeat(60), "b".repeat(60)]);
    for depth in (1..=7).rev() {
        story.task(&Task {
            parent: (depth > 1).then_some(depth - 1),
            state: failed(&long),
            tags: tags.clone(),
            attempts: 2,
            ..task(depth, &long)
        });
    }
    for id in 100..110 {
        story.task(&Task { state: failed(&long), millis: 90_000, ..task(id, &long) });
    }
    for id in 200..210 {
        story.task(&Task { millis: 1 + u64::try_from(id).unwrap(), ..task(id, "short") });
    }
    let text = story.end(1, &failed(&long));
    assert_eq!(widest(&text), render::WIDTH, "{text}");
    insta::assert_snapshot!(text, @r"
    ✗ crawl 'brave-otter' · failed · 1.53 s · üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…
    ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… ×11 · 11 failed · 1 retry · 1 ms to 1 min 30 s, mean …
    │  ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…]
    │  │  └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaaaaaaaaaaaaaa…
    │  │     └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaaaaaaaaaaa…
    │  │        └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaaaaaaaa…
    │  │           └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaaaaa…
    │  │              └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · [aaaaaaaaaaaaaaaa…
    │  │                 └─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 ms · 2 attempts
    │  ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 min 30 s · üüüüüüüüüüüüüüüüüüüüüüüüüü…
    │  ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 min 30 s · üüüüüüüüüüüüüüüüüüüüüüüüüü…
    │  ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 min 30 s · üüüüüüüüüüüüüüüüüüüüüüüüüü…
    │  ├─ ✗ üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü… · failed · 1 min 30 s · üüüüüüüüüüüüüüüüüüüüüüüüüü…
    │  └─ … and 6 more
    └─ ✓ short ×10 · all completed · 201 ms to 210 ms, mean 206 ms · 2.06 s in all
    27 task runs: 10 completed, 17 failed · 7 retries · 1.53 s
    ");
}

#[test]
fn the_last_line_fits_with_large_numbers() {
    let story = Story::new();
    story.begin(1);
    let mut next = 0;
    for (outcome, runs) in [
        (StateType::Completed, 23_456),
        (StateType::Failed, 1_000),
        (StateType::Crashed, 1_000),
        (StateType::Cancelled, 1_000),
    ] {
        for _ in 0..runs {
            next += 1;
            story.task(&Task { state: state(outcome), attempts: 2, ..task(next, "fetch") });
        }
    }
    let text = story.completed();
    let last = text.lines().last().unwrap();
    assert_eq!(last, "26,456 task runs: 23,456 completed, 3,000 not · 26,456 retries · 1.53 s");
}

#[test]
fn commands_to_the_terminal_are_not_passed_on() {
    let story = Story::new();
    story.begin(1);
    let tags = Tags::from_iter(["\u{1b}]0;title\u{7}".to_owned()]);
    let state = failed("\u{1b}[2Jgone").with_name("\u{1b}c");
    story.task(&Task { name: Some("a\nb\u{1b}[31m"), state, tags, ..task(1, "fetch") });
    for id in 10..20 {
        story.task(&task(id, "\u{1b}[31mred\n"));
    }
    let text = story.completed();
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn colour_surrounds_what_is_shown_and_changes_nothing_else() {
    let plain = Story::new();
    let written = Written::default();
    let recorder = SummaryRecorder::new(written.clone()).with_color(true);
    let colored = Story { recorder, written };
    let [plain, colored] = [plain, colored].map(|story| {
        story.begin(1);
        story.task(&Task { state: failed("no"), ..task(1, "fetch") });
        story.completed()
    });
    assert!(colored.contains("\x1b[31m✗ \x1b[0m\x1b[1mfetch-"), "{colored:?}");
    let mut stripped = colored;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn a_writer_that_fails_does_not_disturb() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let story = Story { recorder: SummaryRecorder::new(Broken), written: Written::default() };
    story.begin(1);
    assert_eq!(story.completed(), "");
}

/// What an end costs. `cargo test --release -p context-core -- --ignored --nocapture cost`
#[test]
#[ignore = "a measurement"]
fn cost_of_an_end() {
    let story = Story::new();
    story.begin(1);
    let end = state(StateType::Completed);
    let run = |id: u128, parent: Option<u128>| {
        let id = task_id(id);
        story.recorder.record(&RunEvent::TaskRun(TaskRunEvent {
            end_time: None,
            total_run_time: std::time::Duration::ZERO,
            flow_run_run_count: 1,
            retries: Retries::NONE,
            result: None,
            id,
            name: RunName::Derived("fetch", id),
            task_name: "fetch",
            task_key: ("fetch", "1a2b3c4d"),
            task_version: None,
            dynamic_key: DynamicKey::Random(id),
            flow_run_id: Some(flow_id(1)),
            parent: parent.map(task_id),
            child_flow_run_id: None,
            tags: RunTags { own: None, ambient: None },
            inputs: &NO_INPUTS,
            parameters: &Parameters::EMPTY,
            run_count: 1,
            start_time: Some(Timestamp::UNIX_EPOCH),
            state: &end,
        }));
    };
    const RUNS: u128 = 2_000_000;
    let began = std::time::Instant::now();
    for id in 0..RUNS {
        run(id, None);
    }
    println!("flat: {} ns", began.elapsed().as_nanos() / RUNS);
    let began = std::time::Instant::now();
    for id in 0..RUNS / 4 {
        for child in 0..3 {
            run(RUNS + 4 * id + child, Some(id));
        }
        run(id, None);
    }
    println!("three below each: {} ns", began.elapsed().as_nanos() / RUNS);
}
