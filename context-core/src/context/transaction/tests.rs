mod tree;

use std::sync::Mutex;

use proptest::prelude::*;

use super::super::{ContextModel, LiveTask, TagsContext};
use super::*;
use crate::clock::Timestamp;
use crate::definition::TaskDefinition;
use crate::definition::{Meta, TaskOptions};
use crate::results::{LockManager as _, MemoryLockManager, ResultStore, Storage};
use crate::transaction::TransactionState::{self, Active, Committed, RolledBack, Staged};
use crate::transaction::{CommitMode, Stage};
use tree::{Block, Model, Outcome, Step, Write, pause};

fn block(name: &str) -> Block {
    Block::named(name)
}

/// Runs the tree in every form.
#[track_caller]
fn check(tree: &Block, log: &[&str], states: &[TransactionState]) -> Outcome {
    let outcome = tree::run(tree);
    assert_eq!(outcome.log, log);
    assert_eq!(outcome.states, states);
    assert_eq!(outcome, Model::of(tree), "the model differs");
    outcome
}

#[test]
fn rule_1_what_exists_is_committed_at_once_and_nothing_is_staged() {
    let tree = block("a").write(Write::Exists).staged();
    check(&tree, &[], &[Committed]);
    check(&tree.fails(), &[], &[Committed]);
}

#[test]
fn rule_1_what_is_inside_of_what_exists_commits_by_itself() {
    let tree =
        block("a").write(Write::Exists).inside(block("b").write(Write::Works).stage(false, false));
    check(&tree, &["b commit 0", "b written"], &[Committed, Committed]);
}

#[test]
fn rule_2_hooks_are_added() {
    check(&block("a").staged(), &["a commit 0", "a commit 1"], &[Committed]);
}

#[test]
fn rule_3_the_outermost_decides_when_it_is_left() {
    let tree = |mode| block("a").mode(mode).staged();
    let committed = ["a commit 0", "a commit 1"];
    check(&tree(CommitMode::Lazy), &committed, &[Committed]);
    check(&tree(CommitMode::Eager), &committed, &[Committed]);
    check(&tree(CommitMode::Off), &["a rollback 1", "a rollback 0"], &[RolledBack]);
    check(&tree(CommitMode::Off).step(Step::Commit), &committed, &[Committed]);
}

#[test]
fn rule_3_one_inside_waits_unless_it_is_eager() {
    let tree = |outer, inner| {
        let mut inside = block("b").stage(false, false);
        inside.mode = inner;
        block("a").mode(outer).inside(inside).stage(false, false)
    };
    let late = ["b commit 0", "a commit 1"];
    for inner in [None, Some(CommitMode::Lazy), Some(CommitMode::Off)] {
        check(&tree(CommitMode::Lazy, inner), &late, &[Committed, Committed]);
    }
    let undone = ["a rollback 1", "b rollback 0"];
    for inner in [None, Some(CommitMode::Lazy)] {
        check(&tree(CommitMode::Off, inner), &undone, &[RolledBack, RolledBack]);
    }
    // In force inside, too.
    let failing = tree(CommitMode::Eager, None).fails();
    check(&failing, &["b commit 0", "a rollback 1"], &[RolledBack, Committed]);
    let failing = tree(CommitMode::Eager, Some(CommitMode::Lazy)).fails();
    check(&failing, &["a rollback 1", "b rollback 0"], &[RolledBack, RolledBack]);
}

#[test]
fn rule_4_those_inside_are_committed_first_and_the_record_is_written_last() {
    let tree = block("a")
        .write(Write::Works)
        .stage(false, false)
        .inside(block("b").stage(false, false))
        .inside(block("c").write(Write::Works).stage(false, false));
    let log = ["b commit 0", "c commit 0", "a commit 0", "a written", "c written"];
    check(&tree, &log, &[Committed; 3]);
}

#[test]
fn rule_4_a_commit_that_fails_rolls_back_and_raises_nothing() {
    let tree = block("a").stage(false, false).stage(true, false).stage(false, false);
    let log = ["a commit 0", "a commit 1", "a rollback 2", "a rollback 1", "a rollback 0"];
    assert_eq!(check(&tree, &log, &[RolledBack]).failures, 1);
    let tree = block("a").write(Write::Fails).stage(false, false);
    let outcome = check(&tree, &["a commit 0", "a rollback 0"], &[RolledBack]);
    assert_eq!(outcome.failures, 1);
}

