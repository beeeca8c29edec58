//! Tests of the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json as value};

use super::*;
use crate::clock::Timestamp;

mod files;
mod processes;

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// A store without the copy in memory, so that the files are seen.
fn on_disk(folder: &Path) -> ResultStore {
    ResultStore::new(folder).with_cache_in_memory(false)
}

fn soon() -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(3600))
}

#[test]
fn a_value_is_found_again_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [Storage::memory(), folder.path().into_storage()] {
        for serializer in [json(), compressed_json()] {
            for memo in [false, true] {
                let store = ResultStore::new(&storage)
                    .with_serializer(serializer.clone())
                    .with_cache_in_memory(memo);
                wait(async {
                    assert!(!store.exists("k").await.unwrap());
                    assert!(!store.delete("k").await.unwrap());
                    store.write_value("k", &(1, "é"), Some(soon())).await.unwrap();
                    assert!(store.exists("k").await.unwrap());
                    let record = store.read("k").await.unwrap().unwrap();
                    assert_eq!(record.decode::<(u8, String)>().unwrap(), (1, "é".to_owned()));
                    assert_eq!(record.metadata().serializer, serializer.descriptor());
                    assert!(store.delete("k").await.unwrap());
                    assert!(store.read("k").await.unwrap().is_none());
                });
            }
        }
    }
}

#[test]
fn the_file_is_prefects() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(&folder.path().join("new/results"));
    let at = Timestamp::from_nanos(4_865_659_200_123_456_000);
    let written = wait(store.write_value("k", &value!({"x": [1, null]}), Some(at))).unwrap();
    let path = folder.path().canonicalize().unwrap().join("new/results/k");
    assert_eq!(written.storage_key, path.to_str().unwrap());
    let expected = format!(
        "{{\"metadata\":{{\"storage_key\":{path:?},\"expiration\":\"2124-03-09T12:00:00.123456Z\",\
         \"serializer\":{{\"type\":\"json\"}},\"prefect_version\":\"3.8.8\",\
         \"storage_block_id\":null}},\"result\":\"{{\\\"x\\\":[1,null]}}\"}}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn metadata_may_stand_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (payloads, metadata) = (folder.path().join("payloads"), folder.path().join("metadata"));
    let store = on_disk(&payloads).with_metadata_storage(Some(metadata.as_path().into_storage()));
    wait(async {
        store.write_value("a/k", "text", None).await.unwrap();
        assert_eq!(std::fs::read(payloads.join("a/k")).unwrap(), b"\"text\"");
        assert!(store.exists("a/k").await.unwrap());
        assert_eq!(store.read_value::<String>("a/k").await.unwrap().unwrap(), "text");
        // By the path that the record names, too.
        let path = payloads.join("a/k");
        assert!(store.exists(path.to_str().unwrap()).await.unwrap());

        std::fs::remove_file(&path).unwrap();
        let err = store.read("a/k").await.unwrap_err();
        assert!(matches!(err, ResultError::MissingPayload { .. }) && err.is_unusable_record());
        assert!(store.delete("a/k").await.unwrap());
        assert!(!store.exists("a/k").await.unwrap());
    });
}

#[test]
fn an_expired_record_is_as_if_it_were_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let apart = Storage::memory();
    for metadata in [None, Some(apart)] {
        for memo in [false, true] {
            let store = on_disk(folder.path())
                .with_metadata_storage(metadata.clone())
                .with_cache_in_memory(memo);
            wait(async {
                store.write_value("k", &1, Some(Timestamp::now())).await.unwrap();
                assert!(!store.exists("k").await.unwrap());
                assert!(store.read("k").await.unwrap().is_none() && store.peek("k").is_none());
                store.write_value("k", &2, Some(soon())).await.unwrap();
                assert_eq!(store.read_value::<u8>("k").await.unwrap(), Some(2));
            });
        }
    }
}

