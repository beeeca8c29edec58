//! Logs: lines that runs have logged, sent in batches.
//!
//! A batch goes out every few seconds, as the settings say, and is never large: a server with SQLite does nothing else
//! while it writes one. Lines go out in the order in which they came. What cannot be sent is kept.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use context_client::schema::LogCreate;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::LOG;
use super::delivery::{Line, Tally, WriteGate};
use crate::clock::Timestamp;
use crate::settings::Settings;

#[cfg(test)]
mod tests;

/// So many lines are in a batch at most: they take a server with SQLite half a second.
const MOST_LINES: usize = 500;
/// What a line has beside its message.
const BESIDE_MESSAGE: usize = 250;
const CUT: &str = "... [truncated]";

/// A line for the logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRow {
    /// The logger.
    pub(crate) name: String,
    /// As Python counts: 10 debug, 20 info, 30 warning, 40 error.
    pub(crate) level: i32,
    pub(crate) message: String,
    pub(crate) timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) flow_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) task_run_id: Option<Uuid>,
}

impl From<LogRow> for LogCreate {
    fn from(row: LogRow) -> Self {
        Self {
            name: row.name,
            level: row.level,
            message: row.message,
            timestamp: row.timestamp.to_jiff(),
            flow_run_id: row.flow_run_id,
            task_run_id: row.task_run_id,
        }
    }
}

impl LogRow {
    /// How many bytes of JSON it has, or a few more.
    fn size(&self) -> usize {
        let escaped = |byte: u8| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..=31 => 6,
            _ => 1,
        };
        self.message.bytes().map(escaped).sum::<usize>() + self.name.len() + BESIDE_MESSAGE
    }

    /// Cuts the message so that the line has `most` bytes.
    fn cut(&mut self, most: usize) {
        while self.size() > most && self.message.len() > CUT.len() {
            let excess = self.size() - most + CUT.len();
            let kept = self.message.strip_suffix(CUT).unwrap_or(&self.message).len();
            let mut end = kept.saturating_sub(excess);
            while !self.message.is_char_boundary(end) {
                end -= 1;
            }
            self.message.truncate(end);
            self.message.push_str(CUT);
            if end == 0 {
                return;
            }
        }
    }
}

/// How large batches are, and how often they go out.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogBounds {
    pub(super) every: Duration,
    /// The most bytes of a batch.
    pub(super) batch: usize,
    /// The most bytes of a line.
    pub(super) line: usize,
}

impl LogBounds {
    pub(super) fn of(settings: &Settings) -> Self {
        let line = settings.logging_to_api_max_log_size();
        let batch = settings.logging_to_api_batch_size();
        // As Prefect has it: one more line always fits into what a server takes.
        let batch = batch.saturating_sub(line).max(line);
        Self { every: settings.logging_to_api_batch_interval(), batch, line }
    }
}

/// Lines that are to be sent.
#[derive(Debug)]
pub(super) struct Logs {
    bounds: LogBounds,
    most_bytes: usize,
    inbox: Mutex<Inbox>,
    /// There is something to do.
    wake: Notify,
    /// Something was sent, or will never be.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Not sent, or on their way.
    rows: VecDeque<(LogRow, usize)>,
    bytes: usize,
    /// The number of the first of them.
    first: u64,
    /// How many wait that all is sent.
    waiters: usize,
    tally: Tally,
}

impl Inbox {
    /// Takes out the lines before this number.
    fn take_until(&mut self, number: u64) -> Vec<LogRow> {
        let count = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let taken: Vec<_> = self.rows.drain(..count.min(self.rows.len())).collect();
        self.first += taken.len() as u64;
        self.bytes -= taken.iter().map(|(_, size)| size).sum::<usize>();
        taken.into_iter().map(|(row, _)| row).collect()
    }

    const fn end(&self) -> u64 {
        self.tally.pushed
    }
}

impl Logs {
    pub(super) fn new(bounds: LogBounds, most_bytes: usize) -> Self {
        Self {
            bounds,
            most_bytes,
            inbox: Mutex::default(),
            wake: Notify::new(),
            moved: Notify::new(),
        }
    }