#[test]
fn rule_5_hooks_are_undone_in_reverse_and_then_those_inside() {
    let tree = block("a")
        .staged()
        .inside(block("b").stage(false, false))
        .inside(block("c").stage(false, false))
        .fails();
    let log = ["a rollback 1", "a rollback 0", "c rollback 0", "b rollback 0"];
    check(&tree, &log, &[RolledBack; 3]);
}

#[test]
fn rule_5_a_rollback_hook_that_fails_stops_its_own_transaction_only() {
    let tree = block("a")
        .stage(false, false)
        .inside(
            block("b")
                .stage(false, false)
                .stage(false, true)
                .inside(block("c").stage(false, false)),
        )
        .inside(block("d").stage(false, false))
        .fails();
    let log = ["a rollback 0", "d rollback 0", "b rollback 1", "c rollback 0"];
    let outcome = check(&tree, &log, &[RolledBack, Staged, RolledBack, RolledBack]);
    assert_eq!(outcome.failures, 1);
}

#[test]
fn rule_5_what_could_not_be_rolled_back_is_not_committed_instead() {
    let broken = block("b").stage(false, true).fails();
    let tree = block("a").stage(false, false).inside(broken).stage(false, false);
    // Staged anew after its rollback: only that is committed.
    check(&tree, &["b rollback 0", "a rollback 0", "a commit 2"], &[Committed, Staged]);
    let tree = block("a").stage(false, true).step(Step::RollBack);
    check(&tree, &["a rollback 0"], &[Staged]);
}

#[test]
fn rule_6_one_that_fails_rolls_back_the_one_around_it_at_once() {
    let tree = block("a")
        .stage(false, false)
        .inside(block("b").stage(false, false))
        .inside(block("c").stage(false, false).fails())
        .inside(block("d").stage(false, false));
    // The last one comes after the rollback, and is undone when the code ends.
    let log = ["c rollback 0", "a rollback 0", "b rollback 0", "d rollback 0"];
    check(&tree, &log, &[RolledBack; 4]);
}

#[test]
fn rule_6_an_error_that_goes_on_rolls_back_all_that_it_passes() {
    let tree = block("a")
        .stage(false, false)
        .inside(block("b").stage(false, false))
        .inside(block("c").stage(false, false).fails().raises())
        .inside(block("never"));
    check(&tree, &["c rollback 0", "a rollback 0", "b rollback 0"], &[RolledBack; 3]);
}

#[test]
fn rule_6_it_goes_on_outwards_when_the_next_one_is_left() {
    let inner = block("b").inside(block("c").fails());
    let tree = block("a").stage(false, false).inside(inner.clone());
    check(&tree, &["a rollback 0"], &[RolledBack; 3]);
    // Unless that one begins anew.
    let tree = block("a").stage(false, false).inside(inner.stage(false, false));
    check(&tree, &["b commit 1", "a commit 0"], &[Committed, Committed, RolledBack]);
}

#[test]
fn rule_6_one_that_is_rolled_back_by_hand_or_cannot_be_committed_counts_as_failed() {
    let by_hand = block("b").stage(false, false).step(Step::RollBack);
    let tree = block("a").stage(false, false).inside(by_hand);
    check(&tree, &["b rollback 0", "a rollback 0"], &[RolledBack; 2]);
    let eager = block("b").mode(CommitMode::Eager).stage(true, false);
    let tree = block("a").stage(false, false).inside(eager);
    check(&tree, &["b commit 0", "b rollback 0", "a rollback 0"], &[RolledBack; 2]);
}

#[test]
fn rule_7_one_that_fails_while_the_outer_commits_is_rolled_back_alone_and_is_told() {
    let tree = block("a")
        .stage(false, false)
        .inside(block("b").stage(false, false))
        .inside(block("c").stage(true, false))
        .inside(block("d").stage(false, false));
    let log = ["b commit 0", "c commit 0", "c rollback 0", "d commit 0", "a commit 0"];
    let outcome = check(&tree, &log, &[Committed, Committed, RolledBack, Committed]);
    assert_eq!(outcome.failures, 1);
}

