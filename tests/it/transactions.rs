//! Transactions with real tasks: what happens together, or not at all.

use context::prelude::*;
use context::results::ResultRecord;
use context::testing::Harness;
use context::{
    CommitMode, Stage, Transaction, TransactionError, TransactionFailure, TransactionState,
};

use crate::support::{Notes, files};

/// What a block fails with.
#[derive(Clone, Debug, thiserror::Error)]
enum AppError {
    #[error("no luck")]
    Luck,
    #[error("{0}")]
    Transaction(String),
    #[error("{0}")]
    Run(String),
}

impl From<TransactionError> for AppError {
    fn from(error: TransactionError) -> Self {
        Self::Transaction(error.to_string())
    }
}

impl From<RunError> for AppError {
    fn from(error: RunError) -> Self {
        Self::Run(error.to_string())
    }
}

macro_rules! rules {
    ($mode:ident, $in_scope:ident, [$($test:tt)*], $run:ident, [$($async:tt)?], [$($move:tt)?], [$($wait:tt)*]) => {
        mod $mode {
            use super::*;

            /// Notes and tasks of one test: a task that is good, one that fails, and hooks of both.
            macro_rules! tasks {
                () => {
                    static NOTES: Notes = Notes::new();

                    fn committed(txn: Transaction) {
                        NOTES.add(format!("commit {}", name(&txn)));
                    }

                    async fn undo(txn: Transaction) {
                        tokio::task::yield_now().await;
                        NOTES.add(format!("undo {}", name(&txn)));
                    }

                    fn undo_more(txn: Transaction) {
                        NOTES.add(format!("undo more of {}", name(&txn)));
                    }

                    fn name(txn: &Transaction) -> String {
                        // Without what is random.
                        txn.name().split('-').next().unwrap().to_owned()
                    }

                    #[task(cache_policy = inputs(), on_commit = committed, on_rollback = [undo, undo_more])]
                    $($async)? fn good(x: u32) -> Result<u32, AppError> {
                        NOTES.add(format!("good({x})"));
                        Ok(x)
                    }

                    #[task(cache_policy = inputs(), on_commit = committed, on_rollback = undo)]
                    #[allow(dead_code, reason = "not every test fails")]
                    $($async)? fn bad(x: u32) -> Result<u32, AppError> {
                        NOTES.add(format!("bad({x})"));
                        Err(AppError::Luck)
                    }
                };
            }

            #[$($test)*]
            $($async)? fn outside_of_a_block_a_task_commits_at_its_end() {
                tasks!();

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let sum = good(1)$($wait)*? + good(2)$($wait)*?;
                    NOTES.add("end");
                    Ok(sum)
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&3));
                assert_eq!(NOTES.take(), "good(1), commit good, good(2), commit good, end");
            }

            #[$($test)*]
            $($async)? fn in_a_block_nothing_is_written_and_no_hook_called_before_its_end() {
                tasks!();

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let home = context::SettingsContext::get().settings().home().to_owned();
                    let block = transaction().$in_scope(|txn| $($async $move)? {
                        let sum = good(1)$($wait)*? + good(1)$($wait)*? + good(2)$($wait)*?;
                        assert!(files(&home).is_empty());
                        assert_eq!(txn.state(), TransactionState::Active);
                        NOTES.add("end of block");
                        Ok(sum)
                    });
                    block$($wait)*
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&4));
                assert_eq!(
                    NOTES.take(),
                    "good(1), good(1), good(2), end of block, commit good, commit good, commit good"
                );
                assert_eq!(files(report.home()).len(), 2);
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task good: Pending, Running, Completed
                  task good: Pending, Running, Completed
                  task good: Pending, Running, Completed
                ");
            }

            #[$($test)*]
            $($async)? fn a_failure_rolls_back_earlier_tasks_in_reverse_but_not_the_one_that_failed() {
                tasks!();

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let block = transaction().$in_scope(|_| $($async $move)? {
                        good(1)$($wait)*?;
                        good(2)$($wait)*?;
                        bad(3)$($wait)*
                    });
                    block$($wait)*
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert!(matches!(report.output, Err(AppError::Luck)));
                assert_eq!(
                    NOTES.take(),
                    "good(1), good(2), bad(3), undo more of good, undo good, undo more of good, undo good"
                );
                assert!(files(report.home()).is_empty());
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Failed(Flow run encountered an exception: AppError: no luck)
                  task good: Pending, Running, Completed, RolledBack
                  task good: Pending, Running, Completed, RolledBack
                  task bad: Pending, Running, Failed(Task run encountered an exception AppError: no luck)
                ");
            }

            #[$($test)*]
            $($async)? fn a_failure_that_is_swallowed_rolls_back_all_the_same() {
                tasks!();

                #[flow]
                $($async)? fn load() -> Result<TransactionState, AppError> {
                    let block = transaction().$in_scope(|txn| $($async $move)? {
                        good(1)$($wait)*?;
                        assert!(bad(2)$($wait)*.is_err());
                        assert_eq!(txn.state(), TransactionState::RolledBack);
                        NOTES.add("on");
                        good(3)$($wait)*?;
                        Ok::<_, AppError>(txn)
                    });
                    Ok(block$($wait)*?.state())
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&TransactionState::RolledBack));
                assert_eq!(
                    NOTES.take(),
                    "good(1), bad(2), undo more of good, undo good, on, good(3), undo more of good, undo good"
                );
                assert!(files(report.home()).is_empty());
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task good: Pending, Running, Completed, RolledBack
                  task bad: Pending, Running, Failed(Task run encountered an exception AppError: no luck)
                  task good: Pending, Running, Completed, RolledBack
                ");
            }

            #[$($test)*]
            $($async)? fn an_error_of_the_block_itself_rolls_back_its_tasks() {
                tasks!();

                let block = || transaction().$in_scope(|_| $($async $move)? {
                    good(1)$($wait)*?;
                    Err::<(), _>(AppError::Luck)
                });
                let report = Harness::new().$run(block)$($wait)*;
                assert!(report.output.is_err());
                assert_eq!(NOTES.take(), "good(1), undo more of good, undo good");
                report.assert_states("good", ["Pending", "Running", "Completed", "RolledBack"]);
            }

            #[$($test)*]
            $($async)? fn a_panic_in_a_block_rolls_back_its_tasks() {
                tasks!();

                let block = || transaction().$in_scope(|_| $($async $move)? {
                    good(1)$($wait)*?;
                    assert!(NOTES.take() == "", "boom");
                    Ok::<_, AppError>(())
                });
                let harness = Harness::new();
                $run::ends(|| harness.$run(block))$($wait)*;
                assert_eq!(NOTES.take(), "undo more of good, undo good");
            }

            #[$($test)*]
            $($async)? fn an_attempt_that_is_tried_again_does_not_drag_the_block_along() {
                tasks!();

                #[task(retries = 1)]
                $($async)? fn flaky() -> Result<u32, AppError> {
                    if current_run!().run_count() == 1 { Err(AppError::Luck) } else { Ok(1) }
                }

                #[task(retries = 1, cache_policy = inputs())]
                $($async)? fn flaky_inside(x: u32) -> Result<u32, AppError> {
                    good(x)$($wait)*?;
                    if current_run!().run_count() == 1 { Err(AppError::Luck) } else { Ok(x) }
                }

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let block = transaction().$in_scope(|_| $($async $move)? {
                        let first = good(1)$($wait)*?;
                        Ok::<_, AppError>(first + flaky()$($wait)*? + flaky_inside(2)$($wait)*?)
                    });
                    block$($wait)*
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&4));
                // What the first attempt has called is undone.
                assert_eq!(
                    NOTES.take(),
                    "good(1), good(2), undo more of good, undo good, good(2), commit good, commit good"
                );
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task good: Pending, Running, Completed
                  task flaky: Pending, Running, Retrying, Completed
                  task flaky_inside: Pending, Running, Retrying, Completed
                    task good: Pending, Running, Completed, RolledBack
                    task good: Pending, Running, Completed
                ");
            }

            #[$($test)*]
            $($async)? fn what_a_task_calls_is_committed_with_it_and_found_only_after_an_eager_block() {
                tasks!();

                #[task(cache_policy = inputs())]
                $($async)? fn lazy(x: u32) -> Result<u32, AppError> {
                    Ok(good(x)$($wait)*? + good(x)$($wait)*?)
                }

                #[task(cache_policy = inputs())]
                $($async)? fn eager(x: u32) -> Result<u32, AppError> {
                    let mut sum = 0;
                    for _ in 0..2 {
                        let block = transaction().commit_mode(CommitMode::Eager);
                        let block = block.$in_scope(|_| good(x));
                        sum += block$($wait)*?;
                    }
                    NOTES.add("end");
                    Ok(sum)
                }

                let report = Harness::new().$run(|| lazy(1))$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&2));
                assert_eq!(NOTES.take(), "good(1), good(1), commit good, commit good");
                let report = Harness::new().$run(|| eager(1))$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&2));
                assert_eq!(NOTES.take(), "good(1), commit good, end");
                insta::assert_snapshot!(report.transcript(), @r"
                task eager: Pending, Running, Completed
                  task good: Pending, Running, Completed
                  task good: Pending, Running, Cached
                ");
            }

            #[$($test)*]
            $($async)? fn a_task_that_fails_rolls_back_what_it_has_called() {
                tasks!();

                #[task]
                $($async)? fn outer(fails: bool) -> Result<u32, AppError> {
                    good(1)$($wait)*?;
                    if fails { Err(AppError::Luck) } else { bad(2)$($wait)*.or(Ok(2)) }
                }

                let report = Harness::new().$run(|| outer(true))$($wait)*;
                assert_eq!(NOTES.take(), "good(1), undo more of good, undo good");
                insta::assert_snapshot!(report.transcript(), @r"
                task outer: Pending, Running, Failed(Task run encountered an exception AppError: no luck)
                  task good: Pending, Running, Completed, RolledBack
                ");
                let report = Harness::new().$run(|| outer(false))$($wait)*;
                assert_eq!(NOTES.take(), "good(1), bad(2), undo more of good, undo good");
                assert_eq!(
                    report.transcript(),
                    "task outer: Pending, Running, Completed\n  task good: Pending, Running, Completed, RolledBack\n  task bad: Pending, Running, Failed(Task run encountered an exception AppError: no luck)\n"
                );
            }

            #[$($test)*]
            $($async)? fn a_commit_hook_that_fails_rolls_its_task_back_and_shows_in_the_failures() {
                tasks!();

                fn fails(_: Transaction) -> Result<(), &'static str> {
                    Err("hook")
                }

                #[task(cache_policy = inputs(), on_commit = fails, on_rollback = undo)]
                $($async)? fn hooked(x: u32) -> Result<u32, AppError> {
                    Ok(x)
                }

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let block = transaction().$in_scope(|txn| $($async $move)? {
                        hooked(1)$($wait)*?;
                        good(2)$($wait)*?;
                        Ok::<_, AppError>(txn)
                    });
                    let txn = block$($wait)*?;
                    assert_eq!(txn.state(), TransactionState::Committed);
                    let failures = txn.failures();
                    assert_eq!(failures.len(), 1);
                    assert!(matches!(&failures[0], TransactionFailure::CommitHook { message, .. } if message == "hook"));
                    Ok(1)
                }

                let report = Harness::new().$run(load)$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&1), "{:?}", report.output);
                assert_eq!(NOTES.take(), "good(2), undo hooked, commit good");
                assert_eq!(files(report.home()).len(), 1);
                insta::assert_snapshot!(report.transcript(), @r"
                flow load: Pending, Running, Completed
                  task hooked: Pending, Running, Completed, RolledBack
                  task good: Pending, Running, Completed
                ");
            }

            #[$($test)*]
            $($async)? fn hooks_read_what_the_code_has_set_also_from_around() {
                static NOTES: Notes = Notes::new();

                fn read(txn: Transaction) -> Result<(), TransactionError> {
                    NOTES.add(format!("{} {}", txn.get::<u32>("own")?, txn.get::<String>("around")?));
                    Ok(())
                }

                #[task(on_commit = read)]
                $($async)? fn sets() -> Result<(), AppError> {
                    let txn = context::get_transaction().unwrap();
                    txn.set("own", 1)?;
                    Ok(())
                }

                let block = || transaction().$in_scope(|txn| $($async $move)? {
                    txn.set("around", "block")?;
                    sets()$($wait)*
                });
                Harness::new().$run(block)$($wait)*.assert_completed();
                assert_eq!(NOTES.take(), "1 block");
            }

            #[$($test)*]
            $($async)? fn submitted_tasks_are_part_of_the_block() {
                tasks!();

                #[flow]
                async fn load(fails: bool) -> Result<u32, AppError> {
                    transaction()
                        .scope(|_| async {
                            let first = good::submit(1).await?;
                            if fails {
                                bad::submit(2).await?;
                            }
                            NOTES.add("end of block");
                            Ok(first)
                        })
                        .await
                }

                let report = crate::support::on_a_runtime(Harness::new().run(|| load(false)));
                assert_eq!(report.output.as_ref().ok(), Some(&1));
                assert_eq!(NOTES.take(), "good(1), end of block, commit good");
                let report = crate::support::on_a_runtime(Harness::new().run(|| load(true)));
                assert!(report.output.is_err());
                assert_eq!(NOTES.take(), "good(1), bad(2), undo more of good, undo good");
                assert_eq!(report.states_of("good"), [["Pending", "Running", "Completed", "RolledBack"]]);
                assert!(files(report.home()).is_empty());
            }

            #[$($test)*]
            $($async)? fn tasks_of_a_subflow_in_a_block_are_part_of_it() {
                tasks!();

                #[flow]
                $($async)? fn sub(x: u32) -> Result<u32, AppError> {
                    good(x)$($wait)*
                }

                #[flow]
                $($async)? fn load(fails: bool) -> Result<u32, AppError> {
                    let block = transaction().$in_scope(|_| $($async $move)? {
                        let value = sub(1)$($wait)*?;
                        NOTES.add("end of block");
                        if fails { Err(AppError::Luck) } else { Ok(value) }
                    });
                    block$($wait)*
                }

                let report = Harness::new().$run(|| load(false))$($wait)*;
                assert_eq!(report.output.as_ref().ok(), Some(&1));
                assert_eq!(NOTES.take(), "good(1), end of block, commit good");
                let report = Harness::new().$run(|| load(true))$($wait)*;
                assert!(report.output.is_err());
                assert_eq!(NOTES.take(), "good(1), end of block, undo more of good, undo good");
                assert_eq!(report.states_of("good"), [["Pending", "Running", "Completed", "RolledBack"]]);
            }

            #[$($test)*]
            $($async)? fn a_block_of_its_own_key_is_written_and_found_again() {
                static NOTES: Notes = Notes::new();

                #[flow]
                $($async)? fn load() -> Result<u32, AppError> {
                    let block = transaction().key("block").$in_scope(|txn| $($async $move)? {
                        if txn.state() == TransactionState::Committed {
                            let record = $run::read(txn)$($wait)*?;
                            return Ok(record.unwrap().decode().unwrap());
                        }
                        NOTES.add("made");
                        txn.stage_value(&7, Stage::new())?;
                        Ok(7)
                    });
                    block$($wait)*
                }

                let harness = Harness::new();
                assert_eq!(harness.$run(load)$($wait)*.output.ok(), Some(7));
                assert_eq!(harness.$run(load)$($wait)*.output.ok(), Some(7));
                assert_eq!(NOTES.take(), "made");
            }

            #[$($test)*]
            $($async)? fn a_block_that_never_commits_by_itself_is_committed_by_hand_or_undone() {
                tasks!();

                #[flow]
                $($async)? fn load(how: &'static str) -> Result<(), AppError> {
                    let block = transaction().commit_mode(CommitMode::Off);
                    let block = block.$in_scope(|txn| $($async $move)? {
                        good(1)$($wait)*?;
                        match how {
                            "commit" => assert!($run::commit(txn)$($wait)*),
                            "rollback" => assert!($run::rollback(txn)$($wait)*),
                            _ => {}
                        }
                        NOTES.add("end of block");
                        Ok(())
                    });
                    block$($wait)*
                }

                Harness::new().$run(|| load("commit"))$($wait)*.assert_completed();
                assert_eq!(NOTES.take(), "good(1), commit good, end of block");
                Harness::new().$run(|| load("rollback"))$($wait)*.assert_completed();
                assert_eq!(NOTES.take(), "good(1), undo more of good, undo good, end of block");
                Harness::new().$run(|| load("leave"))$($wait)*.assert_completed();
                assert_eq!(NOTES.take(), "good(1), end of block, undo more of good, undo good");
            }

            #[$($test)*]
            $($async)? fn a_hit_in_a_block_has_nothing_to_commit_or_undo() {
                tasks!();

                let harness = Harness::new();
                harness.$run(|| good(1))$($wait)*.assert_completed();
                assert_eq!(NOTES.take(), "good(1), commit good");
                let block = || transaction().$in_scope(|_| $($async $move)? {
                    good(1)$($wait)*?;
                    Err::<(), _>(AppError::Luck)
                });
                let report = harness.$run(block)$($wait)*;
                report.assert_states("good", ["Pending", "Running", "Cached"]);
                assert_eq!(NOTES.take(), "");
                assert_eq!(files(report.home()).len(), 1);
            }

            #[$($test)*]
            $($async)? fn a_run_is_gone_when_its_transactions_are() {
                struct Kept(std::sync::Weak<()>);

                #[task(cache_policy = inputs())]
                $($async)? fn work(_x: u32) -> Result<(), AppError> {
                    Ok(())
                }

                let alive = std::sync::Arc::new(());
                let kept = Kept(std::sync::Arc::downgrade(&alive));
                let hook = move |_: Transaction| {
                    let _alive = &alive;
                };
                let block = || transaction().$in_scope(|_| $($async $move)? {
                    let configured = work::with_options().on_rollback(hook.clone()).on_commit(hook);
                    let nested = transaction().$in_scope(|_| configured.call(1));
                    nested$($wait)*
                });
                let report = Harness::new().$run(block)$($wait)*;
                report.assert_completed();
                assert!(kept.0.upgrade().is_none(), "hooks of a transaction that has ended are kept");
            }
        }
    };
}

