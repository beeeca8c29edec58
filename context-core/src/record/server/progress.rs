//! Progress of many runs that are reported as one: a progress artifact of the run that stands for them.
//!
//! Only the newest numbers count: while one request is on its way, those that come are not queued, but replace each other.
//! An artifact is for people to look at; if the server cannot take it, the runs go on and it is tried no more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use context_client::ApiError;
use context_client::schema::{ArtifactCreate, ArtifactUpdate};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{LOG, Server};
use crate::id::{FlowRunId, TaskRunId};
use crate::record::ProgressEvent;

/// How long is waited for the last numbers at the end of a flow run.
const PATIENCE: Duration = Duration::from_secs(5);

/// The artifacts that are being kept up to date.
#[derive(Debug, Default)]
pub(super) struct Progresses {
    newest: Mutex<HashMap<TaskRunId, watch::Sender<Numbers>>>,
    /// How many are not up to date for good.
    open: watch::Sender<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Numbers {
    task_run_id: TaskRunId,
    flow_run_id: FlowRunId,
    name: String,
    done: usize,
    failed: usize,
    total: usize,
}

impl Numbers {
    fn of(progress: &ProgressEvent<'_>) -> Self {
        Self {
            task_run_id: progress.task_run_id,
            flow_run_id: progress.flow_run_id,
            name: progress.name.to_string(),
            done: progress.done,
            failed: progress.failed,
            total: progress.total,
        }
    }

    /// In percent.
    #[expect(clippy::cast_precision_loss, reason = "a bar on a screen is not that precise")]
    fn percent(&self) -> Value {
        json!(if self.total == 0 { 100.0 } else { 100.0 * self.done as f64 / self.total as f64 })
    }

    fn description(&self) -> String {
        let Self { name, done, failed, total, .. } = self;
        match failed {
            0 => format!("{name}: {done} of {total} runs"),
            _ => format!("{name}: {done} of {total} runs, {failed} failed"),
        }
    }
}

impl Progresses {
    fn newest(&self) -> MutexGuard<'_, HashMap<TaskRunId, watch::Sender<Numbers>>> {
        // The map is never left half-changed, so a poisoned lock is as good as any.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run that stands for the others has ended: no numbers follow.
    pub(super) fn end(&self, id: TaskRunId) {
        self.newest().remove(&id);
    }
}

impl Server {
    /// Shows the progress of many runs.
    pub(super) fn show_progress(&self, progress: &ProgressEvent<'_>) {
        let numbers = Numbers::of(progress);
        let mut newest = self.0.progresses.newest();
        if let Some(known) = newest.get(&numbers.task_run_id) {
            known.send_replace(numbers);
            return;
        }
        let (sender, numbers) = watch::channel(numbers);
        newest.insert(progress.task_run_id, sender);
        drop(newest);
        self.0.progresses.open.send_modify(|open| *open += 1);
        let server = self.clone();
        self.0.thread.spawn(async move {
            if let Err(error) = server.keep_up_to_date(numbers).await {
                tracing::warn!(target: LOG, "progress cannot be shown: {error}");
            }
            server.0.progresses.open.send_modify(|open| *open -= 1);
        });
    }

    async fn keep_up_to_date(&self, mut newest: watch::Receiver<Numbers>) -> Result<(), ApiError> {
        let mut shown = newest.borrow_and_update().clone();
        let id = self.create_progress(&shown).await?;
        // Once there is no sender, the numbers are the last.
        while newest.changed().await.is_ok() {
            shown = newest.borrow_and_update().clone();
            let update = ArtifactUpdate {
                data: Some(shown.percent()),
                description: Some(shown.description()),
                ..ArtifactUpdate::default()
            };
            let _gate = self.gate().await;
            self.api().update_artifact(id, &update).await?;
        }
        Ok(())
    }

    async fn create_progress(&self, numbers: &Numbers) -> Result<Uuid, ApiError> {
        let artifact = ArtifactCreate {
            kind: Some("progress".to_owned()),
            description: Some(numbers.description()),
            data: Some(numbers.percent()),
            flow_run_id: Some(numbers.flow_run_id.into()),
            task_run_id: Some(numbers.task_run_id.into()),
            ..ArtifactCreate::default()
        };
        let _gate = self.gate().await;
        Ok(self.api().create_artifact(&artifact).await?.id)
    }

    /// Ready once all progress is shown that has ended.
    pub(super) async fn show_last_progress(&self) {
        let mut open = self.0.progresses.open.subscribe();
        // Who still waits then is told in vain: it is a bar on a screen.
        let none_is_open = open.wait_for(|open| *open == 0);
        drop(tokio::time::timeout(PATIENCE, none_is_open).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_bar_says_how_many_runs_there_are() {
        let now = Timestamp::UNIX_EPOCH;
        let numbers = Numbers {
            task_run_id: TaskRunId::generate(now),
            flow_run_id: FlowRunId::generate(now),
            name: "parse-1a2".to_owned(),
            done: 15,
            failed: 0,
            total: 20,
        };
        assert_eq!(numbers.percent(), json!(75.0));
        assert_eq!(numbers.description(), "parse-1a2: 15 of 20 runs");
        let failed = Numbers { failed: 2, ..numbers.clone() };
        assert_eq!(failed.description(), "parse-1a2: 15 of 20 runs, 2 failed");
        assert_eq!(Numbers { done: 0, total: 0, ..numbers }.percent(), json!(100.0));
    }
}
