//! Results: what runs returned, kept by key.
//!
//! A [`ResultStore`] writes a value as a *record* into a [`Storage`] and finds it again by its key, in this process or
//! another, in Rust or in Python: names and contents of the files are those of Prefect 3.8.8, as long as the serializer
//! is one that both have. A record is whole or it is not there. What is damaged or foreign is an error that names it,
//! never a value.
//!
//! This module knows keys, bytes and locks. Which key a run has, and when its result is written, is decided by those who
//! use it.

mod error;
mod key;
mod lock;
mod memo;
mod record;
mod serializer;
mod storage;
mod store;
#[cfg(test)]
mod tests;

pub use error::ResultError;
pub use lock::{
    Acquired, FileSystemLockManager, IsolationLevel, LockError, LockFuture, LockGuard, LockManager,
    MemoryLockManager, default_holder,
};
pub use record::{PREFECT_VERSION, ResultMetadata, ResultRecord};
pub use serializer::{
    ResultSerializer, SerializationError, Serializer, Visit, compressed_json, json,
};
pub use storage::{IntoStorage, Storage, StorageError};
pub use store::ResultStore;