rules!(sync_functions, in_scope, [test], run_blocking, [], [], []);
rules!(async_functions, scope, [tokio::test], run, [async], [move], [.await]);

/// What is spelled differently in plain functions.
mod run_blocking {
    use super::{ResultRecord, Transaction, TransactionError};

    pub(super) fn read(txn: Transaction) -> Result<Option<ResultRecord>, TransactionError> {
        txn.read_blocking()
    }

    pub(super) fn commit(txn: Transaction) -> bool {
        txn.commit_blocking()
    }

    pub(super) fn rollback(txn: Transaction) -> bool {
        txn.rollback_blocking()
    }

    pub(super) fn ends<R>(run: impl FnOnce() -> R) {
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)));
    }
}

/// The same in async ones.
mod run {
    use futures::FutureExt as _;

    use super::{ResultRecord, Transaction, TransactionError};

    pub(super) async fn read(txn: Transaction) -> Result<Option<ResultRecord>, TransactionError> {
        txn.read().await
    }

    pub(super) async fn commit(txn: Transaction) -> bool {
        txn.commit().await
    }

    pub(super) async fn rollback(txn: Transaction) -> bool {
        txn.rollback().await
    }

    pub(super) async fn ends<F: Future>(run: impl FnOnce() -> F) {
        drop(std::panic::AssertUnwindSafe(run()).catch_unwind().await);
    }
}

