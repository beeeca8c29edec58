//! Result records and locks, exchanged with Prefect itself.
//!
//! Records that Prefect 3.8.8 has written are in `tests/data/prefect-results`. The live checks run both ways with the
//! Python that `CONTEXT_TEST_PYTHON` names, in which Prefect is installed. Without it they are left out, except in CI,
//! where they fail.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use context_core::clock::Timestamp;
use context_core::results::{
    Acquired, FileSystemLockManager, IntoStorage, LockManager, ResultError, ResultStore,
    SerializationError, compressed_json,
};
use futures::executor::block_on;
use serde_json::{Value, json};

/// What `prefect_records.py` writes.
fn expected() -> Value {
    json!({"x": 1, "text": "é \"quoted\"\n", "list": [1.5, null, true, i64::MIN], "empty": {}})
}

fn one(folder: &Path) -> ResultStore {
    ResultStore::new(folder.join("one")).with_cache_in_memory(false)
}

fn two(folder: &Path) -> ResultStore {
    let metadata = folder.join("two-metadata").into_storage();
    ResultStore::new(folder.join("two"))
        .with_cache_in_memory(false)
        .with_metadata_storage(Some(metadata))
}

fn value(store: &ResultStore, key: &str) -> Value {
    block_on(store.read_value(key)).unwrap().unwrap_or_else(|| panic!("{key} is not there"))
}

/// What must hold of the records of `prefect_records.py`, fresh or kept.
fn check_records_of_prefect(folder: &Path) {
    for store in [one(folder), two(folder)] {
        for key in ["json", "lzma"] {
            assert!(block_on(store.exists(key)).unwrap());
            assert_eq!(value(&store, key), expected(), "{key}");
        }
        let record = block_on(store.read("pickle")).unwrap().unwrap();
        let err = record.decode::<Value>().unwrap_err();
        assert!(
            matches!(&err, ResultError::UnsupportedSerializer { serializer, .. } if serializer == "pickle")
        );
    }
    let store = one(folder);
    for key in ["zlib", "gzip", "compressed", "expiring"] {
        assert_eq!(value(&store, key), expected(), "{key}");
    }
    let expiring = block_on(store.read("expiring")).unwrap().unwrap();
    let expiration = expiring.metadata().expiration.unwrap().to_string();
    assert_eq!(expiration, "2124-02-29T12:00:00.123456Z");
    assert_eq!(expiring.metadata().prefect_version, "3.8.8");
    assert!(!block_on(store.exists("expired")).unwrap());
    assert!(block_on(store.read("expired")).unwrap().is_none());
    let record = block_on(store.read("bz2")).unwrap().unwrap();
    let Err(ResultError::Decode { source, .. }) = record.decode::<Value>() else {
        panic!("bz2 was read")
    };
    assert!(
        matches!(source, SerializationError::UnsupportedLibrary { library, .. } if library == "bz2")
    );
}

#[test]
fn records_kept_from_prefect_are_read() {
    check_records_of_prefect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prefect-results"),
    );
}

/// The Python to check with, if there is one.
#[expect(clippy::disallowed_methods, reason = "a test is told from outside what to check with")]
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CONTEXT_TEST_PYTHON").map(PathBuf::from);
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if python.is_none() {
        assert!(!is_ci, "in CI, CONTEXT_TEST_PYTHON must name a Python with Prefect");
        println!("left out: CONTEXT_TEST_PYTHON does not name a Python with Prefect");
    }
    python
}

