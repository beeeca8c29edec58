//! `reported_as_one`: many runs, of which recorders are told as of one.

mod ends;
mod lineage;
mod model;
mod orchestrated;
mod progress;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use context::prelude::*;
use context::{
    ConcurrentTaskRunner, Interest, MemoryRecorder, Recorded, TaskDefinition, TaskInputs, TaskRun,
    TaskRunId, ThreadPoolTaskRunner,
};
use serde_json::json;

use crate::support::{Notes, files};
use crate::{recorded, recorded_sync};

#[task(tags = ["cpu"])]
async fn square(n: u64) -> Result<u64, String> {
    if n % 10 == 7 { Err(format!("{n} is unlucky")) } else { Ok(n * n) }
}

#[task]
fn half(n: u64) -> u64 {
    n / 2
}

#[task]
async fn sum(numbers: Vec<u64>) -> u64 {
    numbers.into_iter().sum()
}

/// The one run that recorders know of the task called `task`.
fn the_run(recorder: &MemoryRecorder, task: &str) -> (TaskRun, State) {
    let mut runs = recorder.task_runs();
    runs.retain(|(run, _)| run.task_name == task);
    assert_eq!(runs.len(), 1, "{}", recorder.transcript());
    runs.remove(0)
}

#[tokio::test]
async fn recorders_are_told_of_one_run_and_the_futures_are_as_always() {
    #[flow]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        let squares = square::with_options().reported_as_one().map(0..5_u64);
        assert_eq!(squares.len(), 5);
        let ids: HashSet<_> = squares.iter().map(TaskFuture::task_run_id).collect();
        assert_eq!(ids.len(), 5, "each run has its own id");
        assert!(squares.states().iter().all(State::is_pending));
        squares.wait().await;
        assert!(squares.states().iter().all(State::is_completed));
        squares.await
    }
    let (value, recorder) = recorded(mapped).await;
    assert_eq!(value.unwrap(), [0, 1, 4, 9, 16]);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task square [cpu]: Pending, Running, <5 runs>, Completed
    ");
}

#[test]
fn plain_functions_and_sync_flows_do_it_too() {
    #[flow]
    fn mapped() -> Result<Vec<u64>, RunError> {
        let halves = half::with_options().reported_as_one().map([2, 4, 6]);
        square::with_options().reported_as_one().map(halves).result_blocking()
    }
    let (value, recorder) = recorded_sync(mapped);
    assert_eq!(value.unwrap(), [1, 4, 9]);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task half: Pending, Running, <3 runs>, Completed
      task square [cpu]: Pending, Running, <3 runs>, Completed
    ");
}

#[tokio::test]
async fn the_errors_of_elements_are_their_own() {
    #[flow]
    async fn mapped() -> (Vec<String>, RunError) {
        let squares = square::with_options().reported_as_one().map(6..9_u64);
        squares.wait().await;
        let states = squares.iter().map(|square| square.state().to_string()).collect();
        (states, squares.await.unwrap_err())
    }
    let ((states, error), recorder) = recorded(mapped).await;
    assert!(error.to_string().ends_with("7 is unlucky"), "{error}");
    assert_eq!(
        states,
        [
            "Completed()",
            "Failed('Task run encountered an exception String: 7 is unlucky')",
            "Completed()",
        ]
    );
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task square [cpu]: Pending, Running, <3 runs, 1 failed>, Failed(1 of 3 runs failed; the first: Task run encountered an exception String: 7 is unlucky)
    ");
    let failed = the_run(&recorder, "square").1;
    assert!(failed.error().unwrap().is_failed());
}