#[test]
fn rule_8_what_is_committed_stays() {
    let eager = block("b").mode(CommitMode::Eager).stage(false, false);
    let tree = block("a").stage(false, false).inside(eager).fails();
    check(&tree, &["b commit 0", "a rollback 0"], &[RolledBack, Committed]);
    let tree = block("a").inside(block("b").stage(false, false)).stage(true, false);
    check(&tree, &["b commit 0", "a commit 1", "a rollback 1"], &[RolledBack, Committed]);
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stage = (prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(commit_fails, rollback_fails)| Step::Stage { commit_fails, rollback_fails });
    let leaf = prop_oneof![
        6 => stage,
        1 => Just(Step::Commit),
        1 => Just(Step::RollBack),
        1 => Just(Step::Fail),
    ];
    let leaves = prop::collection::vec(leaf.clone(), 0..3);
    leaves.prop_recursive(4, 24, 4, move |steps| {
        let mode = prop_oneof![
            4 => Just(None),
            1 => Just(Some(CommitMode::Lazy)),
            1 => Just(Some(CommitMode::Eager)),
            1 => Just(Some(CommitMode::Off)),
        ];
        let write = prop_oneof![
            3 => Just(Write::None),
            3 => Just(Write::Works),
            1 => Just(Write::Fails),
            1 => Just(Write::Exists),
        ];
        let inside =
            (mode, write, any::<bool>(), steps).prop_map(|(mode, write, raises, steps)| {
                Step::Inside(Block { name: String::new(), mode, write, raises, steps })
            });
        prop::collection::vec(prop_oneof![leaf.clone(), inside], 0..5)
    })
}

/// Gives each block a name of its own.
fn name(block: &mut Block, next: &mut u32) {
    block.name = format!("t{next}");
    *next += 1;
    for step in &mut block.steps {
        if let Step::Inside(inside) = step {
            name(inside, next);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_in_any_form_does_what_the_model_says(
        steps in steps(),
        mode in prop_oneof![
            3 => Just(None),
            1 => Just(Some(CommitMode::Off)),
            1 => Just(Some(CommitMode::Eager)),
        ],
    ) {
        let mut tree = Block { mode, steps, ..Block::default() };
        name(&mut tree, &mut 0);
        prop_assert_eq!(tree::run(&tree), Model::of(&tree));
    }
}

const META: Meta = Meta {
    name: "download",
    module: "tests",
    file: "tests.rs",
    line: 1,
    source_hash: "1a2b3c4d",
    doc: "",
    parameters: &[],
    is_async: true,
};

static TASK: TaskDefinition = TaskDefinition::new(META, TaskOptions::new);

/// What the engine does for an attempt of a task run: `code` runs in it, `end` follows.
async fn attempt<R>(end: AttemptEnd, code: impl Future<Output = R>) -> R {
    let current = stack::current::<Frame>();
    let frame = task_frame(current.as_ref());
    let value = Scope::new(code, Some(frame.clone())).await;
    let outside = Frame::with_transaction(current.as_ref(), None);
    Scope::new(frame.task().unwrap().transactions.leave(end), Some(outside)).await;
    value
}

fn task_frame(current: Option<&Arc<Frame>>) -> Arc<Frame> {
    let id = TaskRunId::generate(Timestamp::now());
    let live = LiveTask {
        id,
        definition: &TASK,
        parent: None,
        start_time: Timestamp::now(),
        run_count: 1,
        details: None,
        transactions: TaskTransactions::under(current, id),
    };
    Frame::with_task(current, live)
}

/// A task run with hooks of its own that gives `end`.
async fn hooked(log: &Log, name: &'static str, end: AttemptEnd) {
    attempt(end, async {
        let txn = get_transaction().unwrap();
        if end == AttemptEnd::Succeeded {
            txn.stage(log.stage(name));
        }
    })
    .await;
}

/// What hooks have said.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn stage(&self, name: &'static str) -> Stage {
        let (commit, rollback) = (self.clone(), self.clone());
        Stage::new()
            .on_commit(move |_| commit.say(format!("{name} commit")))
            .on_rollback(move |_| rollback.say(format!("{name} rollback")))
    }
}