#[test]
fn a_hit_in_memory_asks_no_storage() {
    let folder = tempfile::tempdir().unwrap();
    let store = ResultStore::new(folder.path());
    wait(store.write_value("a/k", &7, None)).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(store.peek("./a//k").unwrap().decode::<u8>().unwrap(), 7);
    let mut read = std::pin::pin!(store.read_value::<u8>("a/k"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(found) = read.as_mut().poll(&mut cx) else { panic!("it waited") };
    assert_eq!(found.unwrap(), Some(7));
    // A copy with another storage does not know it.
    assert!(store.with_storage(Storage::memory()).peek("a/k").is_none());
    assert!(store.with_cache_in_memory(false).peek("a/k").is_none());
}

#[test]
fn what_a_copy_writes_or_deletes_is_seen_by_all() {
    let store = ResultStore::new(Storage::memory());
    let copy = store.with_cache_in_memory(false).with_serializer(compressed_json());
    wait(async {
        store.write_value("k", &1, None).await.unwrap();
        copy.write_value("k", &2, None).await.unwrap();
        assert_eq!(store.read_value::<u8>("k").await.unwrap(), Some(2));
        copy.delete("k").await.unwrap();
        assert!(!store.exists("k").await.unwrap());
    });
}

#[test]
fn memory_is_bounded() {
    let store = ResultStore::new(Storage::memory());
    wait(async {
        for key in 0..3000 {
            store.write_value(&key.to_string(), &key, None).await.unwrap();
        }
    });
    let kept = (0..3000).filter(|key| store.peek(&key.to_string()).is_some()).count();
    assert!((500..=1000).contains(&kept), "{kept} records are in memory");
}

#[test]
fn a_record_is_read_as_the_type_it_has() {
    let store = ResultStore::new(Storage::memory());
    wait(store.write_value("k", "text", None)).unwrap();
    let err = wait(store.read_value::<u32>("k")).unwrap_err();
    assert!(err.is_unusable_record() && err.to_string().contains("`u32`"), "{err}");
}

/// A format of its own, in bytes that are no text.
#[derive(Debug)]
struct Backwards;

impl Serializer for Backwards {
    fn descriptor(&self) -> Value {
        value!({ "type": "backwards", "mask": 255 })
    }
    fn is_text(&self) -> bool {
        false
    }
    fn dumps(&self, it: &dyn erased_serde::Serialize) -> Result<Vec<u8>, SerializationError> {
        let json = serde_json::to_vec(it).map_err(|err| SerializationError::write("b", err))?;
        Ok(json.into_iter().map(|byte| !byte).collect())
    }
    fn loads(&self, payload: &[u8], visit: &mut Visit<'_>) -> Result<(), SerializationError> {
        let json: Vec<u8> = payload.iter().map(|byte| !byte).collect();
        let mut reader = serde_json::Deserializer::from_slice(&json);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut reader))
            .map_err(|err| SerializationError::read("b", err))
    }
}

#[test]
fn own_serializers_are_found_by_their_type() {
    let folder = tempfile::tempdir().unwrap();
    let plain = on_disk(folder.path());
    for metadata in [None, Some(Storage::memory())] {
        let plain = plain.with_metadata_storage(metadata);
        wait(async {
            plain.with_serializer(Backwards).write_value("k", &[1, 2], None).await.unwrap();
            let record = plain.read("k").await.unwrap().unwrap();
            let err = record.decode::<Vec<u8>>().unwrap_err();
            assert!(err.to_string().contains("`backwards`"), "{err}");
            let able = plain.with_readable(Backwards);
            assert_eq!(able.read_value::<Vec<u8>>("k").await.unwrap().unwrap(), [1, 2]);
            assert_eq!(able.serializer().type_name(), "json");
        });
    }
    let err = wait(plain.write("k", vec![255], None)).unwrap_err();
    assert!(matches!(err, ResultError::NotText { .. }));
}

#[test]
fn a_value_without_json_is_an_error() {
    let store = ResultStore::new(Storage::memory());
    let keys = std::collections::HashMap::from([((1, 2), 3)]);
    let err = wait(store.write_value("k", &keys, None)).unwrap_err();
    assert!(matches!(err, ResultError::Encode { .. }));
    assert!(!wait(store.exists("k")).unwrap());
}

