//! The store: records by key, in a storage and in memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::memo::Memo;
use super::record::{self, At};
use super::serializer::{self, json};
use super::{
    IntoStorage, IsolationLevel, LockGuard, LockManager, ResultError, ResultMetadata, ResultRecord,
    ResultSerializer, SerializationError, Storage,
};
use crate::clock::Timestamp;

/// Where results are written to and read from, and how. Cheap to clone.
///
/// A store keeps what it has written or read in memory (at most a thousand records), and answers from there. So it does
/// not see that *another process*, or another store made with `new`, has replaced or deleted such a record; expiration is
/// always seen. Copies made with the `with_…` methods share that memory as long as they have the same storages. Tasks have
/// stores of their own: to have one of them made anew, use `refresh_cache`.
///
/// # Examples
///
/// ```
/// use context_core::results::{ResultStore, Storage};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = ResultStore::new(Storage::memory());
/// store.write_value("answer", &42, None).await?;
/// assert_eq!(store.read_value::<u32>("answer").await?, Some(42));
/// assert_eq!(store.read_value::<u32>("question").await?, None);
/// # Ok::<(), context_core::results::ResultError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct ResultStore(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    storage: Storage,
    metadata_storage: Option<Storage>,
    serializer: ResultSerializer,
    /// Serializers for reading only.
    readers: Vec<ResultSerializer>,
    cache_in_memory: bool,
    memo: Arc<Memo>,
    locks: Option<Arc<dyn LockManager>>,
}

impl ResultStore {
    /// A store with records in `storage`, in JSON, kept in memory too, without locks.
    pub fn new(storage: impl IntoStorage) -> Self {
        Self(Arc::new(Inner {
            storage: storage.into_storage(),
            metadata_storage: None,
            serializer: json(),
            readers: Vec::new(),
            cache_in_memory: true,
            memo: Arc::new(Memo::new()),
            locks: None,
        }))
    }