#[derive(Debug, PartialEq)]
struct Failed;

impl From<TransactionError> for Failed {
    fn from(error: TransactionError) -> Self {
        panic!("{error}")
    }
}

type Done<T> = Result<T, Failed>;

#[tokio::test]
async fn rule_9_a_block_commits_its_tasks_when_it_is_left() {
    let log = Log::default();
    let txn = transaction()
        .scope(|txn| async {
            hooked(&log, "a", AttemptEnd::Succeeded).await;
            hooked(&log, "b", AttemptEnd::Succeeded).await;
            log.say("left");
            Done::Ok(txn)
        })
        .await
        .unwrap();
    assert_eq!(log.take(), ["left", "a commit", "b commit"]);
    assert_eq!(txn.state(), Committed);
    hooked(&log, "alone", AttemptEnd::Succeeded).await;
    assert_eq!(log.take(), ["alone commit"]);
}

#[tokio::test]
async fn rule_9_tasks_and_blocks_in_a_task_are_part_of_it() {
    let log = Log::default();
    let nested = async {
        hooked(&log, "a", AttemptEnd::Succeeded).await;
        let log = &log;
        let block = transaction().scope(|txn| async move {
            txn.stage(log.stage("block"));
            hooked(log, "b", AttemptEnd::Succeeded).await;
            Done::Ok(txn.parent())
        });
        assert_eq!(block.await.unwrap(), get_transaction());
        log.say("left");
    };
    attempt(AttemptEnd::Succeeded, nested).await;
    assert_eq!(log.take(), ["left", "a commit", "b commit", "block commit"]);
}

#[tokio::test]
async fn rule_10_a_task_that_fails_for_good_drags_the_block_though_its_error_is_swallowed() {
    let log = Log::default();
    let state = transaction().scope(|txn| async move {
        txn.stage(log.stage("block"));
        hooked(&log, "a", AttemptEnd::Succeeded).await;
        // One without a transaction of its own, since nobody has asked for it.
        attempt(AttemptEnd::Failed, async {}).await;
        assert_eq!(log.take(), ["block rollback", "a rollback"]);
        hooked(&log, "late", AttemptEnd::Succeeded).await;
        assert_eq!(log.take(), [""; 0]);
        Done::Ok((txn, log))
    });
    let (txn, log) = state.await.unwrap();
    assert_eq!(txn.state(), RolledBack);
    assert_eq!(log.take(), ["late rollback"]);
}

#[tokio::test]
async fn rule_10_an_attempt_that_is_retried_rolls_back_only_itself() {
    let log = Log::default();
    let block = transaction().scope(|txn| async {
        hooked(&log, "a", AttemptEnd::Succeeded).await;
        attempt(AttemptEnd::Retried, async {
            hooked(&log, "inside", AttemptEnd::Succeeded).await;
            // A failure inside does not drag more than its attempt either.
            attempt(AttemptEnd::Failed, async {}).await;
            hooked(&log, "late", AttemptEnd::Succeeded).await;
        })
        .await;
        assert_eq!(log.take(), ["inside rollback", "late rollback"]);
        hooked(&log, "b", AttemptEnd::Succeeded).await;
        Done::Ok(txn)
    });
    assert_eq!(block.await.unwrap().state(), Committed);
    assert_eq!(log.take(), ["a commit", "b commit"]);
}

#[tokio::test]
async fn rule_10_a_task_that_swallows_a_failure_inside_commits_what_it_did_instead() {
    let log = Log::default();
    attempt(AttemptEnd::Succeeded, async {
        hooked(&log, "first", AttemptEnd::Succeeded).await;
        hooked(&log, "fails", AttemptEnd::Failed).await;
        hooked(&log, "instead", AttemptEnd::Succeeded).await;
        get_transaction().unwrap().stage(log.stage("task"));
    })
    .await;
    assert_eq!(log.take(), ["first rollback", "instead commit", "task commit"]);
}