#[tokio::test]
async fn the_run_is_named_tagged_and_counted_as_others_are() {
    #[flow]
    async fn mapped() -> Result<(), RunError> {
        let named = square::with_options().task_run_name("all squares").tags(["many"]);
        tags!("nightly", { named.reported_as_one().map([1, 2, 3]) }).await?;
        // What names each run cannot name all.
        half::with_options().task_run_name("half of {n}").reported_as_one().map([4]).await?;
        Ok(())
    }
    let (value, recorder) = recorded(mapped).await;
    value.unwrap();
    let (flow, _) = recorder.flow_runs().remove(0);
    let (squares, state) = the_run(&recorder, "square");
    assert_eq!(squares.name, "all squares");
    assert_eq!(squares.tags, ["many", "nightly"]);
    assert_eq!(squares.parameters.get("elements"), Some(&json!(3)));
    assert_eq!((squares.run_count, squares.flow_run_run_count), (1, 1));
    assert_eq!((squares.flow_run_id, squares.parent), (Some(flow.id), None));
    let states = &recorder.task_states("square")[0];
    assert_eq!(squares.start_time, Some(states[1].timestamp()));
    assert_eq!(squares.end_time, Some(state.timestamp()));
    assert_eq!(squares.total_run_time, state.timestamp().since(states[1].timestamp()));
    assert_eq!(state.details().task_run_id, Some(squares.id));
    let (halves, _) = the_run(&recorder, "half");
    assert_eq!(halves.name.len(), "half-xxx".len(), "{}", halves.name);
    assert!(halves.name.starts_with("half-"), "{}", halves.name);
}

#[tokio::test]
async fn an_empty_map_is_no_run_and_mistakes_are_the_errors_they_always_are() {
    #[task]
    async fn pair(a: u64, b: u64) -> u64 {
        a + b
    }
    #[flow]
    async fn mapped() -> (Vec<u64>, RunError, RunError) {
        let none = square::with_options().reported_as_one().map(Vec::<u64>::new());
        let lengths = pair::with_options().reported_as_one().map([1], [1, 2]);
        let shared = square::with_options().reported_as_one().map(unmapped(1_u64));
        (none.await.unwrap(), lengths.await.unwrap_err(), shared.await.unwrap_err())
    }
    let ((none, lengths, shared), recorder) = recorded(mapped).await;
    assert!(none.is_empty());
    assert!(lengths.to_string().starts_with("`pair::map` got arguments of different lengths"));
    assert!(shared.to_string().starts_with("`square::map` "), "{shared}");
    assert!(recorder.task_runs().is_empty());
    let outside = square::with_options().reported_as_one().map([1]).await.unwrap_err();
    assert!(outside.is_missing_context());
}

#[tokio::test]
async fn an_element_is_itself_in_its_context_and_another_for_recorders() {
    type Seen = (TaskRunId, TaskRunId, String, u32);

    #[task]
    async fn looks(n: u32) -> Seen {
        let run = current_run!(task);
        assert_eq!(run.parameters().get("n"), Some(&json!(n)));
        (run.id(), run.reported_as(), run.name(), run.run_count())
    }
    #[flow]
    async fn mapped() -> (Vec<TaskRunId>, Vec<Seen>, Seen) {
        let futures = looks::with_options().reported_as_one().map([1, 2]);
        let ids = futures.iter().map(TaskFuture::task_run_id).collect();
        (ids, futures.await.unwrap(), looks(3).await)
    }
    let ((ids, seen, alone), recorder) = recorded(mapped).await;
    let one = recorder.task_runs().remove(0).0;
    for (id, (own, reported_as, name, run_count)) in ids.iter().zip(seen) {
        assert_eq!((own, reported_as, run_count), (*id, one.id, 1));
        assert_ne!(own, one.id);
        assert!(name.starts_with("looks-"), "{name}");
    }
    assert_eq!(alone.0, alone.1, "any other run is known by its own id");
}

#[tokio::test]
async fn runs_inside_an_element_are_below_the_one_run() {
    #[task]
    async fn step(n: u64) -> (TaskRunId, Option<TaskRunId>) {
        let run = current_run!(task);
        (run.id(), run.parent_task_run_id().filter(|_| n > 0))
    }
    #[flow]
    async fn child(n: u64) -> u64 {
        half(n)
    }
    #[task]
    async fn works(n: u64) -> Result<bool, RunError> {
        let own = current_run!(task).id();
        let (_, called_by) = step(n).await;
        let (_, submitted_by) = step::submit(n).await?;
        let inside = step::with_options().reported_as_one().map([n, n]).await?;
        child(n).await;
        // In the program, the element is who has called.
        let callers = inside.into_iter().map(|(_, parent)| parent);
        Ok(callers.chain([called_by, submitted_by]).all(|parent| parent == Some(own)))
    }
    #[flow]
    async fn mapped() -> Result<Vec<bool>, RunError> {
        works::with_options().reported_as_one().map([1]).await
    }
    let (value, recorder) = recorded(mapped).await;
    assert_eq!(value.unwrap(), [true]);
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow mapped: Pending, Running, Completed
      task works: Pending, Running, <1 run>, Completed
        task step: Pending, Running, Completed
        task step: Pending, Running, Completed
        task step: Pending, Running, <2 runs>, Completed
        subflow child-0: Pending, Running, Completed
          flow child: Pending, Running, Completed
            task half: Pending, Running, Completed
    ");
    let one = the_run(&recorder, "works").0;
    for (run, _) in recorder.task_runs() {
        if run.task_name != "works" && run.task_name != "half" {
            assert_eq!(run.parent, Some(one.id), "{}", run.task_name);
            assert_eq!(run.inputs.get(TaskInputs::PARENTS), [one.id]);
        }
    }
}