#[tokio::test]
async fn a_block_that_is_dropped_rolls_back_what_is_done_in_it() {
    static NOTES: Notes = Notes::new();

    fn undo(_: Transaction) {
        NOTES.add("undo");
    }

    #[task(cache_policy = inputs(), on_rollback = undo)]
    async fn good(x: u32) -> Result<u32, AppError> {
        Ok(x)
    }

    let report = Harness::new()
        .run(|| async {
            let mut block = Box::pin(transaction().scope(|_| async {
                good(1).await?;
                NOTES.add("done");
                std::future::pending::<Result<(), AppError>>().await
            }));
            while NOTES.take() != "done" {
                assert!(futures::poll!(&mut block).is_pending());
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            drop(block);
        })
        .await;
    assert_eq!(NOTES.take(), "undo");
    report.assert_states("good", ["Pending", "Running", "Completed", "RolledBack"]);
    assert!(files(report.home()).is_empty());
}

#[tokio::test]
async fn a_task_that_is_dropped_in_a_block_rolls_the_block_back() {
    static NOTES: Notes = Notes::new();

    async fn undo(_: Transaction) {
        tokio::task::yield_now().await;
        NOTES.add("undo");
    }

    #[task(on_rollback = undo)]
    async fn good() -> Result<(), AppError> {
        Ok(())
    }

    #[task]
    async fn stuck() -> Result<(), AppError> {
        std::future::pending().await
    }

    let report = Harness::new()
        .run(|| async {
            let block = transaction().scope(|txn| async move {
                good().await?;
                let mut dropped = Box::pin(stuck());
                assert!(futures::poll!(&mut dropped).is_pending());
                drop(dropped);
                Ok::<_, AppError>(txn)
            });
            block.await.unwrap().state()
        })
        .await;
    assert_eq!(report.output, TransactionState::RolledBack);
    assert_eq!(NOTES.take(), "undo");
    report.assert_states("good", ["Pending", "Running", "Completed", "RolledBack"]);
}

#[test]
fn a_block_in_a_plain_flow_holds_on_to_no_frame() {
    use context::ContextModel as _;

    #[task(cache_policy = inputs(), result_storage = context::Storage::memory())]
    fn work(x: u32) -> u32 {
        x
    }

    // A client that nobody else has is gone when the last frame is.
    let (client, recorder) = context::Client::in_memory();
    let kept = context::SyncClientContext::new(client).in_scope(|| {
        transaction().in_scope(|txn| {
            work(1);
            Ok::<_, TransactionError>(txn)
        })
    });
    assert_eq!(kept.as_ref().map(Transaction::state).ok(), Some(TransactionState::Committed));
    assert_eq!(std::sync::Arc::strong_count(&recorder), 1, "a frame is kept alive");
}
