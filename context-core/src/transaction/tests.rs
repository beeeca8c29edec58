use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::hook::IntoHooks;
use crate::results::{LockManager as _, MemoryLockManager, Storage};
use TransactionState::{Active, Committed, Pending, RolledBack, Staged};

fn store() -> ResultStore {
    ResultStore::new(Storage::memory())
}

/// One that has no records and can be given none.
fn unwritable() -> ResultStore {
    ResultStore::new("nowhere://").with_metadata_storage(Some(Storage::memory()))
}

fn unkeyed(parent: Option<&Transaction>) -> Transaction {
    Transaction::unkeyed(TransactionOptions::new(), parent.cloned())
}

async fn keyed(store: &ResultStore, key: &str) -> Transaction {
    let options = TransactionOptions::new().key(key).store(store.clone());
    let txn = Transaction::new(options, None);
    txn.begin().await.unwrap();
    txn
}

/// Texts that hooks have left.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn stage(&self, name: &'static str) -> Stage {
        let (commit, rollback) = (self.clone(), self.clone());
        Stage::new()
            .on_commit(move |_| commit.0.lock().unwrap().push(format!("{name} commit")))
            .on_rollback(move |_| rollback.0.lock().unwrap().push(format!("{name} rollback")))
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// A hook that waits until it is told to go on, the first time.
fn waiting(log: &Log, text: &'static str) -> (Arc<Notify>, Vec<crate::hook::Hook<(Transaction,)>>) {
    let go = Arc::new(Notify::new());
    let (log, wait) = (log.clone(), go.clone());
    let hook = move |_| {
        let (log, wait) = (log.clone(), wait.clone());
        async move {
            wait.notified().await;
            log.0.lock().unwrap().push(text.to_owned());
        }
    };
    (go, hook.into_hooks())
}

#[tokio::test]
async fn states_follow_each_other() {
    let store = store();
    let txn = Transaction::new(TransactionOptions::new().key("k").store(store.clone()), None);
    assert_eq!(txn.state(), Pending);
    assert!(!txn.stage(Stage::new()), "it has not begun");
    assert!(!txn.commit().await);
    txn.begin().await.unwrap();
    assert_eq!(txn.state(), Active);
    assert!(txn.stage_value(&[1, 2], Stage::new()).unwrap());
    assert_eq!(txn.state(), Staged);
    txn.begin().await.unwrap();
    assert!(txn.read().await.unwrap().is_none());
    assert!(txn.commit().await);
    assert_eq!(txn.state(), Committed);
    assert!(!txn.commit().await);
    assert!(!txn.rollback().await);
    assert!(!txn.stage(Stage::new()));
    assert_eq!(txn.read().await.unwrap().unwrap().decode::<Vec<u8>>().unwrap(), [1, 2]);
}

#[tokio::test]
async fn rule_1_what_exists_is_read_and_not_replaced() {
    let store = store();
    store.write_value("k", &1, None).await.unwrap();
    let txn = keyed(&store, "k").await;
    assert_eq!(txn.state(), Committed);
    assert_eq!(txn.read().await.unwrap().unwrap().decode::<u8>().unwrap(), 1);
    assert!(!txn.stage_value(&2, Stage::new()).unwrap());
    txn.leave(false).await;
    assert_eq!(store.read("k").await.unwrap().unwrap().decode::<u8>().unwrap(), 1);
}

