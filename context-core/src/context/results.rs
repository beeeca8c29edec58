//! Where the results of runs are kept: what flows and tasks hand on to what they call.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Frame, SettingsContext};
use crate::definition::Keeping;
use crate::results::{IntoStorage as _, ResultStore, Storage, compressed_json};
use crate::settings::{DefaultSerializer, Settings};

/// What a run hands on about results.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResultScope {
    /// Whether results are kept, if anybody has said so.
    pub(crate) persist: Option<bool>,
    /// Where and how; where nobody has said so, the settings do.
    pub(crate) store: Option<ResultStore>,
}

impl ResultScope {
    /// What surrounds the code that runs with `frame`.
    pub(crate) fn of(frame: Option<&Arc<Frame>>) -> Self {
        let scope = frame.and_then(|frame| frame.outer()?.results.as_deref());
        scope.cloned().unwrap_or_default()
    }

    /// The scope inside a run with options `keeping`, from which follows whether it `persists`.
    pub(crate) fn inside(
        mut self,
        keeping: &Keeping,
        persists: Option<bool>,
        settings: &Settings,
    ) -> Self {
        self.persist = persists.or(self.persist);
        if keeping.changes_store() {
            self.store = Some(changed(self.store(settings), keeping));
        }
        self
    }

    /// The store that is handed on.
    pub(crate) fn store(&self, settings: &Settings) -> ResultStore {
        self.store.clone().unwrap_or_else(|| default_store(settings))
    }
}

impl Frame {
    /// A frame like `current` that hands `scope` on.
    pub(crate) fn with_results(current: Option<&Arc<Self>>, scope: ResultScope) -> Arc<Self> {
        Self::with_outer(current, |outer| outer.results = Some(Arc::new(scope)))
    }

    /// The settings that surround the code that runs with `frame`.
    pub(crate) fn settings(frame: Option<&Arc<Self>>) -> Settings {
        let entered = frame.and_then(|frame| frame.outer()?.settings.as_ref());
        match entered {
            Some(entered) => entered.settings().clone(),
            None => SettingsContext::root().settings().clone(),
        }
    }
}

fn changed(store: ResultStore, keeping: &Keeping) -> ResultStore {
    let mut store = match &keeping.storage {
        None => store,
        Some(storage) => {
            let in_memory = store.cache_in_memory();
            let serializer = store.serializer().clone();
            let locks = store.lock_manager().cloned();
            shared(storage)
                .with_serializer(serializer)
                .with_cache_in_memory(in_memory)
                .with_lock_manager(locks)
        }
    };
    if let Some(serializer) = &keeping.serializer {
        store = store.with_serializer(serializer.clone());
    }
    if let Some(in_memory) = keeping.cache_in_memory {
        store = store.with_cache_in_memory(in_memory);
    }
    store
}

/// The store that the settings name.
fn default_store(settings: &Settings) -> ResultStore {
    let store = shared(&settings.results_local_storage_path().to_path_buf().into_storage());
    match settings.results_default_serializer() {
        DefaultSerializer::Json => store,
        DefaultSerializer::CompressedJson => store.with_serializer(compressed_json()),
    }
}

/// The one store of `storage` in this process: all who use a storage share what of it is in memory.
fn shared(storage: &Storage) -> ResultStore {
    static STORES: Mutex<Vec<ResultStore>> = Mutex::new(Vec::new());
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = stores.iter().find(|store| store.storage() == storage) {
        return store.clone();
    }
    // A program uses few; one that makes up a storage for every run must not remember all of them.
    const MOST: usize = 64;
    if stores.len() == MOST {
        stores.remove(0);
    }
    let store = ResultStore::new(storage.clone());
    stores.push(store.clone());
    store
}