    /// Takes a line, or gives it back if there is no room.
    pub(super) fn push(&self, mut row: LogRow) -> Result<(), LogRow> {
        row.cut(self.bounds.line);
        let size = row.size();
        let mut inbox = self.lock();
        if inbox.bytes + size > self.most_bytes {
            inbox.tally.kept += 1;
            return Err(row);
        }
        inbox.tally.pushed += 1;
        inbox.bytes += size;
        inbox.rows.push_back((row, size));
        let wakes = inbox.rows.len() == 1 || inbox.bytes >= self.bounds.batch;
        drop(inbox);
        if wakes {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Sends what is pushed, as long as the process lives.
    pub(super) async fn send_all(&self, line: &impl Line, gate: &WriteGate) {
        let mut sent_at: Option<Instant> = None;
        let mut failures = 0;
        loop {
            let (is_empty, is_large, is_waited_for) = {
                let inbox = self.lock();
                (inbox.rows.is_empty(), inbox.bytes >= self.bounds.batch, inbox.waiters > 0)
            };
            let wakes = self.wake.notified();
            if is_empty {
                wakes.await;
                continue;
            }
            let earliest = sent_at.map_or_else(Instant::now, |at| at + self.bounds.every);
            let due = match (failures, is_waited_for) {
                (0, true) => Instant::now(),
                (0, false) if is_large => earliest,
                (0, false) => earliest.max(self.first_due()),
                (failures, _) => Instant::now() + pause(failures),
            };
            if due > Instant::now() && wait_until(due, wakes).await {
                if failures > 0 {
                    tokio::time::sleep_until(due.min(Instant::now() + pause(1))).await;
                } else {
                    continue;
                }
            }
            let (batch, until) = self.batch();
            let count = batch.len() as u64;
            let answer = {
                let _turn = gate.enter().await;
                line.log(batch).await
            };
            sent_at = Some(Instant::now());
            match answer {
                Ok(()) => {
                    failures = 0;
                    let mut inbox = self.lock();
                    // Some may have been kept meanwhile.
                    inbox.tally.delivered += inbox.take_until(until).len() as u64;
                }
                Err(problem) if problem.may_pass => {
                    failures += 1;
                    tracing::debug!(target: LOG, "logs cannot be sent: {}", problem.text);
                    continue;
                }
                Err(problem) => {
                    failures = 0;
                    let mut inbox = self.lock();
                    inbox.tally.lost += inbox.take_until(until).len() as u64;
                    drop(inbox);
                    tracing::error!(
                        target: LOG,
                        "{count} lines of logs are lost, as the server does not take them: {}",
                        problem.text,
                    );
                }
            }
            self.moved.notify_waiters();
        }
    }

    /// When the first line has waited for long enough.
    fn first_due(&self) -> Instant {
        let age = self
            .lock()
            .rows
            .front()
            .map_or(Duration::ZERO, |(row, _)| Timestamp::now().since(row.timestamp));
        Instant::now() + self.bounds.every.saturating_sub(age)
    }

    /// What is sent next, and the number of the line after it.
    fn batch(&self) -> (Vec<LogCreate>, u64) {
        let inbox = self.lock();
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for (row, size) in inbox.rows.iter().take(MOST_LINES) {
            if !rows.is_empty() && bytes + size > self.bounds.batch {
                break;
            }
            bytes += size;
            rows.push(row.clone().into());
        }
        let until = inbox.first + rows.len() as u64;
        (rows, until)
    }

    /// Ready once all lines that were pushed so far are sent. After `patience` without any progress, or at `deadline`, the
    /// rest is given to `keep`.
    pub(super) async fn finish(
        &self,
        patience: Duration,
        deadline: Option<std::time::Instant>,
        keep: &(impl Fn(&[LogRow]) -> bool + Sync),
    ) {
        let end = {
            let mut inbox = self.lock();
            inbox.waiters += 1;
            inbox.end()
        };
        let _waiter = WaitsForLogs(self);
        self.wake.notify_one();
        let mut before = None;
        let mut until = Instant::now() + patience;
        loop {
            let moved = self.moved.notified();
            let first = self.lock().first;
            if first >= end {
                return;
            }
            if before.replace(first) != Some(first) {
                until = Instant::now() + patience;
            }
            let until = deadline.map_or(until, |deadline| until.min(deadline.into()));
            if !wait_until(until, moved).await {
                let mut inbox = self.lock();
                let rest = inbox.take_until(end);
                drop(inbox);
                let is_kept = rest.chunks(MOST_LINES).all(keep);
                let count = rest.len() as u64;
                let mut inbox = self.lock();
                match is_kept {
                    true => inbox.tally.kept += count,
                    false => inbox.tally.lost += count,
                }
                return;
            }
        }
    }

    /// So many lines that were kept were sent after all; perhaps of another process.
    pub(super) fn delivered_later(&self, count: usize) {
        let mut inbox = self.lock();
        let own = inbox.tally.kept.min(count as u64);
        inbox.tally.kept -= own;
        inbox.tally.delivered += own;
    }

    /// A line that was to be kept could not be.
    pub(super) fn note_lost(&self, count: u64) {
        let mut inbox = self.lock();
        inbox.tally.kept -= count.min(inbox.tally.kept);
        inbox.tally.lost += count;
    }

    pub(super) fn tally(&self) -> Tally {
        self.lock().tally
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // It is never left half-changed, so a poisoned lock is as good as any.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, lines are sent at once.
struct WaitsForLogs<'a>(&'a Logs);

impl Drop for WaitsForLogs<'_> {
    fn drop(&mut self) {
        self.0.lock().waiters -= 1;
    }
}

/// How long it is waited after so many failures.
fn pause(failures: u32) -> Duration {
    Duration::from_millis(250 << failures.min(5))
}

/// Waits for something, until a time at most. True if it has happened.
async fn wait_until(until: Instant, happens: impl Future<Output = ()>) -> bool {
    let (mut time, mut happens) = (Box::pin(tokio::time::sleep_until(until)), Box::pin(happens));
    poll_fn(|cx| {
        if happens.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        time.as_mut().poll(cx).map(|()| false)
    })
    .await
}