#[tokio::test]
async fn rule_11_a_hit_calls_no_hooks_and_attempts_commit_once() {
    let (log, store) = (Log::default(), ResultStore::new(Storage::memory()));
    for (run, expected) in [("a", "a commit"), ("b", "")] {
        let current = stack::current::<Frame>();
        for end in [AttemptEnd::Retried, AttemptEnd::Succeeded] {
            let frame = task_frame(current.as_ref());
            let transactions = &frame.task().unwrap().transactions;
            let own = transactions.make(TransactionOptions::new().key("k").store(store.clone()));
            own.begin().await.unwrap();
            transactions.set(own.clone());
            assert_eq!(transactions.own(), Some(&own));
            own.stage(log.stage(run));
            transactions.leave(end).await;
            if end == AttemptEnd::Retried && run == "a" {
                assert_eq!(log.take(), ["a rollback"]);
            }
        }
        assert_eq!(log.take().concat(), expected);
    }
}

#[test]
fn rule_13_values_are_those_of_the_closest_transaction() {
    transaction()
        .in_scope(|outer| {
            outer.set("a", [1, 2])?;
            outer.set("b", 1)?;
            let inner = transaction().in_scope(|inner| {
                inner.set("b", 2)?;
                assert_eq!(inner.get::<Vec<u8>>("a")?, [1, 2]);
                Ok::<_, TransactionError>(inner)
            })?;
            assert_eq!((inner.get::<u8>("b")?, outer.get::<u8>("b")?), (2, 1));
            // Also when its code is left.
            outer.set("c", "late")?;
            assert_eq!(inner.get::<String>("c")?, "late");
            Ok::<_, TransactionError>(())
        })
        .unwrap();
}

#[tokio::test]
async fn rule_14_hooks_may_wait_and_forms_may_be_mixed() {
    let log = Log::default();
    let told = log.clone();
    let block = transaction().scope(|_| async {
        transaction().in_scope(|txn| {
            let later = move |txn: Transaction| {
                let told = told.clone();
                async move {
                    pause().await;
                    told.say(format!("{} committed", txn.name()));
                }
            };
            txn.stage(Stage::new().on_commit(later));
            Done::Ok(())
        })
    });
    assert_eq!(block.await, Ok(()));
    assert_eq!(log.take(), ["unnamed committed"]);
}

#[tokio::test]
async fn a_block_is_the_current_transaction_in_its_code_and_only_there() {
    assert_eq!(get_transaction(), None);
    let block = transaction().scope(|txn| {
        // Where futures are made, too.
        assert_eq!(get_transaction(), Some(txn.clone()));
        async move {
            pause().await;
            assert_eq!(get_transaction(), Some(txn.clone()));
            assert_eq!(txn.parent(), None);
            TagsContext::new(["io"]).in_scope(|| assert_eq!(get_transaction(), Some(txn)));
            Done::Ok(())
        }
    });
    assert_eq!(get_transaction(), None);
    block.await.unwrap();
    assert_eq!(get_transaction(), None);
}

#[tokio::test]
async fn a_task_run_has_one_transaction_of_its_own_inside_the_block_around_it() {
    let block = transaction().name("block").scope(|txn| async {
        attempt(AttemptEnd::Succeeded, async {
            let own = get_transaction().unwrap();
            assert_eq!(own.name(), "download");
            assert_eq!(own.parent(), Some(txn));
            let tags = TagsContext::new(["io"]);
            assert_eq!(tags.in_scope(get_transaction), Some(own.clone()));
            let copy = crate::context::TaskRunContext::get().unwrap().with_name("copy");
            assert_eq!(copy.in_scope(get_transaction), Some(own.clone()));
            // A task inside is inside that.
            let inner = attempt(AttemptEnd::Succeeded, async { get_transaction().unwrap() });
            assert_eq!(inner.await.parent(), Some(own));
        })
        .await;
        Done::Ok(())
    });
    block.await.unwrap();
}

#[tokio::test]
async fn hooks_are_outside_of_all_transactions() {
    let log = Log::default();
    let told = log.clone();
    let hook = move |_: Transaction| {
        let told = told.clone();
        async move {
            assert_eq!(get_transaction(), None);
            hooked(&told, "cleanup", AttemptEnd::Succeeded).await;
        }
    };
    let block = transaction().scope(|_| async {
        transaction()
            .scope(|txn| async move {
                txn.stage(Stage::new().on_rollback(hook));
                Err::<(), _>(Failed)
            })
            .await
    });
    assert_eq!(block.await, Err(Failed));
    assert_eq!(log.take(), ["cleanup commit"]);
}