    fn with(&self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner::clone(&self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// A copy that keeps its records in `storage`.
    #[must_use]
    pub fn with_storage(&self, storage: impl IntoStorage) -> Self {
        let storage = storage.into_storage();
        if storage == self.0.storage {
            return self.clone();
        }
        self.with(|inner| {
            inner.storage = storage;
            inner.memo = Arc::new(Memo::new());
        })
    }

    /// A copy that keeps metadata apart from payloads, in `storage` (Prefect's `key_storage`); or together, for `None`.
    #[must_use]
    pub fn with_metadata_storage(&self, storage: Option<Storage>) -> Self {
        if storage == self.0.metadata_storage {
            return self.clone();
        }
        self.with(|inner| {
            inner.metadata_storage = storage;
            inner.memo = Arc::new(Memo::new());
        })
    }

    /// A copy that writes with `serializer`.
    #[must_use]
    pub fn with_serializer(&self, serializer: impl Into<ResultSerializer>) -> Self {
        self.with(|inner| inner.serializer = serializer.into())
    }

    /// A copy that can also read what `serializer` has written.
    ///
    /// What [`serializer`](Self::serializer), `json` and `compressed/json` have written is always read.
    #[must_use]
    pub fn with_readable(&self, serializer: impl Into<ResultSerializer>) -> Self {
        self.with(|inner| inner.readers.push(serializer.into()))
    }

    /// A copy that keeps records in memory, or that does not.
    #[must_use]
    pub fn with_cache_in_memory(&self, cache_in_memory: bool) -> Self {
        self.with(|inner| inner.cache_in_memory = cache_in_memory)
    }

    /// A copy with locks, or without.
    #[must_use]
    pub fn with_lock_manager(&self, locks: Option<Arc<dyn LockManager>>) -> Self {
        self.with(|inner| inner.locks = locks)
    }

    /// Where records are.
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// Where metadata is, if it is apart from the payloads.
    pub fn metadata_storage(&self) -> Option<&Storage> {
        self.0.metadata_storage.as_ref()
    }

    /// What values are written with.
    pub fn serializer(&self) -> &ResultSerializer {
        &self.0.serializer
    }

    /// Whether records are kept in memory too.
    pub fn cache_in_memory(&self) -> bool {
        self.0.cache_in_memory
    }

    /// The locks, if there are any.
    pub fn lock_manager(&self) -> Option<&Arc<dyn LockManager>> {
        self.0.locks.as_ref()
    }

    /// Whether the store can give transactions this isolation.
    pub fn supports_isolation_level(&self, level: IsolationLevel) -> bool {
        level == IsolationLevel::ReadCommitted || self.0.locks.is_some()
    }

    /// The record of `key` if it is in memory and has not expired. Never waits.
    pub fn peek(&self, key: &str) -> Option<ResultRecord> {
        if !self.0.cache_in_memory {
            return None;
        }
        self.0.memo.get(&self.0.storage.normal(key).ok()?)
    }

    /// Whether there is a record of `key` that has not expired.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn exists(&self, key: &str) -> Result<bool, ResultError> {
        if self.peek(key).is_some() {
            return Ok(true);
        }
        if self.0.metadata_storage.is_none() {
            return Ok(self.read(key).await?.is_some());
        }
        let key = self.0.storage.normal(key)?;
        Ok(self.read_metadata(&key).await?.is_some_and(|metadata| !metadata.is_expired()))
    }

    /// The record of `key`, or `None` if there is none or it has expired.
    ///
    /// Does not wait for locks; see [`read_as`](Self::read_as).
    ///
    /// # Errors
    ///
    /// If the key or the storage cannot be used, or if what is there is not a whole record
    /// ([`ResultError::is_unusable_record`]). Whether the payload is of the wanted type shows in
    /// [`ResultRecord::decode`].
    pub async fn read(&self, key: &str) -> Result<Option<ResultRecord>, ResultError> {
        if let Some(record) = self.peek(key) {
            return Ok(Some(record));
        }
        let key = self.0.storage.normal(key)?;
        let stamp = self.0.memo.stamp(&key);
        let found = self.load(&key).await?;
        let Some(record) = found.filter(|record| !record.metadata().is_expired()) else {
            return Ok(None);
        };
        if self.0.cache_in_memory && record.is_readable() {
            self.0.memo.add(&key, record.clone(), stamp);
        }
        Ok(Some(record))
    }

    /// As [`read`](Self::read), after whoever else has the lock of `key` has released it.
    ///
    /// # Errors
    ///
    /// As `read`, and if the lock cannot be looked at.
    pub async fn read_as(
        &self,
        key: &str,
        holder: &str,
    ) -> Result<Option<ResultRecord>, ResultError> {
        if let Some(locks) = &self.0.locks {
            let key = self.0.storage.normal(key)?;
            if !locks.is_lock_holder(&key, holder)? {
                locks.wait_for_lock(&key, None).await?;
            }
        }
        self.read(key).await
    }

    /// The value of the record of `key`, or `None` if there is none or it has expired.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read) and [`ResultRecord::decode`].
    pub async fn read_value<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, ResultError> {
        self.read(key).await?.map(|record| record.decode()).transpose()
    }

    /// Makes `payload`, which the store's [`serializer`](Self::serializer) has made, the result of `key`.
    ///
    /// Does not look at locks; see [`write_as`](Self::write_as).
    ///
    /// # Errors
    ///
    /// If the key or the storage cannot be used. Then what was there before is there still.
    pub async fn write(
        &self,
        key: &str,
        payload: Vec<u8>,
        expiration: Option<Timestamp>,
    ) -> Result<ResultMetadata, ResultError> {
        let Inner { storage, serializer, memo, .. } = &*self.0;
        let normal = storage.normal(key)?;
        let metadata = ResultMetadata::new(storage.storage_key(&normal), expiration, serializer);
        let encode = |err: serde_json::Error| {
            let source = SerializationError::write("json", err);
            ResultError::Encode { key: key.to_owned(), source }
        };
        // In memory the old record goes first: if writing fails half-way, the storage decides.
        memo.replace(&normal, None);
        if let Some(metadata_storage) = &self.0.metadata_storage {
            storage.put(&normal, payload.clone()).await?;
            let file = record::metadata_file(&metadata).map_err(encode)?;
            metadata_storage.put(&normal, file).await?;
        } else {
            let file = record::record_file(&metadata, &payload, serializer.is_text())
                .ok_or_else(|| {
                    let (key, serializer) = (key.to_owned(), serializer.type_name());
                    ResultError::NotText { key, serializer }
                })?
                .map_err(encode)?;
            storage.put(&normal, file).await?;
        }
        let record = self.0.cache_in_memory.then(|| {
            let reader = Some(serializer.clone());
            ResultRecord::new(&normal, metadata.clone(), payload, reader)
        });
        memo.replace(&normal, record);
        Ok(metadata)
    }

    /// As [`write`](Self::write), unless somebody else has the lock of `key`.
    ///
    /// # Errors
    ///
    /// As `write`, and [`ResultError::Locked`].
    pub async fn write_as(
        &self,
        key: &str,
        payload: Vec<u8>,
        expiration: Option<Timestamp>,
        holder: &str,
    ) -> Result<ResultMetadata, ResultError> {
        if let Some(locks) = &self.0.locks {
            let key = self.0.storage.normal(key)?;
            if locks.is_locked(&key)? && !locks.is_lock_holder(&key, holder)? {
                let (key, holder) = (key.into_owned(), "another holder".to_owned());
                return Err(ResultError::Locked { key, holder });
            }
        }
        self.write(key, payload, expiration).await
    }

    /// Makes `value` the result of `key`, until `expiration` if there is one.
    ///
    /// # Errors
    ///
    /// [`ResultError::Encode`] if the serializer cannot express the value; else as [`write`](Self::write).
    pub async fn write_value<T: Serialize + Sync + ?Sized>(
        &self,
        key: &str,
        value: &T,
        expiration: Option<Timestamp>,
    ) -> Result<ResultMetadata, ResultError> {
        let payload = self.0.serializer.dumps(value);
        let payload = payload.map_err(|source| ResultError::Encode { key: key.into(), source })?;
        self.write(key, payload, expiration).await
    }

    /// Deletes the record of `key`. Whether there was one; some buckets do not tell, and say yes.
    ///
    /// # Errors
    ///
    /// If the key or the storage cannot be used.
    pub async fn delete(&self, key: &str) -> Result<bool, ResultError> {
        let key = self.0.storage.normal(key)?;
        self.0.memo.replace(&key, None);
        let mut existed = match &self.0.metadata_storage {
            Some(storage) => storage.remove(&key).await?,
            None => false,
        };
        existed |= self.0.storage.remove(&key).await?;
        self.0.memo.replace(&key, None);
        Ok(existed)
    }

    /// Gets the lock of `key`. `None` if somebody else had it until `timeout` passed.
    ///
    /// # Errors
    ///
    /// [`ResultError::NoLockManager`], or if the key cannot be locked.
    pub async fn acquire_lock(
        &self,
        key: &str,
        holder: &str,
        timeout: Option<Duration>,
    ) -> Result<Option<LockGuard>, ResultError> {
        let locks = self.0.locks.as_ref().ok_or(ResultError::NoLockManager)?;
        let key = self.0.storage.normal(key)?;
        Ok(LockGuard::acquire(locks, &key, holder, timeout, None).await?)
    }

    async fn load(&self, key: &str) -> Result<Option<ResultRecord>, ResultError> {
        let storage = &self.0.storage;
        if self.0.metadata_storage.is_none() {
            let Some(file) = storage.get(key).await? else { return Ok(None) };
            let at = At { key, location: &storage.location(key) };
            return record::parse_record(&file, at, |descriptor| self.reader(descriptor)).map(Some);
        }
        let Some(metadata) = self.read_metadata(key).await? else { return Ok(None) };
        if metadata.is_expired() {
            return Ok(None);
        }
        let payload = match storage.normal(&metadata.storage_key) {
            Ok(place) => storage.get(&place).await?,
            Err(_) => None,
        };
        let Some(payload) = payload else {
            let (key, location) = (key.to_owned(), metadata.storage_key);
            return Err(ResultError::MissingPayload { key, location });
        };
        let reader = self.reader(&metadata.serializer);
        Ok(Some(ResultRecord::new(key, metadata, payload, reader)))
    }

    /// The metadata that stands apart from the payload.
    async fn read_metadata(&self, key: &str) -> Result<Option<ResultMetadata>, ResultError> {
        let Some(storage) = &self.0.metadata_storage else { return Ok(None) };
        let key = storage.normal(key)?;
        let Some(file) = storage.get(&key).await? else { return Ok(None) };
        record::parse_metadata(&file, At { key: &key, location: &storage.location(&key) }).map(Some)
    }

    /// What reads payloads with `descriptor`: a serializer of the store's, else one of this library.
    fn reader(&self, descriptor: &Value) -> Option<ResultSerializer> {
        let wanted = serializer::type_of(descriptor);
        let known = std::iter::once(&self.0.serializer).chain(&self.0.readers);
        ResultSerializer::for_reading(descriptor).or_else(|| {
            known.into_iter().find(|known| Some(&*known.type_name()) == wanted).cloned()
        })
    }
}

impl fmt::Debug for ResultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { storage, metadata_storage, serializer, cache_in_memory, locks, .. } = &*self.0;
        let mut shown = f.debug_struct("ResultStore");
        shown.field("storage", storage).field("metadata_storage", metadata_storage);
        shown.field("serializer", serializer).field("cache_in_memory", cache_in_memory);
        shown.field("lock_manager", locks).finish()
    }
}
