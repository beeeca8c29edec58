//! Results and transactions of attempts: what is there already, what is written, what is undone.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::{Stepped, Steps};
use crate::clock::Timestamp;
use crate::context::{AttemptEnd, Context as Ambient, Frame, abandon_transaction};
use crate::engine::machine::Input;
use crate::engine::run::{Keep, Run};
use crate::results::{ResultMetadata, ResultSerializer};
use crate::state::{InvalidOption, State, StateType};
use crate::transaction::{
    Stage, Transaction, TransactionError, TransactionOptions, TransactionState,
};

/// The payload of a result, or why there is none.
pub(in crate::engine) type Payload = Result<Vec<u8>, String>;

impl Run {
    /// How the value of the attempt is to be written, if it is to be.
    #[inline]
    pub(in crate::engine) fn payload_wanted(&self) -> Option<ResultSerializer> {
        let keep = self.steps()?.keep.as_ref()?;
        (keep.persist && keep.key.is_some()).then(|| keep.store.serializer().clone())
    }

    /// Where the run's value is kept: what its record says of itself.
    pub(in crate::engine) fn kept_result(&self) -> Option<&Value> {
        self.steps()?.kept.as_ref()
    }

    /// Hands over the payload of the attempt's value.
    pub(in crate::engine) fn set_payload(&mut self, payload: Payload) {
        if let Some(steps) = self.steps_mut() {
            steps.payload = Some(payload);
        }
    }

    /// Begins an attempt whose frame is in place: an attempt to make, or the record of a result that is there.
    pub(super) async fn begin_attempt(&mut self, overwrite: bool) -> Stepped {
        let Some(frame) = self.frame().cloned() else { return Stepped::Attempt };
        let Some(live) = frame.task().filter(|_| self.is_task()) else { return Stepped::Attempt };
        let keep = self.steps().and_then(|steps| steps.keep.clone());
        let keyed = keep.filter(|keep| keep.key.is_some());
        let hooks = live.options().extra();
        let hooks = hooks.is_some_and(|e| !e.on_commit.is_empty() || !e.on_rollback.is_empty());
        if keyed.is_none() && !hooks {
            return Stepped::Attempt;
        }
        let options = TransactionOptions::new().name(self.name());
        let Some(keep) = keyed else {
            // It has begun, as there is nothing to wait for.
            let own = live.transactions.make(options);
            own.begin().await.ok();
            live.transactions.set(own);
            return Stepped::Attempt;
        };
        match begin_keyed(live, &keep, options.clone(), overwrite || keep.refresh).await {
            Ok(own) => {
                if own.state() == TransactionState::Committed {
                    match own.read().await {
                        Ok(Some(record)) => {
                            let kept = keep.persist.then(|| told(record.metadata())).flatten();
                            let steps = self.steps_or_default();
                            (steps.found, steps.kept) = (Some(own), kept);
                            return Stepped::Hit(record);
                        }
                        // It was there a moment ago.
                        Ok(None) => {}
                        Err(error) => self.warn_of_record(&error),
                    }
                    return Box::pin(self.begin_attempt(true)).await;
                }
                live.transactions.set(own);
                Stepped::Attempt
            }
            Err(TransactionError::NoLockManager { .. }) => {
                let problem = "asks for SERIALIZABLE isolation, which needs locks: add `.configure().lock_manager(..)`";
                let run = self.function();
                let error =
                    InvalidOption { run, option: "cache_policy", problem: problem.to_owned() };
                self.refuse(error.into()).await
            }
            Err(error) if !overwrite => {
                // What is there is not a whole record, or cannot be read: the run makes it anew.
                self.warn_of_record(&error);
                Box::pin(self.begin_attempt(true)).await
            }
            Err(error) => {
                let run = self.describe();
                tracing::warn!("the result of {run} is not kept: {error}");
                if let Some(steps) = self.steps_mut() {
                    steps.keep = None;
                }
                Box::pin(self.begin_attempt(true)).await
            }
        }
    }

    fn warn_of_record(&self, error: &TransactionError) {
        let run = self.describe();
        tracing::warn!("the record for {run} cannot be used, so that the task runs: {error}");
    }

    /// Ends a run whose value was there already.
    pub(super) async fn reuse(&mut self) -> Stepped {
        let found = self.steps_mut().and_then(|steps| steps.found.take());
        let next = self.end(Timestamp::now(), Input::Reuse, Stepped::Return).await;
        if let Some(found) = found {
            self.outside(async move { found.leave(false).await }).await;
        }
        next
    }

    /// Goes on with a run whose record is not what it should be.
    pub(super) async fn miss(&mut self, problem: String) -> Stepped {
        let run = self.describe();
        tracing::warn!("the record for {run} cannot be used, so that the task runs: {problem}");
        if let Some(steps) = self.steps_mut() {
            steps.kept = None;
            if let Some(found) = steps.found.take() {
                self.outside(async move { found.leave(false).await }).await;
            }
        }
        self.begin_attempt(true).await
    }

