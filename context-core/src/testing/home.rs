//! The home directory of the code under test.

use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::id::FlowRunId;

/// A directory that is made by whoever writes to it, and removed at the end if it is temporary.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    temporary: bool,
}

impl Home {
    /// A path that nobody else has.
    pub(super) fn temporary() -> Self {
        // An id of a run is as good as any.
        let name = format!("context-test-{}", FlowRunId::generate(Timestamp::now()));
        Self { path: std::env::temp_dir().join(name), temporary: true }
    }

    pub(super) const fn lasting(path: PathBuf) -> Self {
        Self { path, temporary: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary {
            // Most tests never write there; and what cannot be removed is left to the system.
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}
