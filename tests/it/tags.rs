//! Tags.

#![expect(clippy::disallowed_methods, reason = "what plain spawns do is part of the promise")]

use context::prelude::*;
use context::{InCurrentContext, spawn, spawn_blocking, thread};

use crate::{recorded, recorded_sync};

fn seen() -> String {
    TagsContext::get().current_tags().to_string()
}

#[task(tags = ["own"])]
async fn tagged() -> String {
    current_run!().tags().to_string()
}

#[task(tags = ["own"])]
fn tagged_sync() -> String {
    current_run!().tags().to_string()
}

#[test]
fn blocks_nest_and_end() {
    let dynamic = format!("team-{}", 7);
    let inside = tags!("b", "a", {
        assert_eq!(seen(), "a, b");
        tags!(dynamic, "b" => { seen() })
    });
    assert_eq!(inside, "a, b, team-7");
    assert_eq!(seen(), "");
}

#[test]
fn every_spelling_is_the_same_block() {
    assert_eq!(tags!("a", "b", { seen() }), "a, b");
    assert_eq!(tags!("a", "b"; { seen() }), "a, b");
    assert_eq!(tags!("a", "b" => { seen() }), "a, b");
    assert_eq!(tags!(("a", "b") < seen() >), "a, b");
    assert_eq!(tags!("a", "b").in_scope(seen), "a, b");
    assert_eq!(tags!({ seen() }), "");
    let many = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(tags!("a", &many, { seen() }), "a, x, y");
}

fn control_flow(input: &[i32]) -> Result<i32, String> {
    let mut sum = 0;
    let late;
    'outer: for &number in input {
        tags!("loop", {
            if number == 0 {
                continue;
            }
            if number > 100 {
                break 'outer;
            }
            if number < 0 {
                return Err(seen());
            }
            sum += number;
        });
    }
    tags!("late", {
        late = "1".parse::<i32>().map_err(|error| error.to_string())?;
    });
    Ok(sum + late)
}

#[test]
fn control_flow_passes_through_a_block() {
    assert_eq!(control_flow(&[1, 0, 2, 101, 4]), Ok(4));
    assert_eq!(control_flow(&[1, -1]), Err("loop".to_owned()));
    assert_eq!(seen(), "");
}

async fn async_control_flow(input: &[i32]) -> Result<i32, String> {
    let mut sum = 0;
    'outer: for &number in input {
        tags!("loop", {
            tokio::task::yield_now().await;
            assert_eq!(seen(), "loop");
            match number {
                0 => continue,
                101.. => break 'outer,
                _ if number < 0 => return Err(seen()),
                _ => sum += ready(number).await?,
            }
        });
    }
    let text = String::from("borrowed");
    let part = tags!("borrow", {
        tokio::task::yield_now().await;
        &text[..6]
    });
    assert_eq!(part, "borrow");
    Ok(sum)
}

async fn ready(number: i32) -> Result<i32, String> {
    tokio::task::yield_now().await;
    assert_eq!(seen(), "loop");
    if number == 50 { Err("fifty".to_owned()) } else { Ok(number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_flow_passes_through_an_async_block_that_is_spawned() {
    let run = |input: &'static [i32]| tokio::spawn(async_control_flow(input));
    assert_eq!(run(&[1, 0, 2, 101, 4]).await.unwrap(), Ok(3));
    assert_eq!(run(&[1, -1]).await.unwrap(), Err("loop".to_owned()));
    assert_eq!(run(&[50]).await.unwrap(), Err("fifty".to_owned()));
    assert_eq!(seen(), "");
}

#[tokio::test]
async fn siblings_never_see_each_other() {
    async fn watch(tag: &'static str) {
        tags!(tag, {
            for _ in 0..10 {
                assert_eq!(seen(), tag);
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(seen(), "");
    }
    tokio::join!(watch("a"), watch("b"), watch("c"));
    assert_eq!(seen(), "");
}

#[tokio::test]
async fn joins_inside_a_block_are_in_it() {
    let (left, right) = tags!("both", {
        tokio::join!(async { seen() }, async {
            tokio::task::yield_now().await;
            seen()
        })
    });
    assert_eq!((left.as_str(), right.as_str()), ("both", "both"));
    let all: Result<(String, String), ()> =
        tags!("all", { tokio::try_join!(async { Ok(seen()) }, async { Ok(seen()) }) });
    assert_eq!(all.unwrap().0, "all");
}

#[tokio::test]
async fn a_select_stands_in_a_scope() {
    let winner = tags!("race")
        .scope(async {
            tokio::select! {
                tag = async { tokio::task::yield_now().await; seen() } => tag,
                () = std::future::pending() => unreachable!(),
            }
        })
        .await;
    assert_eq!(winner, "race");
    assert_eq!(seen(), "");
}

#[flow]
async fn merged() -> Vec<String> {
    let direct = tags!("flow-block", { tagged().await });
    let sync = tags!("flow-block", { tagged_sync() });
    // Captured when the task is called, not when it is awaited.
    let call = tags!("early", { tagged() });
    let submitted = tags!("early", { tagged::submit() });
    vec![direct, sync, call.await, submitted.await.unwrap_or_default(), tagged().await]
}

#[tokio::test]
async fn a_run_has_its_own_tags_and_those_around_its_call() {
    let (seen, recorder) = recorded(|| async { tags!("outside", { merged().await }) }).await;
    assert_eq!(
        seen,
        [
            "flow-block, outside, own",
            "flow-block, outside, own",
            "early, outside, own",
            "early, outside, own",
            "outside, own",
        ]
    );
    assert_eq!(recorder.flow_runs()[0].0.tags, ["outside"]);
}

#[task(tags = ["outer"])]
async fn calls_another() -> String {
    tagged().await
}

#[tokio::test]
async fn a_tasks_own_tags_are_not_passed_on() {
    assert_eq!(calls_another().await, "own");
}

#[flow]
fn sync_flow() -> String {
    tags!("s", { tagged_sync() })
}

#[test]
fn tags_reach_runs_of_sync_flows() {
    let (seen, _) = recorded_sync(|| tags!("o", { sync_flow() }));
    assert_eq!(seen, "o, own, s");
}

#[tokio::test(flavor = "multi_thread")]
async fn spawning_functions_carry_tags_on_and_plain_ones_do_not() {
    tags!("t", {
        assert_eq!(spawn(async { seen() }).await.unwrap(), "t");
        assert_eq!(spawn_blocking(seen).await.unwrap(), "t");
        assert_eq!(thread::spawn(seen).join().unwrap(), "t");
        assert_eq!(tokio::spawn(async { seen() }.in_current_context()).await.unwrap(), "t");
        assert_eq!(tokio::spawn(tagged()).await.unwrap(), "own, t");
        assert_eq!(tokio::spawn(async { seen() }).await.unwrap(), "");
        assert_eq!(std::thread::spawn(seen).join().unwrap(), "");
    });
}

#[test]
fn a_binder_carries_tags_into_rayon() {
    use rayon::prelude::*;

    let counts: Vec<String> = tags!("r", {
        let bound = context::Context::current().wrap(|number: u32| format!("{}{number}", seen()));
        (0..100).into_par_iter().map(bound).collect()
    });
    assert_eq!(counts[99], "r99");
    let clean: Vec<String> = (0..100).into_par_iter().map(|_| seen()).collect();
    assert!(clean.iter().all(String::is_empty));
}
