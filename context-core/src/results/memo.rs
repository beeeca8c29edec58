//! Records that are kept in memory, so that a second read of a key costs no I/O.
//!
//! At most a thousand records are kept, as in Prefect, and at most 256 MiB of payloads. What is not used makes room for
//! what is. Writers replace what they have written; a reader adds what it has read only if nobody wrote in between.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::ResultRecord;

/// The most records.
const RECORDS: u64 = 1000;
/// The most bytes of payload.
const BYTES: u64 = 256 * 1024 * 1024;
/// Parts of the cache with a lock each. A record must fit into one.
const SHARDS: usize = 4;
/// Counters that tell writes to different keys apart.
const STRIPES: usize = 32;

/// A record weighs its bytes, but at least so much that a thousand of the smallest are the limit.
#[derive(Clone)]
struct Weight;

impl Weighter<Box<str>, ResultRecord> for Weight {
    fn weight(&self, _: &Box<str>, record: &ResultRecord) -> u64 {
        (record.payload().len() as u64).max(BYTES / RECORDS)
    }
}

pub(super) struct Memo {
    records: Cache<Box<str>, ResultRecord, Weight>,
    /// How often keys were written, by stripe.
    writes: [Mutex<u64>; STRIPES],
}

/// How often the keys of one stripe had been written when a read began.
#[derive(Clone, Copy)]
pub(super) struct Stamp(u64);

impl Memo {
    pub(super) fn new() -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(RECORDS as usize)
            .weight_capacity(BYTES)
            .shards(SHARDS)
            .build()
            .expect("all that is required is set");
        let hasher = DefaultHashBuilder::default();
        Self {
            records: Cache::with_options(options, Weight, hasher, DefaultLifecycle::default()),
            writes: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The record of `key`, unless it has expired.
    pub(super) fn get(&self, key: &str) -> Option<ResultRecord> {
        let record = self.records.get(key)?;
        if record.metadata().is_expired() {
            self.records.remove_if(key, |record| record.metadata().is_expired());
            return None;
        }
        Some(record)
    }

    /// To be taken before a read of `key`.
    pub(super) fn stamp(&self, key: &str) -> Stamp {
        Stamp(*self.stripe(key))
    }

    /// Adds what a read has found, unless `key` was written since `stamp`.
    pub(super) fn add(&self, key: &str, record: ResultRecord, stamp: Stamp) {
        let writes = self.stripe(key);
        if *writes == stamp.0 {
            self.records.insert(key.into(), record);
        }
    }

    /// Puts what was written, or removes the key.
    pub(super) fn replace(&self, key: &str, record: Option<ResultRecord>) {
        let mut writes = self.stripe(key);
        *writes = writes.wrapping_add(1);
        // Removed first: a record that is too heavy is not taken, and the old one must not stay.
        self.records.remove(key);
        if let Some(record) = record {
            self.records.insert(key.into(), record);
        }
    }

    fn stripe(&self, key: &str) -> MutexGuard<'_, u64> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = (hasher.finish() % STRIPES as u64) as usize;
        self.writes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("records", &self.records.len()).finish_non_exhaustive()
    }
}
