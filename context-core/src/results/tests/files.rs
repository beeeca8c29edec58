//! Tests of files: odd names, damage, and who else may be at them.

use super::*;

fn write(folder: &Path, key: &str, text: &str) {
    std::fs::write(folder.join(key), text).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn odd_keys_are_the_names_of_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    let longest = "k".repeat(255);
    for key in ["a b", "a%2Fb", "%2e%2e", "issue#17", "é", "a:b", "a\tb", "..x", "a\\b", &longest]
    {
        wait(store.write_value(key, key, None)).unwrap();
        assert!(folder.path().join(key).is_file(), "{key}");
        assert_eq!(wait(store.read_value::<String>(key)).unwrap().unwrap(), key);
    }
    let err = wait(store.write_value(&"k".repeat(256), &1, None)).unwrap_err();
    assert!(matches!(err, ResultError::InvalidKey { .. }), "{err}");
    assert_eq!(names(&folder.path().join(".context-tmp")), Vec::<String>::new());
}

#[test]
fn a_record_is_found_by_its_absolute_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = ResultStore::new(folder.path());
    let written = wait(store.write_value("a/k", &1, None)).unwrap();
    assert_eq!(wait(store.read_value::<u8>(&written.storage_key)).unwrap(), Some(1));
    assert!(store.peek(&written.storage_key).is_some());
    for outside in ["/etc/hostname", "/", "~/k", "../k", ".context-tmp/k", ""] {
        let err = wait(store.read(outside)).unwrap_err();
        assert!(matches!(err, ResultError::InvalidKey { .. }), "{outside}: {err}");
    }
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
    let store = on_disk(folder.path());
    for key in ["link/k", "link/new/k"] {
        let err = wait(store.write_value(key, &1, None)).unwrap_err();
        assert!(matches!(err, ResultError::NoPermission { .. }), "{err}");
        assert!(wait(store.read(key)).is_err());
    }
    assert_eq!(names(outside.path()), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn the_storage_itself_may_be_a_link() {
    let (outer, real) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let link = outer.path().join("link");
    std::os::unix::fs::symlink(real.path(), &link).unwrap();
    let store = on_disk(&link.join("results"));
    let written = wait(store.write_value("a/k", &1, None)).unwrap();
    let path = real.path().canonicalize().unwrap().join("results/a/k");
    assert_eq!(written.storage_key, path.to_str().unwrap());
    assert_eq!(wait(store.read_value::<u8>("a/k")).unwrap(), Some(1));
}

#[test]
fn damage_is_told_from_what_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    let kind = |text: &str| {
        write(folder.path(), "k", text);
        let err = wait(store.read("k")).unwrap_err();
        assert!(err.is_unusable_record(), "{err}");
        let shown = err.to_string();
        assert!(shown.contains("\"k\"") && shown.contains(folder.path().to_str().unwrap()));
        assert!(wait(store.exists("k")).is_err());
        match err {
            ResultError::Truncated { .. } => "truncated",
            ResultError::Corrupt { .. } => "corrupt",
            ResultError::Foreign { .. } => "foreign",
            other => panic!("{other}"),
        }
    };
    assert_eq!(kind(""), "truncated");
    assert_eq!(kind("{\"metadata\":{\"stor"), "truncated");
    assert_eq!(kind("{\"metadata\"::"), "corrupt");
    assert_eq!(kind("{} trailing"), "corrupt");
    assert_eq!(kind("just text"), "foreign");
    assert_eq!(kind("[1]"), "foreign");
    assert_eq!(kind("{\"name\":\"x\"}"), "foreign");
    assert_eq!(kind("{\"metadata\":{},\"result\":5}"), "foreign");
    assert_eq!(kind("{\"metadata\":{\"serializer\":{}},\"result\":\"5\"}"), "foreign");
    assert_eq!(kind("{\"metadata\":{\"expiration\":\"soon\"},\"result\":\"5\"}"), "foreign");
    let apart = store.with_metadata_storage(Some(Storage::memory()));
    let side = apart.metadata_storage().unwrap().clone();
    wait(side.put("k", b"{\"result\":1}".to_vec())).unwrap();
    assert!(matches!(wait(apart.exists("k")), Err(ResultError::Foreign { .. })));
}