fn prefect(python: &Path, action: &str, folder: &Path) -> String {
    let home = tempfile::tempdir().unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prefect_results/prefect_records.py");
    let output = Command::new(python)
        .arg(script)
        .arg(action)
        .arg(folder)
        .env("PREFECT_HOME", home.path())
        .env_remove("PREFECT_API_URL")
        .env("PREFECT_LOGGING_LEVEL", "ERROR")
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{action}` failed:\n{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_prefect_writes_is_read() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    prefect(&python, "write", folder.path());
    check_records_of_prefect(folder.path());
    let store = one(folder.path());
    for key in ["folder/nested", "with space", "a%2Fb", "issue#17", "é", "..dots", "a:b"] {
        assert_eq!(value(&store, key), key);
    }
    let record = block_on(store.read("folder/nested")).unwrap().unwrap();
    assert_eq!(value(&store, &record.metadata().storage_key), "folder/nested");
}

#[test]
fn what_we_write_is_read_by_prefect() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let far = Timestamp::from_nanos(4_865_659_200_123_456_000);
    let keys = ["folder/nested", "with space", "a%2Fb", "issue#17", "é", "..dots", "a:b"];
    block_on(async {
        for (name, store) in [("one", one(folder.path())), ("two", two(folder.path()))] {
            store.write_value("json", &expected(), None).await.unwrap();
            let packed = store.with_serializer(compressed_json());
            packed.write_value("compressed", &expected(), None).await.unwrap();
            store.write_value("expiring", name, Some(far)).await.unwrap();
            store.write_value("expired", name, Some(Timestamp::UNIX_EPOCH)).await.unwrap();
        }
        for key in keys {
            one(folder.path()).write_value(key, key, None).await.unwrap();
        }
    });
    let found: Value = serde_json::from_str(&prefect(&python, "read", folder.path())).unwrap();
    assert_eq!(found.as_object().unwrap().len(), 2 * 4 + keys.len());
    let check = |key: &str, value: Value, exists: bool, expiration: Value, serializer: &str| {
        let expected = json!({
            "exists": exists, "value": value, "storage_key_is_the_file": true,
            "expiration": expiration, "serializer": serializer, "prefect_version": "3.8.8",
        });
        assert_eq!(found[key], expected, "{key}");
    };
    for folder in ["one", "two"] {
        let key = |name| format!("{folder}/{name}");
        check(&key("json"), expected(), true, Value::Null, "json");
        check(&key("compressed"), expected(), true, Value::Null, "compressed/json");
        check(
            &key("expiring"),
            json!(folder),
            true,
            json!("2124-03-09 12:00:00.123456+00:00"),
            "json",
        );
        check(&key("expired"), json!(folder), false, json!("1970-01-01 00:00:00+00:00"), "json");
    }
    for key in keys {
        check(&format!("one/{key}"), json!(key), true, Value::Null, "json");
    }
}

#[test]
fn locks_exclude_prefect_and_are_excluded_by_it() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let locks = FileSystemLockManager::new(folder.path());
    let acquire =
        |key, hold| block_on(locks.acquire_lock(key, "rust", Some(Duration::ZERO), hold)).unwrap();
    assert_eq!(acquire("rust-lock", None), Acquired::Newly);
    assert_eq!(acquire("rust-timed", Some(Duration::from_secs(3600))), Acquired::Newly);
    assert_eq!(acquire("rust-expired", Some(Duration::from_nanos(1))), Acquired::Newly);
    let seen: Value = serde_json::from_str(&prefect(&python, "lock", folder.path())).unwrap();
    let expected = json!({
        "rust-lock": true, "rust-timed": true, "rust-expired": false, "waited": false, "free": false,
        "python-lock": true, "python-timed": true, "python-expired": true,
    });
    assert_eq!(seen, expected);
    // Prefect does not say which process has a lock, so it outlives the process.
    assert!(locks.is_lock_holder("python-lock", "python").unwrap());
    assert_eq!(acquire("python-lock", None), Acquired::TimedOut);
    assert_eq!(acquire("python-timed", None), Acquired::TimedOut);
    assert_eq!(acquire("python-expired", None), Acquired::Newly);
    locks.release_lock("rust-lock", "rust").unwrap();
    assert!(locks.release_lock("rust-expired", "rust").is_err());
}