#[tokio::test]
async fn rule_2_a_value_replaces_the_one_before_and_hooks_alone_leave_it() {
    let store = store();
    let txn = keyed(&store, "k").await;
    txn.stage_value(&1, Stage::new()).unwrap();
    let expiration = Timestamp::now().plus(Duration::from_secs(3600));
    txn.stage_value(&2, Stage::new().expiration(expiration)).unwrap();
    txn.stage(Stage::new().on_commit(|_| ()));
    txn.leave(false).await;
    let record = txn.read().await.unwrap().unwrap();
    assert_eq!(record.decode::<u8>().unwrap(), 2);
    let kept = record.metadata().expiration.unwrap();
    // To the microsecond, as files have it.
    assert!(kept <= expiration && expiration.since(kept) < Duration::from_micros(1));
    // One that has expired is not found.
    let txn = keyed(&store, "past").await;
    txn.stage_value(&3, Stage::new().expiration(Timestamp::UNIX_EPOCH)).unwrap();
    txn.leave(false).await;
    assert_eq!(txn.state(), Committed);
    assert!(txn.read().await.unwrap().is_none());
}

#[tokio::test]
async fn rule_4_a_value_that_cannot_be_stored_is_told_and_rolled_back() {
    let (store, log) = (store(), Log::default());
    let txn = keyed(&store, "k").await;
    txn.stage(log.stage("a").unserializable("it is a socket"));
    txn.leave(false).await;
    assert_eq!(txn.state(), RolledBack);
    assert_eq!(log.take(), ["a commit", "a rollback"]);
    let told = txn.failures().remove(0).to_string();
    assert_eq!(told, "the result of transaction `k` cannot be stored: it is a socket");
    assert!(!store.exists("k").await.unwrap());
    // A value that is staged as such is refused at once.
    let txn = keyed(&store, "k").await;
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(txn.stage_value(&map, Stage::new()), Err(TransactionError::Stage { .. })));
    assert!(unkeyed(None).stage_value(&map, Stage::new()).unwrap(), "it is not stored anyway");
}

#[tokio::test]
async fn rule_4_every_failure_is_told_here_and_around() {
    let outer = unkeyed(None);
    let options = TransactionOptions::new().key("k").store(unwritable()).name("inner");
    let inner = Transaction::new(options, Some(outer.clone()));
    inner.begin().await.unwrap();
    inner.stage(Stage::new().on_rollback(|_| Err("stuck")));
    inner.leave(false).await;
    outer.stage(Stage::new().on_commit(|_| Err("nobody listens")));
    outer.leave(false).await;
    let texts = |txn: &Transaction| -> Vec<_> {
        let failures = txn.failures();
        failures.iter().map(|failure| failure.to_string().replace("::{{closure}}", "")).collect()
    };
    let all = texts(&outer);
    let test = "context_core::transaction::tests::rule_4_every_failure_is_told_here_and_around";
    assert_eq!(
        all,
        [
            "the record `k` of transaction `inner` could not be written: result storage `nowhere://` has a scheme that is not known; use a path, or `file`, `memory`, `s3`, `gs` or `az`".to_owned(),
            format!("rollback hook `{test}` of transaction `inner` failed: stuck"),
            format!("commit hook `{test}` of transaction `unnamed` failed: nobody listens"),
        ]
    );
    assert_eq!(texts(&inner), all[..2]);
    assert_eq!((outer.state(), inner.state()), (RolledBack, Staged));
}

#[tokio::test]
async fn rule_5_a_second_rollback_begins_with_the_hook_that_failed() {
    let log = Log::default();
    let tries = AtomicU32::new(0);
    let txn = unkeyed(None);
    let second_time = move |_| {
        if tries.fetch_add(1, Ordering::Relaxed) == 0 { Err("not yet") } else { Ok(()) }
    };
    txn.stage(log.stage("first"));
    txn.stage(Stage::new().on_rollback(second_time));
    txn.stage(log.stage("last"));
    assert!(!txn.rollback().await);
    assert_eq!(txn.state(), Staged);
    assert!(!txn.commit().await, "it is half undone");
    assert!(txn.rollback().await);
    assert_eq!(txn.state(), RolledBack);
    assert_eq!(log.take(), ["last rollback", "first rollback"]);
    assert_eq!(txn.failures().len(), 1);
}

