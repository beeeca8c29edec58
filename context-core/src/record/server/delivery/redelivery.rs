//! Redelivery: what was kept in files is delivered when there is a connection and little else to do.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use uuid::Uuid;

use super::courier::Command;
use super::line::{Line, Problem};
use super::lot::Lot;
use super::probe::existing;
use super::queue::Fate;
use super::{LOG, Shared, WriteGate};
use crate::record::server::event::{Event, Subject};
use crate::record::server::spool::{Kept, Segment};

/// So many events are read at once.
const LOT: usize = 500;
/// How long it is waited after something could not be delivered.
const PAUSE: Duration = Duration::from_secs(5);

/// Why a segment was not delivered.
enum Failure {
    /// It is tried again later.
    Server(Problem),
    /// It stays where it is.
    File(io::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Server(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Goes on as long as the process lives.
pub(super) async fn run(shared: Arc<Shared>, line: impl Line, gate: WriteGate) {
    let mut connected = shared.connected.subscribe();
    loop {
        // The sender lives as long as `shared`.
        if connected.wait_for(|is_connected| *is_connected).await.is_err() {
            return;
        }
        if !shared.queue.is_roomy() {
            tokio::time::sleep(PAUSE / 10).await;
            continue;
        }
        shared.redelivering.store(shared.spool.has_any(), Ordering::Release);
        let is_over = !shared.is_redelivering() || round(&shared, &line, &gate).await;
        shared.redelivering.store(false, Ordering::Release);
        shared.look();
        if is_over {
            shared.kept.notified().await;
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Delivers every segment that there is. False if something went wrong that may pass.
async fn round(shared: &Arc<Shared>, line: &impl Line, gate: &WriteGate) -> bool {
    shared.seal();
    let mut last: Option<PathBuf> = None;
    while let Some(segment) = shared.spool.next_segment(last.as_deref()) {
        let path = segment.path().to_owned();
        match deliver(shared, line, gate, segment).await {
            Ok(()) => {}
            Err(Failure::Server(problem)) => {
                tracing::debug!(target: LOG, "what was kept is not delivered yet: {}", problem.text);
                return false;
            }
            Err(Failure::File(error)) => shared.spool.leave_alone(&path, &error),
        }
        last = Some(path);
    }
    true
}

/// Delivers a segment, and removes it.
async fn deliver(
    shared: &Arc<Shared>,
    line: &impl Line,
    gate: &WriteGate,
    mut segment: Segment,
) -> Result<(), Failure> {
    let (mut events, mut states) = (Vec::new(), Vec::new());
    loop {
        let kept = segment.next()?;
        let is_end = kept.is_none();
        match kept {
            Some(Kept::Event(event)) => events.push(event),
            Some(Kept::Logs(rows)) => {
                let count = rows.len();
                let logged = {
                    let _turn = gate.enter().await;
                    line.log(rows.into_iter().map(Into::into).collect()).await
                };
                match logged {
                    Ok(()) => shared.logs.delivered_later(count),
                    Err(problem) if problem.may_pass => return Err(problem.into()),
                    Err(problem) => {
                        tracing::error!(
                            target: LOG,
                            "{count} lines of logs are given up, as the server does not take them: {}",
                            problem.text,
                        );
                    }
                }
                segment.note_delivered()?;
            }
            // After all events, which are of the same flow runs.
            Some(Kept::State(id, state)) => states.push((id, state)),
            None => {}
        }
        if !events.is_empty() && (is_end || events.len() == LOT) {
            deliver_events(shared, line, std::mem::take(&mut events)).await?;
        }
        if is_end {
            break;
        }
    }
    for (id, state) in states {
        let entered = {
            let _turn = gate.enter().await;
            line.enter(id.into(), *state, false).await
        };
        match entered {
            Ok(None) => {}
            Ok(Some(reason)) => {
                tracing::warn!(target: LOG, "flow run {id} did not get its last state: {reason}");
            }
            Err(problem) if problem.may_pass => return Err(problem.into()),
            Err(problem) => {
                let problem = problem.text;
                tracing::warn!(target: LOG, "flow run {id} did not get its last state: {problem}");
            }
        }
        shared.lock_states().remove(&id);
    }
    segment.remove()?;
    Ok(())
}

async fn deliver_events(
    shared: &Arc<Shared>,
    line: &impl Line,
    events: Vec<Event>,
) -> Result<(), Failure> {
    // What tells of a flow run that is not there is never recorded, and costs the server much.
    let ids: HashSet<Uuid> =
        events.iter().filter_map(|event| event.flow_run).map(Into::into).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let there = existing(line, &ids).await?;
    let is_there = |event: &Event| event.flow_run.is_none_or(|id| there.contains(&id.into()));
    let (events, orphans): (Vec<_>, Vec<_>) = events.into_iter().partition(is_there);
    if !orphans.is_empty() {
        tracing::error!(
            target: LOG,
            "{} events are given up: the server at {} does not know their flow runs",
            orphans.len(),
            shared.api_url,
        );
        for orphan in orphans {
            shared.queue.settle_kept(orphan.flow_run, Fate::Lost);
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    debug_assert!(events.iter().all(|event| event.subject != Subject::Pulse));
    let lot = Arc::new(Lot::new(events.len()));
    shared.tell(Command::Deliver(events, lot.clone()));
    match lot.over().await {
        true => Ok(()),
        false => {
            let text = "nobody could wait for it".to_owned();
            Err(Problem { text, may_pass: true }.into())
        }
    }
}
