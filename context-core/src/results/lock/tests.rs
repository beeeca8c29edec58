//! Tests of locks in one process.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const SHORT: Duration = Duration::from_millis(20);

/// Both managers, and the directory of the second.
fn managers() -> (tempfile::TempDir, [Arc<dyn LockManager>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let files = FileSystemLockManager::new(folder.path().join("locks"));
    (folder, [Arc::new(MemoryLockManager::isolated()), Arc::new(files)])
}

async fn get(locks: &Arc<dyn LockManager>, holder: &str, timeout: Duration) -> Option<LockGuard> {
    LockGuard::acquire(locks, "k", holder, Some(timeout), None).await.unwrap()
}

#[tokio::test]
async fn one_holder_at_a_time() {
    let (_folder, managers) = managers();
    for locks in managers {
        assert!(!locks.is_locked("k").unwrap());
        let guard = get(&locks, "a", Duration::ZERO).await.unwrap();
        assert!(locks.is_locked("k").unwrap() && locks.is_lock_holder("k", "a").unwrap());
        assert!(!locks.is_lock_holder("k", "b").unwrap() && !locks.is_locked("other").unwrap());
        assert!(get(&locks, "b", Duration::ZERO).await.is_none());
        assert!(get(&locks, "b", SHORT).await.is_none());
        assert!(!locks.wait_for_lock("k", Some(SHORT)).await.unwrap());
        assert!(locks.release_lock("k", "b").is_err());
        guard.release().unwrap();
        assert!(locks.wait_for_lock("k", None).await.unwrap());
        let err = locks.release_lock("k", "a").unwrap_err();
        assert!(matches!(err, LockError::NotHeld { .. }));
        drop(get(&locks, "b", Duration::ZERO).await.unwrap());
        assert!(!locks.is_locked("k").unwrap());
    }
}

#[tokio::test]
async fn who_has_the_lock_gets_it_again_and_the_first_guard_releases_it() {
    let (_folder, managers) = managers();
    for locks in managers {
        let outer = get(&locks, "a", SHORT).await.unwrap();
        let inner = get(&locks, "a", SHORT).await.unwrap();
        drop(inner);
        assert!(locks.is_lock_holder("k", "a").unwrap());
        drop(outer);
        assert!(!locks.is_locked("k").unwrap());
    }
}

#[tokio::test]
async fn a_hold_ends_by_itself() {
    let (_folder, managers) = managers();
    for locks in managers {
        let guard = LockGuard::acquire(&locks, "k", "a", None, Some(SHORT)).await.unwrap().unwrap();
        assert!(get(&locks, "b", Duration::ZERO).await.is_none());
        let second =
            LockGuard::acquire(&locks, "k", "b", None, Some(SHORT)).await.unwrap().unwrap();
        assert!(guard.release().is_err());
        assert!(locks.wait_for_lock("k", None).await.unwrap());
        assert!(!locks.is_locked("k").unwrap());
        assert!(second.release().is_err());
    }
}

#[tokio::test]
async fn a_waiter_that_is_dropped_holds_nothing() {
    let (_folder, managers) = managers();
    for locks in managers {
        let guard = get(&locks, "a", SHORT).await.unwrap();
        let mut gone = Box::pin(LockGuard::acquire(&locks, "k", "b", None, None));
        assert!(futures::poll!(gone.as_mut()).is_pending());
        drop(guard);
        // It may have been handed the lock, but has not seen it.
        drop(gone);
        assert!(get(&locks, "c", SHORT).await.is_some());
    }
}

#[tokio::test]
async fn memory_locks_go_to_the_first_who_waits() {
    let locks: Arc<dyn LockManager> = Arc::new(MemoryLockManager::isolated());
    let mut guard = get(&locks, "0", SHORT).await.unwrap();
    let mut waiting = Vec::new();
    for n in 1..50 {
        let holder = n.to_string();
        let locks = Arc::clone(&locks);
        let mut waiter =
            Box::pin(async move { LockGuard::acquire(&locks, "k", &holder, None, None).await });
        assert!(futures::poll!(waiter.as_mut()).is_pending());
        waiting.push(waiter);
    }
    // One in the middle leaves.
    drop(waiting.remove(20));
    for waiter in waiting {
        drop(guard);
        guard = waiter.await.unwrap().unwrap();
    }
    drop(guard);
    assert!(!locks.is_locked("k").unwrap());
}

#[tokio::test]
async fn the_end_of_a_hold_reaches_the_next_waiter_whoever_left() {
    let locks: Arc<dyn LockManager> = Arc::new(MemoryLockManager::isolated());
    let acquire = |holder, hold| LockGuard::acquire(&locks, "k", holder, None, hold);
    let guard = acquire("a", None).await.unwrap();
    let mut b = Box::pin(acquire("b", Some(SHORT)));
    let mut c = Box::pin(acquire("c", None));
    let mut d = Box::pin(acquire("d", None));
    assert!(futures::poll!(b.as_mut()).is_pending());
    assert!(futures::poll!(c.as_mut()).is_pending());
    assert!(futures::poll!(d.as_mut()).is_pending());
    drop(guard);
    let _b = b.await.unwrap();
    assert!(futures::poll!(d.as_mut()).is_pending());
    drop(c);
    assert!(d.await.unwrap().is_some());
}

#[tokio::test]
async fn memory_watchers_see_the_end_of_the_hold_they_found() {
    let locks: Arc<dyn LockManager> = Arc::new(MemoryLockManager::isolated());
    let first = get(&locks, "a", SHORT).await.unwrap();
    let mut next = Box::pin(LockGuard::acquire(&locks, "k", "b", None, None));
    let mut watcher = locks.wait_for_lock("k", None);
    assert!(futures::poll!(next.as_mut()).is_pending());
    assert!(futures::poll!(watcher.as_mut()).is_pending());
    drop(first);
    // The next one has it now, and still the watcher goes on.
    let _next = next.await.unwrap();
    assert!(watcher.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_in_at_the_same_time() {
    let (_folder, managers) = managers();
    for locks in managers {
        let inside = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..16 {
            let (locks, inside) = (Arc::clone(&locks), Arc::clone(&inside));
            tasks.spawn(async move {
                for round in 0..20 {
                    let holder = format!("{n}-{round}");
                    let hold = (n % 2 == 0).then_some(Duration::from_secs(60));
                    let guard = LockGuard::acquire(&locks, "k", &holder, None, hold).await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    drop(guard);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert!(!locks.is_locked("k").unwrap());
    }
}

#[test]
fn locks_work_without_a_runtime() {
    let (_folder, managers) = managers();
    for locks in managers {
        futures::executor::block_on(async {
            let guard = get(&locks, "a", SHORT).await;
            assert!(guard.is_some() && get(&locks, "b", SHORT).await.is_none());
        });
    }
}

#[test]
fn all_memory_managers_of_a_process_are_one() {
    let (a, b) = (MemoryLockManager::new(), MemoryLockManager::default());
    futures::executor::block_on(async {
        let key = "all_memory_managers_of_a_process_are_one";
        assert_eq!(a.acquire_lock(key, "a", None, None).await.unwrap(), Acquired::Newly);
        assert!(b.is_lock_holder(key, "a").unwrap());
        b.release_lock(key, "a").unwrap();
    });
}

#[tokio::test]
async fn lock_files_are_prefects() {
    let folder = tempfile::tempdir().unwrap();
    let locks = FileSystemLockManager::new(folder.path());
    let hold = Some(Duration::from_secs(60));
    let _ = locks.acquire_lock("a/k.json", "me", None, hold).await.unwrap();
    let text = std::fs::read_to_string(folder.path().join("a/k.lock")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["holder"], "me");
    assert!(file["expiration"].as_str().unwrap().ends_with('Z'));
    assert!(file["context"]["token"].is_string());
    for key in ["../k", "/k", ""] {
        assert!(matches!(locks.is_locked(key), Err(LockError::InvalidKey { .. })));
    }
}

#[tokio::test]
async fn files_of_prefect_are_kept_until_they_expire() {
    let folder = tempfile::tempdir().unwrap();
    let locks = FileSystemLockManager::new(folder.path());
    let path = folder.path().join("k.lock");
    let acquire = || locks.acquire_lock("k", "me", Some(Duration::ZERO), None);
    std::fs::write(&path, r#"{"holder":"python","expiration":null}"#).unwrap();
    assert_eq!(acquire().await.unwrap(), Acquired::TimedOut);
    std::fs::write(&path, r#"{"holder":"python","expiration":"2999-01-01 00:00:00.5+00:00"}"#)
        .unwrap();
    assert_eq!(acquire().await.unwrap(), Acquired::TimedOut);
    // Just created, and not yet written.
    std::fs::write(&path, "").unwrap();
    assert_eq!(acquire().await.unwrap(), Acquired::TimedOut);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(acquire().await.unwrap(), Acquired::Newly);
    locks.release_lock("k", "me").unwrap();
    std::fs::write(&path, r#"{"holder":"python","expiration":"2020-01-01 00:00:00.5+00:00"}"#)
        .unwrap();
    assert!(!locks.is_locked("k").unwrap());
    assert_eq!(acquire().await.unwrap(), Acquired::Newly);
}

#[test]
fn a_holder_names_host_process_and_thread() {
    let holder = default_holder();
    assert!(holder.contains(&format!(":{}:", std::process::id())), "{holder}");
    let other = std::thread::spawn(default_holder).join().unwrap();
    assert_ne!(holder, other);
    assert_eq!(holder, default_holder());
}
