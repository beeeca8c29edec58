//! Runs that are paused in this process, where no server decides about them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;

use super::input::{Form, Misfit};
use crate::clock::Timestamp;
use crate::context::FlowRunContext;
use crate::id::FlowRunId;
use crate::record::Resumed;
use crate::state::State;

static WAITING: Mutex<Option<HashMap<FlowRunId, Waiting>>> = Mutex::new(None);

/// A run that is paused.
struct Waiting {
    run: FlowRunContext,
    key: String,
    until: Timestamp,
    /// If it asks for something.
    misfit: Option<Misfit>,
    wake: oneshot::Sender<Option<Value>>,
}

type Table = MutexGuard<'static, Option<HashMap<FlowRunId, Waiting>>>;

fn waiting() -> Table {
    // An entry is there or not, so a poisoned lock is as good as any.
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the run, which is paused, is resumed: with what.
pub(super) async fn wait(
    run: &FlowRunContext,
    key: &str,
    until: Timestamp,
    form: Option<Form>,
) -> Option<Value> {
    let (wake, woken) = oneshot::channel();
    let (run, key) = (run.clone(), key.to_owned());
    enter(Waiting { run, key, until, misfit: form.map(|form| form.misfit), wake });
    match woken.await {
        Ok(answer) => answer,
        // Nobody can resume it any more.
        Err(_) => std::future::pending().await,
    }
}

fn enter(entry: Waiting) {
    let mut table = waiting();
    let runs = table.get_or_insert_default();
    // Those that have ended will never be resumed.
    let over: Vec<_> = runs.extract_if(|_, entry| !entry.run.course().is_paused()).collect();
    let former = runs.insert(entry.run.id(), entry);
    drop(table);
    // What they hold is foreign.
    drop((over, former));
}

/// Has a run go on that is paused in this process. `None` if there is none.
pub(super) fn resume(id: FlowRunId, input: Option<&Value>) -> Option<Resumed> {
    let mut table = waiting();
    let runs = table.as_mut()?;
    let entry = runs.get(&id)?;
    let misfit = entry.misfit.clone();
    let (until, run) = (entry.until, entry.run.clone());
    drop(table);
    if !run.course().is_paused() {
        drop(forget(id));
        return None;
    }
    if until <= Timestamp::now() {
        return Some(Resumed::TimedOut);
    }
    // Foreign code: it reads the value.
    if let Some(reason) = misfit.and_then(|misfit| misfit(input.cloned())) {
        return Some(Resumed::Refused(format!("its input does not fit: {reason}")));
    }
    // Somebody else may have been faster.
    let entry = forget(id)?;
    run.course().respond(&entry.key, input.cloned());
    run.enter(State::running())?;
    // Nobody waits if the pause was dropped.
    entry.wake.send(input.cloned()).ok();
    Some(Resumed::Now)
}

fn forget(id: FlowRunId) -> Option<Waiting> {
    waiting().as_mut()?.remove(&id)
}