#[test]
fn locks_are_respected_where_a_holder_is_named() {
    let locks: Arc<dyn LockManager> = Arc::new(MemoryLockManager::isolated());
    let bare = ResultStore::new(Storage::memory());
    let store = bare.with_lock_manager(Some(locks));
    assert!(bare.supports_isolation_level(IsolationLevel::ReadCommitted));
    assert!(!bare.supports_isolation_level(IsolationLevel::Serializable));
    assert!(store.supports_isolation_level(IsolationLevel::Serializable));
    wait(async {
        let err = bare.acquire_lock("k", "me", None).await.unwrap_err();
        assert!(matches!(err, ResultError::NoLockManager));
        let guard = store.acquire_lock("./k", "me", None).await.unwrap().unwrap();
        assert!(store.acquire_lock("k", "you", Some(Duration::ZERO)).await.unwrap().is_none());
        let err = store.write_as("k", b"1".to_vec(), None, "you").await.unwrap_err();
        assert!(matches!(err, ResultError::Locked { .. }));
        store.write_as("k", b"1".to_vec(), None, "me").await.unwrap();
        assert!(store.read_as("k", "me").await.unwrap().is_some());
        let mut read = std::pin::pin!(store.read_as("k", "you"));
        assert!(futures::poll!(read.as_mut()).is_pending());
        drop(guard);
        assert!(read.await.unwrap().is_some());
    });
}

#[test]
fn debug_shows_neither_payloads_nor_passwords() {
    let store = ResultStore::new("s3://key:hidden@bucket/folder?token=hidden");
    let shown = format!("{store:?}");
    assert!(!shown.contains("hidden") && shown.contains("bucket"), "{shown}");
    let store = ResultStore::new(Storage::memory());
    wait(store.write_value("k", "hidden", None)).unwrap();
    assert!(!format!("{:?}", store.peek("k")).contains("hidden"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_makes_the_round_trip(value in any_json(), is_compressed: bool, is_apart: bool) {
        let folder = tempfile::tempdir().unwrap();
        let store = on_disk(folder.path())
            .with_metadata_storage(is_apart.then(Storage::memory))
            .with_serializer(if is_compressed { compressed_json() } else { json() });
        wait(async {
            store.write_value("k", &value, None).await.unwrap();
            assert_eq!(store.read_value::<Value>("k").await.unwrap().unwrap(), value);
        });
    }

    #[test]
    fn every_key_stays_in_the_directory(key in "[a-c./~%# ]{1,10}|\\PC{1,30}") {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("results");
        let store = on_disk(&folder);
        match wait(store.write_value(&key, &key, None)) {
            Ok(_) => prop_assert_eq!(wait(store.read_value::<String>(&key)).unwrap(), Some(key)),
            Err(err) => prop_assert!(matches!(err, ResultError::InvalidKey { .. }), "{}", err),
        }
        let entries: Vec<_> = outer.path().read_dir().unwrap().flatten().collect();
        prop_assert!(entries.iter().all(|entry| entry.path() == folder));
    }

    #[test]
    fn no_damage_becomes_a_value(cut in 0usize..200, byte: u8) {
        let folder = tempfile::tempdir().unwrap();
        let store = on_disk(folder.path());
        wait(store.write_value("k", &value!({"a": "b"}), None)).unwrap();
        let path = folder.path().join("k");
        let mut whole = std::fs::read(&path).unwrap();
        let cut = cut % whole.len();
        std::fs::write(&path, &whole[..cut]).unwrap();
        let err = wait(store.read("k")).unwrap_err();
        prop_assert!(matches!(err, ResultError::Truncated { .. }), "{}", err);
        // What is changed in the middle may still be a record, but nothing panics.
        whole[cut] = byte;
        std::fs::write(&path, &whole).unwrap();
        drop(wait(store.read_value::<Value>("k")));
    }
}