#[tokio::test]
async fn rule_12_without_a_staged_value_null_is_written_and_without_a_key_nothing() {
    let store = store();
    store.write_value("k", &1, None).await.unwrap();
    let options = || TransactionOptions::new().key("k").store(store.clone()).overwrite(true);
    let silent = Transaction::new(options().write_on_commit(false), None);
    silent.begin().await.unwrap();
    silent.leave(false).await;
    assert_eq!(silent.state(), Committed);
    assert_eq!(store.read("k").await.unwrap().unwrap().decode::<Option<u8>>().unwrap(), Some(1));
    let txn = Transaction::new(options(), None);
    txn.begin().await.unwrap();
    txn.leave(false).await;
    assert_eq!(store.read("k").await.unwrap().unwrap().decode::<Option<u8>>().unwrap(), None);
    let (txn, log) = (unkeyed(None), Log::default());
    txn.stage(log.stage("a").payload(b"1".to_vec()));
    txn.leave(false).await;
    assert_eq!(log.take(), ["a commit"]);
}

#[test]
fn rule_13_missing_values_and_other_types_are_errors_that_name_them() {
    let outer = Transaction::unkeyed(TransactionOptions::new().name("outer"), None);
    let inner = Transaction::unkeyed(TransactionOptions::new().name("inner"), Some(outer.clone()));
    outer.set("path", "a").unwrap();
    assert_eq!(
        inner.get::<u8>("mode").unwrap_err().to_string(),
        "transaction `inner` has no value `mode`, and none of those around it has: `set` it before, or read it with `get_or`"
    );
    assert!(
        inner
            .get_or("path", 1_u8)
            .unwrap_err()
            .to_string()
            .starts_with("value `path` of transaction `outer` is no `u8`: ")
    );
    assert_eq!(inner.get_or("mode", None::<u8>).unwrap(), None);
    outer.set("none", None::<u8>).unwrap();
    assert_eq!(inner.get_or("none", Some(1)).unwrap(), None);
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = outer.set("map", map).unwrap_err().to_string();
    assert!(error.starts_with("value `map` cannot be kept in transaction `outer`: "), "{error}");
}

#[tokio::test]
async fn hooks_may_use_the_transaction_that_they_are_told_about() {
    let log = Log::default();
    let txn = unkeyed(None);
    txn.set("count", 1).unwrap();
    let more = log.clone();
    txn.stage(Stage::new().on_commit(move |txn: Transaction| {
        let more = more.clone();
        async move {
            let count: u32 = txn.get("count")?;
            txn.set("count", count + 1)?;
            assert!(txn.stage(more.stage("more")));
            assert!(!txn.rollback().await, "it is on its way");
            assert!(!txn.commit().await, "it is on its way");
            Ok::<_, TransactionError>(())
        }
    }));
    txn.stage(Stage::new().on_commit(|txn: Transaction| {
        // What is left while those around it commit is committed with them.
        let inside = unkeyed(Some(&txn));
        async move { inside.leave(false).await }
    }));
    txn.leave(false).await;
    assert!(txn.failures().is_empty(), "{:?}", txn.failures());
    assert_eq!(txn.get::<u32>("count").unwrap(), 2);
    assert_eq!(log.take(), ["more commit"]);
    // In a rollback nothing can be staged.
    let txn = unkeyed(None);
    txn.stage(Stage::new().on_rollback(|txn: Transaction| assert!(!txn.stage(Stage::new()))));
    txn.leave(true).await;
    assert_eq!(txn.state(), RolledBack);
}

#[tokio::test]
async fn children_are_committed_in_the_order_in_which_they_were_left() {
    let (outer, log) = (unkeyed(None), Log::default());
    let (a, b) = (unkeyed(Some(&outer)), unkeyed(Some(&outer)));
    a.stage(log.stage("a"));
    b.stage(log.stage("b"));
    b.leave(false).await;
    a.leave(false).await;
    assert_eq!(outer.children(), [b.clone(), a.clone()]);
    assert_eq!(outer.children()[0].parent(), Some(outer.clone()));
    outer.leave(false).await;
    assert_eq!(log.take(), ["b commit", "a commit"]);
    assert_eq!(outer.children(), []);
}

