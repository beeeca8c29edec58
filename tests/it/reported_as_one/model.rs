//! What the one run ends in, against a model of how its elements end.

use context::prelude::*;
use context::{ConcurrentTaskRunner, ThreadPoolTaskRunner};
use proptest::prelude::*;

use super::the_run;
use crate::recorded;
use crate::support::{on_a_runtime, on_threads};

/// How an element ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
enum End {
    Completes,
    CompletesAtLast,
    Fails,
    Panics,
    IsCancelled,
    IsPaused,
    IsNotReady,
}

#[task(retries = 1)]
async fn ends(end: End) -> Result<State, String> {
    tokio::task::yield_now().await;
    match end {
        End::CompletesAtLast if current_run!().run_count() == 1 => Err("not yet".to_owned()),
        End::Completes | End::CompletesAtLast => Ok(State::completed()),
        End::Fails => Err("fails".to_owned()),
        End::Panics => std::panic::resume_unwind(Box::new("panics")),
        End::IsCancelled => Ok(State::cancelled()),
        End::IsPaused => Ok(State::paused(context::PauseEnd::Never)),
        End::IsNotReady => unreachable!("it never begins"),
    }
}

#[task]
async fn source(end: End) -> Result<End, String> {
    if end == End::IsNotReady { Err("no".to_owned()) } else { Ok(end) }
}

#[flow]
async fn mapped(all: Vec<End>) -> Vec<State> {
    let runs = ends::with_options().reported_as_one().map(source::map(all));
    runs.wait().await;
    runs.states()
}

/// The state, and how many did not complete.
fn model(all: &[End]) -> (&'static str, usize) {
    let count = |wanted: &[End]| all.iter().filter(|end| wanted.contains(end)).count();
    let crashed = count(&[End::Panics]);
    let cancelled = count(&[End::IsCancelled]);
    let failed = count(&[End::Fails, End::IsPaused]);
    let not_ready = count(&[End::IsNotReady]);
    let state = if crashed > 0 {
        "Crashed"
    } else if cancelled > 0 {
        "Cancelled"
    } else if failed > 0 || not_ready > 0 && not_ready < all.len() {
        "Failed"
    } else if not_ready > 0 {
        "NotReady"
    } else {
        "Completed"
    };
    (state, crashed + cancelled + failed + not_ready)
}

fn one_of() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Completes),
        2 => Just(End::CompletesAtLast),
        1 => Just(End::Fails),
        1 => Just(End::Panics),
        1 => Just(End::IsCancelled),
        1 => Just(End::IsPaused),
        1 => Just(End::IsNotReady),
    ]
}

fn check(all: &[End], runner: u8) -> Result<(), TestCaseError> {
    let run = async {
        recorded(|| {
            let flow = mapped::with_options();
            match runner {
                0 => flow.call(all.to_vec()),
                1 => {
                    flow.task_runner(ConcurrentTaskRunner::new().max_workers(2)).call(all.to_vec())
                }
                _ => flow.task_runner(ThreadPoolTaskRunner::new(2)).call(all.to_vec()),
            }
        })
        .await
    };
    let (states, recorder) = if runner == 0 { on_a_runtime(run) } else { on_threads(run) };
    let (one, end) = the_run(&recorder, "ends");
    let (name, failed) = model(all);
    prop_assert_eq!(end.name(), name, "{}", recorder.transcript());
    let transcript = recorder.transcript();
    let (total, count) = (all.len(), states.iter().filter(|state| !state.is_completed()).count());
    prop_assert_eq!(failed, count);
    let runs = if total == 1 { "run" } else { "runs" };
    let progress = match failed {
        0 => format!("<{total} {runs}>, {name}"),
        _ => format!("<{total} {runs}, {failed} failed>, {name}("),
    };
    prop_assert!(transcript.contains(&progress), "{}", transcript);
    let begun = all.iter().any(|end| *end != End::IsNotReady);
    prop_assert_eq!(one.run_count, u32::from(begun));
    prop_assert_eq!(recorder.task_states("ends")[0].len(), if begun { 3 } else { 2 });
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn it_ends_as_its_elements_say(
        all in prop_oneof![
            proptest::collection::vec(one_of(), 1..12),
            one_of().prop_flat_map(|end| proptest::collection::vec(Just(end), 1..4)),
        ],
        runner in 0..3_u8,
    ) {
        check(&all, runner)?;
    }
}