    /// Stages what a good attempt leaves behind.
    pub(super) fn stage(&mut self) {
        if !self.is_task() {
            // The payload of a flow is written at its end.
            return;
        }
        let payload = self.steps_mut().and_then(|steps| steps.payload.take());
        let Some(frame) = self.frame().cloned() else { return };
        let Some(live) = frame.task() else { return };
        let Some(own) = live.transactions.own() else { return };
        let keep = self.steps().and_then(|steps| steps.keep.as_ref());
        let expiration = keep.and_then(|keep| keep.expiration);
        let expiration = expiration.map(|after| Timestamp::now().plus(after));
        let mut stage = Stage::new();
        let mut kept = None;
        match payload {
            Some(Ok(payload)) => {
                kept = keep.and_then(|keep| {
                    let storage = keep.store.storage();
                    let place = storage.storage_key(&storage.normal(keep.key.as_deref()?).ok()?);
                    told(&ResultMetadata::new(place, expiration, keep.store.serializer()))
                });
                stage = stage.payload(payload);
            }
            Some(Err(why)) => stage = stage.unserializable(why),
            None => {}
        }
        if let Some(expiration) = expiration {
            stage = stage.expiration(expiration);
        }
        if let Some(steps) = self.steps_mut() {
            steps.kept = kept;
        }
        // Staged first, so that it is called last.
        let ghost = Mutex::new(self.ghost());
        stage = stage.on_rollback(move |_: Transaction| {
            ghost.lock().unwrap_or_else(PoisonError::into_inner).tell_rolled_back();
        });
        if let Some(extra) = live.options().extra() {
            stage = stage.on_rollback(extra.on_rollback.clone());
            stage = stage.on_commit(extra.on_commit.clone());
        }
        own.stage(stage);
    }

    /// Leaves the transaction of the attempt, and tells the ones around it.
    pub(super) async fn leave_transaction(&self, end: AttemptEnd) {
        let Some(frame) = self.frame().cloned() else { return };
        if frame.task().is_none() || !self.is_task() {
            return;
        }
        let outside = Frame::with_transaction(Some(&frame), None);
        let leaving = async move {
            if let Some(live) = frame.task() {
                live.transactions.leave(end).await;
            }
        };
        let mut left = Left { frame: self.frame(), outside: &outside, left: false };
        Ambient::of(Some(&outside)).scope(leaving).await;
        left.left = true;
    }

    /// Runs `work` with the run's frame in place, but outside all transactions: what hooks call is not part of any.
    async fn outside<F: Future<Output = ()> + Send>(&self, work: F) {
        let frame = Frame::with_transaction(self.frame(), None);
        Ambient::of(Some(&frame)).scope(work).await;
    }

    /// Writes the result of a flow run.
    pub(super) async fn write_flow_result(&mut self) {
        if self.is_task() {
            return;
        }
        let Some(steps) = self.steps_mut() else { return };
        let (Some(keep), Some(payload)) = (steps.keep.clone(), steps.payload.take()) else {
            return;
        };
        let Some(key) = keep.key.as_deref() else { return };
        let written = match payload {
            Ok(payload) => keep.store.write(key, payload, None).await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        if let Err(problem) = written {
            let run = self.describe();
            tracing::warn!("the result of {run} could not be written: {problem}");
        }
    }

    pub(super) fn steps_or_default(&mut self) -> &mut Steps {
        self.steps_slot().get_or_insert_default()
    }
}

/// Gives the transaction of an attempt up if the run is dropped while it is being left: what is half committed is undone.
struct Left<'a> {
    frame: Option<&'a Arc<Frame>>,
    outside: &'a Arc<Frame>,
    left: bool,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let own =
            self.frame.and_then(|frame| frame.task()).and_then(|live| live.transactions.own());
        if let Some(own) = own {
            abandon_transaction(own, self.outside);
        }
    }
}

/// What a record says of itself, for those who are told where the value is.
fn told(metadata: &ResultMetadata) -> Option<Value> {
    serde_json::to_value(metadata).ok()
}

/// Begins the transaction of an attempt that has a key.
async fn begin_keyed(
    live: &crate::context::LiveTask,
    keep: &Keep,
    options: TransactionOptions,
    overwrite: bool,
) -> Result<Transaction, TransactionError> {
    let key = keep.key.as_deref().unwrap_or_default();
    let mut options = options
        .key(key)
        .store(keep.store.clone())
        .overwrite(overwrite)
        .write_on_commit(keep.persist);
    if let Some(isolation) = keep.isolation {
        options = options.isolation_level(isolation);
    }
    let own = live.transactions.make(options);
    own.begin().await?;
    Ok(own)
}

/// A state that follows the end of a run.
pub(in crate::engine) fn rolled_back(after: Timestamp) -> State {
    State::new(StateType::Completed, Timestamp::now().next_after(after)).with_name("RolledBack")
}