#[tokio::test]
async fn a_late_one_follows_the_one_around_it() {
    for failed in [false, true] {
        let (outer, log) = (unkeyed(None), Log::default());
        let late = Transaction::unkeyed(
            TransactionOptions::new().commit_mode(CommitMode::Off),
            Some(outer.clone()),
        );
        late.stage(log.stage("late"));
        let failing = unkeyed(Some(&outer));
        outer.stage(log.stage("outer"));
        outer.leave(failed).await;
        late.leave(false).await;
        failing.leave(true).await;
        let both = |what: &str| [format!("outer {what}"), format!("late {what}")];
        assert_eq!(log.take(), both(if failed { "rollback" } else { "commit" }));
    }
}

#[tokio::test]
async fn a_late_failure_reaches_as_far_out_as_transactions_wait() {
    let (top, log) = (unkeyed(None), Log::default());
    let middle = unkeyed(Some(&top));
    let late = unkeyed(Some(&middle));
    top.stage(log.stage("top"));
    middle.stage(log.stage("middle"));
    middle.leave(false).await;
    late.leave(true).await;
    assert_eq!(log.take(), ["middle rollback", "top rollback"]);
    top.leave(false).await;
    assert_eq!((top.state(), log.take().len()), (RolledBack, 0));
    // An attempt that was retried does not pass it on.
    let top = unkeyed(None);
    let middle = unkeyed(Some(&top));
    let late = unkeyed(Some(&middle));
    middle.leave_attempt_failed().await;
    late.leave(true).await;
    assert_eq!((top.state(), middle.state(), late.state()), (Active, RolledBack, RolledBack));
}

#[tokio::test]
async fn leaving_waits_for_a_rollback_that_is_on_its_way() {
    let (outer, log) = (unkeyed(None), Log::default());
    let (go, hook) = waiting(&log, "undone");
    outer.stage(Stage::new().on_rollback(hook));
    let inner = unkeyed(Some(&outer));
    let mut failing = Box::pin(inner.leave(true));
    assert!(poll(failing.as_mut()).is_pending());
    assert!(!outer.rollback().await, "it is on its way");
    // One that is left meanwhile is undone by itself.
    let late = unkeyed(Some(&outer));
    late.stage(log.stage("late"));
    late.leave(false).await;
    assert_eq!(log.take(), ["late rollback"]);
    let mut leaving = Box::pin(outer.leave(false));
    assert!(poll(leaving.as_mut()).is_pending());
    go.notify_one();
    failing.await;
    leaving.await;
    assert_eq!(log.take(), ["undone"]);
    assert_eq!(outer.state(), RolledBack);
}

#[tokio::test]
async fn a_commit_that_is_dropped_in_the_middle_is_taken_up_again_or_undone() {
    for abandoned in [false, true] {
        let (outer, log) = (unkeyed(None), Log::default());
        let inner = unkeyed(Some(&outer));
        let (_go, hook) = waiting(&log, "never");
        inner.stage(log.stage("first"));
        inner.stage(Stage::new().on_commit(hook));
        inner.stage(log.stage("last"));
        inner.leave(false).await;
        let mut commit = Box::pin(outer.commit());
        assert!(poll(commit.as_mut()).is_pending());
        drop(commit);
        assert_eq!(log.take(), ["first commit"]);
        if abandoned {
            outer.abandon().unwrap().await;
            assert_eq!(log.take(), ["last rollback", "first rollback"]);
            assert_eq!((outer.state(), inner.state()), (RolledBack, RolledBack));
        } else {
            outer.leave(false).await;
            assert_eq!(log.take(), ["last commit"]);
            assert_eq!((outer.state(), inner.state()), (Committed, Committed));
        }
    }
}