#[test]
fn the_form_from_before_metadata_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"serializer":{"type":"json"},"data":"[1]","prefect_version":"2.20.0"}"#;
    write(folder.path(), "k", old);
    let record = wait(on_disk(folder.path()).read("k")).unwrap().unwrap();
    assert_eq!(record.decode::<Vec<u8>>().unwrap(), [1]);
    assert_eq!(record.metadata().prefect_version, "2.20.0");
}

#[test]
fn a_folder_in_place_of_a_record_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    wait(store.write_value("a/k", &1, None)).unwrap();
    assert!(matches!(wait(store.read("a")), Err(ResultError::Foreign { .. })));
    assert!(matches!(wait(store.write_value("a", &1, None)), Err(ResultError::Foreign { .. })));
    assert!(matches!(wait(store.write_value("a/k/x", &1, None)), Err(ResultError::Foreign { .. })));
    assert!(wait(store.read("a/k/x")).unwrap().is_none());
    assert_eq!(wait(store.read_value::<u8>("a/k")).unwrap(), Some(1));
}

#[test]
fn errors_of_the_system_are_told_apart() {
    let error = |kind| ResultError::from_io("write", "k", "/d/k", std::io::Error::from(kind));
    use std::io::ErrorKind as Kind;
    assert!(matches!(error(Kind::PermissionDenied), ResultError::NoPermission { .. }));
    assert!(matches!(error(Kind::ReadOnlyFilesystem), ResultError::NoPermission { .. }));
    assert!(matches!(error(Kind::StorageFull), ResultError::StorageFull { .. }));
    assert!(matches!(error(Kind::QuotaExceeded), ResultError::StorageFull { .. }));
    assert!(matches!(error(Kind::TimedOut), ResultError::Io { .. }));
    let shown = error(Kind::StorageFull).to_string();
    assert_eq!(
        shown,
        "no space is left to write the record of key \"k\" at /d/k; free some, or choose another storage"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_is_an_error_of_the_system() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    wait(store.write_value("k", &1, None)).unwrap();
    let path = folder.path().join("k");
    assert_eq!(
        path.metadata().unwrap().permissions().mode() & 0o444,
        0o444 & !umask(folder.path())
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
    match wait(store.read("k")) {
        Err(ResultError::NoPermission { action, .. }) => assert_eq!(action, "read"),
        // The superuser may read everything.
        other => assert!(other.unwrap().is_some()),
    }
}

/// The permissions that new files do not get here.
#[cfg(target_os = "linux")]
fn umask(folder: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    let plain = folder.join("plain");
    write(folder, "plain", "");
    !plain.metadata().unwrap().permissions().mode() & 0o666
}

#[test]
fn what_dead_writers_left_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let temp = folder.path().join(".context-tmp");
    std::fs::create_dir(&temp).unwrap();
    write(&temp, "old", "");
    write(&temp, "new", "");
    let old = std::fs::File::options().write(true).open(temp.join("old")).unwrap();
    let at = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    old.set_modified(at).unwrap();
    let store = on_disk(folder.path());
    assert!(wait(store.read("k")).unwrap().is_none());
    wait(store.write_value("k", &1, None)).unwrap();
    assert_eq!(names(&temp), ["new"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_one_whole_record_of_many_writers() {
    let folder = tempfile::tempdir().unwrap();
    let folders = [folder.path().into_storage(), Storage::memory()];
    for storage in folders {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..8u8 {
            let store = ResultStore::new(&storage).with_cache_in_memory(writer % 2 == 0);
            tasks.spawn(async move {
                for _ in 0..50 {
                    store.write_value("k", &vec![writer; 5000], None).await.unwrap();
                    let found = store.read_value::<Vec<u8>>("k").await.unwrap().unwrap();
                    assert!(found.len() == 5000 && found.iter().all(|byte| *byte == found[0]));
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_that_began_before_a_write_does_not_bring_the_old_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = ResultStore::new(folder.path());
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        async move {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                drop(store.read("k").await);
            }
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(reader);
    for n in 0..300 {
        store.write_value("k", &n, None).await.unwrap();
        assert_eq!(store.read_value::<u32>("k").await.unwrap(), Some(n));
        store.delete("k").await.unwrap();
        assert!(store.read("k").await.unwrap().is_none());
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    tasks.join_next().await.unwrap().unwrap();
}
