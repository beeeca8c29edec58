//! Asking what of that which was sent is recorded.

use std::collections::HashSet;

use uuid::Uuid;

use super::line::{Line, PAGE, Problem, Reply};
use super::window::Group;
use crate::clock::Timestamp;

/// What a server shows of what was sent to it.
#[derive(Debug, Default)]
pub(super) struct Probed {
    /// The numbers of events that are recorded.
    pub(super) confirmed: Vec<u64>,
    /// So many more are, though it is not known which.
    pub(super) recorded: usize,
}

/// Asks what is recorded of these events. That is cheap: the server only counts.
///
/// A server records in the order in which events come, mostly. So if it shows some of a list, they are the first of it,
/// which another question shows.
pub(super) fn probe(line: impl Line, groups: Vec<Group>) -> Reply<Probed> {
    Box::pin(async move {
        let mut probed = Probed::default();
        for Group { shows, events } in groups {
            let ids: Vec<Uuid> = events.iter().map(|(_, id)| *id).collect();
            let count = usize::try_from(line.count(&shows, &ids).await?).unwrap_or(usize::MAX);
            let is_all = count >= ids.len();
            if count == 0 {
                continue;
            }
            if is_all || line.count(&shows, &ids[..count]).await? == count as u64 {
                probed.confirmed.extend(events.iter().take(count).map(|(number, _)| *number));
            } else {
                probed.recorded += count;
            }
        }
        Ok(probed)
    })
}

/// What a server says of each run.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The events that were looked for.
    pub(super) asked: Vec<u64>,
    /// The runs that it knows, and when they entered their last state.
    pub(super) known: Vec<(Uuid, Timestamp)>,
    /// The flow runs that it does not know.
    pub(super) gone: HashSet<Uuid>,
}

/// Looks for each of these events, and for flow runs of which it is doubtful that they are there.
pub(super) fn search(
    line: impl Line,
    events: Vec<(u64, Uuid)>,
    doubtful: HashSet<Uuid>,
) -> Reply<Found> {
    Box::pin(async move {
        let mut found = Found::default();
        for page in events.chunks(PAGE) {
            let ids: Vec<Uuid> = page.iter().map(|(_, id)| *id).collect();
            found.known.extend(line.entered(&ids).await?);
            found.asked.extend(page.iter().map(|(number, _)| *number));
        }
        let there = existing(&line, &doubtful.iter().copied().collect::<Vec<_>>()).await?;
        found.gone = doubtful.into_iter().filter(|id| !there.contains(id)).collect();
        Ok(found)
    })
}

/// Those of these flow runs that the server knows.
pub(super) async fn existing(line: &impl Line, ids: &[Uuid]) -> Result<HashSet<Uuid>, Problem> {
    let mut there = HashSet::new();
    for page in ids.chunks(PAGE) {
        there.extend(line.flow_runs(page).await?);
    }
    Ok(there)
}