#[tokio::test]
async fn a_rollback_that_is_dropped_in_the_middle_is_taken_up_again() {
    let (outer, log) = (unkeyed(None), Log::default());
    let inner = unkeyed(Some(&outer));
    let (go, hook) = waiting(&log, "waited");
    inner.stage(log.stage("first"));
    inner.stage(Stage::new().on_rollback(hook));
    inner.stage(log.stage("last"));
    inner.leave(false).await;
    outer.stage(log.stage("outer"));
    let mut leaving = Box::pin(outer.leave(true));
    assert!(poll(leaving.as_mut()).is_pending());
    drop(leaving);
    assert_eq!(log.take(), ["outer rollback", "last rollback"]);
    assert!(!outer.commit().await);
    let rollback = outer.abandon().unwrap();
    go.notify_one();
    rollback.await;
    assert_eq!(log.take(), ["waited", "first rollback"]);
    assert_eq!((outer.state(), inner.state()), (RolledBack, RolledBack));
}

#[tokio::test]
async fn to_abandon_with_nothing_to_wait_for_is_done_at_once() {
    let (outer, log) = (unkeyed(None), Log::default());
    let inner = unkeyed(Some(&outer));
    assert!(inner.abandon().is_none());
    assert_eq!((inner.state(), outer.state()), (RolledBack, RolledBack));
    let outer = unkeyed(None);
    outer.stage(log.stage("outer"));
    let inner = unkeyed(Some(&outer));
    inner.abandon().unwrap().await;
    assert_eq!(log.take(), ["outer rollback"]);
}

#[tokio::test]
async fn nothing_keeps_itself_alive() {
    let witness = Arc::new(());
    let stage = || {
        let (a, b) = (witness.clone(), witness.clone());
        Stage::new().on_commit(move |_| drop(a.clone())).on_rollback(move |_| drop(b.clone()))
    };
    for left in [false, true] {
        let outer = unkeyed(None);
        let inner = unkeyed(Some(&outer));
        assert!(outer.stage(stage()) && inner.stage(stage()));
        inner.leave(false).await;
        if left {
            outer.leave(false).await;
            // Also while handles are kept.
            assert_eq!(Arc::strong_count(&witness), 1);
        } else {
            drop((outer, inner));
        }
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}

fn locked() -> (ResultStore, Arc<MemoryLockManager>) {
    let locks = Arc::new(MemoryLockManager::isolated());
    (store().with_lock_manager(Some(locks.clone())), locks)
}

fn serializable(store: &ResultStore, key: &str, parent: Option<&Transaction>) -> Transaction {
    let options = TransactionOptions::new().key(key).store(store.clone());
    let options = options.isolation_level(IsolationLevel::Serializable);
    Transaction::new(options, parent.cloned())
}

#[tokio::test]
async fn serializable_needs_a_lock_manager_where_there_is_a_key() {
    let error = serializable(&store(), "k", None).begin().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "transaction `k` wants the isolation level SERIALIZABLE, but its result store has no lock manager: give the store one with `with_lock_manager`, or use READ_COMMITTED"
    );
    let options = TransactionOptions::new().isolation_level(IsolationLevel::Serializable);
    let txn = Transaction::new(options, None);
    txn.begin().await.unwrap();
    assert_eq!(txn.state(), Active);
    // In force inside, too.
    assert_eq!(unkeyed(Some(&txn)).isolation_level(), IsolationLevel::Serializable);
    assert_eq!(unkeyed(None).isolation_level(), IsolationLevel::ReadCommitted);
}

