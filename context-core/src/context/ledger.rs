//! The ledger: what a flow run accumulates while it runs.
//!
//! Contexts are immutable; what changes during a flow run is kept here, behind the context: the call counters of
//! subflows, the submitted runs that have not ended, and the assets that task runs carry on.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::submissions::Submissions;
use crate::asset::Asset;
use crate::definition::FlowDefinition;
use crate::id::TaskRunId;
use crate::record::Client;
use crate::runner::{AbortHandle, Interruptible, Runner};

/// What a flow run accumulates.
pub(crate) struct Ledger {
    client: Client,
    runner: Runner,
    /// True if the flow run is driven in another process.
    detached: bool,
    /// By the address of the flow's definition.
    subflow_calls: Mutex<HashMap<usize, u32>>,
    submissions: Submissions,
    /// True once any task run has carried an asset on; spares asset-free flows the look-up.
    has_assets: AtomicBool,
    assets: Mutex<HashMap<TaskRunId, Vec<Asset>>>,
}

impl Ledger {
    pub(crate) fn new(client: Client, runner: Runner) -> Self {
        Self {
            client,
            runner,
            detached: false,
            subflow_calls: Mutex::default(),
            submissions: Submissions::default(),
            has_assets: AtomicBool::new(false),
            assets: Mutex::default(),
        }
    }

    /// The ledger of a flow run that is driven in another process.
    pub(crate) fn detached(client: Client, runner: Runner) -> Self {
        Self { detached: true, ..Self::new(client, runner) }
    }

    /// A ledger for the next attempt of the same run.
    pub(crate) fn next_attempt(&self) -> Self {
        Self::new(self.client.clone(), self.runner.duplicate())
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Where submitted runs run.
    pub(crate) const fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The number of this call among the calls of the same flow, from 0; `None` if calls are counted elsewhere.
    pub(crate) fn count_subflow(&self, flow: &'static FlowDefinition) -> Option<u32> {
        if self.detached {
            return None;
        }
        let mut calls = lock(&self.subflow_calls);
        let count = calls.entry(std::ptr::from_ref(flow).addr()).or_default();
        let this = *count;
        *count += 1;
        Some(this)
    }

    /// The runs that were submitted and have not ended.
    pub(crate) const fn submissions(&self) -> &Submissions {
        &self.submissions
    }

    /// Aborts every submitted run that has not ended.
    pub(crate) fn abort_all(&self) {
        let aborts = self.submissions.close();
        // First: then none that is aborted makes room for another.
        if let Some(task_runner) = self.runner.task_runner() {
            task_runner.cancel_all();
        }
        aborts.iter().for_each(AbortHandle::abort);
    }

    /// Lets go of what the task runner needs to run runs; there will be no others.
    pub(crate) fn shut_down(&self) {
        if let Some(task_runner) = self.runner.task_runner() {
            task_runner.shutdown();
        }
    }

    /// True if any task run carries assets.
    #[inline]
    pub(crate) fn has_assets(&self) -> bool {
        self.has_assets.load(Ordering::Relaxed)
    }

    /// Notes the assets that run `id` carries on.
    pub(crate) fn track_assets(&self, id: TaskRunId, assets: Vec<Asset>) {
        lock(&self.assets).insert(id, assets);
        self.has_assets.store(true, Ordering::Relaxed);
    }

    /// The assets that run `id` carries on.
    pub(crate) fn tracked_assets(&self, id: TaskRunId) -> Vec<Asset> {
        lock(&self.assets).get(&id).cloned().unwrap_or_default()
    }
}

/// A panic elsewhere never leaves these maps half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interruptible for Ledger {
    fn interrupt(&self) {
        self.abort_all();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("client", &self.client)
            .field("submissions", &self.submissions)
            .finish_non_exhaustive()
    }
}
