//! Tests with other processes, which are this test program started once more.
//!
//! The tests named `child_…` are those processes. They are left out of an ordinary run; their work is in their working
//! directory, which must hold a file `child`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

fn start(folder: &Path, test: &str) -> Child {
    std::fs::write(folder.join("child"), "").unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture"])
        .arg(format!("results::tests::processes::{test}"))
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the child says that it is ready.
fn ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")), "the child has died");
}

fn is_child() -> bool {
    Path::new("child").is_file()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "a part of `a_writer_that_is_killed_leaves_whole_records`"]
fn child_writes_for_ever() {
    let store = on_disk(Path::new("results")).with_metadata_storage(None);
    let large = "x".repeat(300_000);
    for n in 0u64.. {
        if !is_child() {
            return;
        }
        wait(store.write_value(&format!("{}", n % 5), &large, None)).unwrap();
        if n == 10 {
            println!("ready");
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(&folder.path().join("results"));
    for round in 0..8 {
        let mut child = start(folder.path(), "child_writes_for_ever");
        ready(&mut child);
        std::thread::sleep(Duration::from_millis(round));
        kill(child);
        for key in 0..5 {
            let found = wait(store.read_value::<String>(&key.to_string())).unwrap();
            assert_eq!(found.map(|text| text.len()), Some(300_000));
        }
    }
    // Nothing but records and the folder for unfinished ones.
    assert_eq!(folder.path().join("results").read_dir().unwrap().count(), 6);
}

#[test]
#[ignore = "a part of `the_lock_of_a_dead_process_is_broken`"]
fn child_holds_a_lock() {
    if !is_child() {
        return;
    }
    let locks: Arc<dyn LockManager> = Arc::new(FileSystemLockManager::new("locks"));
    let _guard = wait(LockGuard::acquire(&locks, "k", "child", None, None)).unwrap().unwrap();
    println!("ready");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_lock_of_a_dead_process_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let locks: Arc<dyn LockManager> =
        Arc::new(FileSystemLockManager::new(folder.path().join("locks")));
    let acquire = |timeout| wait(LockGuard::acquire(&locks, "k", "parent", timeout, None)).unwrap();
    let mut child = start(folder.path(), "child_holds_a_lock");
    ready(&mut child);
    assert!(locks.is_lock_holder("k", "child").unwrap());
    assert!(acquire(Some(Duration::from_millis(50))).is_none());
    assert!(!wait(locks.wait_for_lock("k", Some(Duration::ZERO))).unwrap());
    kill(child);
    assert!(!locks.is_locked("k").unwrap());
    assert!(wait(locks.wait_for_lock("k", None)).unwrap());
    assert!(acquire(Some(Duration::from_secs(5))).is_some());
}

#[test]
#[ignore = "a part of `processes_exclude_each_other`"]
fn child_counts() {
    if is_child() {
        count(Path::new("."), 100);
    }
}

/// Reads a number from a file and writes the next one, `times` times, under a lock.
fn count(folder: &Path, times: u32) {
    let locks: Arc<dyn LockManager> = Arc::new(FileSystemLockManager::new(folder.join("locks")));
    let (file, holder) = (folder.join("number"), default_holder());
    for _ in 0..times {
        let guard = wait(LockGuard::acquire(&locks, "k", &holder, None, None)).unwrap().unwrap();
        let number: u32 = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        std::fs::write(&file, (number + 1).to_string()).unwrap();
        guard.release().unwrap();
    }
}

#[test]
fn processes_exclude_each_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("number"), "0").unwrap();
    let children = [(); 3].map(|()| start(folder.path(), "child_counts"));
    count(folder.path(), 100);
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("number")).unwrap(), "400");
}