#[tokio::test]
async fn the_lock_is_held_until_the_end_whatever_that_is() {
    let (store, locks) = locked();
    for end in 0..5 {
        let key = format!("k{end}");
        let txn = serializable(&store, &key, None);
        txn.begin().await.unwrap();
        assert!(locks.is_locked(&key).unwrap());
        match end {
            0 => txn.leave(false).await,
            1 => txn.leave(true).await,
            2 => assert!(txn.abandon().is_none()),
            3 => {
                // The rollback is lost, as in a runtime that ends.
                txn.stage(Stage::new().on_rollback(|_| ()));
                drop(txn.abandon());
            }
            _ => drop(txn),
        }
        assert!(!locks.is_locked(&key).unwrap(), "{end}");
    }
    // What exists needs no lock.
    let txn = serializable(&store, "k0", None);
    txn.begin().await.unwrap();
    assert_eq!((txn.state(), locks.is_locked("k0").unwrap()), (Committed, false));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_leaves_no_lock() {
    let (store, locks) = locked();
    let store = store.with_storage("nowhere://");
    let txn = serializable(&store, "k", None);
    let error = txn.begin().await.unwrap_err().to_string();
    assert!(error.starts_with("transaction `k` could not look up its key"), "{error}");
    assert_eq!((txn.state(), locks.is_locked("k").unwrap()), (Pending, false));
    assert!(txn.read().await.is_err());
    // It never began, so there is nothing to commit.
    txn.leave(false).await;
    assert_eq!(txn.state(), Pending);
}

#[tokio::test]
async fn serializable_transactions_with_one_key_wait_for_each_other() {
    let (store, _) = locked();
    let (a, b) = (serializable(&store, "k", None), serializable(&store, "k", None));
    a.begin().await.unwrap();
    let mut begin = Box::pin(b.begin());
    assert!(poll(begin.as_mut()).is_pending());
    a.stage_value(&1, Stage::new()).unwrap();
    a.leave(false).await;
    begin.await.unwrap();
    assert_eq!(b.state(), Committed);
    assert_eq!(b.read().await.unwrap().unwrap().decode::<u8>().unwrap(), 1);
}

#[tokio::test]
async fn transactions_inside_one_do_not_wait_for_what_is_freed_at_its_end() {
    let (store, locks) = locked();
    let outer = unkeyed(None);
    let inside = || serializable(&store, "k", Some(&outer));
    let (a, b, c) = (inside(), inside(), inside());
    a.begin().await.unwrap();
    // As long as the code of the first goes on, the second waits for it.
    let mut begin = Box::pin(b.begin());
    assert!(poll(begin.as_mut()).is_pending());
    a.leave(false).await;
    begin.await.unwrap();
    c.begin().await.unwrap();
    // Its own, which those inside use too.
    serializable(&store, "k", Some(&c)).begin().await.unwrap();
    b.leave(false).await;
    c.leave(false).await;
    assert!(locks.is_locked("k").unwrap());
    outer.leave(false).await;
    assert!(!locks.is_locked("k").unwrap());
    assert_eq!((a.state(), b.state(), c.state()), (Committed, Committed, Committed));
}

#[tokio::test]
async fn one_that_is_inside_another_with_its_key_does_not_wait_for_itself() {
    let (store, locks) = locked();
    let outer = serializable(&store, "k", None);
    outer.begin().await.unwrap();
    let inner = serializable(&store, "k", Some(&unkeyed(Some(&outer))));
    inner.begin().await.unwrap();
    inner.leave(true).await;
    assert!(locks.is_locked("k").unwrap());
    outer.leave(false).await;
    assert!(!locks.is_locked("k").unwrap());
}

#[test]
fn a_transaction_shows_its_name_and_state_and_not_its_values() {
    let txn = Transaction::unkeyed(TransactionOptions::new().name("load").key("k"), None);
    txn.set("password", "hunter2").unwrap();
    let shown = format!("{txn:?}");
    assert_eq!(shown, r#"Transaction { name: "load", state: Active, commit_mode: Lazy, .. }"#);
    assert_eq!((txn.key(), txn.name()), (None, "load"));
}
