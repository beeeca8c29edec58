//! A storage in the memory of this process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The storages that `memory://` and `memory://name` name, for as long as the process runs.
static SHARED: LazyLock<Mutex<HashMap<String, Arc<Memory>>>> = LazyLock::new(Mutex::default);

pub(super) struct Memory {
    name: String,
    files: Mutex<HashMap<String, Vec<u8>>>,
}

impl Memory {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), files: Mutex::default() }
    }

    /// The storage that all of the process knows as `name`.
    pub(super) fn shared(name: &str) -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let storage = shared
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Self::new(format!("memory://{name}"))));
        Arc::clone(storage)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.files().get(key).cloned()
    }

    pub(super) fn put(&self, key: &str, bytes: Vec<u8>) {
        self.files().insert(key.to_owned(), bytes);
    }

    pub(super) fn remove(&self, key: &str) -> bool {
        self.files().remove(key).is_some()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
