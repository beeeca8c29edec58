//! Futures: waiting for several, timeouts, callbacks, annotated inputs, and final states.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::futures::FutureExt as _;
use context::prelude::*;
use context::{
    RunErrorKind, as_completed, opaque, quote, resolve_futures_to_states,
    resolve_futures_to_states_blocking, wait, wait_blocking,
};
use tokio::sync::{Notify, Semaphore};

use crate::{recorded, recorded_sync};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(60);

/// Ends its runs when it is told to, in the order in which it is told.
type Gate = Arc<Semaphore>;

fn gate() -> Gate {
    Arc::new(Semaphore::new(0))
}

#[task]
async fn gated(gate: Gate, value: u32) -> Result<u32, String> {
    gate.acquire().await.unwrap().forget();
    if value == 13 { Err("unlucky".to_owned()) } else { Ok(value) }
}

#[task]
async fn double(n: u32) -> Result<u32, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(n * 2) }
}

#[task]
fn plain_double(n: u32) -> Result<u32, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(n * 2) }
}

/// A future whose run has ended.
async fn ended(n: u32) -> TaskFuture<u32> {
    let future = double::submit(n);
    drop(future.wait().await);
    future
}

/// As `ended`, in a plain function.
fn ended_blocking(n: u32) -> Result<TaskFuture<u32>, RunError> {
    let future = double::submit(n);
    future.wait_blocking(None)?;
    Ok(future)
}

#[task(timeout = "5ms")]
async fn too_slow() -> Result<u32, RunError> {
    std::future::pending().await
}

mod completion_order {
    use super::*;

    #[flow]
    async fn in_reverse() -> Vec<u32> {
        let gates = [gate(), gate(), gate()];
        let futures: Vec<_> =
            gates.iter().zip(0..).map(|(gate, value)| gated::submit(gate.clone(), value)).collect();
        let again = futures.iter().cloned();
        let mut completed = as_completed(futures.iter().cloned().chain(again).collect::<Vec<_>>());
        assert_eq!(completed.remaining(), 3, "each run once");
        let mut values = Vec::new();
        for gate in gates.iter().rev() {
            gate.add_permits(1);
            values.push(completed.next().await.unwrap().await.unwrap());
        }
        assert!(completed.next().await.is_none());
        assert!(completed.next().await.is_none());
        values
    }