#[tokio::test]
async fn retries_timeouts_conditions_and_hooks_are_those_of_the_elements() {
    static NOTES: Notes = Notes::new();
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);

    fn note(_: &'static TaskDefinition, run: TaskRun, state: State) {
        NOTES.add(format!("{} {}", run.name, state.name()));
    }
    fn is_worth_it(_: &'static TaskDefinition, run: TaskRun, _: State) -> bool {
        run.name != "hopeless"
    }
    #[task(
        retries = 2, timeout = "1h", task_run_name = "{how}", on_completion = note, on_failure = note,
        retry_condition = is_worth_it
    )]
    async fn tries(how: &'static str) -> Result<u32, RunError> {
        ATTEMPTS.fetch_add(1, SeqCst);
        let attempt = current_run!().run_count();
        match how {
            "good" => Ok(attempt),
            "better" if attempt == 3 => Ok(attempt),
            _ => square(7).await.map(|_| 0).map_err(|_| not_today()),
        }
    }
    fn not_today() -> RunError {
        context::InvalidOption { run: "tries", option: "day", problem: "is not today".into() }
            .into()
    }
    #[flow]
    async fn mapped() -> Vec<String> {
        let tries = tries::with_options().reported_as_one().map(["good", "better", "hopeless"]);
        tries.wait().await;
        tries.iter().map(|run| run.state().name().to_owned()).collect()
    }
    let (states, recorder) = recorded(mapped).await;
    assert_eq!(states, ["Completed", "Completed", "Failed"]);
    assert_eq!(ATTEMPTS.load(SeqCst), 5);
    let mut notes: Vec<_> = NOTES.take().split(", ").map(ToOwned::to_owned).collect();
    notes.sort();
    assert_eq!(notes, ["better Completed", "good Completed", "hopeless Failed"]);
    let (one, state) = the_run(&recorder, "tries");
    assert_eq!((one.run_count, state.name()), (1, "Failed"));
    assert_eq!(recorder.task_states("tries")[0].len(), 3, "no element's states were told");
}

#[tokio::test]
async fn elements_that_take_too_long_are_timed_out() {
    #[task]
    async fn endless(_n: u32) -> Result<(), RunError> {
        std::future::pending().await
    }
    #[flow]
    async fn mapped() -> Vec<State> {
        let limit = std::time::Duration::from_millis(1);
        let runs = endless::with_options().timeout(limit).reported_as_one().map([1, 2]);
        runs.wait().await;
        runs.states()
    }
    let (states, recorder) = recorded(mapped).await;
    assert!(states.iter().all(|state| state.name() == "TimedOut"), "{states:?}");
    assert_eq!(
        the_run(&recorder, "endless").1.to_string(),
        "Failed('2 of 2 runs failed; the first: Task run exceeded timeout of 0.001 second(s)')"
    );
}