#[tokio::test]
async fn a_panic_rolls_back_and_goes_on() {
    let log = Log::default();
    let mut outer = None;
    let block = transaction().scope(|txn| {
        outer = Some(txn);
        async {
            let inner = transaction().scope(|txn| async move {
                txn.stage(log.stage("inner"));
                pause().await;
                if log.take().is_empty() {
                    panic!("boom");
                }
                Done::Ok(())
            });
            inner.await
        }
    });
    let panic = Caught { future: block }.await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"boom"));
    assert_eq!(outer.unwrap().state(), RolledBack);

    let mut txn = None;
    let in_scope = caught(|| {
        transaction().in_scope(|this| -> Done<()> {
            txn = Some(this);
            panic!("bang")
        })
    });
    assert_eq!(in_scope.unwrap_err().downcast_ref(), Some(&"bang"));
    assert_eq!(txn.unwrap().state(), RolledBack);
    let code = |_| -> std::future::Ready<Done<()>> { panic!("before the future") };
    assert!(Caught { future: transaction().scope(code) }.await.is_err());
}

#[tokio::test]
async fn a_scope_that_is_dropped_rolls_back_from_the_inside() {
    let log = Log::default();
    let mut block = Box::pin(transaction().scope(|txn| {
        txn.stage(log.stage("outer"));
        async {
            let inner = transaction().scope(|txn| {
                txn.stage(log.stage("inner"));
                std::future::pending::<Done<()>>()
            });
            inner.await
        }
    }));
    assert!(futures::poll!(&mut block).is_pending());
    drop(block);
    assert_eq!(log.take(), ["inner rollback", "outer rollback"]);
    // One that has not begun has nothing to undo.
    drop(transaction().scope(|_| async { Done::Ok(()) }));
}

#[tokio::test]
async fn what_must_be_waited_for_after_a_drop_is_done_in_the_background() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let locks = Arc::new(MemoryLockManager::isolated());
    let store = ResultStore::new(Storage::memory()).with_lock_manager(Some(locks.clone()));
    let serializable = transaction().isolation_level(crate::results::IsolationLevel::Serializable);
    let mut block = Box::pin(serializable.key("k").store(store).scope(|txn| {
        txn.stage(Stage::new().on_rollback(move |txn: Transaction| {
            let tell = tell.lock().unwrap().take();
            async move {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                drop(tell.map(|tell| tell.send(txn)));
            }
        }));
        std::future::pending::<Done<()>>()
    }));
    assert!(futures::poll!(&mut block).is_pending());
    drop(block);
    assert!(locks.is_locked("k").unwrap());
    let txn = told.await.unwrap();
    while txn.state() != RolledBack || locks.is_locked("k").unwrap() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn blocking_code_needs_no_runtime_though_hooks_want_timers() {
    let txn = transaction().in_scope(|txn| {
        let sleep = |_| tokio::time::sleep(std::time::Duration::from_millis(1));
        txn.stage(Stage::new().on_commit(sleep));
        Done::Ok(txn)
    });
    let txn = txn.unwrap();
    assert!(txn.failures().is_empty(), "{:?}", txn.failures());
    assert_eq!(txn.state(), Committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spawned_in_a_block_is_inside_it_and_follows_it_when_it_is_late() {
    for (fails, expected) in [(false, Committed), (true, RolledBack)] {
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut late = None;
        let mut outer = None;
        let block = transaction().scope(|txn| {
            outer = Some(txn);
            late = Some(crate::context::spawn(transaction().scope(|txn| async move {
                wait.await.unwrap();
                txn.stage(Stage::new());
                Done::Ok(txn)
            })));
            std::future::ready(if fails { Err(Failed) } else { Ok(()) })
        });
        assert_eq!(block.await.is_err(), fails);
        go.send(()).unwrap();
        let late = late.unwrap().await.unwrap().unwrap();
        assert_eq!(late.parent(), outer);
        assert_eq!(late.state(), expected);
    }
}

#[tokio::test]
async fn futures_of_scopes_are_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    send(transaction().scope(|_| async { Done::Ok(()) })).await.unwrap();
    assert_eq!(Active.to_string(), "ACTIVE");
}