    #[tokio::test]
    async fn as_completed_gives_each_run_once_as_it_ends() {
        assert_eq!(in_reverse().await, [2, 1, 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn as_completed_gives_each_run_once_as_it_ends_on_many_threads() {
        assert_eq!(in_reverse().await, [2, 1, 0]);
    }

    #[test]
    fn as_completed_is_an_iterator_in_a_sync_flow() {
        #[flow]
        fn in_reverse() -> Result<Vec<u32>, RunError> {
            let gates = [gate(), gate()];
            let first = gated::submit(gates[0].clone(), 0);
            let second = gated::submit(gates[1].clone(), 1);
            gates[1].add_permits(1);
            let mut values = Vec::new();
            for future in as_completed([first, second]).blocking() {
                values.push(future?.result_blocking()?);
                gates[0].add_permits(1);
            }
            Ok(values)
        }
        assert_eq!(recorded_sync(in_reverse).0.unwrap(), [1, 0]);
    }

    #[tokio::test]
    async fn a_timeout_is_one_error_that_counts_what_is_unfinished() {
        #[flow]
        async fn impatient() -> Vec<String> {
            let gate = gate();
            let futures =
                [ended(1).await, gated::submit(gate.clone(), 1), gated::submit(gate.clone(), 2)];
            let mut seen = Vec::new();
            let mut completed = as_completed(futures).timeout(SHORT);
            while let Some(future) = completed.next().await {
                seen.push(match future {
                    Ok(future) => future.await.unwrap().to_string(),
                    Err(error) => {
                        assert!(error.is_wait_timed_out() && !error.is_timed_out());
                        error.to_string()
                    }
                });
            }
            gate.add_permits(2);
            seen
        }
        let seen = impatient().await;
        assert!(seen.len() == 2 && seen[0] == "2", "{seen:?}");
        let unfinished = "2 (of 3) futures unfinished within 0.005 second(s);";
        assert!(seen[1].starts_with(unfinished), "{seen:?}");
    }

    #[test]
    fn zero_asks_what_has_ended_by_now() {
        #[flow]
        fn polls() -> Result<usize, RunError> {
            let gate = gate();
            let done = ended_blocking(1)?;
            let futures = [gated::submit(gate.clone(), 1), done];
            let mut completed = as_completed(futures.clone()).timeout(Duration::ZERO).blocking();
            assert_eq!(completed.next().unwrap()?, futures[1]);
            let error = completed.next().unwrap().unwrap_err();
            assert!(matches!(
                error.kind(),
                RunErrorKind::FuturesUnfinished { unfinished: 1, total: 2, .. }
            ));
            assert!(completed.next().is_none());
            let split = wait_blocking(futures, Some(Duration::ZERO))?;
            gate.add_permits(1);
            Ok(split.done.len() * 10 + split.not_done.len())
        }
        assert_eq!(polls().unwrap(), 11);
    }

    #[tokio::test]
    async fn to_stop_waiting_loses_nothing() {
        #[flow]
        async fn hesitates() -> u32 {
            let gate = gate();
            let mut completed = as_completed([gated::submit(gate.clone(), 7)]);
            assert!(completed.next().now_or_never().is_none());
            gate.add_permits(1);
            completed.next().await.unwrap().await.unwrap()
        }
        assert_eq!(hesitates().await, 7);
    }

    #[tokio::test]
    async fn a_map_that_could_not_be_made_is_one_failed_future() {
        #[flow]
        async fn broken() -> (usize, RunError) {
            #[task]
            fn add(a: u32, b: u32) -> u32 {
                a + b
            }
            let mut completed = as_completed(add::map(vec![1], vec![1, 2]));
            let error = completed.next().await.unwrap().await.unwrap_err();
            (completed.remaining(), error)
        }
        let (left, error) = broken().await;
        assert_eq!(left, 0);
        assert!(matches!(error.kind(), RunErrorKind::MappingLengthMismatch { .. }));
    }
}

mod done_and_not_done {
    use super::*;

    #[flow]
    async fn splits() -> (Vec<u32>, usize) {
        let gate = gate();
        let futures =
            [ended(1).await, gated::submit(gate.clone(), 1), ended(13).await, ended(2).await];
        let split = wait(futures.clone(), Some(SHORT)).await;
        let ids: Vec<_> = split.done.iter().map(TaskFuture::task_run_id).collect();
        assert_eq!(ids, [&futures[0], &futures[2], &futures[3]].map(TaskFuture::task_run_id));
        gate.add_permits(1);
        let rest = wait(split.not_done, None).await;
        let mut values = Vec::new();
        for future in split.done {
            values.extend(future.await.ok());
        }
        (values, rest.done.len())
    }

    #[tokio::test]
    async fn wait_splits_into_what_has_ended_and_what_has_not() {
        assert_eq!(splits().await, (vec![2, 4], 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn wait_splits_on_many_threads_too() {
        assert_eq!(splits().await, (vec![2, 4], 1));
    }

    #[test]
    fn wait_blocks_a_sync_flow_until_all_have_ended() {
        #[flow]
        fn splits() -> Result<(usize, usize), RunError> {
            let futures = plain_double::map([1, 2, 13]);
            let split = wait_blocking(&futures, None)?;
            Ok((split.done.len(), split.not_done.len()))
        }
        assert_eq!(recorded_sync(splits).0.unwrap(), (3, 0));
    }

    #[tokio::test]
    async fn futures_of_any_types_resolve_to_the_states_they_end_in() {
        #[task]
        async fn text() -> String {
            String::new()
        }
        #[flow]
        async fn states() -> Vec<StateType> {
            let futures = double::map([1, 13]);
            let text = text::submit();
            let states = resolve_futures_to_states((&futures, &text)).await.unwrap();
            assert_eq!(futures.states(), states[..2]);
            states.iter().map(State::state_type).collect()
        }
        let ended = [StateType::Completed, StateType::Failed, StateType::Completed];
        assert_eq!(states().await, ended);
    }

    #[test]
    fn a_sync_flow_resolves_futures_to_states() {
        #[flow]
        fn states() -> Result<Vec<State>, RunError> {
            resolve_futures_to_states_blocking(double::map([1, 13]))
        }
        let states = states().unwrap();
        assert!(states[0].is_completed() && !states[1].is_completed());
    }
}

mod timeouts {
    use super::*;

    #[flow]
    async fn all_late() -> (String, String, Vec<u32>, u32) {
        let gate = gate();
        let mut futures: TaskFutures<u32> = [ended(1).await, gated::submit(gate.clone(), 5)].into();
        let mut single = gated::submit(gate.clone(), 6);
        let waited = futures.wait_timeout(SHORT).await.unwrap_err();
        assert!(matches!(
            waited.kind(),
            RunErrorKind::FuturesUnfinished { unfinished: 1, total: 2, .. }
        ));
        let all = futures.result_timeout(SHORT).await.unwrap_err().to_string();
        let one = single.result_timeout(SHORT).await.unwrap_err();
        let named = one.to_string().contains(&single.task_run_id().to_string());
        assert!(named && one.is_wait_timed_out(), "{one}");
        gate.add_permits(2);
        let values = futures.result_timeout(LONG).await.unwrap();
        futures.wait_timeout(Duration::ZERO).await.unwrap();
        (all, one.to_string(), values, single.result_timeout(LONG).await.unwrap())
    }

    #[tokio::test]
    async fn a_timeout_leaves_the_futures_as_good_as_before() {
        let (all, one, values, single) = all_late().await;
        assert!(all.starts_with("1 (of 2) futures unfinished within 0.005 second(s);"), "{all}");
        assert!(one.contains("did not end within 0.005 second(s)"), "{one}");
        assert_eq!((values, single), (vec![2, 5], 6));
    }

    #[test]
    fn a_timeout_in_a_sync_flow_leaves_the_futures_as_good_as_before() {
        #[flow]
        fn all_late() -> Result<(RunError, RunError, Vec<u32>, u32), RunError> {
            let gate = gate();
            let mut futures: TaskFutures<u32> =
                vec![ended_blocking(1)?, gated::submit(gate.clone(), 5)].into();
            let mut single = gated::submit(gate.clone(), 6);
            assert!(futures.wait_blocking(Some(SHORT)).unwrap_err().is_wait_timed_out());
            let all = futures.result_timeout_blocking(SHORT).unwrap_err();
            let one = single.result_timeout_blocking(SHORT).unwrap_err();
            gate.add_permits(2);
            let values = futures.result_timeout_blocking(LONG)?;
            Ok((all, one, values, single.result_timeout_blocking(LONG)?))
        }
        let (all, one, values, single) = all_late().unwrap();
        assert!(matches!(
            all.kind(),
            RunErrorKind::FuturesUnfinished { unfinished: 1, total: 2, .. }
        ));
        assert!(matches!(one.kind(), RunErrorKind::WaitTimedOut { timeout: SHORT, .. }));
        assert_eq!((values, single), (vec![2, 5], 6));
    }

    #[tokio::test]
    async fn a_value_that_is_there_is_given_however_short_the_time() {
        #[flow]
        async fn ready() -> (u32, Vec<u32>) {
            let mut future = double::submit(1);
            future.wait().await;
            let mut futures: TaskFutures<u32> = [future.clone()].into();
            let both = futures.result_timeout(Duration::ZERO).await.unwrap();
            (future.result_timeout(Duration::ZERO).await.unwrap(), both)
        }
        assert_eq!(ready().await, (2, vec![2]));
    }

    #[tokio::test]
    async fn a_timeout_of_a_task_passes_through_as_it_is() {
        #[flow]
        async fn passes() -> (RunError, RunError) {
            let mut one = too_slow::submit();
            let mut all: TaskFutures<u32> = [too_slow::submit()].into();
            let one = one.result_timeout(LONG).await.unwrap_err();
            (one, all.result_timeout(LONG).await.unwrap_err())
        }
        let (one, all) = passes().await;
        for error in [one, all] {
            assert!(error.is_timed_out() && !error.is_wait_timed_out(), "{error}");
        }
    }

    #[tokio::test]
    async fn a_list_fails_with_the_first_to_fail_in_time_and_may_hold_a_run_twice() {
        #[flow]
        async fn lists() -> (RunError, Vec<u32>) {
            let gates = [gate(), gate()];
            let late = gated::submit(gates[0].clone(), 13);
            let early = gated::submit(gates[1].clone(), 13);
            let id = early.task_run_id();
            let futures: TaskFutures<u32> = [late, double::submit(1), early].into();
            gates[1].add_permits(1);
            let error = futures.clone().await.unwrap_err();
            let RunErrorKind::Failed { .. } = error.kind() else { panic!("{error}") };
            assert!(futures.iter().any(|f| f.task_run_id() == id && f.is_finished()));
            assert!(!futures.iter().next().unwrap().is_finished());
            gates[0].add_permits(1);
            let twice = double::submit(4);
            let twice: TaskFutures<u32> = [twice.clone(), twice].into();
            (error, twice.await.unwrap())
        }
        let (error, twice) = lists().await;
        assert!(error.is_failed());
        assert_eq!(twice, [8, 8]);
    }
}

mod callbacks {
    use super::*;

    #[tokio::test]
    async fn a_callback_is_told_which_run_has_ended_and_how() {
        #[flow]
        async fn watched() -> bool {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let gate = gate();
            let future = gated::submit(gate.clone(), 13);
            for _ in 0..2 {
                let seen = seen.clone();
                future.add_done_callback(move |ended| {
                    let tags = TagsContext::get().current_tags().len();
                    seen.lock().unwrap().push((ended.task_run_id(), ended.state().clone(), tags));
                });
                future.add_done_callback(|_| panic!("a bad callback"));
            }
            let tagged = seen.clone();
            tags!("here", {
                future.add_done_callback(move |ended| {
                    let tags = TagsContext::get().current_tags().len();
                    tagged.lock().unwrap().push((ended.task_run_id(), ended.state().clone(), tags));
                });
            });
            gate.add_permits(1);
            let state = future.wait().await;
            while seen.lock().unwrap().len() < 3 {
                tokio::task::yield_now().await;
            }
            // It has ended: at once.
            let at_once = Arc::new(AtomicUsize::new(0));
            let count = at_once.clone();
            future.add_done_callback(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            });
            let id = future.task_run_id();
            let seen = seen.lock().unwrap();
            let expected = [(id, state.clone(), 0), (id, state.clone(), 0), (id, state, 1)];
            at_once.load(Ordering::SeqCst) == 1 && *seen == expected
        }
        assert!(watched().await);
    }

    #[tokio::test]
    async fn a_bad_callback_breaks_neither_waiting_nor_as_completed() {
        #[flow]
        async fn unharmed() -> u32 {
            let gate = gate();
            let future = gated::submit(gate.clone(), 3);
            future.add_done_callback(|_| panic!("a bad callback"));
            let mut completed = as_completed([future.clone()]);
            gate.add_permits(1);
            completed.next().await.unwrap().await.unwrap() + future.await.unwrap()
        }
        assert_eq!(unharmed().await, 6);
    }

    #[tokio::test]
    async fn futures_are_equal_if_they_are_of_the_same_run() {
        #[flow]
        async fn compares() -> (bool, bool, usize) {
            let (one, other) = (double::submit(1), double::submit(1));
            #[expect(clippy::mutable_key_type, reason = "the id of a run never changes")]
            let set = HashSet::from([one.clone(), one.clone(), other.clone()]);
            (one == one.clone(), one == other, set.len())
        }
        assert_eq!(compares().await, (true, false, 2));
    }
}

mod inputs {
    use super::*;

    #[task]
    async fn takes_futures(left: TaskFuture<u32>, right: TaskFuture<u32>) -> Result<u32, RunError> {
        let first = as_completed([left, right]).next().await.unwrap();
        first.await
    }

    #[tokio::test]
    async fn a_quoted_future_reaches_the_task_as_a_future() {
        #[flow]
        async fn race() -> Result<u32, RunError> {
            let gate = gate();
            let late = gated::submit(gate.clone(), 1);
            let winner = takes_futures::submit(quote(late), quote(double::submit(5)));
            let value = winner.await;
            gate.add_permits(1);
            value
        }
        let (value, recorder) = recorded(race).await;
        assert_eq!(value.unwrap(), 10);
        let runs = recorder.task_runs();
        let takes = runs.iter().find(|(run, _)| run.task_name == "takes_futures").unwrap();
        assert!(takes.0.inputs.is_empty(), "what is quoted is no input");
    }

    #[tokio::test]
    async fn a_quoted_list_is_mapped_over_and_its_elements_are_given_as_they_are() {
        #[task]
        async fn is_open(future: TaskFuture<u32>, shared: Vec<u32>) -> (bool, usize) {
            (!future.is_finished(), shared.len())
        }
        #[flow]
        async fn mapped() -> Result<Vec<(bool, usize)>, RunError> {
            let gate = gate();
            let futures = [gated::submit(gate.clone(), 1), gated::submit(gate.clone(), 2)];
            let mapped = is_open::map(quote(futures), unmapped(quote(vec![1, 2, 3]))).await;
            gate.add_permits(2);
            mapped
        }
        assert_eq!(mapped().await.unwrap(), [(true, 3), (true, 3)]);
    }

    #[tokio::test]
    async fn an_opaque_future_is_resolved_and_its_value_is_left_alone() {
        #[task]
        async fn starts() -> Vec<TaskFuture<u32>> {
            vec![double::submit(1), double::submit(2)]
        }
        #[task]
        async fn ends(futures: Vec<TaskFuture<u32>>) -> Result<u32, RunError> {
            Ok(futures.into_iter().collect::<TaskFutures<u32>>().await?.into_iter().sum())
        }
        #[flow]
        async fn nested() -> Result<(u32, Vec<u32>), RunError> {
            let sum = ends::submit(opaque(starts::submit())).await?;
            Ok((sum, double::map(opaque(double::map([1, 2]))).await?))
        }
        let (value, recorder) = recorded(nested).await;
        assert_eq!(value.unwrap(), (6, vec![4, 8]));
        let runs = recorder.task_runs();
        let ends = runs.iter().find(|(run, _)| run.task_name == "ends").unwrap();
        assert_eq!(ends.0.inputs.get("futures").len(), 1);
    }

    #[task]
    async fn counts(values: Vec<Result<u32, RunError>>) -> (u32, usize) {
        let failed = values.iter().filter(|value| value.is_err()).count();
        (values.into_iter().flatten().sum(), failed)
    }

    #[tokio::test]
    async fn allow_failure_of_a_collection_gives_a_result_for_each() {
        #[flow]
        async fn tolerant() -> Result<[(u32, usize); 3], RunError> {
            let mapped = double::map([1, 13, 2]);
            let by_reference = counts::submit(allow_failure(&mapped)).await?;
            let list = counts::submit(allow_failure(mapped)).await?;
            let vector = vec![double::submit(13), double::submit(4)];
            let vector = counts::submit(allow_failure(vector)).await?;
            Ok([by_reference, list, vector])
        }
        assert_eq!(tolerant().await.unwrap(), [(6, 1), (6, 1), (8, 1)]);
    }

    #[tokio::test]
    async fn a_crash_in_a_collection_is_never_let_through() {
        #[task]
        async fn explodes() -> u32 {
            panic!("boom")
        }
        #[flow]
        async fn strict() -> RunError {
            counts::submit(allow_failure(vec![explodes::submit()])).await.unwrap_err()
        }
        assert!(strict().await.is_not_ready());
    }

    #[tokio::test]
    async fn allow_failure_in_a_map_is_for_each_element() {
        #[task]
        fn or_zero(value: Result<u32, RunError>) -> u32 {
            value.unwrap_or(0)
        }
        #[flow]
        async fn tolerant() -> Result<Vec<u32>, RunError> {
            let mapped = double::map([1, 13]);
            let mut values = or_zero::map(allow_failure(&mapped)).await?;
            values.extend(
                or_zero::map(allow_failure([double::submit(13), double::submit(3)])).await?,
            );
            Ok(values)
        }
        assert_eq!(tolerant().await.unwrap(), [2, 0, 0, 6]);
    }

    #[task]
    fn takes_map(by_name: BTreeMap<String, u32>, other: HashMap<u8, u32>) -> u32 {
        by_name["a"] + by_name["b"] * 10 + other[&7] * 100
    }

    #[task]
    fn takes_tuples(pair: (u32, String), triple: (u32, u32, u32), array: [u32; 2]) -> String {
        format!("{} {} {:?} {array:?}", pair.0, pair.1, triple)
    }

    #[task]
    fn takes_four(four: (u32, u32, u32, Result<u32, RunError>)) -> bool {
        four.3.is_err()
    }

    #[task]
    fn takes_results(
        four: (Result<u32, RunError>, Result<u32, RunError>),
        all: [Result<u32, RunError>; 2],
    ) -> [bool; 4] {
        [four.0.is_ok(), four.1.is_ok(), all[0].is_ok(), all[1].is_ok()]
    }

    #[task]
    async fn named(name: String) -> String {
        name
    }

    #[tokio::test]
    async fn maps_arrays_and_tuples_of_futures_are_inputs_for_those_of_values() {
        #[flow]
        async fn collects() -> Result<(u32, String, [bool; 4]), RunError> {
            let two = || double::submit(1);
            let by_name = BTreeMap::from([("a".to_owned(), two()), ("b".to_owned(), two())]);
            let sum = takes_map::submit(by_name, HashMap::from([(7_u8, two())]));
            let text = takes_tuples::submit(
                (two(), named::submit("x")),
                (two(), two(), two()),
                [two(), double::submit(2)],
            );
            let results = takes_results::submit(
                allow_failure((two(), double::submit(13))),
                allow_failure([double::submit(13), two()]),
            );
            Ok((sum.await?, text.await?, results.await?))
        }
        let (value, recorder) = recorded(collects).await;
        let (sum, text, results) = value.unwrap();
        assert_eq!(sum, 222);
        assert_eq!(text, "2 x (2, 2, 2) [2, 4]");
        assert_eq!(results, [true, false, false, true]);
        let runs = recorder.task_runs();
        let run =
            |name: &str| runs.iter().find(|(run, _)| run.task_name == name).unwrap().0.clone();
        let inputs = run("takes_tuples").inputs;
        assert_eq!(["pair", "triple", "array"].map(|name| inputs.get(name).len()), [2, 3, 2]);
        assert_eq!(run("takes_map").inputs.get("by_name").len(), 2);
        // Values as they are, too.
        assert!(!takes_four((1, 2, 3, Ok(4))));
    }
}

mod final_states {
    use super::*;

    fn shown<T>(ended: &State<T>) -> String {
        ended.to_string()
    }

    #[flow]
    async fn doubled(n: u32) -> Result<u32, RunError> {
        double::submit(n).await
    }

    #[flow(flow_run_name = "plain")]
    fn plain_doubled(n: u32) -> Result<u32, String> {
        plain_double(n)
    }

    #[tokio::test]
    async fn an_async_task_gives_its_state_with_the_value_or_the_reason() {
        let good = double::state(2).await;
        assert_eq!((shown(&good), good.result().unwrap()), ("Completed()".to_owned(), 4));
        let bad = double::state(13).await;
        assert_eq!(shown(&bad), "Failed('Task run encountered an exception String: unlucky')");
        assert!(bad.result().unwrap_err().is_failed());
        let late = too_slow::state().await;
        assert_eq!(late.name(), "TimedOut");
        assert!(late.result().unwrap_err().is_timed_out());
    }

    #[test]
    fn a_plain_task_gives_its_state_at_once() {
        assert_eq!(plain_double::state(2).result().unwrap(), 4);
        let bad = plain_double::state(13);
        assert_eq!(bad.state_type(), StateType::Failed);
        let retried = plain_double::with_options().retries(1).state(13);
        assert!(retried.result().unwrap_err().is_failed());
    }

    #[tokio::test]
    async fn flows_give_their_states_too() {
        let good = doubled::state(2).await;
        assert_eq!((shown(&good), good.result().unwrap()), ("Completed()".to_owned(), 4));
        let bad = doubled::state(13).await;
        assert_eq!(bad.state_type(), StateType::Failed);
        let error = bad.result().unwrap_err();
        assert!(error.to_string().starts_with("flow run '"), "{error}");
        let plain = plain_doubled::state(13);
        assert_eq!(plain.result().unwrap_err().to_string(), "flow run 'plain' failed: unlucky");
        assert_eq!(plain_doubled::with_options().state(4).result().unwrap(), 8);
    }

    #[tokio::test]
    async fn a_run_that_is_not_ready_or_cannot_begin_is_a_state() {
        #[flow]
        async fn asks() -> [String; 2] {
            let not_ready = double::state(double::submit(13)).await;
            assert!(not_ready.clone().result().unwrap_err().is_not_ready());
            let rejected = double::with_options().retries(-1).state(1).await;
            assert!(matches!(
                rejected.clone().result().unwrap_err().kind(),
                RunErrorKind::InvalidOption(_)
            ));
            [not_ready.name().to_owned(), rejected.name().to_owned()]
        }
        assert_eq!(asks().await, ["NotReady", "Failed"]);
    }

    #[tokio::test]
    async fn a_panic_goes_on_to_the_caller() {
        #[task]
        async fn explodes(_n: u32) -> u32 {
            panic!("boom")
        }
        let caught = std::panic::AssertUnwindSafe(explodes::state(1)).catch_unwind().await;
        assert_eq!(crate::panic_text(caught.unwrap_err()), "boom");
    }
}

#[tokio::test]
async fn to_wait_for_itself_is_a_typed_error_in_every_form() {
    static OWN: Mutex<Option<TaskFuture<u32>>> = Mutex::new(None);

    #[task]
    async fn narcissist(published: Arc<Notify>) -> Result<u32, RunError> {
        published.notified().await;
        let own = OWN.lock().unwrap().take().unwrap();
        let states = resolve_futures_to_states(&own).await.unwrap_err();
        assert!(matches!(states.kind(), RunErrorKind::SelfDependency { .. }));
        let list: TaskFutures<u32> = [own.clone()].into();
        let listed = list.await.unwrap_err();
        assert!(matches!(listed.kind(), RunErrorKind::SelfDependency { .. }));
        as_completed([own]).next().await.unwrap().await
    }
    #[flow]
    async fn reflecting() -> RunError {
        let published = Arc::new(Notify::new());
        let future = narcissist::submit(published.clone());
        *OWN.lock().unwrap() = Some(future.clone());
        published.notify_one();
        future.await.unwrap_err()
    }
    let error = reflecting().await;
    let source = error.user_error::<RunError>().unwrap();
    assert!(matches!(source.kind(), RunErrorKind::SelfDependency { .. }), "{error}");
}

#[tokio::test]
async fn blocking_the_only_thread_is_a_typed_error_in_every_form() {
    #[flow]
    async fn stuck() -> Vec<RunError> {
        let futures = double::map([1, 2]);
        vec![
            wait_blocking(&futures, None).unwrap_err(),
            futures.wait_blocking(None).unwrap_err(),
            futures.clone().result_timeout_blocking(SHORT).unwrap_err(),
            as_completed(&futures).blocking().next().unwrap().unwrap_err(),
            resolve_futures_to_states_blocking(&futures).unwrap_err(),
        ]
    }
    for error in stuck().await {
        assert!(matches!(error.kind(), RunErrorKind::WouldBlock { .. }), "{error}");
    }
}
