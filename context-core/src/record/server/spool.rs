//! The spool: what could not be delivered, kept in files until it is.
//!
//! Files are in `$PREFECT_HOME/context/spool/<digest of the API's address>/`, one directory for each server. A file is a
//! [segment](segment): lines of JSON, each with a kind and a version, that were appended by one process and are never
//! changed. A process that has nothing to write delivers what it finds, its own files and those of processes that have
//! ended, and removes a file when the server has all of it.
//!
//! | kind | what |
//! |---|---|
//! | `event` | an event, as it would have been sent |
//! | `logs` | lines for the logs |
//! | `state` | the state in which a flow run has ended |
//! | `delivered` | so many lines above were delivered: those which may be delivered only once |
//!
//! Whoever writes or delivers a segment holds the lock of the file. The system gives it back when a process ends, however
//! it ends; so no segment is delivered by two processes at once, and none is left alone for ever. A last line that was not
//! written to its end is skipped. A line of a version that this one does not know is left where it is, with all of its
//! file.
//!
//! What is in the files is what would have been sent: no keys, no addresses. Directories and files can be read by their
//! owner alone. This module knows files and their lines, and nothing of servers.

mod line;
mod segment;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use context_client::schema::StateCreate;

use self::segment::Writer;
use super::event::Event;
use super::logs::LogRow;
use crate::id::FlowRunId;

pub(super) use line::Kept;
pub(super) use segment::Segment;

/// A segment that is larger is followed by another.
const LARGEST_SEGMENT: u64 = 32 * 1024 * 1024;

/// Something to keep.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'a> {
    Event(&'a Event),
    Logs(&'a [LogRow]),
    /// A flow run has ended in a state.
    State(FlowRunId, &'a StateCreate),
}

/// The directory of what is kept for one server.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The segment that is being written.
    writer: Option<Writer>,
    /// Segments that this version cannot read, of which was told.
    left_alone: HashSet<PathBuf>,
}

impl Spool {
    /// Of the server at `api_url`. Nothing is made before there is something to keep.
    pub(super) fn new(home: &Path, api_url: &str) -> Self {
        let digest = format!("{:x}", md5::compute(without_credentials(api_url)));
        let directory = home.join("context").join("spool").join(digest);
        Self { directory, state: Mutex::default() }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends entries. They are safe from the end of this process, but not from that of the system before
    /// [`seal`](Self::seal).
    pub(super) fn append(&self, entries: &[Entry<'_>]) -> io::Result<()> {
        let mut state = self.lock();
        let mut writer = match state.writer.take() {
            Some(writer) if writer.size() < LARGEST_SEGMENT => writer,
            full => {
                full.map_or(Ok(()), Writer::seal)?;
                Writer::create(&self.directory)?
            }
        };
        let written = writer.append(entries);
        // After an error the line may be torn, and what follows would be lost with it.
        if written.is_ok() {
            state.writer = Some(writer);
        }
        written
    }

    /// Closes the segment that is being written, so that it can be delivered.
    pub(super) fn seal(&self) -> io::Result<()> {
        let writer = self.lock().writer.take();
        writer.map_or(Ok(()), Writer::seal)
    }

    /// True if there is something that is kept, perhaps by another process that still writes.
    pub(super) fn has_any(&self) -> bool {
        self.lock().writer.is_some() || !self.paths().is_empty()
    }

    /// The next segment after `after` that this process can deliver, in the order in which they were begun.
    pub(super) fn next_segment(&self, after: Option<&Path>) -> Option<Segment> {
        for path in self.paths() {
            if after.is_some_and(|after| path.as_path() <= after) {
                continue;
            }
            match Segment::open(&path) {
                Ok(Some(segment)) => return Some(segment),
                // Somebody else has it.
                Ok(None) => {}
                Err(error) => self.leave_alone(&path, &error),
            }
        }
        None
    }

    /// Tells once that a segment cannot be delivered.
    pub(super) fn leave_alone(&self, path: &Path, error: &io::Error) {
        if self.lock().left_alone.insert(path.to_owned()) {
            tracing::warn!(
                target: super::LOG,
                "what is kept in {} is left there, because it cannot be delivered by this version: {error}",
                path.display(),
            );
        }
    }

    fn paths(&self) -> Vec<PathBuf> {
        let Ok(found) = fs::read_dir(&self.directory) else { return Vec::new() };
        let paths = found.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths.filter(|path| segment::is_segment(path)).collect();
        paths.sort();
        paths
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It is never left half-changed, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address without user and password, which say nothing about which server it is.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}