#[tokio::test]
async fn elements_are_cached_one_by_one() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    #[task(cache_policy = inputs())]
    async fn counts(n: u32) -> u32 {
        CALLS.fetch_add(1, SeqCst);
        n
    }
    #[flow]
    async fn mapped(numbers: Vec<u32>) -> Result<Vec<String>, RunError> {
        let runs = counts::with_options().reported_as_one().map(numbers);
        runs.wait().await;
        Ok(runs.iter().map(|run| run.state().name().to_owned()).collect())
    }
    let harness = context::testing::Harness::new();
    let first = harness.run(|| mapped(vec![1, 2])).await;
    assert_eq!(first.output.as_ref().unwrap(), &["Completed", "Completed"]);
    let second = harness.run(|| mapped(vec![2, 3])).await;
    assert_eq!(second.output.as_ref().unwrap(), &["Cached", "Completed"]);
    assert_eq!(CALLS.load(SeqCst), 3);
    assert_eq!(files(first.home()).len(), 3, "a record for each element");
    assert_eq!(
        second.transcript(),
        "flow mapped: Pending, Running, Completed\n  task counts: Pending, Running, <2 runs>, Completed\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_keep_to_the_limits_of_their_tags() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);

    #[task]
    async fn works(_n: u32) {
        MOST.fetch_max(NOW.fetch_add(1, SeqCst) + 1, SeqCst);
        tokio::task::yield_now().await;
        NOW.fetch_sub(1, SeqCst);
    }
    #[flow]
    async fn mapped() -> Result<(), RunError> {
        let all = tags!("as-one", { works::with_options().reported_as_one().map(0..50) });
        all.await.map(drop)
    }
    context::concurrency::set_tag_limit("as-one", 2);
    let (value, recorder) = recorded(mapped).await;
    context::concurrency::remove_limit("tag:as-one");
    value.unwrap();
    assert!(MOST.load(SeqCst) <= 2, "{}", MOST.load(SeqCst));
    assert_eq!(the_run(&recorder, "works").0.tags, ["as-one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_no_difference_who_runs_the_elements() {
    #[flow]
    async fn mapped() -> Result<u64, RunError> {
        let halves = half::with_options().reported_as_one().map(0..2_000_u64);
        sum::submit(square_all::with_options().reported_as_one().map(halves)).await
    }
    #[task]
    async fn square_all(n: u64) -> u64 {
        n * n
    }
    let expected: u64 = (0..2_000_u64).map(|n| (n / 2) * (n / 2)).sum();
    for runner in 0..3 {
        let (value, recorder) = recorded(|| {
            let flow = mapped::with_options();
            match runner {
                0 => flow.call(),
                1 => flow.task_runner(ConcurrentTaskRunner::new().max_workers(3)).call(),
                _ => flow.task_runner(ThreadPoolTaskRunner::new(2)).call(),
            }
        })
        .await;
        assert_eq!(value.unwrap(), expected);
        assert_eq!(
            recorder.transcript(),
            "flow mapped: Pending, Running, Completed\n  \
             task half: Pending, Running, <2000 runs>, Completed\n  \
             task square_all: Pending, Running, <2000 runs>, Completed\n  \
             task sum: Pending, Running, Completed\n"
        );
    }
}

#[tokio::test]
async fn nobody_is_told_more_of_it_than_they_want() {
    #[derive(Debug, Default)]
    struct Ends(MemoryRecorder);

    impl context::Recorder for Ends {
        fn interest(&self) -> Interest {
            Interest::ENDS
        }

        fn record(&self, event: &context::RunEvent<'_>) {
            self.0.record(event);
        }
    }
    #[flow]
    async fn mapped() -> Result<Vec<u64>, RunError> {
        let numbers = square::with_options().reported_as_one().map([1, 2]).await?;
        assert!(current_run!().parameters().is_empty());
        Ok(numbers)
    }
    let ends = std::sync::Arc::new(Ends::default());
    let client = context::AsyncClientContext::new(context::Client::new(ends.clone()));
    assert_eq!(client.scope(async { mapped().await }).await.unwrap(), [1, 4]);
    let told: Vec<_> = ends.0.events().into_iter().map(shown).collect();
    assert_eq!(told, ["mapped Pending", "2 of 2", "square Completed", "mapped Completed"]);
    let (one, _) = the_run(&ends.0, "square");
    assert!(one.parameters.is_empty());

    // Nobody at all: it still works.
    let off = context::AsyncClientContext::new(context::Client::off());
    assert_eq!(off.scope(async { mapped().await }).await.unwrap(), [1, 4]);
}

fn shown(event: Recorded) -> String {
    match event {
        Recorded::FlowRun(run, state) => format!("{} {}", run.flow_name, state.name()),
        Recorded::TaskRun(run, state) => format!("{} {}", run.task_name, state.name()),
        Recorded::Progress { done, total, .. } => format!("{done} of {total}"),
        other => format!("{other:?}"),
    }
}
